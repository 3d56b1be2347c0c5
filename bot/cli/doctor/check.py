"""Report one check of `doctor`: its outcome, its fix, and what a failed call means for it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Iterable, Iterator
from dataclasses import dataclass, replace

from bot.core.faults import Fault, Reason, Refused, TryLater
from bot.settings import Settings
from bot.slack import calls


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at; `fix` says how to mend it where `ok` is false.

    `skipped`: it could not be looked at, and `detail` says why; that is no failure.
    `seconds`: how long the look took.
    """

    name: str
    ok: bool
    detail: str
    fix: str | None = None
    skipped: bool = False
    seconds: float = 0.0


def skip(name: str, why: str) -> Check:
    """What could not be looked at."""
    return Check(name, True, why, skipped=True)


async def looked(look: Awaitable[Check]) -> Check:
    """The check, with the time that it took."""
    started = time.monotonic()
    return _timed(await look, started)


def timed(checks: Iterable[Check]) -> Iterator[Check]:
    """The checks as they come, each with the time since the one before."""
    started = time.monotonic()
    for check in checks:
        yield _timed(check, started)
        started = time.monotonic()


def _timed(check: Check, started: float) -> Check:
    return replace(check, seconds=round(time.monotonic() - started, 3))


def not_set(settings: Settings, name: str, variable: str) -> Check:
    """The variable is not set; with where to get it."""
    detail, _, fix = settings.missing(variable)[0].partition(": ")
    return Check(name, False, detail, f"{fix}. `plain-bridge setup` asks for it and writes .env")


def without_scope(name: str, fault: Fault) -> Check | None:
    """For want of a scope it cannot be looked at; the check of the scopes is the one that fails."""
    match fault:
        case Refused(reason=Reason.MISSING_SCOPE, data=data):
            return skip(name, f"the scope {data.get('needed', '')} is missing")
    return None


def slack_failed(name: str, fault: Fault, fix: str) -> Check:
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
