"""Tokens, bodies, scopes, faults and rate limits of the sandbox's Web API."""

from __future__ import annotations

import json

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import Slack
from bot.sandbox.slack.web_api import TIERS
from tests.conftest import Clock
from tests.contracts import Contract
from tests.sandbox.slack_app import error_of, word_of


async def test_auth_test_names_the_installation(slack: Slack, web: AsyncWebClient) -> None:
    answer = await web.auth_test()
    assert answer["url"].endswith(".slack.com/")
    assert (answer["team_id"], answer["user_id"], answer["bot_id"]) == (
        slack.team,
        slack.bot_user,
        slack.bot_id,
    )
    assert "chat:write" in answer.headers["x-oauth-scopes"].split(",")


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ({}, "not_authed"),
        ({"Authorization": "Bearer xoxb-other"}, "invalid_auth"),
        ({"Authorization": "Bearer xapp-test"}, "not_allowed_token_type"),
    ],
)
async def test_a_wrong_token_is_refused(slack: Slack, headers: dict[str, str], error: str) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{slack.api_url}auth.test", headers=headers) as response,
    ):
        assert (response.status, await response.json()) == (200, {"ok": False, "error": error})


@pytest.mark.parametrize("how", ["form", "json", "query"])
async def test_a_body_may_come_in_three_ways(slack: Slack, how: str) -> None:
    channel = slack.add_channel("support")
    arguments = {"channel": channel, "text": "hello"}
    url = f"{slack.api_url}chat.postMessage"
    async with aiohttp.ClientSession(headers={"Authorization": "Bearer xoxb-test"}) as session:
        if how == "form":
            posting = session.post(url, data=arguments)
        elif how == "json":
            posting = session.post(url, json=arguments)
        else:
            posting = session.post(url, params=arguments)
        async with posting as response:
            assert (await response.json())["ok"]
    assert [message["text"] for message in slack.messages(channel)] == ["hello"]
    assert slack.calls[-1].arguments == arguments


async def test_the_token_may_be_an_argument_and_is_not_kept(slack: Slack) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{slack.api_url}auth.test", data={"token": "xoxb-test"}) as response,
    ):
        assert (await response.json())["ok"]
    assert slack.calls[-1] == ("auth.test", {})


async def test_a_missing_scope_is_named(slack: Slack, web: AsyncWebClient) -> None:
    slack.scopes.discard("groups:history")
    private = slack.add_channel("secret", private=True)
    error = await error_of(web.conversations_history(channel=private))
    assert (word_of(error), error.response["needed"]) == ("missing_scope", "groups:history")
    assert "channels:history" in error.response["provided"]
    slack.scopes.clear()
    error = await error_of(web.users_info(user=slack.bot_user))
    assert (word_of(error), error.response["needed"]) == ("missing_scope", "users:read")


async def test_what_is_not_served_is_unknown(web: AsyncWebClient) -> None:
    assert word_of(await error_of(web.api_call("files.delete"))) == "unknown_method"
    error = await error_of(web.api_call("users.info"))
    assert word_of(error) == "invalid_arguments"
    assert error.response["response_metadata"]["messages"]


async def test_faults_come_as_often_as_asked(slack: Slack, web: AsyncWebClient) -> None:
    slack.fail("auth.test", error="internal_error", times=2)
    slack.fail("auth.test", retry_after=7)
    slack.fail("auth.test", status=502)
    for _ in range(2):
        assert word_of(await error_of(web.auth_test())) == "internal_error"
    limited = await error_of(web.auth_test())
    assert (limited.response.status_code, limited.response.headers["Retry-After"]) == (429, "7")
    broken = await error_of(web.auth_test())
    assert broken.response.status_code == 502
    slack.fail("auth.test", drop=True)
    with pytest.raises(aiohttp.ClientConnectionError):
        await web.auth_test()
    assert (await web.auth_test())["ok"]
    slack.down = True
    with pytest.raises(aiohttp.ClientConnectionError):
        await web.auth_test()
    slack.down = False
    assert (await web.auth_test())["ok"]


async def test_an_answer_can_be_lost_after_its_effect(slack: Slack, web: AsyncWebClient) -> None:
    channel = slack.add_channel("support")
    slack.fail("chat.postMessage", drop=True, after_commit=True)
    with pytest.raises(aiohttp.ClientConnectionError):
        await web.chat_postMessage(channel=channel, text="once")
    assert [message["text"] for message in slack.messages(channel)] == ["once"]


async def test_a_slow_answer_is_an_answer(slack: Slack, web: AsyncWebClient) -> None:
    slack.fail("auth.test", delay=0.05)
    assert (await web.auth_test())["ok"]
    slack.fail("*", error="fatal_error")
    slack.heal()
    assert (await web.auth_test())["ok"]


async def test_rates_are_limited_where_that_is_set(slack: Slack, web: AsyncWebClient) -> None:
    slack.limit_rates = True
    clock = slack.clock
    assert isinstance(clock, Clock)
    for _ in range(20):
        await web.usergroups_list()
    limited = await error_of(web.usergroups_list())
    assert limited.response.status_code == 429
    wait = int(limited.response.headers["Retry-After"])
    assert 60 <= wait <= 61
    clock.now += wait
    assert (await web.usergroups_list())["ok"]
    first, other = slack.add_channel("first"), slack.add_channel("other")
    await web.chat_postMessage(channel=first, text="1")
    await web.chat_postMessage(channel=other, text="1")
    again = await error_of(web.chat_postMessage(channel=first, text="2"))
    assert again.response.status_code == 429


def test_the_tiers_are_slacks_own(contract: Contract) -> None:
    published = json.loads(contract("slack-rate-limit-tiers.json").read_text())
    assert {method: published[method] for method in TIERS} == TIERS


async def test_every_method_has_its_tier(slack: Slack, web: AsyncWebClient) -> None:
    slack.limit_rates = True
    for method in TIERS:
        with pytest.raises(SlackApiError) as caught:
            await web.api_call(method, headers={"Authorization": "Bearer xoxb-wrong"})
        assert word_of(caught.value) == "invalid_auth"
