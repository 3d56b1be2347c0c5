"""Run blocking work in thread pools: the store's methods, and parsing and rendering texts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Run(Protocol):
    """Run blocking work off the event loop; an `Executor`, or `in_place`."""

    async def __call__(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T: ...


async def in_place(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run the work in the caller's thread, for tests and commands, where nobody else waits."""
    return work(*args, **kwargs)


class Executor:
    """Runs blocking work in a few threads; fits `Run`."""

    def __init__(self, count: int = 8, name: str = "store") -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix=name)

    async def __call__(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, partial(work, *args, **kwargs))

    def close(self) -> None:
        """Wait for the work that has begun, and drop the rest."""
        self._pool.shutdown(wait=True, cancel_futures=True)
