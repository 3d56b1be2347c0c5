"""The order among the rows of one Slack thread."""

from __future__ import annotations

import asyncio

from bot.store.claims import Claim


class ThreadOrder:
    """Lets the rows of one Slack thread past in the order in which they were asked for.

    Which Slack thread a reaction belongs to is known only once its message was read: until
    then a row holds back the later ones of its channel.
    """

    def __init__(self) -> None:
        # A row whose lease ran out may be here twice: it is its claims that take turns.
        self._keys: dict[tuple[int, str], tuple[str | None, str | None]] = {}
        self._waiting: set[asyncio.Event] = set()

    def enter(self, claim: Claim) -> None:
        trigger = claim.escalation.trigger
        self._keys[claim.id, claim.token] = (trigger.ref.channel if trigger.ref else None, None)

    def leave(self, claim: Claim) -> None:
        self._keys.pop((claim.id, claim.token), None)
        self._tell()

    async def wait(self, claim: Claim, conversation_key: str) -> None:
        """Returns once no earlier row of this conversation is on its way."""
        channel, _ = self._keys[claim.id, claim.token]
        self._keys[claim.id, claim.token] = (channel, conversation_key)
        self._tell()
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

    def _tell(self) -> None:
        for moved in self._waiting:
            moved.set()
