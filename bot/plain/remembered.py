"""A value that is asked for once and kept for a while, however many want it at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Remembered(Generic[T]):
    """What `ask` gives, kept for `lifetime` seconds of `clock`; a fault is not kept.

    Those who want it while it is asked for share that one asking and its result. One of them
    being cancelled does not cancel it for the others.
    """

    def __init__(
        self, ask: Callable[[], Awaitable[T]], *, lifetime: float, clock: Callable[[], float]
    ) -> None:
        self._ask = ask
        self._lifetime = lifetime
        self._clock = clock
        self._kept: tuple[T, float] | None = None
        self._flight: asyncio.Task[T] | None = None

    async def get(self) -> T:
        """The value: the kept one, or the one that is asked for now."""
        if self._kept is not None and self._is_fresh(self._kept[1]):
            return self._kept[0]
        return await asyncio.shield(self._asking())

    async def recent(self) -> T:
        """The kept value, however old: what is too old is asked for anew meanwhile.

        Only the first one has to be waited for.
        """
        if self._kept is None:
            return await asyncio.shield(self._asking())
        value, asked_at = self._kept
        if not self._is_fresh(asked_at):
            self._asking()
        return value

    def at_hand(self, otherwise: T) -> T:
        """The kept value, however old; nothing is asked for."""
        return otherwise if self._kept is None else self._kept[0]

    def _is_fresh(self, asked_at: float) -> bool:
        return 0 <= self._clock() - asked_at < self._lifetime

    def _asking(self) -> asyncio.Task[T]:
        if self._flight is None:
            self._flight = asyncio.create_task(self._fly())
            self._flight.add_done_callback(_looked_at)
        return self._flight

    async def forget(self) -> None:
        """Stop asking, and keep nothing."""
        self._kept = None
        if self._flight is not None:
            flight, self._flight = self._flight, None
            flight.cancel()
            await asyncio.wait([flight])

    async def _fly(self) -> T:
        try:
            asked_at = self._clock()
            value = await self._ask()
            self._kept = value, asked_at
            return value
        finally:
            self._flight = None


def _looked_at(flight: asyncio.Task[object]) -> None:
    """Nobody may be waiting any more; asyncio complains about an exception that nobody saw."""
    if not flight.cancelled():
        flight.exception()
