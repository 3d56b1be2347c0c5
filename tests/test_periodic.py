"""Reconciliation comes round again, whatever goes wrong in one pass."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace

import structlog

from bot.core.faults import TryLater
from bot.flows.reconcile import ReconcileContext
from bot.periodic import reconcile_again
from bot.store.database import Database
from tests.conftest import Clock
from tests.flows.reconciling import Bench


@dataclass
class Times:
    """How often the channels were listed; `faults` come first, one each time."""

    faults: list[Exception] = field(default_factory=list)
    count: int = 0

    def __call__(self, keys: object) -> frozenset[str]:
        self.count += 1
        if self.faults:
            raise self.faults.pop(0)
        return frozenset()


@asynccontextmanager
async def going_round(
    world: ReconcileContext, *, at_once: bool = True, every: float
) -> AsyncIterator[None]:
    task = asyncio.create_task(reconcile_again(world, at_once=at_once, every_seconds=every))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(times: Times, count: int) -> None:
    async with asyncio.timeout(10):
        while times.count < count:  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_at_once_and_again_and_again(sqlite_url: str, clock: Clock) -> None:
    database = Database(sqlite_url, clock)
    bench, times = Bench(database, clock), Times()
    bench.slack.react(bench.post(), "ticket", "U0ADA")
    async with going_round(replace(bench.world, known=times), every=0.01):
        await until(times, 3)
    assert len(bench.keys()) == 1
    database.close()


async def test_a_pass_that_fails_is_logged_and_does_not_end_it(
    sqlite_url: str, clock: Clock
) -> None:
    database = Database(sqlite_url, clock)
    bench = Bench(database, clock)
    ref = bench.slack.react(bench.post(), "ticket", "U0ADA")
    times = Times([RuntimeError("a bug"), TryLater("database")])
    bench.slack.faults[1] = TryLater("slack_ratelimited")
    with structlog.testing.capture_logs() as logs:
        async with going_round(replace(bench.world, known=times), every=0.01):
            await until(times, 4)
    events = [log["event"] for log in logs]
    assert events[:4] == [
        "periodic_task_postponed",
        "periodic_task_crashed",
        "reconciled",
        "found_in_history",
    ]
    assert logs[0]["cause"] == "slack_ratelimited"
    assert (logs[2]["stopped"], logs[2]["not_looked_at"]) == ("database", ["C1", "C2"])
    assert (logs[3]["channel"], logs[3]["ts"]) == ("C1", ref.ts)
    assert logs[4]["escalated"] == 1
    database.close()


async def test_with_new_rules_alone_the_first_pass_waits(sqlite_url: str, clock: Clock) -> None:
    database = Database(sqlite_url, clock)
    bench = Bench(database, clock)
    async with going_round(bench.world, at_once=False, every=60.0):
        await asyncio.sleep(0.05)
    assert bench.slack.calls == []
    database.close()
