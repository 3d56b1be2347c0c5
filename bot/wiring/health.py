"""Whether the bridge is well: for `/readyz` and `/metrics`."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable

from bot.core.faults import Fault
from bot.metrics import Metrics
from bot.slack.socket_mode import SocketLink
from bot.store import migrating
from bot.store.database import Database
from bot.store.executor import Executor
from bot.store.kv import KeyValueStore
from bot.store.records import backlog

READY_SECONDS = 2.0
REMEMBERED_SECONDS = 1.0


class Remembered:
    """The answer of `look`, at most `seconds` old; those who ask at once share one look."""

    def __init__(
        self,
        look: Callable[[], Awaitable[bool]],
        seconds: float = REMEMBERED_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look = look
        self._seconds = seconds
        self._clock = clock
        self._lock = asyncio.Lock()
        self._answer = False
        self._until = -math.inf

    async def __call__(self) -> bool:
        """Return the answer that is remembered, or look."""
        async with self._lock:
            if self._clock() >= self._until:
                self._answer = await self._look()
                self._until = self._clock() + self._seconds
            return self._answer


async def is_writable(database: Database, run: Executor) -> bool:
    """Whether the database is at head and takes a commit."""

    def probe() -> bool:
        KeyValueStore(database, float).keep("ready", time.time())
        return migrating.is_at_head(database)

    try:
        async with asyncio.timeout(READY_SECONDS):
            return await run(probe)
    except (Fault, TimeoutError):
        return False


def looking(
    metrics: Metrics, database: Database, run: Executor, link: SocketLink | None
) -> Callable[[], Awaitable[None]]:
    """Brings the metrics up to date that the ledger and the link know."""
    connected = metrics.watch_link() if link is not None else None

    async def look() -> None:
        if link is not None and connected is not None:
            connected(await link.is_up())
        try:
            async with asyncio.timeout(READY_SECONDS):
                waits = await run(backlog, database)
        except (Fault, TimeoutError):
            metrics.waiting(math.nan, math.nan, math.nan, math.nan)
        else:
            metrics.waiting(waits.waiting, waits.oldest_age, waits.parked, waits.people)

    return look
