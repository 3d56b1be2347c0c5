"""The sandbox's lists of conversations, and what its histories say of reactions."""

from __future__ import annotations

from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import Slack

BOTH = "public_channel,private_channel"


@pytest.fixture
def ids(slack: Slack) -> dict[str, str]:
    ada = slack.add_user("ada")
    found = {
        "ada": ada,
        "in": slack.add_channel("in", members=[ada]),
        "out": slack.add_channel("out", members=[ada], bot_member=False),
        "secret": slack.add_channel("secret", private=True),
        "hidden": slack.add_channel("hidden", private=True, members=[ada], bot_member=False),
        "old": slack.add_channel("old"),
        "dm": slack.add_dm(ada, slack.bot_user),
    }
    slack.channel(found["old"]).archived = True
    return found


def _ids(answer: Any) -> list[str]:
    return [channel["id"] for channel in answer["channels"]]


async def test_those_that_the_bot_is_in(web: AsyncWebClient, ids: dict[str, str]) -> None:
    mine = await web.users_conversations(types=BOTH, exclude_archived=True)
    assert _ids(mine) == [ids["in"], ids["secret"]]
    assert [one["name"] for one in mine["channels"]] == ["in", "secret"]
    assert "is_member" not in mine["channels"][0]
    assert _ids(await web.users_conversations()) == [ids["in"], ids["old"]]
    assert _ids(await web.users_conversations(types="im")) == [ids["dm"]]
    of_ada = await web.users_conversations(user=ids["ada"], types=BOTH)
    assert _ids(of_ada) == [ids["in"], ids["out"]]


async def test_those_that_there_are(web: AsyncWebClient, ids: dict[str, str]) -> None:
    every = await web.conversations_list(types=BOTH, exclude_archived=True)
    assert _ids(every) == [ids["in"], ids["out"], ids["secret"]]
    assert [one["is_member"] for one in every["channels"]] == [True, False, True]


async def test_each_type_needs_its_scope(
    slack: Slack, web: AsyncWebClient, ids: dict[str, str]
) -> None:
    slack.scopes.discard("groups:read")
    assert (await web.users_conversations())["ok"]
    for types, error in ((BOTH, "missing_scope"), ("channels", "invalid_types")):
        with pytest.raises(SlackApiError) as caught:
            await web.users_conversations(types=types)
        assert caught.value.response["error"] == error


async def test_they_come_in_pages(slack: Slack, web: AsyncWebClient, ids: dict[str, str]) -> None:
    slack.page_cap = 1
    first = await web.users_conversations(types=BOTH, exclude_archived=True, limit=100)
    cursor = first["response_metadata"]["next_cursor"]
    second = await web.users_conversations(types=BOTH, exclude_archived=True, cursor=cursor)
    assert _ids(first) + _ids(second) == [ids["in"], ids["secret"]]
    assert second["response_metadata"]["next_cursor"] == ""


async def test_a_history_may_name_fewer_people_than_reacted(
    slack: Slack, web: AsyncWebClient, ids: dict[str, str]
) -> None:
    slack.reactors_shown = 1
    people = [slack.add_user(name) for name in "xyz"]
    at: dict[str, Any] = {"channel": ids["in"]}
    ts = await slack.post(ids["ada"], ids["in"], "hi")
    for user in people:
        await slack.react(user, ids["in"], ts, "ticket", deliver=False)
    partial = [
        (await web.conversations_history(**at))["messages"][0],
        (await web.conversations_replies(**at, ts=ts))["messages"][0],
        (await web.reactions_get(**at, timestamp=ts))["message"],
    ]
    for message in partial:
        assert message["reactions"] == [{"name": "ticket", "users": people[:1], "count": 3}]
    full = (await web.reactions_get(**at, timestamp=ts, full=True))["message"]
    assert full["reactions"][0]["users"] == people
    assert slack.reactions(ids["in"], ts) == {"ticket": people}


async def test_lists_are_limited_too(slack: Slack, web: AsyncWebClient) -> None:
    slack.limit_rates = True
    for _ in range(20):
        await web.users_conversations()
    with pytest.raises(SlackApiError) as caught:
        await web.users_conversations()
    assert caught.value.response.status_code == 429
