"""Send what is not idempotent at most once: look, note, send, look again, settle.

Neither Plain nor Slack takes an idempotency key for what the bridge writes, so a request whose
answer is lost may not simply be repeated. Threads, additions and continuations go through
`send_once`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from typing import Generic, TypeVar

from bot.core.faults import LeaseLost, Postponed, Rejected, TryLater

T = TypeVar("T")

Find = Callable[[], Awaitable[T | None]]
"""Return what the write leaves on the other side; None where it is not there."""

SENDING_SECONDS = 2.0
"""Limit between noting a write and sending it. With the longest delay by the pace (3 s) it leaves
within the 5 s by which the settle window exceeds the limit of Plain's gateway."""


class SentBefore(Enum):
    """The state of earlier attempts at a write."""

    NO = auto()
    """It was surely not sent."""
    NOTED = auto()
    """It was noted, and may have been sent."""
    UNRECORDED = auto()
    """The database may be a restored backup, and lack what was noted since."""


@dataclass(frozen=True, slots=True)
class Write(Generic[T]):
    """A write that is not idempotent.

    `find` looks for what it leaves, `note` commits that it is about to be sent, `send` sends it.
    `follows`: it continues what this row has sent already. Then every TryLater leaves the outcome
    unknown: the row must not forget the first part.
    """

    find: Find[T]
    note: Callable[[], Awaitable[None]]
    send: Callable[[], Awaitable[T]]
    sent_before: SentBefore = SentBefore.NO
    follows: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a row. All times are in seconds.

    `now` is the database's clock when the row was claimed; `noted_at` (same clock) is when an
    earlier attempt with an unknown outcome ended, or noted its write if it never ended.
    `settle_window` is how long after that the write may still come about. `lease` is how long the
    row is this attempt's, from the claim and anew from each note. `clock` is the process's own.
    """

    now: float
    noted_at: float | None
    settle_window: float
    lease: float
    clock: Callable[[], float]


async def send_once(write: Write[T], attempt: Attempt) -> T:
    """Send `write` unless it was sent before, and return what it leaves on the other side.

    - Look: what an earlier attempt may have sent is looked for (`look_back`).
    - Note: that it is about to be sent is committed, and the lease checked, before it is sent.
    - Send: an answer that says it was done, or surely not processed, is believed.
    - Look again: after an unknown outcome a glance finds most of what came about; what it does not
      find is left to the next attempt. A rejection is looked up before it is believed: it may
      be of a duplicate, or of what the answer was to show.
    - Settle: the caller records what is returned before anybody is told.

    Raise TryLater, with `outcome_unknown` where the write may have come about; Rejected, with
    `outcome_unknown` where that could not be looked up; LeaseLost.
    """
    found = await look_back(write.find, attempt, write.sent_before, follows=write.follows)
    if found is not None:
        return found
    begun = attempt.clock()
    await _note(write)
    _check_lease(attempt, begun, follows=write.follows)
    try:
        return await write.send()
    except TryLater as fault:
        found = await _glance(write.find) if fault.outcome_unknown else None
        if found is None and write.follows:
            raise _unknown(fault) from fault
        if found is None:
            raise
    except Rejected as rejection:
        found = await _look_after(rejection, write.find)
        if found is None:
            raise
    return found


async def look_back(
    find: Find[T], attempt: Attempt, sent_before: SentBefore, *, follows: bool = False
) -> T | None:
    """Return what earlier attempts sent; None once it is certain that none arrived.

    Raise Postponed while something noted and absent may still come about. Where the look itself
    is rejected, the outcome of something noted is unknown.
    """
    if sent_before is SentBefore.NO:
        return None
    noted = sent_before is SentBefore.NOTED
    try:
        found = await find()
    except TryLater as fault:
        raise (_unknown(fault) if follows and not noted else _not_sent(fault)) from fault
    except Rejected as rejection:
        if follows and not noted:
            return None
        if noted:
            raise rejection.with_unknown_outcome() from rejection
        raise
    if found is None and noted:
        _wait_until_settled(attempt)
    return found


def _wait_until_settled(attempt: Attempt) -> None:
    age = attempt.now - (attempt.noted_at or 0.0)
    left = attempt.settle_window - age
    if left > 0:
        # A clock that was set back makes the age negative: no reason to look every second.
        raise Postponed("settling", min(left, max(1.0, abs(age) / 2)))


async def _note(write: Write[T]) -> None:
    try:
        await write.note()
    except TryLater as fault:
        if write.follows:
            raise _unknown(fault) from fault
        raise


def _check_lease(attempt: Attempt, begun: float, *, follows: bool) -> None:
    """Raise TryLater or LeaseLost where the process was suspended since `begun`.

    After a container's pause or a closed lid the row may be another worker's, and the settle
    window, which began with the note, would end before the outcome of the write is sure.
    """
    paused = attempt.clock() - begun
    if paused > attempt.lease / 2:
        raise LeaseLost
    if paused > SENDING_SECONDS:
        fault = Postponed("stood_still", 1.0)
        raise _unknown(fault) if follows else fault


async def _glance(find: Find[T]) -> T | None:
    with suppress(TryLater, Rejected):
        return await find()
    return None


async def _look_after(rejection: Rejected, find: Find[T]) -> T | None:
    try:
        return await find()
    except TryLater as fault:
        raise _unknown(fault) from fault
    except Rejected:
        raise rejection.with_unknown_outcome() from None


def _unknown(fault: TryLater) -> TryLater:
    """Return `fault` as one after which the write may have come about."""
    return TryLater(
        fault.cause, after=fault.after, outcome_unknown=True, request_id=fault.request_id
    )


def _not_sent(fault: TryLater) -> TryLater:
    """Return the fault of a look as one that says nothing of a write."""
    if isinstance(fault, Postponed):
        return fault
    return TryLater(fault.cause, after=fault.after, request_id=fault.request_id)
