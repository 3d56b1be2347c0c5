"""The state of a running bridge, for `/readyz` and `/metrics`."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable

from bot.core.faults import Fault
from bot.flows.workspace import Runtime
from bot.metrics import Metrics
from bot.slack.socket_mode import SocketLink
from bot.store import migrating
from bot.store.backlog import backlog
from bot.store.database import Database
from bot.store.kv import KeyValueStore
from bot.worker import Worker

LOOK_SECONDS = 2.0
CACHE_SECONDS = 1.0

WORKER_SILENT_SECONDS = 60.0
"""A worker whose loop has not turned for so long is not ready."""


class CachedCheck:
    """The result of `check`, at most `seconds` old; concurrent callers share one check."""

    def __init__(
        self,
        check: Callable[[], Awaitable[bool]],
        seconds: float = CACHE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._check = check
        self._seconds = seconds
        self._clock = clock
        self._lock = asyncio.Lock()
        self._result = False
        self._until = -math.inf

    async def __call__(self) -> bool:
        """Return the cached result, or check."""
        async with self._lock:
            if self._clock() >= self._until:
                self._result = await self._check()
                self._until = self._clock() + self._seconds
            return self._result


class Health:
    """What a worker, a database and a Socket Mode connection (None over HTTP) say of a bridge."""

    def __init__(
        self, worker: Worker, runtime: Runtime, metrics: Metrics, socket_mode: SocketLink | None
    ) -> None:
        self._worker = worker
        self._runtime = runtime
        self._metrics = metrics
        self._socket_mode = socket_mode
        self._show_connected = metrics.watch_link() if socket_mode is not None else None

    async def is_ready(self) -> bool:
        """Return whether Slack is connected, the worker works and the database takes a commit."""
        is_connected = self._socket_mode is None or await self._socket_mode.is_up()
        works = time.monotonic() - self._worker.last_turn < WORKER_SILENT_SECONDS
        return is_connected and works and await self._is_writable()

    async def refresh(self) -> None:
        """Bring the metrics up to date that only the database and the connection know."""
        if self._socket_mode is not None and self._show_connected is not None:
            self._show_connected(await self._socket_mode.is_up())
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                found = await self._runtime.run(backlog, self._runtime.database)
        except (Fault, TimeoutError):
            self._metrics.waiting(math.nan, math.nan, math.nan, math.nan)
        else:
            self._metrics.waiting(found.waiting, found.oldest_age, found.parked, found.people)

    async def _is_writable(self) -> bool:
        """Return whether the database is at head and takes a commit."""
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                return await self._runtime.run(_commit, self._runtime.database)
        except (Fault, TimeoutError):
            return False


def _commit(database: Database) -> bool:
    KeyValueStore(database, float).keep("ready", time.time())
    return migrating.is_at_head(database)
