"""What `doctor` looks at, one file for each thing that can be wrong."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Iterable, Iterator
from dataclasses import dataclass, replace


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
