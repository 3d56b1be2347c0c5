"""Looks at Slack: the bot token, its workspace and its scopes."""

from __future__ import annotations

from collections.abc import Mapping

from bot.cli.checks import Check, channels, files, link, looked, skip
from bot.cli.checks.clock import Clocks
from bot.cli.checks.refusals import failed, missing
from bot.core.faults import Fault
from bot.settings import Settings
from bot.slack import calls
from bot.slack.client import SlackClient
from bot.slack.history import SlackHistory

SCOPES: Mapping[str, str] = {
    "commands": "the shortcuts and /plain-ticket",
    "chat:write": "answers",
    "reactions:read": "hearing reactions",
    "channels:history": "reading messages of public channels",
    "groups:history": "reading messages of private channels",
    "channels:read": "names of public channels",
    "groups:read": "names of private channels",
    "files:read": "files of an escalated message",
    "usergroups:read": "names of user groups",
    "users:read": "who the author is",
    "users:read.email": "which customer the author is",
    "reactions:write": "the receipt",
}
"""Every scope of `manifest.yml`, with what fails without it."""

_PAGE = 'https://api.slack.com/apps, your app, "OAuth & Permissions"'


async def examine(settings: Settings, clocks: Clocks) -> list[Check]:
    """The checks, in order; those that a failed one makes idle are left out."""
    async with calls.open_session() as session:
        if settings.slack_bot_token is None:
            checks = [missing(settings, "Slack token", "slack_bot_token")]
            return [*checks, await link.examine(settings, None)]
        token = settings.slack_bot_token.get_secret_value()
        client = SlackClient(calls.web_client(token, settings.slack_api_url, session))
        checks = await of_token(settings, client, clocks)
        if not checks[0].ok:
            return [*checks, await link.examine(settings, None)]
        history = SlackHistory(client.web)
        return [
            *checks,
            await link.examine(settings, client),
            await looked(channels.check(settings, history)),
            await looked(files.check(client)),
        ]


async def of_token(
    settings: Settings, client: SlackClient, clocks: Clocks | None = None
) -> list[Check]:
    """Whose the bot token is, and what it may; the latter only where Slack takes the token."""
    token = await looked(_token(client, clocks or Clocks()))
    if not token.ok:
        return [token]
    return [token, await looked(_scopes(settings, client))]


def needed_scopes(settings: Settings) -> frozenset[str]:
    """The scopes that the bridge uses with these settings."""
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
        return failed(name, fault, f"copy the Bot User OAuth Token from {_PAGE}")
    headers = {header.lower(): value for header, value in answer.headers.items()}
    clocks.note("Slack", headers.get("date"))
    named = calls.content(answer).get("team")
    told = f"{named} " if isinstance(named, str) and named else ""
    return Check(name, True, f"workspace {told}{here.team} ({here.url})")


async def _scopes(settings: Settings, client: SlackClient) -> Check:
    name = "Slack scopes"
    try:
        granted = await client.granted_scopes()
    except Fault as fault:
        return failed(name, fault, "try later")
    if not granted:
        return skip(name, "Slack did not say which are granted")
    lacking = sorted(needed_scopes(settings) - granted)
    if not lacking:
        return Check(name, True, f"all {len(needed_scopes(settings))} needed are granted")
    told = ", ".join(f"{scope} ({SCOPES[scope]})" for scope in lacking)
    fix = f"add them at {_PAGE}, Scopes, and install the app again"
    return Check(name, False, f"not granted: {told}", fix)
