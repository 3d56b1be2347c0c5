"""One attempt at a row: what is known of it while it lasts, and how it keeps its lease."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import replace

from bot.core.faults import LeaseLost, Postponed, TryLater
from bot.core.model import Message
from bot.flows.thread_order import ThreadOrder
from bot.store.claims import Claim
from bot.store.executor import Run

RENEWALS_PER_LEASE = 3


class Attempt:
    """One row under way. `trigger` knows its message as soon as that was read; `waits` while an
    earlier row of its conversation is on its way."""

    def __init__(self, claim: Claim, turns: ThreadOrder) -> None:
        self.trigger = claim.escalation.trigger
        self.waits = False
        self._claim = claim
        self._turns = turns

    async def read(self, message: Message | None, conversation_key: str) -> None:
        """See `deliver.Progress.read`."""
        self.trigger = replace(self.trigger, message=message)
        self.waits = True
        await self._turns.wait(self._claim, conversation_key)
        self.waits = False

    def too_long(self) -> TryLater:
        """Return the fault of an attempt that took too long; one that waited is not to blame."""
        if self.waits:
            return Postponed("conversation_held", 1.0)
        return TryLater("took_too_long", unknown=True)


async def keep_lease(claim: Claim, renew: Callable[[Claim], None], run: Run) -> None:
    """Renew the lease until cancelled, or until it is lost.

    A renewal that fails is tried again; the lease runs out where none succeeds in time.
    """
    while math.isfinite(claim.lease):
        await asyncio.sleep(claim.lease / RENEWALS_PER_LEASE)
        try:
            await run(renew, claim)
        except LeaseLost:
            return
        except TryLater:
            """There are two more renewals before the lease runs out."""
