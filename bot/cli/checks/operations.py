"""Looks whether Plain still takes the bridge's operations: reads are tried, nothing is written."""

from __future__ import annotations

from collections.abc import Mapping, Set

from bot.cli.checks import Check, skip
from bot.cli.checks.permissions import Feature
from bot.core.faults import Reason, Refused, TryLater
from bot.plain import trial
from bot.plain.client import PlainClient

_OF: Mapping[str, Feature] = {
    "tenants": Feature.TENANTS,
    "threadEvents": Feature.ADDITIONS,
    "threadSeen": Feature.UNDO,
    "userByEmail": Feature.ASSIGNEES,
}
"""Reads that only a feature makes; the others every bridge makes."""

READS = "Plain reads"
WRITES = "Plain writes"

_NO_LONGER = frozenset({"GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED"})
_FIX = "Plain has changed its API: install the newest release of the bridge"


async def reads(plain: PlainClient, features: Set[Feature], *, may_all: bool) -> Check:
    """Red where a read is no longer valid.

    `may_all`: no permission is known to be missing for these `features`, so that a read that is
    forbidden to them is news.
    """
    broken: list[str] = []
    for operation in trial.reads():
        used = operation.name not in _OF or _OF[operation.name] in features
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
        return Check(READS, False, f"no longer as they were: {', '.join(broken)}", _FIX)
    return Check(READS, True, f"all {len(trial.reads())} were tried")


async def writes(plain: PlainClient) -> Check:
    """Red where Plain's own schema lacks a mutation, or a field of one, that the bridge uses."""
    try:
        told = await plain.ask(trial.schema(), {})
    except (Refused, TryLater):
        return skip(WRITES, "Plain does not tell its schema, and nothing is written to try it")
    if not told.mutations:
        return skip(WRITES, "Plain does not tell its mutations, and nothing is written to try them")
    lacking = [one for write in trial.writes() for one in trial.missing(write, told)]
    if lacking:
        return Check(WRITES, False, f"Plain no longer knows {', '.join(lacking)}", _FIX)
    return Check(WRITES, True, f"Plain's schema has all {len(trial.writes())}")
