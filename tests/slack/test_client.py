"""The installation, the scopes, the permalink and the views."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from bot.core.directory import Installation
from bot.core.faults import Reason, Rejected, TryLater
from bot.core.model import Form, FormDraft, Priority, ReplyTo, Ticket, Trigger, Via
from bot.core.refs import MessageRef
from bot.flows.form import FormContext
from bot.flows.intake import OpenedForm
from bot.slack.views import form
from tests.slack.canned import INSTALLED, LIMITED, Reply, no, ok, talking

if TYPE_CHECKING:
    from bot.flows.intake import FormViews
    from bot.flows.ports import Slack
    from bot.slack.client import SlackClient

    def fits_the_ports(client: SlackClient) -> tuple[Slack, FormViews]:
        return client, client


AUTH: dict[str, Any] = {
    "url": "https://acme.slack.com/",
    "team": "Acme",
    "user": "plain",
    "team_id": "T1",
    "user_id": "UBOT",
    "bot_id": "B1",
    "is_enterprise_install": False,
}
REF = MessageRef("C1", "1599529504.000400")
ROOT = "1599529000.000100"
LINK = "https://acme.slack.com/archives/C1/p1599529504000400"
DRAFT = FormDraft(
    "d_1",
    Trigger(
        via=Via.SHORTCUT,
        team="T1",
        submitter="U1",
        request="1.2.x",
        reply_to=ReplyTo(user="U1", asked_at=0.0),
    ),
    Form("The VPN is down", None, "U2", Priority.NORMAL),
)
OPENED = ok(view={"id": "V1", "hash": "hash.1"})
BESIDE = FormContext(quote="The VPN is down")


# Installation


async def test_the_installation() -> None:
    async with talking({"auth.test": ok(**AUTH)}, installed=None) as (client, _):
        assert client.installed is None
        assert await client.installation() == INSTALLED
        assert client.installed == INSTALLED


async def test_an_installation_in_an_organization() -> None:
    said = AUTH | {"enterprise_id": "E1", "url": "https://acme.enterprise.slack.com"}
    async with talking({"auth.test": ok(**said)}) as (client, _):
        assert await client.installation() == Installation(
            "T1", "https://acme.enterprise.slack.com/", "UBOT", "B1", "E1"
        )


async def test_an_answer_without_a_workspace_is_refused() -> None:
    async with talking({"auth.test": ok(user_id="UBOT")}) as (client, _):
        with pytest.raises(Rejected) as refused:
            await client.installation()
    assert refused.value.reason is Reason.SLACK_REFUSED


async def test_a_bad_token_makes_work_wait() -> None:
    async with talking({"auth.test": no("invalid_auth")}, installed=None) as (client, _):
        with pytest.raises(TryLater) as later:
            await client.installation()
    assert later.value.cause == "slack_invalid_auth"


@pytest.mark.parametrize(
    ("headers", "scopes"),
    [
        ({"x-oauth-scopes": "chat:write, users:read,reactions:read"}, 3),
        ({"X-OAuth-Scopes": "chat:write"}, 1),
        ({"x-oauth-scopes": ""}, 0),
        ({}, 0),
    ],
)
async def test_the_granted_scopes(headers: dict[str, str], scopes: int) -> None:
    reply = Reply(json.dumps({"ok": True, **AUTH}).encode(), headers=headers)
    async with talking({"auth.test": reply}) as (client, _):
        granted = await client.granted_scopes()
    assert len(granted) == scopes
    assert not scopes or "chat:write" in granted


# Permalinks


async def test_slack_gives_the_permalink() -> None:
    link = f"{LINK}?thread_ts={ROOT}&cid=C1"
    async with talking({"chat.getPermalink": ok(permalink=link)}) as (client, slack):
        assert await client.permalink(REF, ROOT) == link
    assert slack.sent("chat.getPermalink") == [{"channel": "C1", "message_ts": REF.ts}]


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(no("channel_not_found"), id="a DM that the bot is not in"),
        pytest.param(no("message_not_found"), id="gone"),
        pytest.param(LIMITED, id="429"),
        pytest.param(ok(), id="without a link"),
    ],
)
async def test_a_permalink_is_built_where_slack_gives_none(reply: Reply) -> None:
    async with talking({"chat.getPermalink": reply}) as (client, _):
        assert await client.permalink(REF, None) == LINK
        assert await client.permalink(REF, ROOT) == f"{LINK}?thread_ts={ROOT}&cid=C1"


async def test_building_a_permalink_asks_for_the_workspace_once() -> None:
    answers = {"chat.getPermalink": no("channel_not_found"), "auth.test": ok(**AUTH)}
    async with talking(answers, installed=None) as (client, slack):
        for _ in range(2):
            assert await client.permalink(REF, None) == LINK
    assert len(slack.sent("auth.test")) == 1


# Views


async def test_the_form_opens() -> None:
    async with talking({"views.open": OPENED}) as (client, slack):
        assert await client.open_form("1.2.x", DRAFT, BESIDE) == OpenedForm("V1", "hash.1")
    view = form.form(DRAFT, BESIDE, bot="UBOT")
    assert slack.calls == [("views.open", {"trigger_id": "1.2.x", "view": view})]


@pytest.mark.parametrize("code", ["invalid_arguments", "user_not_found", "invalid_blocks"])
async def test_the_form_opens_without_a_requester_that_slack_refuses(code: str) -> None:
    async with talking({"views.open": [no(code), OPENED]}) as (client, slack):
        opened = await client.open_form("1.2.x", DRAFT, BESIDE)
    assert opened == OpenedForm("V1", "hash.1", is_preset=False)
    views = [sent["view"] for sent in slack.sent("views.open")]
    assert views == [
        form.form(DRAFT, BESIDE, bot="UBOT"),
        form.form(DRAFT, BESIDE, with_requester=False, bot="UBOT"),
    ]


@pytest.mark.parametrize("is_preset", [True, False])
async def test_what_stands_beside_the_inputs_is_said_anew(is_preset: bool) -> None:
    async with talking({"views.update": OPENED}) as (client, slack):
        opened = OpenedForm("V1", "hash.0", is_preset)
        updated = await client.update_form(opened, DRAFT, BESIDE)
    assert updated == replace(opened, hash="hash.1")
    view = form.form(DRAFT, BESIDE, with_requester=is_preset, bot="UBOT")
    assert slack.calls == [("views.update", {"view_id": "V1", "hash": "hash.0", "view": view})]


async def test_a_form_that_changes_does_without_a_requester_that_slack_refuses() -> None:
    async with talking({"views.update": [no("user_not_found"), OPENED]}) as (client, slack):
        updated = await client.update_form(OpenedForm("V1", "hash.0"), DRAFT, BESIDE)
    assert updated == OpenedForm("V1", "hash.1", is_preset=False)
    first, second = (json.dumps(sent["view"]) for sent in slack.sent("views.update"))
    assert ("initial_user" in first, "initial_user" in second) == (True, False)


@pytest.mark.parametrize("code", ["hash_conflict", "not_found"])
async def test_a_form_that_was_changed_or_closed_since_is_left_alone(code: str) -> None:
    async with talking({"views.update": no(code)}) as (client, _):
        assert await client.update_form(OpenedForm("V1", "hash.1"), DRAFT, BESIDE) is None


async def test_another_reason_why_a_form_was_not_changed_is_told() -> None:
    async with talking({"views.update": no("invalid_arguments")}) as (client, _):
        with pytest.raises(Rejected):
            await client.update_form(OpenedForm("V1", "hash.1"), DRAFT, BESIDE)


@pytest.mark.parametrize("code", ["expired_trigger_id", "exchanged_trigger_id", "trigger_expired"])
async def test_a_form_whose_time_is_over_is_not_tried_again(code: str) -> None:
    async with talking({"views.open": no(code)}) as (client, slack):
        with pytest.raises(Rejected):
            await client.open_form("1.2.x", DRAFT, BESIDE)
    assert slack.methods == ["views.open"]


@pytest.mark.parametrize(
    "replies",
    [
        pytest.param([Reply(delay=9)], id="the first call hangs"),
        pytest.param(
            [Reply(no("invalid_arguments").body, delay=0.15), Reply(delay=9)],
            id="the second call hangs",
        ),
    ],
)
async def test_opening_the_form_is_bounded_as_a_whole(
    replies: list[Reply], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.slack.client.VIEW_LIMIT", 0.2)
    async with talking({"views.open": replies}) as (client, _):
        begun = asyncio.get_running_loop().time()
        with pytest.raises(TryLater) as later:
            await client.open_form("1.2.x", DRAFT, BESIDE)
        took = asyncio.get_running_loop().time() - begun
    assert later.value.outcome_unknown
    assert took < 1.0


@pytest.mark.parametrize("reply", [ok(), ok(view={}), ok(view="V1")])
async def test_a_view_without_an_id_is_not_taken_for_open(reply: Reply) -> None:
    async with talking({"views.open": reply}) as (client, _):
        with pytest.raises(TryLater):
            await client.open_view("1.2.x", form.not_recorded())


async def test_the_views_in_place_of_the_form() -> None:
    ticket = Ticket("th_1", "T-1", "https://app.plain.com/workspace/w/thread/th_1/")
    async with talking({"views.open": OPENED, "views.update": OPENED}) as (client, slack):
        await client.show_ticket("1.2.x", ticket)
        await client.show_not_recorded("V1")
    assert slack.calls == [
        ("views.open", {"trigger_id": "1.2.x", "view": form.already(ticket)}),
        ("views.update", {"view_id": "V1", "view": form.not_recorded()}),
    ]
