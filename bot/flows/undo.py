"""Undo a ticket: recorded, ignored in Plain with a note, undone in the ledger, said so in Slack."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Protocol

from bot.core import refs
from bot.core.directory import Profile
from bot.core.faults import (
    Fault,
    OutOfTurn,
    Postponed,
    Reason,
    Rejected,
    TryLater,
)
from bot.core.model import PostedAnswer, ReplyTo, Ticket
from bot.core.undo import (
    Acted,
    AddedTo,
    AlreadyUndone,
    Declined,
    Lacking,
    Look,
    Nothing,
    NotUndoable,
    NotYours,
    Outsider,
    Result,
    TooLate,
    UndoClick,
    Undone,
    UndoTarget,
    Unreached,
    lacking,
    look,
    note,
    refusal,
    was_undone_by,
)
from bot.flows.edits import EditContext, retract
from bot.flows.intake import RECORD_SECONDS
from bot.flows.workspace import Workspace
from bot.store.executor import Run
from bot.store.jobs import Job
from bot.store.undo import Begin, Undoing, Undos

PATIENCE = 5.0
"""Seconds that a person hears nothing; then they are told that the bridge goes on by itself."""

LONGEST_UNDO = 6 * 3600.0
"""Seconds after which an undo that Plain or Slack does not take is given up."""

LONGEST_PAUSE = 30.0
"""Seconds between two looks at a request that is being delivered, at most."""

CHANGED_PAUSE = 0.5
"""Seconds before another look at a ticket that changed meanwhile."""

FINAL = (TooLate, Acted, AddedTo, NotUndoable)
"""Results that stay the same for everybody."""

_SILENT = (TooLate, Outsider, NotYours, AlreadyUndone, Nothing)
"""Results of a reaction that was taken back which nobody is told: it was just a reaction."""


class UndoAnswerer(Protocol):
    """Answers undos in Slack."""

    async def answer(
        self, undoing: Undoing, result: Result, edited: Sequence[PostedAnswer]
    ) -> None:
        """Answer the person; `edited` are the posted answers that say it already.

        Raise TryLater, unless the person may have been told.
        """


def _nothing(_of: object = None) -> None:
    """Do nothing: no Home has to be refreshed."""


@dataclass(frozen=True, slots=True)
class UndoContext:
    """Everything that an undo uses.

    `refused` is called with the id of a request that cannot be undone any more, `waiting_changed`
    when somebody need not be linked any more.
    """

    editing: EditContext
    undos: Undos
    answers: UndoAnswerer
    refused: Callable[[int], None] = _nothing
    waiting_changed: Callable[[], None] = _nothing

    @property
    def workspace(self) -> Workspace:
        return self.editing.workspace

    @property
    def run(self) -> Run:
        return self.editing.run


# What is acknowledged


async def record_click(request_id: int, click: UndoClick, context: UndoContext) -> None:
    """Record a click on Undo; committed on return. Raises TryLater and TimeoutError."""
    async with asyncio.timeout(RECORD_SECONDS + 0.2):
        await context.run(
            context.undos.record, context.workspace.team, request_id, click, within=RECORD_SECONDS
        )


async def record_removal(act: str, reply_to: ReplyTo, context: UndoContext) -> bool:
    """Record that a reaction was taken back; return False if there is nothing to undo.

    `act` is its `refs.reaction_act`; `reply_to.asked_at` is when it was taken back. Committed on
    return. Raises TryLater and TimeoutError.
    """
    click = UndoClick(reply_to, is_reaction=True)
    async with asyncio.timeout(RECORD_SECONDS + 0.2):
        recorded = await context.run(
            context.undos.record_removal,
            context.workspace.team,
            act,
            click,
            within=RECORD_SECONDS,
        )
    return recorded is not None


# The job


async def undo(job: Job, context: UndoContext) -> None:
    """Carry out an undo that was recorded, and answer the person.

    Safe to run again wherever an earlier run stopped: the thread is marked once, and the ticket is
    undone in the end. Only the note, and an answer, may appear twice. Raises TryLater.
    """
    undoing = await context.run(context.undos.find, job)
    if undoing is not None:
        try:
            result = await _result(job, undoing, context)
        except OutOfTurn:
            return  # the job was given back, and runs once the ticket's other one has ended
        except _GivenUp as given_up:
            await context.run(context.undos.release, job, given_up.target)
            result = Unreached(given_up.target.ticket)
        await _answer(job, undoing, result, context)
    await context.run(context.undos.end, job)


class _GivenUp(Exception):
    """Plain or Slack did not take the undo for hours."""

    def __init__(self, target: UndoTarget) -> None:
        super().__init__()
        self.target = target


async def _result(job: Job, undoing: Undoing, context: UndoContext) -> Result:
    target = undoing.target
    if target is not None:
        done = was_undone_by(target, undoing.by, undoing.clicked_at)
        if done is not None:
            return done  # only the answer was missing
        if undoing.click.is_reaction and target.waits:
            return await _withdraw(job, undoing, target, context)
        if undoing.click.is_reaction and target.state not in ("created", "added"):
            return Nothing()
    by, refused = await _judge(job, undoing, context)
    if refused is not None or target is None or target.ticket is None:
        return refused or Nothing()
    async with _patiently(job, undoing, target, target.ticket, context):
        return await _carry_out(job, undoing, target, target.ticket, by, context)


async def _withdraw(job: Job, undoing: Undoing, target: UndoTarget, context: UndoContext) -> Result:
    """Withdraw the person's own request. Raise Postponed once something of it may be in Plain:
    then its ticket is undone as soon as it is there."""
    if not await context.run(context.undos.withdraw, job, target):
        pause = max(CHANGED_PAUSE, (job.now - undoing.clicked_at) / 4)
        raise Postponed("request_is_being_delivered", min(LONGEST_PAUSE, pause))
    if target.state == "on_hold":
        context.waiting_changed()
    return Undone(None)


async def _judge(
    job: Job, undoing: Undoing, context: UndoContext
) -> tuple[Profile | None, Result | None]:
    """Return who wants the undo, and why they may not have it; None if nothing prevents it."""
    slack, target = context.workspace.slack, undoing.target
    if target is not None and (target.ticket_state, target.undone_by) == ("undoing", undoing.by):
        with suppress(Fault):  # they were let before it began
            return await slack.profile(undoing.by), None
        return None, None
    try:
        async with _patiently(job, undoing, target, None, context):
            by = await slack.fresh_profile(undoing.by)
    except Rejected:
        return None, Unreached(None)
    linkers = context.workspace.policy.linkers
    return by, refusal(target, by, linkers, undoing.clicked_at)


@asynccontextmanager
async def _patiently(
    job: Job,
    undoing: Undoing,
    target: UndoTarget | None,
    ticket: Ticket | None,
    context: UndoContext,
) -> AsyncIterator[None]:
    """Tell the person, once, if it takes long; raise _GivenUp if it took too long."""
    clock = asyncio.get_running_loop().time
    began = clock()
    try:
        yield
    except TryLater as fault:
        waited = job.now - undoing.clicked_at + clock() - began
        if waited > LONGEST_UNDO and target is not None:
            raise _GivenUp(target) from fault
        if not undoing.click.promised and waited + (fault.after or 0.0) > PATIENCE:
            promised = replace(undoing.click, promised=True)
            await context.run(context.undos.keep_click, job, undoing, promised)
            with suppress(Fault):
                going_on = Unreached(ticket, goes_on=True, after=fault.after)
                await context.answers.answer(undoing, going_on, ())
        raise


async def _carry_out(
    job: Job,
    undoing: Undoing,
    target: UndoTarget,
    ticket: Ticket,
    by: Profile | None,
    context: UndoContext,
) -> Result:
    """Undo the ticket, in Plain and in the ledger. Raise TryLater and OutOfTurn."""
    undos, run = context.undos, context.run
    if not await run(undos.take_turn, job, target.ticket_id or 0):
        raise OutOfTurn
    try:
        return await _mark(job, undoing, target, ticket, by, context)
    except Rejected as refused:
        await run(undos.release, job, target)
        if refused.reason is Reason.PLAIN_FORBIDDEN:
            return Lacking(ticket, ())
        return Declined(ticket)


async def _mark(
    job: Job,
    undoing: Undoing,
    target: UndoTarget,
    ticket: Ticket,
    by: Profile | None,
    context: UndoContext,
) -> Result:
    """Look at the thread and do what is missing; harmless twice, but for the note.

    That it begins is noted before the first write.
    """
    undos, plain, run = context.undos, context.workspace.plain, context.run
    snapshot = await plain.thread_snapshot(ticket.id)
    found = Look.IGNORED if snapshot is None else look(snapshot, assigns=target.may_assign)
    if found is Look.ACTED:
        await run(undos.release, job, target)
        return Acted(ticket)
    if snapshot is not None and found is Look.FREE and (missing := lacking(snapshot)):
        await run(undos.release, job, target)
        return Lacking(ticket, missing)
    match await run(undos.begin, job, target, undoing.by):
        case Begin.ADDED_TO:
            return AddedTo(ticket)
        case Begin.CHANGED:
            raise Postponed("ticket_changed", CHANGED_PAUSE)
    if snapshot is not None and found is Look.FREE:
        if not snapshot.is_noted:  # before the mark: a new entry may reopen the thread
            name = by.name if by else "Somebody"
            text = note(name, refs.reference(target.opened_by or target.id))
            await plain.add_note(snapshot.customer, ticket.id, text)
        await plain.mark_ignored(ticket.id)
    await run(undos.finish, job, target, undoing.by)
    return Undone(ticket)


# The answer


async def _answer(job: Job, undoing: Undoing, result: Result, context: UndoContext) -> None:
    """Answer the person, unless that has failed for hours. Raise TryLater."""
    target = undoing.target
    edited: tuple[PostedAnswer, ...] = ()
    try:
        if isinstance(result, Undone | AlreadyUndone) and target and target.opened_by:
            edited = await retract(target.opened_by, context.editing)
        if target is not None and isinstance(result, (Undone, AlreadyUndone, *FINAL)):
            if isinstance(result, FINAL):
                context.refused(target.id)
            context.editing.changed(target.submitter)
        if not (undoing.click.is_reaction and isinstance(result, _SILENT)):
            await context.answers.answer(undoing, result, edited)
    except TryLater:
        if job.now - undoing.clicked_at <= LONGEST_UNDO:
            raise
