"""Keep the requests of one Slack thread in order: each delivery waits for its turn."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from bot.core.faults import Postponed, TryLater
from bot.core.model import Message
from bot.store.claims import Claim


class ThreadOrder:
    """Lets the requests of one Slack thread pass in the order in which they were made.

    Which Slack thread a reaction belongs to is known only once its message was read: until
    then a request holds back the later ones of its channel that this process has claimed. Across
    processes the jobs do so.
    """

    def __init__(self) -> None:
        # A request whose lease ran out may be here twice, so this counts claims.
        self._keys: dict[tuple[int, str], tuple[str | None, str | None]] = {}
        self._waiting: set[asyncio.Event] = set()

    def enter(self, claim: Claim) -> None:
        """Add a claim whose delivery begins."""
        trigger = claim.escalation.trigger
        self._keys[claim.id, claim.job.token] = (trigger.ref.channel if trigger.ref else None, None)

    def leave(self, claim: Claim) -> None:
        """Remove a claim whose delivery has ended."""
        self._keys.pop((claim.id, claim.job.token), None)
        self._notify()

    async def wait(self, claim: Claim, conversation_key: str) -> None:
        """Return once no earlier row of this conversation is being delivered."""
        channel, _ = self._keys[claim.id, claim.job.token]
        self._keys[claim.id, claim.job.token] = (channel, conversation_key)
        self._notify()
        moved = asyncio.Event()
        self._waiting.add(moved)
        try:
            while self._is_held(claim.id, channel, conversation_key):
                moved.clear()
                await moved.wait()
        finally:
            self._waiting.discard(moved)

    def _is_held(self, row_id: int, channel: str | None, key: str) -> bool:
        return channel is not None and any(
            earlier < row_id and place == channel and known in (None, key)
            for (earlier, _), (place, known) in self._keys.items()
        )

    def _notify(self) -> None:
        for moved in self._waiting:
            moved.set()


class Turn:
    """The progress of one delivery, which waits for its turn in the order of its Slack thread.

    `trigger` knows its message as soon as that was read. `waits` is True while an earlier request
    of the conversation is being delivered.
    """

    def __init__(self, claim: Claim, order: ThreadOrder) -> None:
        self.trigger = claim.escalation.trigger
        self.waits = False
        self._claim = claim
        self._order = order

    async def read(self, message: Message | None, conversation_key: str) -> None:
        """Wait for the request's turn; implements `deliver.Progress.read`."""
        self.trigger = replace(self.trigger, message=message)
        self.waits = True
        await self._order.wait(self._claim, conversation_key)
        self.waits = False

    def too_long(self) -> TryLater:
        """Return the fault of a delivery that took too long: none of its own if it waited."""
        if self.waits:
            return Postponed("conversation_held", 1.0)
        return TryLater("took_too_long", outcome_unknown=True)
