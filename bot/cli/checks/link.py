"""Looks at how Slack reaches the bridge: over Socket Mode, or over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import aiohttp

from bot import proxies
from bot.cli.checks import Check, looked
from bot.cli.checks.refusals import failed, missing
from bot.core.faults import Fault, TryLater
from bot.settings import Settings
from bot.slack import calls
from bot.slack.client import SlackClient
from bot.slack.fields import mapping, string

NAME = "Slack link"
HELLO_SECONDS = 10.0

_FIX = (
    "make an App-Level Token with connections:write: https://api.slack.com/apps, your app, "
    '"Basic Information"; and turn Socket Mode on'
)


async def examine(settings: Settings, client: SlackClient | None) -> Check:
    """The door that the settings open. `client` of the bot's token, where Slack takes it."""
    if settings.slack_app_token is not None:
        return await looked(socket_mode(settings, client))
    if settings.slack_signing_secret is not None:
        return Check(NAME, True, "HTTP, SLACK_SIGNING_SECRET is set")
    return missing(settings, NAME, "slack_signing_secret")


async def socket_mode(settings: Settings, client: SlackClient | None) -> Check:
    """Opens a connection, waits for Slack's hello, and closes it at once.

    At once, because what Slack sends goes to any one of an app's connections.
    https://docs.slack.dev/apis/events-api/using-socket-mode
    """
    token = settings.slack_app_token.get_secret_value() if settings.slack_app_token else ""
    async with calls.open_session() as session:
        web = calls.web_client("", settings.slack_api_url, session)
        try:
            opened = await calls.call(
                "apps.connections.open", web.apps_connections_open(app_token=token)
            )
        except TryLater as later:
            if later.cause == "slack_ratelimited":
                return Check(NAME, True, "Socket Mode; Slack checks the token once a minute")
            return failed(NAME, later, _FIX)
        except Fault as fault:
            return failed(NAME, fault, _FIX)
        hello = await _hello(session, str(opened.get("url") or ""))
    if hello is None:
        fix = "see whether this machine may open WebSockets (wss) to Slack (proxy, firewall)"
        return Check(NAME, False, "Socket Mode: the connection stays silent, without a hello", fix)
    return await _of_one_app(hello, client)


async def _hello(session: aiohttp.ClientSession, url: str) -> Mapping[str, Any] | None:
    try:
        async with (
            asyncio.timeout(HELLO_SECONDS),
            session.ws_connect(url, proxy=proxies.of(url)) as connection,
        ):
            said = json.loads(await connection.receive_str())
    except (aiohttp.ClientError, OSError, TypeError, ValueError):  # TimeoutError is an OSError
        return None
    return said if isinstance(said, dict) and said.get("type") == "hello" else None


async def _of_one_app(hello: Mapping[str, Any], client: SlackClient | None) -> Check:
    """Both tokens have to be one app's: else the events of another one arrive."""
    listening = string(mapping(hello.get("connection_info")), "app_id")
    speaking = await client.app() if client else None
    if listening and speaking and listening != speaking:
        detail = f"SLACK_APP_TOKEN is of the app {listening}, SLACK_BOT_TOKEN of {speaking}"
        return Check(NAME, False, detail, "take both tokens from the page of one app")
    return Check(NAME, True, "Socket Mode, Slack said hello")
