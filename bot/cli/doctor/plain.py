"""Check Plain: the API key, its permissions, and whether Plain still takes every operation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from enum import StrEnum

import httpx

from bot.cli import services
from bot.cli.doctor import check, configuration
from bot.cli.doctor.check import Check, skip, timed
from bot.cli.doctor.configuration import Clocks
from bot.cli.services import UnusablePlain
from bot.core.faults import Fault, Reason, Rejected, TryLater
from bot.plain import trial
from bot.plain.answers import PlainWorkspace
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
        await timed(_reads(plain, features, may_all=allowed.ok)),
        await timed(_writes(plain)),
    ]


def unusable(error: UnusablePlain) -> Check:
    """Return the failed check of a malformed key or address."""
    return Check(KEY, False, error.detail, error.fix)


async def check_key(plain: PlainClient) -> tuple[Check, PlainWorkspace | None]:
    """Return whose the key is, and the workspace if Plain accepts the key."""
    found: list[PlainWorkspace] = []

    async def look() -> Check:
        try:
            found.append(await plain.workspace())
        except Fault as fault:
            return plain_failed(KEY, fault)
        return Check(KEY, True, f"workspace {found[0].name} ({found[0].id})")

    return await timed(look()), next(iter(found), None)


def plain_failed(name: str, fault: Fault) -> Check:
    """Return the failed check of a Plain call, with the fix that its fault suggests."""
    match fault:
        case Rejected(reason=Reason.PLAIN_KEY):
            fix = 'create a new key: Plain, Settings, "Machine users & API keys"'
            return Check(name, False, "Plain rejects it", fix)
        case Rejected(rejection=rejection):
            why = rejection.plain_says or rejection.code or str(fault)
            fix = "check that PLAIN_API_URL is right and the key belongs to a machine user"
            return Check(name, False, f"Plain refused: {why}", fix)
        case TryLater(cause=cause):
            fix = (
                "check that PLAIN_API_URL is right and reachable from here (proxy, firewall), "
                "or try later"
            )
            code = cause.removeprefix("plain_")
            return Check(name, False, f"Plain could not be reached ({code})", fix)
    return Check(name, False, str(fault), "try later")


class Feature(StrEnum):
    """A feature besides creating threads; each needs more permissions."""

    ADDITIONS = "additions"
    FILES = "files"
    UNDO = "undo"
    TENANTS = "tenants"
    ASSIGNEES = "assignees"


ALWAYS: Mapping[str, str] = {
    "customer:create": "finding or creating the customer",
    "customer:edit": "finding or creating the customer",
    "customer:read": "finding the customer",
    "label:create": "labels",
    "label:read": "labels",
    "labelType:read": "labels",
    "thread:create": "threads",
    "thread:read": "threads",
}
"""The permissions that every bridge needs. https://www.plain.com/docs/api-reference/graphql/authentication"""

MORE: Mapping[Feature, Mapping[str, str]] = {
    Feature.ADDITIONS: {
        "threadEvent:create": "adding a message to its ticket",
        "threadEvent:read": "adding a message to its ticket",
        "timeline:read": "adding a message to its ticket only once",
    },
    Feature.FILES: {"attachment:create": "files of a message"},
    Feature.UNDO: {
        "thread:edit": "Undo: closing the thread",
        "note:create": "Undo: noting in the thread who did it",
        "timeline:read": "Undo: seeing whether an agent acted",
    },
    Feature.TENANTS: {"tenant:read": "tenants of rules and of the form"},
    Feature.ASSIGNEES: {
        "thread:assign": "assignees of rules",
        "user:read": "assignees of rules",
    },
}

OPTIONAL = (Feature.ADDITIONS, Feature.FILES, Feature.UNDO, Feature.TENANTS)
"""Features that `setup` may leave out. Assignees are needed only if a rule names one."""

_FIX_PERMISSIONS = 'add what is missing to the key: Plain, Settings, "Machine users & API keys"'


def configured(settings: Settings) -> frozenset[Feature]:
    """Return the features that the settings use."""
    asked = {
        Feature.ADDITIONS: settings.escalation.one_thread_per == "slack_thread",
        Feature.UNDO: settings.escalation.undo_by_reaction,
        Feature.TENANTS: any(rule.tenant for rule in settings.rules),
        Feature.ASSIGNEES: any(rule.assignee for rule in settings.rules),
    }
    return frozenset(feature for feature, is_asked in asked.items() if is_asked)


def needed(features: Iterable[Feature]) -> Mapping[str, str]:
    """Return the permissions for creating threads and these features, with their purpose."""
    found = dict(ALWAYS)
    for feature in sorted(features):
        found |= MORE[feature]
    return found


def check_permissions(granted: frozenset[str], features: Iterable[Feature]) -> Check:
    """Check that the key may do what `features` need; mention what only others would need."""
    name = "Plain permissions"
    features = frozenset(features)
    wanted = needed(features)
    missing = {one: wanted[one] for one in sorted(set(wanted) - granted)}
    if missing:
        return Check(name, False, f"missing: {_listed(missing)}", _FIX_PERMISSIONS)
    detail = f"all {len(wanted)} needed are granted"
    others = needed(feature for feature in OPTIONAL if feature not in features)
    if spare := {one: others[one] for one in sorted(set(others) - granted)}:
        detail += f"; missing, but not needed with these settings: {_listed(spare)}"
    return Check(name, True, detail)


def one_by_one(granted: frozenset[str], features: Iterable[Feature]) -> list[Check]:
    """Return a check for each permission that `features` need."""
    return [
        Check(f"Plain permission {one}", True, what)
        if one in granted
        else Check(f"Plain permission {one}", False, f"missing: {what}", _FIX_PERMISSIONS)
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
"""The reads that only one feature makes; every bridge makes the others."""

READS = "Plain reads"
WRITES = "Plain writes"

_NO_LONGER = frozenset({"GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED"})
_FIX_UPGRADE = "Plain has changed its API: install the latest release of the bridge"


async def _reads(plain: PlainClient, features: Set[Feature], *, may_all: bool) -> Check:
    """Send every read; fail if one is no longer valid.

    `may_all`: the key has all permissions of these `features`, so a read of theirs that is still
    forbidden is a failure.
    """
    broken: list[str] = []
    for operation in trial.reads():
        used = operation.name not in _FEATURE_OF or _FEATURE_OF[operation.name] in features
        try:
            await plain.ask(operation, trial.variables(operation))
        except Rejected as refused:
            if refused.rejection.code in _NO_LONGER:
                broken.append(f"{operation.name} ({refused.rejection.plain_says})")
            elif refused.reason is Reason.PLAIN_FORBIDDEN and may_all and used:
                why = refused.rejection.plain_says
                fix = 'add the permission to the key: Plain, Settings, "Machine users & API keys"'
                return Check(READS, False, f"{operation.name} is forbidden: {why}", fix)
        except TryLater as later:
            if later.cause != "plain_unexpected":
                return skip(READS, f"{operation.name} could not be tried right now ({later.cause})")
            broken.append(f"{operation.name} (unexpected answer)")
    if broken:
        return Check(READS, False, f"no longer valid: {', '.join(broken)}", _FIX_UPGRADE)
    return Check(READS, True, f"all {len(trial.reads())} work")


async def _writes(plain: PlainClient) -> Check:
    """Fail if Plain's own schema lacks a mutation, or a field of one, that the bridge uses."""
    try:
        schema = await plain.ask(trial.schema(), {})
    except (Rejected, TryLater):
        return skip(
            WRITES, "Plain does not disclose its schema, and `doctor` writes nothing to try it"
        )
    if not schema.mutations:
        return skip(
            WRITES, "Plain does not disclose its mutations, and `doctor` writes nothing to try them"
        )
    lacking = [one for write in trial.writes() for one in trial.missing(write, schema)]
    if lacking:
        return Check(WRITES, False, f"Plain no longer has {', '.join(lacking)}", _FIX_UPGRADE)
    return Check(WRITES, True, f"Plain's schema has all {len(trial.writes())}")
