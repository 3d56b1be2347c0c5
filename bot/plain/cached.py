"""A cached value that concurrent callers request once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Cached(Generic[T]):
    """The result of `ask`, cached for `lifetime` seconds of `clock`; faults are not cached.

    Concurrent callers share one request and its result; cancelling one of them does not cancel
    the request for the others.
    """

    def __init__(
        self, ask: Callable[[], Awaitable[T]], *, lifetime: float, clock: Callable[[], float]
    ) -> None:
        self._ask = ask
        self._lifetime = lifetime
        self._clock = clock
        self._value: tuple[T, float] | None = None
        self._under_way: asyncio.Task[T] | None = None

    async def get(self) -> T:
        """Return the cached value, or request it if it is too old."""
        if self._value is not None and self._is_fresh(self._value[1]):
            return self._value[0]
        return await asyncio.shield(self._refresh())

    async def recent(self) -> T:
        """Return the cached value however old, and refresh it in the background if it is too old.

        Only the first value has to be waited for.
        """
        if self._value is None:
            return await asyncio.shield(self._refresh())
        value, asked_at = self._value
        if not self._is_fresh(asked_at):
            self._refresh()
        return value

    def peek(self, otherwise: T) -> T:
        """Return the cached value however old, else `otherwise`; nothing is requested."""
        return otherwise if self._value is None else self._value[0]

    def _is_fresh(self, asked_at: float) -> bool:
        return 0 <= self._clock() - asked_at < self._lifetime

    def _refresh(self) -> asyncio.Task[T]:
        if self._under_way is None:
            self._under_way = asyncio.create_task(self._request())
            self._under_way.add_done_callback(_looked_at)
        return self._under_way

    async def forget(self) -> None:
        """Cancel the request that is under way, and clear the cache."""
        self._value = None
        if self._under_way is not None:
            flight, self._under_way = self._under_way, None
            flight.cancel()
            await asyncio.wait([flight])

    async def _request(self) -> T:
        try:
            asked_at = self._clock()
            value = await self._ask()
            self._value = value, asked_at
            return value
        finally:
            self._under_way = None


def _looked_at(flight: asyncio.Task[object]) -> None:
    """Retrieve the exception: asyncio complains about one that nobody retrieves."""
    if not flight.cancelled():
        flight.exception()
