"""A Plain that counts its windows, on a clock of its own."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import TypeVar

from bot.core import rate_limit
from bot.core.rate_limit import Grant, Tally
from bot.plain.pace import Pace
from bot.sandbox.plain.server import RateLimit
from tests.simulation.clock import START, VirtualLoop

T = TypeVar("T")
TRIP = 0.05
"""Seconds that a request takes to Plain, and its answer back."""


def now() -> float:
    return START + asyncio.get_running_loop().time()


def simulated(work: Callable[[], Coroutine[object, object, T]]) -> T:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work())


class Plain:
    """Answers when asked, by the sandbox's count."""

    def __init__(self, per_minute: int = 600) -> None:
        self.limit = RateLimit(per_minute, now)
        self.statuses: list[int] = []
        self.by_window: Counter[str] = Counter()
        self.more: dict[str, str] = {}

    async def ask(self, pace: Pace) -> int:
        async with pace.request() as heard:
            await asyncio.sleep(TRIP)
            status = 200 if self.limit.take() else 429
            headers = self.limit.headers() | self.more
            self.statuses.append(status)
            self.by_window[headers["x-ratelimit-reset"]] += status == 200
            await asyncio.sleep(TRIP)
            heard(status, headers)
        return status


class Shared:
    """A pool in memory; it counts its transactions."""

    def __init__(self) -> None:
        self.tally = Tally()
        self.commits = 0

    def lease(
        self, share: float, known: tuple[float, int] | None, wanted: int, now: float
    ) -> Grant:
        self.commits += 1
        self.tally, grant = rate_limit.grant(self.tally, share, known, wanted, now)
        return grant

    def shut(self, until: float) -> None:
        self.commits += 1
        self.tally = rate_limit.shut(self.tally, until)
