"""Tell submitters who have waited for a minute that it takes longer; each once."""

from __future__ import annotations

from bot.core.faults import Rejected, TryLater
from bot.core.model import Escalation, Ignored, Via
from bot.core.refs import reference
from bot.flows.admission import admit
from bot.flows.workspace import Workspace
from bot.store.delay_notices import DelayNotices
from bot.store.executor import Run
from bot.store.jobs import Job

NOTICE_SECONDS = 60.0
"""Seconds until a waiting submitter is told that it takes longer."""

_AT_ONCE = 50


async def plan(workspace: Workspace, notices: DelayNotices, run: Run) -> int:
    """Plan to tell submitters who have waited too long; return how many. Raises TryLater."""
    return await run(notices.plan, workspace.team, NOTICE_SECONDS, _AT_ONCE)


async def tell_of_delay(job: Job, workspace: Workspace, notices: DelayNotices, run: Run) -> None:
    """Tell one submitter, unless their request has ended. Raises TryLater if they were not told."""
    escalation = await run(notices.take, job)
    if escalation is None:
        return
    try:
        if await _is_to_be_told(escalation, workspace):
            await workspace.slack.tell_queued(escalation.trigger, reference(job.key))
    except TryLater as fault:
        if not fault.outcome_unknown:  # else it may have been said
            await run(notices.give_back, job)
            raise
    except Rejected:
        pass  # the final answer will find its own way, or say that there is none
    await run(notices.end, job)


async def _is_to_be_told(escalation: Escalation, workspace: Workspace) -> bool:
    """Return False for a reaction that will be ignored or rejected without an answer."""
    if escalation.trigger.via is not Via.REACTION:
        return True
    try:
        return not isinstance(await admit(escalation, workspace), Ignored)
    except Rejected:
        return False
