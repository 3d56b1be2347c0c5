"""The sandbox's Slack shows files as Slack does: to whoever may read them."""

from __future__ import annotations

import httpx
import pytest
from slack_sdk.errors import SlackApiError

from bot.sandbox.slack import Json, Slack
from tests.sandbox.slack_app import client

TOKEN = "xoxb-test"


async def shared(slack: Slack, *, bot_member: bool = True, **more: object) -> Json:
    """A file in a message of #support."""
    ada = slack.add_user("Ada")
    support = slack.add_channel("support", members=(ada,), bot_member=bot_member)
    shape = slack.add_file("a b.png", b"PNG", user=ada, **more)
    await slack.post(ada, support, "see", files=[shape])
    return shape


async def fetch(shape: Json, token: str | None = TOKEN) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with httpx.AsyncClient(trust_env=False, headers=headers) as http:
        return await http.get(shape["url_private_download"])


async def test_who_may_read_a_file_gets_its_bytes(slack: Slack) -> None:
    answer = await fetch(await shared(slack))
    assert (answer.content, answer.headers["content-type"]) == (b"PNG", "image/png")


@pytest.mark.parametrize("token", [None, "xoxb-other"])
async def test_who_may_not_gets_the_login_page_and_200(slack: Slack, token: str | None) -> None:
    answer = await fetch(await shared(slack), token)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")


async def test_a_bot_without_scope_or_membership_gets_the_login_page(slack: Slack) -> None:
    away = await shared(slack, bot_member=False)
    assert b"Sign in" in (await fetch(away)).content
    here = await shared(slack)
    slack.scopes.discard("files:read")
    assert b"Sign in" in (await fetch(here)).content


async def test_an_address_may_lead_elsewhere(slack: Slack) -> None:
    shape = await shared(slack)
    slack.redirect_file(shape["id"], "https://elsewhere.example/")
    answer = await fetch(shape)
    assert (answer.status_code, answer.headers["location"]) == (302, "https://elsewhere.example/")


async def test_a_download_can_fail(slack: Slack) -> None:
    shape = await shared(slack)
    slack.fail("download", status=503)
    assert (await fetch(shape)).status_code == 503
    assert (await fetch(shape)).status_code == 200


async def test_files_info_tells_all_or_why_not(slack: Slack) -> None:
    web = client(slack)
    shape = await shared(slack)
    told = await web.files_info(file=shape["id"])
    assert told["file"] == shape
    away = await shared(slack, bot_member=False)
    gone = await shared(slack, mode="tombstone")
    for file, error in ((away, "file_not_found"), (gone, "file_deleted")):
        with pytest.raises(SlackApiError) as refused:
            await web.files_info(file=file["id"])
        assert refused.value.response["error"] == error
    slack.scopes.discard("files:read")
    with pytest.raises(SlackApiError, match="missing_scope"):
        await web.files_info(file=shape["id"])
