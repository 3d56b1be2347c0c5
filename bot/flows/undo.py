"""Undo a ticket: ignored in Plain with a note, undone in the ledger, and said so in Slack."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from bot.core import refs
from bot.core.directory import Profile
from bot.core.faults import Fault, Reason, Rejected, TryLater
from bot.core.model import Outcome, PostedAnswer, Ticket, Trigger
from bot.core.record import Record, State
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
    TooLate,
    Undone,
    Unreached,
    lacking,
    look,
    note,
    refusal,
)
from bot.flows.workspace import Workspace
from bot.store.executor import Run
from bot.store.undo import Begin, StaleAnswer, Undos

T = TypeVar("T")

PATIENCE = 5.0
"""Seconds that an undo waits if Slack or Plain asks it to; the periodic task finishes what has to
wait for longer."""
SHORTEST_PAUSE = 0.1

IN_HAND_PAUSE = 0.5
IN_HAND_LOOKS = 80
"""How often a click looks again while another one is undoing the same row."""

SETTLING_PAUSES = (0.5, 1.0, 2.0, *(5.0 for _ in range(24)))
"""The pauses in which a removed reaction waits for its ticket, which is being created."""

FINISH_SECONDS = 25.0
"""For everything that is done in Plain. Shorter than the ledger's lease of an undo: if another
process had taken the row over by then, releasing it would show a ticket that Plain ignores."""

LEFT_OVER_AT_ONCE = 10

EDITS_AT_ONCE = 20
"""Answers that one periodic run edits; Slack allows about 50 edits in a minute."""

Sleep = Callable[[float], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class UndoContext:
    """Everything that an undo uses; `sleep` takes seconds."""

    workspace: Workspace
    undos: Undos
    run: Run
    sleep: Sleep = asyncio.sleep


@dataclass(frozen=True, slots=True)
class UndoReport:
    """The result of an undo, and the record as it was before."""

    record: Record
    result: Result


async def undo(row_id: int, by: Profile | None, context: UndoContext) -> Result:
    """Undo the row with this id, if `by` may; raises TryLater if the database fails.

    Safe to run again wherever an earlier run stopped: the thread is marked once, and the row is
    undone in the end. Only the note may appear twice.
    """
    run, undos = context.run, context.undos
    record = await run(undos.find, context.workspace.team, row_id)
    for _ in range(IN_HAND_LOOKS):
        refused = refusal(record, by, context.workspace.policy.linkers)
        if refused is not None or record is None or record.ticket is None or by is None:
            return refused or Nothing()
        match await run(undos.begin, record.id, by.user):
            case Begin.BEGUN:
                return await _finish(record, record.ticket, by.name, context)
            case Begin.ADDED_TO:
                return AddedTo(record.ticket)
            case Begin.IN_HAND:
                await context.sleep(IN_HAND_PAUSE)
        record = await run(undos.find, context.workspace.team, row_id)
    return Unreached(record.ticket if record else None, goes_on=True)


async def undo_reaction(key: str, user: str, emoji: str, context: UndoContext) -> UndoReport | None:
    """Undo what this user requested by a reaction that they have removed.

    Return None if the reaction requested nothing, or did long ago. A row that still waits is
    withdrawn, or undone once it is settled, if that is soon.
    """
    record = await _requested(key, user, emoji, context)
    for pause in SETTLING_PAUSES:
        if record is None or record.state is not State.WAITING:
            break
        if await context.run(context.undos.withdraw, record.id, user):
            return UndoReport(record, Undone(None))
        await context.sleep(pause)
        record = await _requested(key, user, emoji, context)
    if record is None or record.state not in (State.CREATED, State.ADDED):
        return None
    if record.age > UNDO_SECONDS:
        return None
    by = await patiently(lambda: context.workspace.slack.profile(user), context.sleep)
    result = await undo(record.id, by, context)
    return None if isinstance(result, TooLate | Outsider) else UndoReport(record, result)


async def _requested(key: str, user: str, emoji: str, context: UndoContext) -> Record | None:
    record = await context.run(context.undos.find_by_message, key)
    is_its = record is not None and (record.submitter, record.emoji) == (user, emoji)
    return record if is_its else None


async def patiently(ask: Callable[[], Awaitable[T]], sleep: Sleep) -> T:
    """Await `ask()`, and again after each wait that the other side names, for `PATIENCE` in all.

    Raises what `ask` raises: Rejected, and TryLater if nobody named a wait, if it is too long, or
    if the outcome of the request is unknown.
    """
    left = PATIENCE
    while True:
        try:
            return await ask()
        except TryLater as fault:
            if fault.after is None or fault.after > left or fault.outcome_unknown:
                raise
            pause = max(SHORTEST_PAUSE, fault.after)
        left -= pause
        await sleep(pause)


async def finish_left_over(context: UndoContext) -> list[UndoReport]:
    """Finish undos that were begun and not finished; return those that ended, undone or not."""
    over = []
    run, undos = context.run, context.undos
    for record in await run(undos.unfinished, context.workspace.team, LEFT_OVER_AT_ONCE):
        by = record.undo_begun_by
        if by is None or record.ticket is None:
            continue
        if await run(undos.begin, record.id, by) is not Begin.BEGUN:
            continue
        profile = None
        with suppress(Fault):
            profile = await context.workspace.slack.profile(by)
        name = profile.name if profile else "Somebody"
        result = await _finish(record, record.ticket, name, context)
        if not isinstance(result, Unreached):
            over.append(UndoReport(record, result))
    return over


@dataclass
class _Progress:
    """The progress of an undo. `changed`: something of it may be in Plain; `sending`: something
    was about to be sent."""

    changed: bool
    sending: bool = False


async def _finish(record: Record, ticket: Ticket, name: str, context: UndoContext) -> Result:
    """Do in Plain what is not done yet, and settle the row, which belongs to this caller."""
    undos, run = context.undos, context.run
    progress = _Progress(changed=record.undo_begun_by is not None)
    try:
        async with asyncio.timeout(FINISH_SECONDS):
            return await patiently(
                lambda: _mark(record, ticket, name, context, progress), context.sleep
            )
    except (TryLater, TimeoutError) as fault:
        named = fault.after if isinstance(fault, TryLater) else None
        changed = fault.outcome_unknown if isinstance(fault, TryLater) else progress.sending
        goes_on = progress.changed or changed or named is not None
        with suppress(TryLater):
            await run(undos.pause if goes_on else undos.release, record.id)
        return Unreached(ticket, goes_on=goes_on, after=named)
    except Rejected as refused:
        await run(undos.release, record.id)
        if refused.reason is Reason.PLAIN_FORBIDDEN:
            return Lacking(ticket, ())
        return Declined(ticket)


async def _mark(
    record: Record, ticket: Ticket, name: str, context: UndoContext, progress: _Progress
) -> Result:
    """Look at the thread and do what is missing; harmless twice, but for the note."""
    undos, plain, run = context.undos, context.workspace.plain, context.run
    snapshot = await plain.thread_snapshot(ticket.id)
    found = Look.IGNORED if snapshot is None else look(snapshot, assigns=record.may_assign)
    if found is Look.ACTED:
        await run(undos.release, record.id)
        return Acted(ticket)
    if snapshot is not None and found is Look.FREE:
        if missing := lacking(snapshot):
            await run(undos.release, record.id)
            return Lacking(ticket, missing)
        progress.sending = True
        if not snapshot.is_noted:  # before the mark: a new entry may reopen the thread
            await plain.add_note(snapshot.customer, ticket.id, note(name, record.reference))
        progress.changed = True
        await plain.mark_ignored(ticket.id)
    await run(undos.finish, record.id)
    return Undone(ticket)


# The answers that offer an undo


async def tell(trigger: Trigger, outcome: Outcome, reference: str, context: UndoContext) -> None:
    """Answer the submitter, and remember where, if that can be edited later.

    Raises what `ports.Slack.tell` raises.
    """
    posted = await context.workspace.slack.tell(trigger, outcome, reference)
    row_id = refs.row_id(reference)
    if posted is not None and row_id is not None:
        # It was said; if it cannot be remembered, its button merely stays longer than it works.
        with suppress(TryLater):
            await context.run(context.undos.remember_answer, row_id, [posted])


async def retract(row_id: int, context: UndoContext) -> tuple[PostedAnswer, ...]:
    """Edit the answer about a row that is undone; return what was edited."""
    found = await context.run(context.undos.posted_answer, row_id)
    if found is None or found.undone_by is None:
        return ()
    return found.posted if await _edit(found, context) else ()


async def edit_stale_answers(context: UndoContext) -> int:
    """Edit the answers whose undo has expired or was done; return how many there were."""
    found = await context.run(context.undos.stale_answers, context.workspace.team, EDITS_AT_ONCE)
    for one in found:
        await _edit(one, context)
    return len(found)


async def _edit(stale: StaleAnswer, context: UndoContext) -> bool:
    """Edit an answer and return whether that worked; forget it if it can never be edited."""
    try:
        for posted in stale.posted:
            if stale.undone_by is not None:
                await context.workspace.slack.edit_undone(posted, stale.ticket, stale.undone_by)
            else:
                await context.workspace.slack.edit_ended(posted, stale.ticket)
    except TryLater:
        return False  # the next run tries again
    except Rejected:
        await context.run(context.undos.forget_answer, stale.id)
        return False
    await context.run(context.undos.forget_answer, stale.id)
    return True
