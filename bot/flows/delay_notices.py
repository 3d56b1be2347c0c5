"""Tell submitters who have waited for a minute that it takes longer; each once."""

from __future__ import annotations

from bot.core.faults import Rejected, TryLater
from bot.core.model import Escalation, Ignored, Via
from bot.core.refs import reference
from bot.flows.admission import admit
from bot.flows.workspace import Workspace
from bot.store.delay_notices import DelayNotices
from bot.store.executor import Run

NOTICE_SECONDS = 60.0
"""Seconds until a waiting submitter is told that it takes longer."""

_AT_ONCE = 50


async def tell_queued(workspace: Workspace, notices: DelayNotices, run: Run) -> None:
    """Tell each submitter who has waited too long; raises TryLater only for the database."""
    waiting = list(await run(notices.take_late, workspace.team, NOTICE_SECONDS, _AT_ONCE))
    while waiting:
        queued = waiting[0]
        try:
            if await _is_to_be_told(queued.escalation, workspace):
                await workspace.slack.tell_queued(queued.escalation.trigger, reference(queued.id))
        except TryLater as fault:
            if fault.outcome_unknown:
                waiting.pop(0)  # it may have been said
            break
        except Rejected:
            pass  # the final answer will find its own way, or say that there is none
        waiting.pop(0)
    for queued in waiting:
        await run(notices.give_back, queued)


async def _is_to_be_told(escalation: Escalation, workspace: Workspace) -> bool:
    """Return False for a reaction that will be ignored or rejected without an answer."""
    if escalation.trigger.via is not Via.REACTION:
        return True
    try:
        return not isinstance(await admit(escalation, workspace), Ignored)
    except Rejected:
        return False
