"""Check Slack: the bot token, its scopes, how events arrive, and downloading files."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import aiohttp

from bot import build, proxies
from bot.cli import services
from bot.cli.doctor import configuration
from bot.cli.doctor.check import Check, not_set, skip, slack_failed, timed, without_scope
from bot.cli.doctor.configuration import Clocks
from bot.core.attachments import SkipReason
from bot.core.faults import Fault, TryLater
from bot.core.model import File
from bot.settings import Settings
from bot.slack import calls
from bot.slack.client import SlackClient
from bot.slack.fields import mapping, maps, string
from bot.slack.files import SlackFiles
from bot.slack.history import SlackHistory
from bot.slack.text.files import file_of

SCOPES: Mapping[str, str] = {
    "commands": "the shortcuts and /plain-ticket",
    "chat:write": "answers",
    "reactions:read": "receiving reactions",
    "channels:history": "reading messages of public channels",
    "groups:history": "reading messages of private channels",
    "channels:read": "names of public channels",
    "groups:read": "names of private channels",
    "files:read": "files of a message",
    "usergroups:read": "names of user groups",
    "users:read": "who the author is",
    "users:read.email": "which customer the author is",
    "reactions:write": "the receipt",
}
"""Every scope of `manifest.yml`, and what it is needed for."""

_APP_PAGE = 'https://api.slack.com/apps, your app, "OAuth & Permissions"'


async def examine(settings: Settings, clocks: Clocks) -> list[Check]:
    """Return the checks in order; leave out those that a failed one makes pointless."""
    if settings.slack_bot_token is None:
        absent = not_set(settings, "Slack token", "slack_bot_token")
        return [absent, await connection(settings, None)]
    async with services.slack(settings) as client:
        checks = await check_token(settings, client, clocks)
        if not checks[0].ok:
            return [*checks, await connection(settings, None)]
        history = SlackHistory(client.web)
        return [
            *checks,
            await connection(settings, client),
            await timed(configuration.check_channels(settings, history)),
            await timed(_files(client)),
        ]


async def check_token(
    settings: Settings, client: SlackClient, clocks: Clocks | None = None
) -> list[Check]:
    """Return whose the bot token is and, if Slack accepts it, whether it has the scopes."""
    token = await timed(_token(client, clocks or Clocks()))
    if not token.ok:
        return [token]
    return [token, await timed(_scopes(settings, client))]


def needed_scopes(settings: Settings) -> frozenset[str]:
    """Return the scopes that the bridge uses with these settings."""
    unused = {"reactions:write"} if settings.escalation.confirm != "reaction" else set()
    if not settings.rules:
        unused.add("reactions:read")
    return frozenset(SCOPES) - unused


async def _token(client: SlackClient, clocks: Clocks) -> Check:
    name = "Slack token"
    try:
        here = await client.installation()
        answer = await calls.call("auth.test", client.web.auth_test())
    except Fault as fault:
        return slack_failed(name, fault, f"copy the Bot User OAuth Token from {_APP_PAGE}")
    headers = {header.lower(): value for header, value in answer.headers.items()}
    clocks.note("Slack", headers.get("date"))
    named = calls.content(answer).get("team")
    prefix = f"{named} " if isinstance(named, str) and named else ""
    return Check(name, True, f"workspace {prefix}{here.team} ({here.url})")


async def _scopes(settings: Settings, client: SlackClient) -> Check:
    name = "Slack scopes"
    try:
        granted = await client.granted_scopes()
    except Fault as fault:
        return slack_failed(name, fault, "try later")
    if not granted:
        return skip(name, "Slack did not say which are granted")
    lacking = sorted(needed_scopes(settings) - granted)
    if not lacking:
        return Check(name, True, f"all {len(needed_scopes(settings))} needed are granted")
    missing = ", ".join(f"{scope} ({SCOPES[scope]})" for scope in lacking)
    fix = f"add them at {_APP_PAGE}, Scopes, then reinstall the app"
    return Check(name, False, f"missing: {missing}", fix)


CONNECTION = "Slack link"
HELLO_SECONDS = 10.0

_HOW_TO_CONNECT = (
    "create an App-Level Token with connections:write: https://api.slack.com/apps, your app, "
    '"Basic Information"; and turn Socket Mode on'
)


async def connection(settings: Settings, client: SlackClient | None) -> Check:
    """Check how Slack reaches the bridge: Socket Mode or HTTP.

    `client`: of the bot token, if Slack accepts it.
    """
    if settings.slack_app_token is not None:
        return await timed(_socket_mode(settings, client))
    if settings.slack_signing_secret is not None:
        return Check(CONNECTION, True, "HTTP, SLACK_SIGNING_SECRET is set")
    return not_set(settings, CONNECTION, "slack_signing_secret")


async def _socket_mode(settings: Settings, client: SlackClient | None) -> Check:
    """Open a connection, wait for Slack's hello, and close it at once.

    At once, because Slack sends each event to any one of an app's connections.
    https://docs.slack.dev/apis/events-api/using-socket-mode
    """
    token = build.secret(settings.slack_app_token)
    async with calls.open_session() as session:
        web = calls.web_client("", settings.slack_api_url, session)
        try:
            opened = await calls.call(
                "apps.connections.open", web.apps_connections_open(app_token=token)
            )
        except TryLater as later:
            if later.cause == "slack_ratelimited":
                return Check(
                    CONNECTION, True, "Socket Mode; Slack limits this check to once a minute"
                )
            return slack_failed(CONNECTION, later, _HOW_TO_CONNECT)
        except Fault as fault:
            return slack_failed(CONNECTION, fault, _HOW_TO_CONNECT)
        hello = await _hello(session, str(opened.get("url") or ""))
    if hello is None:
        fix = "check that this machine can open WebSockets (wss) to Slack (proxy, firewall)"
        return Check(
            CONNECTION, False, "Socket Mode: the connection was opened, but no hello came", fix
        )
    return await _same_app(hello, client)


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


async def _same_app(hello: Mapping[str, Any], client: SlackClient | None) -> Check:
    """Check that both tokens belong to one app; otherwise the events of another app arrive."""
    listening = string(mapping(hello.get("connection_info")), "app_id")
    speaking = await client.app() if client else None
    if listening and speaking and listening != speaking:
        detail = f"SLACK_APP_TOKEN belongs to the app {listening}, SLACK_BOT_TOKEN to {speaking}"
        return Check(CONNECTION, False, detail, "use two tokens of the same app")
    return Check(CONNECTION, True, "Socket Mode, Slack said hello")


FILES = "Slack files"
LISTED_FILES = 50

_FIX_FILES = "add the scope files:read, then reinstall the app"


async def _files(client: SlackClient) -> Check:
    """Download the smallest of the files that the bot saw last, and drop it.

    A wrong token gets Slack's login page, with status 200.

    https://docs.slack.dev/reference/methods/files.list
    """
    try:
        answer = await calls.call("files.list", client.web.files_list(count=LISTED_FILES))
    except Fault as fault:
        return without_scope(FILES, fault) or slack_failed(FILES, fault, _FIX_FILES)
    listed = [file_of(one) for one in maps(calls.content(answer).get("files"))]
    found = [file for file in listed if file is not None and _can_be_fetched(file)]
    if not found:
        return skip(FILES, "the bot sees no files yet; the scope is granted")
    return await _fetch(SlackFiles(client.web), min(found, key=lambda file: file.size or 0))


def _can_be_fetched(file: File) -> bool:
    hosted = file.mode in ("hosted", "snippet") and not file.external and not file.withheld
    return hosted and bool(file.download and file.size)


async def _fetch(files: SlackFiles, file: File) -> Check:
    fix = "check that this machine can reach files.slack.com (proxy, firewall)"
    try:
        async with files.download(file) as given:
            if given is SkipReason.FAILED:
                return skip(FILES, "Slack can't deliver a file right now; check again later")
            if isinstance(given, SkipReason):
                return Check(
                    FILES, False, "Slack delivers something other than the file", _FIX_FILES
                )
            size = sum([len(chunk) async for chunk in given])
    except TryLater as later:
        return Check(FILES, False, f"a file could not be downloaded ({later.cause})", fix)
    return Check(FILES, True, f"downloaded one of {size} bytes")
