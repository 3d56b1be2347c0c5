"""Give answers, edit those that no longer hold, and tell people that their ticket was undone."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from bot.core import refs
from bot.core.faults import Rejected, TryLater
from bot.core.model import Outcome, PostedAnswer, Trigger
from bot.flows.workspace import Workspace
from bot.store.edits import Edits, StaleAnswer
from bot.store.executor import Run
from bot.store.jobs import Job


def _nobody(_user: str) -> None:
    """Do nothing: no Home has to be refreshed."""


@dataclass(frozen=True, slots=True)
class EditContext:
    """Everything that answers use; `changed` is called with submitters whose ticket changed."""

    workspace: Workspace
    edits: Edits
    run: Run
    changed: Callable[[str], None] = _nobody


async def tell(trigger: Trigger, outcome: Outcome, reference: str, context: EditContext) -> None:
    """Answer the submitter, and remember where, if that can be edited later.

    Raises what `ports.Slack.tell` raises.
    """
    posted = await context.workspace.slack.tell(trigger, outcome, reference)
    row_id = refs.row_id(reference)
    if posted is not None and row_id is not None:
        # It was said; if it cannot be remembered, its button merely stays longer than it works.
        with suppress(TryLater):
            await context.run(context.edits.remember, row_id, [posted])


async def edit(job: Job, context: EditContext) -> None:
    """Edit an answer whose Undo has ended; or tell the submitter that the ticket was undone.

    Raises TryLater if Slack or the database does not take it now.
    """
    found = await context.run(context.edits.find, job.key)
    if found is not None and found.is_undoing:
        raise TryLater("being_undone")  # its end brings this forward
    if found is not None:
        await _bring_up_to_date(found, context)
    await context.run(context.edits.end, job, found)


async def retract(request_id: int, context: EditContext) -> tuple[PostedAnswer, ...]:
    """Edit the answers about a request whose ticket is undone, and return them; raises TryLater."""
    found = await context.run(context.edits.find, request_id)
    if found is None or found.undone_by is None:
        return ()
    edited = await _edit(found, context)
    if edited and (says_so(edited) or not found.is_others):
        await context.run(context.edits.forget, found.id)
    return edited


def says_so(edited: tuple[PostedAnswer, ...]) -> bool:
    """Return whether one of these is a message: a reaction that is taken away says nothing."""
    return any(said.receipt is None for said in edited)


async def _bring_up_to_date(found: StaleAnswer, context: EditContext) -> None:
    edited = await _edit(found, context)
    if found.undone_by is None:
        return
    context.changed(found.escalation.trigger.submitter)
    if not found.is_others or says_so(edited):
        return
    try:
        await context.workspace.slack.tell_undone(
            found.escalation.trigger, found.ticket, found.undone_by
        )
    except TryLater as fault:
        if not fault.outcome_unknown:
            raise  # else it may have been said
    except Rejected:
        pass  # no way to the person is open


async def _edit(found: StaleAnswer, context: EditContext) -> tuple[PostedAnswer, ...]:
    """Edit the posted answers; return those that still stand."""
    slack = context.workspace.slack
    edited = []
    for posted in found.posted:
        with suppress(Rejected):  # it is gone, or cannot be edited
            if found.undone_by is not None:
                await slack.edit_undone(posted, found.ticket, found.undone_by)
            else:
                await slack.edit_ended(posted, found.ticket)
            edited.append(posted)
    return tuple(edited)
