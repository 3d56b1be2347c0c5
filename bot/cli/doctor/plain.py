"""Check Plain: the API key, its permissions, and whether Plain still takes every operation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from enum import StrEnum

import httpx

from bot.cli import services
from bot.cli.doctor import check, configuration
from bot.cli.doctor.check import Check, looked, skip
from bot.cli.doctor.configuration import Clocks
from bot.cli.services import UnusablePlain
from bot.core.faults import Fault, Reason, Refused, TryLater
from bot.plain import trial
from bot.plain.answers import Workspace
from bot.plain.client import PlainClient
from bot.settings import Settings

KEY = "Plain key"


async def examine(settings: Settings, clocks: Clocks) -> list[Check]:
    """Return the checks in order; without a good key the others are left out."""
    if settings.plain_api_key is None:
        return [check.not_set(settings, KEY, "plain_api_key")]

    async def note_date(answer: httpx.Response) -> None:
        clocks.note("Plain", answer.headers.get("date"))

    try:
        async with services.plain(settings, note_date) as plain:
            return await _examine(settings, plain)
    except UnusablePlain as error:
        return [unusable(error)]


async def _examine(settings: Settings, plain: PlainClient) -> list[Check]:
    features = configured(settings)
    key, workspace = await check_key(plain)
    if workspace is None:
        return [key]
    allowed = check_permissions(workspace.permissions, features)
    return [
        key,
        allowed,
        *await configuration.check_names(settings, plain, workspace.permissions),
        await looked(_reads(plain, features, may_all=allowed.ok)),
        await looked(_writes(plain)),
    ]


def unusable(error: UnusablePlain) -> Check:
    """Return the failed check of a key or an address that has not its form."""
    return Check(KEY, False, error.detail, error.fix)


async def check_key(plain: PlainClient) -> tuple[Check, Workspace | None]:
    """Whose the key is; the workspace where Plain takes it."""
    found: list[Workspace] = []

    async def look() -> Check:
        try:
            found.append(await plain.workspace())
        except Fault as fault:
            return plain_failed(KEY, fault)
        return Check(KEY, True, f"workspace {found[0].name} ({found[0].id})")

    return await looked(look()), next(iter(found), None)


def plain_failed(name: str, fault: Fault) -> Check:
    """A key that is no good is mended by another one, a network otherwise."""
    match fault:
        case Refused(reason=Reason.PLAIN_KEY):
            fix = 'make a new key: Plain, Settings, "Machine users & API keys"'
            return Check(name, False, "Plain does not take it", fix)
        case Refused(data=data):
            told = data.get("message") or data.get("code") or str(fault)
            fix = "see whether PLAIN_API_URL is right and the key a machine user's"
            return Check(name, False, f"Plain refused: {told}", fix)
        case TryLater(cause=cause):
            fix = (
                "see whether PLAIN_API_URL is right and this machine reaches it (proxy, firewall), "
                "or try later"
            )
            code = cause.removeprefix("plain_")
            return Check(name, False, f"Plain was not reached ({code})", fix)
    return Check(name, False, str(fault), "try later")


class Feature(StrEnum):
    """What the bridge does beyond opening threads; each needs more of the key."""

    ADDITIONS = "additions"
    FILES = "files"
    UNDO = "undo"
    TENANTS = "tenants"
    ASSIGNEES = "assignees"


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

MORE: Mapping[Feature, Mapping[str, str]] = {
    Feature.ADDITIONS: {
        "threadEvent:create": "adding a message to its ticket",
        "threadEvent:read": "adding a message to its ticket",
        "timeline:read": "adding a message to its ticket once",
    },
    Feature.FILES: {"attachment:create": "files of a message"},
    Feature.UNDO: {
        "thread:edit": "Undo: closing the thread",
        "note:create": "Undo: saying in the thread who did it",
        "timeline:read": "Undo: seeing that no agent acted yet",
    },
    Feature.TENANTS: {"tenant:read": "tenants of rules and of the form"},
    Feature.ASSIGNEES: {
        "thread:assign": "assignees of rules",
        "user:read": "assignees of rules",
    },
}

OPTIONAL = (Feature.ADDITIONS, Feature.FILES, Feature.UNDO, Feature.TENANTS)
"""What `setup` may leave out. Assignees are needed where a rule names one, and only there."""

_FIX_PERMISSIONS = 'give what is missing to the key: Plain, Settings, "Machine users & API keys"'


def configured(settings: Settings) -> frozenset[Feature]:
    """What the settings ask for."""
    asked = {
        Feature.ADDITIONS: settings.escalation.one_thread_per == "slack_thread",
        Feature.UNDO: settings.escalation.undo_by_reaction,
        Feature.TENANTS: any(rule.tenant for rule in settings.rules),
        Feature.ASSIGNEES: any(rule.assignee for rule in settings.rules),
    }
    return frozenset(feature for feature, is_asked in asked.items() if is_asked)


def needed(features: Iterable[Feature]) -> Mapping[str, str]:
    """The permissions that opening threads and these features need, with what fails without."""
    found = dict(ALWAYS)
    for feature in sorted(features):
        found |= MORE[feature]
    return found


def check_permissions(granted: frozenset[str], features: Iterable[Feature]) -> Check:
    """The key's permissions against what `features` need; what only other features need is told."""
    name = "Plain permissions"
    features = frozenset(features)
    wanted = needed(features)
    missing = {one: wanted[one] for one in sorted(set(wanted) - granted)}
    if missing:
        return Check(name, False, f"not granted: {_listed(missing)}", _FIX_PERMISSIONS)
    detail = f"all {len(wanted)} needed are granted"
    others = needed(feature for feature in OPTIONAL if feature not in features)
    if spare := {one: others[one] for one in sorted(set(others) - granted)}:
        detail += f"; not granted, and not needed for the rest: {_listed(spare)}"
    return Check(name, True, detail)


def one_by_one(granted: frozenset[str], features: Iterable[Feature]) -> list[Check]:
    """A check for each permission that `features` need."""
    return [
        Check(f"Plain permission {one}", True, what)
        if one in granted
        else Check(f"Plain permission {one}", False, f"not granted: {what}", _FIX_PERMISSIONS)
        for one, what in sorted(needed(features).items())
    ]


def _listed(permissions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} ({what})" for name, what in permissions.items())


_FEATURE_OF: Mapping[str, Feature] = {
    "tenants": Feature.TENANTS,
    "threadEvents": Feature.ADDITIONS,
    "threadSeen": Feature.UNDO,
    "userByEmail": Feature.ASSIGNEES,
}
"""Reads that only a feature makes; the others every bridge makes."""

READS = "Plain reads"
WRITES = "Plain writes"

_NO_LONGER = frozenset({"GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED"})
_FIX_UPGRADE = "Plain has changed its API: install the newest release of the bridge"


async def _reads(plain: PlainClient, features: Set[Feature], *, may_all: bool) -> Check:
    """Red where a read is no longer valid.

    `may_all`: no permission is known to be missing for these `features`, so that a read that is
    forbidden to them is news.
    """
    broken: list[str] = []
    for operation in trial.reads():
        used = operation.name not in _FEATURE_OF or _FEATURE_OF[operation.name] in features
        try:
            await plain.ask(operation, trial.variables(operation))
        except Refused as refused:
            if refused.data.get("code") in _NO_LONGER:
                broken.append(f"{operation.name} ({refused.data.get('message', '')})")
            elif refused.reason is Reason.PLAIN_FORBIDDEN and may_all and used:
                told = refused.data.get("message", "")
                fix = 'give the key what is named: Plain, Settings, "Machine users & API keys"'
                return Check(READS, False, f"{operation.name} is forbidden: {told}", fix)
        except TryLater as later:
            if later.cause != "plain_unexpected":
                return skip(READS, f"{operation.name} could not be tried now ({later.cause})")
            broken.append(f"{operation.name} (its answer is another one)")
    if broken:
        return Check(READS, False, f"no longer as they were: {', '.join(broken)}", _FIX_UPGRADE)
    return Check(READS, True, f"all {len(trial.reads())} were tried")


async def _writes(plain: PlainClient) -> Check:
    """Red where Plain's own schema lacks a mutation, or a field of one, that the bridge uses."""
    try:
        told = await plain.ask(trial.schema(), {})
    except (Refused, TryLater):
        return skip(WRITES, "Plain does not tell its schema, and nothing is written to try it")
    if not told.mutations:
        return skip(WRITES, "Plain does not tell its mutations, and nothing is written to try them")
    lacking = [one for write in trial.writes() for one in trial.missing(write, told)]
    if lacking:
        return Check(WRITES, False, f"Plain no longer knows {', '.join(lacking)}", _FIX_UPGRADE)
    return Check(WRITES, True, f"Plain's schema has all {len(trial.writes())}")
