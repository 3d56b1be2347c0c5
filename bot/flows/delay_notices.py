"""Tells those who have waited for a minute that it takes longer; each once."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Protocol

from bot.core.directory import UserKind
from bot.core.faults import Refused, TryLater
from bot.core.model import Escalation, Ignored, Via
from bot.flows.admission import admit
from bot.flows.ports import Slack
from bot.store.claims import reference
from bot.store.delay_notices import Queued
from bot.store.executor import Run

QUEUED_SECONDS = 60.0
"""How long a person waits before they hear that it takes longer."""

_AT_ONCE = 50


class Queue(Protocol):
    """The rows that wait; each is given once, unless it is said to be untold."""

    def waiting_long(self, seconds: float, limit: int) -> Sequence[Queued]: ...
    def untold(self, queued: Queued) -> None: ...


async def tell_queued(queue: Queue, slack: Slack, who: Set[UserKind], run: Run) -> None:
    """Tell who has waited too long and was not told yet; raises TryLater for the ledger only."""
    waiting = list(await run(queue.waiting_long, QUEUED_SECONDS, _AT_ONCE))
    while waiting:
        queued = waiting[0]
        try:
            if await _shall_hear(queued.escalation, slack, who):
                await slack.tell_queued(queued.escalation.trigger, reference(queued.id))
        except TryLater as fault:
            if fault.unknown:
                waiting.pop(0)  # perhaps it was said
            break
        except Refused:
            pass  # the final answer will find its own way, or say that there is none
        waiting.pop(0)
    for queued in waiting:
        await run(queue.untold, queued)


async def _shall_hear(escalation: Escalation, slack: Slack, who: Set[UserKind]) -> bool:
    """A reaction that nobody wants, or that was not allowed, is settled in silence."""
    if escalation.trigger.via is not Via.REACTION:
        return True
    try:
        return not isinstance(await admit(escalation, slack, who), Ignored)
    except Refused:
        return False
