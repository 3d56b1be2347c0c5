"""Looks at Plain: the key, its workspace and its permissions."""

from __future__ import annotations

from collections.abc import Mapping

from bot.cli.checks import Check
from bot.core.faults import Fault, Reason, Refused, TryLater
from bot.plain.client import PlainClient
from bot.settings import Settings

ALWAYS: Mapping[str, str] = {
    "customer:create": "finding or making the customer",
    "customer:edit": "finding or making the customer",
    "customer:read": "finding the customer",
    "label:create": "labels",
    "label:read": "labels",
    "labelType:read": "labels",
    "thread:create": "threads",
    "thread:read": "threads",
}
"""What every bridge uses. https://www.plain.com/docs/api-reference/graphql/authentication"""

_EVENTS: Mapping[str, str] = {
    "threadEvent:create": "adding a message to its ticket",
    "threadEvent:read": "adding a message to its ticket",
    "timeline:read": "adding a message to its ticket once",
}
_ASSIGNEE: Mapping[str, str] = {
    "thread:assign": "a rule's assignee",
    "user:read": "a rule's assignee",
}
_TENANT: Mapping[str, str] = {"tenant:read": "a rule's tenant"}


def needed_permissions(settings: Settings) -> Mapping[str, str]:
    """The permissions that the bridge uses with these settings, with what fails without."""
    needed = dict(ALWAYS)
    if settings.escalation.one_thread_per == "slack_thread":
        needed |= _EVENTS
    if any(rule.assignee for rule in settings.rules):
        needed |= _ASSIGNEE
    if any(rule.tenant for rule in settings.rules):
        needed |= _TENANT
    return needed


async def examine(settings: Settings) -> list[Check]:
    """The checks, in order; without a good key the permissions are left out."""
    if settings.plain_api_key is None:
        detail, _, fix = settings.missing("plain_api_key")[0].partition(": ")
        return [Check("Plain key", False, detail, fix)]
    try:
        client = PlainClient(settings.plain_api_url, settings.plain_api_key.get_secret_value())
    except ValueError as error:
        return [Check("Plain key", False, str(error), "correct PLAIN_API_KEY or PLAIN_API_URL")]
    try:
        workspace = await client.workspace()
    except Fault as fault:
        return [_failed(fault)]
    finally:
        await client.aclose()
    key = Check("Plain key", True, f"workspace {workspace.name} ({workspace.id})")
    return [key, _permissions(settings, workspace.permissions)]


def _permissions(settings: Settings, granted: frozenset[str]) -> Check:
    needed = needed_permissions(settings)
    missing = sorted(set(needed) - granted)
    if not missing:
        return Check("Plain permissions", True, f"all {len(needed)} needed are granted")
    told = ", ".join(f"{permission} ({needed[permission]})" for permission in missing)
    fix = 'give them to the key: Plain, Settings, "Machine users & API keys"'
    return Check("Plain permissions", False, f"not granted: {told}", fix)


def _failed(fault: Fault) -> Check:
    name = "Plain key"
    match fault:
        case Refused(reason=Reason.PLAIN_KEY):
            fix = 'make a new key: Plain, Settings, "Machine users & API keys"'
            return Check(name, False, "Plain does not take it", fix)
        case Refused(data=data):
            told = data.get("message") or data.get("code") or str(fault)
            fix = "see whether PLAIN_API_URL is right and the key a machine user's"
            return Check(name, False, f"Plain refused: {told}", fix)
        case TryLater(cause=cause):
            fix = "see whether this machine reaches PLAIN_API_URL (proxy, firewall), or try later"
            code = cause.removeprefix("plain_")
            return Check(name, False, f"Plain was not reached ({code})", fix)
    return Check(name, False, str(fault), "try later")
