"""Undoes a ticket: ignored in Plain with a note, given up in the ledger; safe to run twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from bot.core.directory import Profile
from bot.core.faults import Fault, Reason, Refused, TryLater
from bot.core.identity import Linkers
from bot.core.model import Ticket
from bot.core.undo import (
    UNDO_SECONDS,
    Acted,
    AddedTo,
    Declined,
    Lacking,
    Look,
    Nothing,
    Outsider,
    Result,
    Row,
    State,
    ThreadSnapshot,
    TooLate,
    Undone,
    Unreached,
    lacking,
    look,
    note,
    refusal,
)
from bot.store.claims import reference
from bot.store.executor import Run
from bot.store.undo import Begin

T = TypeVar("T")

PATIENCE = 5.0
"""Seconds that an undo waits where Slack or Plain asks it to; the round finishes what has to wait
for longer."""
SHORTEST_PAUSE = 0.1

IN_HAND_PAUSE = 0.5
IN_HAND_LOOKS = 80
"""How often, and so for how long, a click waits for another one that is undoing the same row."""

SETTLING_PAUSES = (0.5, 1.0, 2.0, *(5.0 for _ in range(24)))
"""How long a reaction that was taken away waits for its ticket, which is still being made."""

FINISH_SECONDS = 25.0
"""For all that is done in Plain: shorter than the ledger's lease of an undo, for who gives a row
back that another one has taken over would make it stand again, undone in Plain."""

LEFT_OVER_AT_ONCE = 10


class Ledger(Protocol):
    """Rows that are undone; every method is one transaction."""

    def find(self, row_id: int) -> Row | None:
        """The row with this id."""

    def find_asked(self, key: str) -> Row | None:
        """The newest row of the message with this key."""

    def begin(self, row_id: int, by: str) -> Begin:
        """Take a row that stands as created. From here on nothing is added to its ticket, and
        who asks for its message again asks anew."""

    def release(self, row_id: int) -> None:
        """As if it had not been begun: nothing was changed in Plain."""

    def pause(self, row_id: int) -> None:
        """Somebody else may go on at once."""

    def finish(self, row_id: int) -> None:
        """It is undone: the conversation is free."""

    def withdraw(self, row_id: int, by: str) -> bool:
        """Settle a waiting row as undone, if it has sent nothing of which the outcome is open."""

    def left_over(self, limit: int) -> Sequence[Row]:
        """Rows whose undoing was begun, and whose process died or could not finish."""


class Plain(Protocol):
    """What an undo does in Plain; each is harmless twice, but for the note."""

    async def seen(self, thread: str) -> ThreadSnapshot | None:
        """The thread as it stands; None where it is gone."""

    async def add_note(self, customer: str, thread: str, text: str) -> None: ...

    async def mark_ignored(self, thread: str) -> None: ...


class People(Protocol):
    async def profile(self, user: str) -> Profile | None: ...


Sleep = Callable[[float], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class UndoContext:
    """All that an undo touches. `sleep` takes seconds."""

    ledger: Ledger
    plain: Plain
    slack: People
    run: Run
    linkers: Linkers
    sleep: Sleep = asyncio.sleep


async def undo(row_id: int, by: Profile | None, world: UndoContext) -> Result:
    """Undo the row with this id, as far as `by` may; raises TryLater where the ledger does.

    However often it runs, and wherever an earlier run broke off: the thread is marked once, and
    the row says so in the end. The note alone may stand there twice.
    """
    row = await world.run(world.ledger.find, row_id)
    for _ in range(IN_HAND_LOOKS):
        refused = refusal(row or Row(row_id, State.OTHER, "", 0.0), by, world.linkers)
        if refused is not None or row is None or row.ticket is None or by is None:
            return refused or Nothing()
        match await world.run(world.ledger.begin, row.id, by.user):
            case Begin.BEGUN:
                return await _finish(row, row.ticket, by.name, world)
            case Begin.ADDED_TO:
                return AddedTo(row.ticket)
            case Begin.IN_HAND:
                await world.sleep(IN_HAND_PAUSE)
        row = await world.run(world.ledger.find, row_id)
    return Unreached(row.ticket if row else None, goes_on=True)


@dataclass(frozen=True, slots=True)
class UndoReport:
    """What came of it, and which row it was about."""

    row: Row
    result: Result


async def undo_reaction(key: str, user: str, emoji: str, world: UndoContext) -> UndoReport | None:
    """Undo what this person asked for by a reaction that is taken away now.

    None where that asked for nothing, or long ago: then it is just a reaction. A row that still
    waits is withdrawn, or is undone once it is settled, if that is soon.
    """
    row = await _asked(key, user, emoji, world)
    for pause in SETTLING_PAUSES:
        if row is None or row.state is not State.WAITING:
            break
        if await world.run(world.ledger.withdraw, row.id, user):
            return UndoReport(row, Undone(None))
        await world.sleep(pause)
        row = await _asked(key, user, emoji, world)
    if row is None or row.state not in (State.CREATED, State.ADDED):
        return None
    if row.age > UNDO_SECONDS:
        return None
    by = await patiently(lambda: world.slack.profile(user), world.sleep)
    result = await undo(row.id, by, world)
    return None if isinstance(result, TooLate | Outsider) else UndoReport(row, result)


async def _asked(key: str, user: str, emoji: str, world: UndoContext) -> Row | None:
    row = await world.run(world.ledger.find_asked, key)
    return row if row is not None and (row.submitter, row.emoji) == (user, emoji) else None


async def patiently(ask: Callable[[], Awaitable[T]], sleep: Sleep) -> T:
    """Await `ask()`, and again after each wait that the other side names, for `PATIENCE` in all.

    Raises what `ask` raises: Refused, and TryLater where nobody named a wait, where it is too
    long, or where it is unknown what the request did.
    """
    left = PATIENCE
    while True:
        try:
            return await ask()
        except TryLater as fault:
            if fault.after is None or fault.after > left or fault.unknown:
                raise
            pause = max(SHORTEST_PAUSE, fault.after)
        left -= pause
        await sleep(pause)


async def finish_left_over(world: UndoContext) -> list[UndoReport]:
    """Finish what was begun and not finished; return what is over now, undone or not."""
    over = []
    for row in await world.run(world.ledger.left_over, LEFT_OVER_AT_ONCE):
        by = row.begun_by
        if by is None or row.ticket is None:
            continue
        if await world.run(world.ledger.begin, row.id, by) is not Begin.BEGUN:
            continue
        profile = None
        with suppress(Fault):
            profile = await world.slack.profile(by)
        name = profile.name if profile else "Somebody"
        result = await _finish(row, row.ticket, name, world)
        if not isinstance(result, Unreached):
            over.append(UndoReport(row, result))
    return over


@dataclass
class _Progress:
    """How far an undo is. `changed`: something of it may stand in Plain; `sending`: something
    was about to be sent."""

    changed: bool
    sending: bool = False


async def _finish(row: Row, ticket: Ticket, name: str, world: UndoContext) -> Result:
    """Do in Plain what is not done yet, and settle the row, which is this caller's."""
    ledger, run = world.ledger, world.run
    progress = _Progress(changed=row.begun_by is not None)
    try:
        async with asyncio.timeout(FINISH_SECONDS):
            return await patiently(lambda: _mark(row, ticket, name, world, progress), world.sleep)
    except (TryLater, TimeoutError) as fault:
        named = fault.after if isinstance(fault, TryLater) else None
        changed = fault.unknown if isinstance(fault, TryLater) else progress.sending
        goes_on = progress.changed or changed or named is not None
        with suppress(TryLater):
            await run(ledger.pause if goes_on else ledger.release, row.id)
        return Unreached(ticket, goes_on=goes_on, after=named)
    except Refused as refused:
        await run(ledger.release, row.id)
        if refused.reason is Reason.PLAIN_FORBIDDEN:
            return Lacking(ticket, ())
        return Declined(ticket)


async def _mark(
    row: Row, ticket: Ticket, name: str, world: UndoContext, progress: _Progress
) -> Result:
    """Look at the thread, and do what it lacks; harmless twice, but for the note."""
    ledger, plain, run = world.ledger, world.plain, world.run
    seen = await plain.seen(ticket.id)
    standing = Look.IGNORED if seen is None else look(seen, assigns=row.assigns)
    if standing is Look.ACTED:
        await run(ledger.release, row.id)
        return Acted(ticket)
    if seen is not None and standing is Look.FREE:
        if missing := lacking(seen):
            await run(ledger.release, row.id)
            return Lacking(ticket, missing)
        progress.sending = True
        if not seen.is_noted:  # before the mark: what is new on a thread may open it again
            await plain.add_note(seen.customer, ticket.id, note(name, reference(row.id)))
        progress.changed = True
        await plain.mark_ignored(ticket.id)
    await run(ledger.finish, row.id)
    return Undone(ticket)
