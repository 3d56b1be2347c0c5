"""Report one check of `doctor`: its outcome, its fix, and what a failed call means for it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Iterable, Iterator
from dataclasses import dataclass, replace

from bot.core.faults import Fault, Reason, Rejected, TryLater
from bot.settings import Settings
from bot.slack import calls


@dataclass(frozen=True, slots=True)
class Check:
    """One check and its result; `fix` says what to do if it is not `ok`.

    `skipped`: it could not be made, for the reason in `detail`; that is not a failure.
    `seconds`: how long it took.
    """

    name: str
    ok: bool
    detail: str
    fix: str | None = None
    skipped: bool = False
    seconds: float = 0.0


def skip(name: str, why: str) -> Check:
    """Return a check that could not be made, and why."""
    return Check(name, True, why, skipped=True)


async def timed(making: Awaitable[Check]) -> Check:
    """Return the check with the time that it took."""
    started = time.monotonic()
    return _with_seconds(await making, started)


def each_timed(checks: Iterable[Check]) -> Iterator[Check]:
    """Yield the checks, each with the time since the one before."""
    started = time.monotonic()
    for check in checks:
        yield _with_seconds(check, started)
        started = time.monotonic()


def _with_seconds(check: Check, started: float) -> Check:
    return replace(check, seconds=round(time.monotonic() - started, 3))


def not_set(settings: Settings, name: str, variable: str) -> Check:
    """Return the failed check of a variable that is not set, with where to get its value."""
    detail, _, fix = settings.missing(variable)[0].partition(": ")
    return Check(name, False, detail, f"{fix}. `plain-bridge setup` asks for it and writes .env")


def without_scope(name: str, fault: Fault) -> Check | None:
    """Return a skipped check if a scope is missing, which the check of the scopes reports."""
    match fault:
        case Rejected(reason=Reason.MISSING_SCOPE, rejection=rejection):
            return skip(name, f"the scope {rejection.scope or ''} is missing")
    return None


def slack_failed(name: str, fault: Fault, fix: str) -> Check:
    """Return the failed check of a Slack call; `fix` is for a bad token or a missing scope."""
    match fault:
        case TryLater(cause=cause):
            code = cause.removeprefix("slack_")
            if code in calls.TOKEN_ERRORS:
                return Check(name, False, f"Slack rejects it ({code})", fix)
            network = "check that this machine can reach SLACK_API_URL (proxy, firewall)"
            return Check(name, False, f"Slack could not be reached ({code})", network)
        case Rejected(reason=Reason.MISSING_SCOPE, rejection=rejection):
            return Check(name, False, f"the scope {rejection.scope or ''} is missing", fix)
        case Rejected(rejection=rejection):
            return Check(name, False, f"Slack refused ({rejection.code or ''})", fix)
    return Check(name, False, str(fault), fix)
