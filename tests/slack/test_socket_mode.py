"""The Socket Mode connection against the sandbox's Slack: kept, and replaced when it is deaf."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.web.async_client import AsyncWebClient
from structlog.testing import capture_logs

from bot.sandbox.slack import Slack
from bot.slack.socket_mode import SocketLink
from tests.ways.stage import until

PATIENCE = 0.6


@asynccontextmanager
async def linked(
    slack: Slack, patience: float = PATIENCE
) -> AsyncIterator[tuple[SocketLink, list[str]]]:
    heard: list[str] = []

    async def authorize() -> AuthorizeResult:
        return AuthorizeResult(
            enterprise_id=None, team_id=slack.team, bot_token="xoxb-test", bot_user_id="U9"
        )

    app = AsyncApp(
        client=AsyncWebClient(base_url=slack.api_url),
        authorize=authorize,
        process_before_response=True,
        signing_secret="",
    )

    async def on_reaction(event: dict[str, Any]) -> None:
        heard.append(event["reaction"])

    app.event("reaction_added")(on_reaction)
    link = SocketLink(app, "xapp-test", patience=patience)
    keeping = asyncio.create_task(link.keep())
    try:
        yield link, heard
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


@pytest.fixture
async def slack() -> AsyncIterator[Slack]:
    workspace = Slack()
    workspace.courier.sockets.ping_seconds = PATIENCE / 6
    async with workspace.serving():
        yield workspace


async def is_up(link: SocketLink, *, wanted: bool) -> None:
    async with asyncio.timeout(10):
        while await link.is_up() is not wanted:  # noqa: ASYNC110 — it announces nothing
            await asyncio.sleep(0.01)


async def react(slack: Slack) -> None:
    ada = slack.add_user("Ada")
    channel = slack.add_channel("support", members=(ada,))
    ts = await slack.post(ada, channel, "Hello")
    await slack.react(ada, channel, ts, "ticket")


async def test_a_quiet_connection_that_is_pinged_stays(slack: Slack) -> None:
    async with linked(slack) as (link, heard):
        await is_up(link, wanted=True)
        opened = [call.method for call in slack.calls].count("apps.connections.open")
        await asyncio.sleep(3 * PATIENCE)
        assert await link.is_up()
        assert [call.method for call in slack.calls].count("apps.connections.open") == opened
        await react(slack)
        assert heard == ["ticket"]


async def test_a_deaf_connection_is_replaced_and_counts_as_down_meanwhile(slack: Slack) -> None:
    async with linked(slack) as (link, heard):
        await is_up(link, wanted=True)
        slack.deaf = True
        await is_up(link, wanted=False)
        slack.deaf = False
        await is_up(link, wanted=True)
        await until(lambda: slack.connections == 1)
        await react(slack)
        assert heard == ["ticket"]


async def test_a_wrong_token_is_said_in_words(
    slack: Slack, caplog: pytest.LogCaptureFixture
) -> None:
    """It was a traceback of slack_sdk's, again and again."""
    slack.app_token = "xapp-another"
    with capture_logs() as said, caplog.at_level(logging.INFO):
        async with linked(slack, patience=60.0) as (link, _):
            await until(lambda: any(line["event"] == "socket_refused" for line in said))
            assert not await link.is_up()
    (refused,) = [line for line in said if line["event"] == "socket_refused"]
    assert refused["code"] == "invalid_auth"
    assert "SLACK_APP_TOKEN" in refused["fix"]
    assert not [record for record in caplog.records if record.exc_info]
    assert "xapp-" not in "".join(record.getMessage() for record in caplog.records)


async def test_a_token_that_is_mended_on_slacks_side_connects(slack: Slack) -> None:
    slack.app_token = "xapp-another"
    with capture_logs() as said:
        async with linked(slack) as (link, _):
            await until(lambda: any(line["event"] == "socket_refused" for line in said))
            slack.app_token = "xapp-test"
            await is_up(link, wanted=True)


async def test_it_connects_when_slack_comes_back(slack: Slack) -> None:
    slack.down = True
    async with linked(slack) as (link, _):
        await asyncio.sleep(PATIENCE)
        assert not await link.is_up()
        slack.down = False
        await is_up(link, wanted=True)


async def test_ending_closes_the_connection(slack: Slack) -> None:
    async with linked(slack) as (link, _):
        await is_up(link, wanted=True)
    await until(lambda: slack.connections == 0)
