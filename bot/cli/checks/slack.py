"""Looks at Slack: the tokens, the granted scopes, and how far its clock is from ours."""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from pydantic import SecretStr
from slack_sdk.web.async_client import AsyncWebClient

from bot.cli.checks import Check
from bot.core.faults import Fault, Reason, Refused, TryLater
from bot.settings import Settings
from bot.slack import calls
from bot.slack.client import SlackClient

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

LARGEST_SKEW = 60.0
"""Seconds; Slack's signatures are valid for 300."""

_PAGE = 'https://api.slack.com/apps, your app, "OAuth & Permissions"'


async def examine(settings: Settings) -> list[Check]:
    """The checks, in order; those that a failed one makes idle are left out."""
    checks: list[Check] = []
    async with calls.open_session() as session:
        if settings.slack_bot_token is None:
            checks.append(_missing(settings, "Slack token", "slack_bot_token"))
        else:
            token = settings.slack_bot_token.get_secret_value()
            web = calls.web_client(token, settings.slack_api_url, session)
            checks += await _bot(settings, SlackClient(web))
        if settings.slack_app_token is not None:
            web = calls.web_client("", settings.slack_api_url, session)
            checks.append(await _socket_mode(web, settings.slack_app_token))
        elif settings.slack_signing_secret is not None:
            checks.append(Check("Slack link", True, "HTTP, SLACK_SIGNING_SECRET is set"))
        else:
            checks.append(_missing(settings, "Slack link", "slack_signing_secret"))
    return checks


def needed_scopes(settings: Settings) -> frozenset[str]:
    """The scopes that the bridge uses with these settings."""
    unused = {"reactions:write"} if settings.escalation.confirm != "reaction" else set()
    if not settings.rules:
        unused.add("reactions:read")
    return frozenset(SCOPES) - unused


async def _bot(settings: Settings, client: SlackClient) -> list[Check]:
    try:
        here = await client.installation()
        scopes = _scopes(settings, await client.granted_scopes())
        clock = await _clock(client)
    except Fault as fault:
        return [_failed("Slack token", fault, f"copy the Bot User OAuth Token from {_PAGE}")]
    return [Check("Slack token", True, f"workspace {here.team} ({here.url})"), scopes, clock]


def _scopes(settings: Settings, granted: frozenset[str]) -> Check:
    if not granted:
        return Check("Slack scopes", True, "Slack did not say which are granted")
    missing = sorted(needed_scopes(settings) - granted)
    if not missing:
        return Check("Slack scopes", True, f"all {len(needed_scopes(settings))} needed are granted")
    told = ", ".join(f"{scope} ({SCOPES[scope]})" for scope in missing)
    fix = f"add them at {_PAGE}, Scopes, and install the app again"
    return Check("Slack scopes", False, f"not granted: {told}", fix)


async def _clock(client: SlackClient) -> Check:
    before = time.time()
    answer = await calls.call("auth.test", client.web.auth_test())
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return clock(headers.get("date", ""), (before + time.time()) / 2)


def clock(date: str, ours: float) -> Check:
    """Our clock (Unix seconds) against the `Date` header of an answer, which has whole seconds.

    https://www.rfc-editor.org/rfc/rfc9110#field.date
    """
    try:
        skew = ours - parsedate_to_datetime(date).timestamp()
    except ValueError:
        return Check("clock", True, "Slack did not say what time it is")
    detail = f"{abs(skew):.0f} s {'behind' if skew < 0 else 'ahead of'} Slack's"
    if abs(skew) <= LARGEST_SKEW:
        return Check("clock", True, detail)
    return Check("clock", False, detail, "set this machine's clock by NTP")


async def _socket_mode(web: AsyncWebClient, token: SecretStr) -> Check:
    fix = (
        "make an App-Level Token with connections:write: https://api.slack.com/apps, your app, "
        '"Basic Information"; and turn Socket Mode on'
    )
    try:
        opened = web.apps_connections_open(app_token=token.get_secret_value())
        await calls.call("apps.connections.open", opened)
    except TryLater as later:
        if later.cause == "slack_ratelimited":
            return Check("Slack link", True, "Socket Mode; Slack checks the token once a minute")
        return _failed("Slack link", later, fix)
    except Fault as fault:
        return _failed("Slack link", fault, fix)
    return Check("Slack link", True, "Socket Mode, SLACK_APP_TOKEN is good")


def _missing(settings: Settings, name: str, variable: str) -> Check:
    problem = settings.missing(variable)[0]
    detail, _, fix = problem.partition(": ")
    return Check(name, False, detail, fix)


def _failed(name: str, fault: Fault, fix: str) -> Check:
    """A token that is no good is mended by another one, a network otherwise."""
    match fault:
        case TryLater(cause=cause):
            code = cause.removeprefix("slack_")
            if code in calls.TOKEN_ERRORS:
                return Check(name, False, f"Slack does not take it ({code})", fix)
            network = "see whether this machine reaches SLACK_API_URL (proxy, firewall)"
            return Check(name, False, f"Slack was not reached ({code})", network)
        case Refused(reason=Reason.MISSING_SCOPE, data=data):
            return Check(name, False, f"it lacks the scope {data.get('needed', '')}", fix)
        case Refused(data=data):
            return Check(name, False, f"Slack refused ({data.get('code', '')})", fix)
    return Check(name, False, str(fault), fix)
