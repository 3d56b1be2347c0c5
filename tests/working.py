"""A worker with scripted deliveries and answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from bot.core.faults import Fault
from bot.core.model import Created, Outcome, Trigger
from bot.core.record import Record
from bot.flows.deliver import Progress
from bot.store.claims import Claim
from bot.store.database import Database
from bot.store.deliveries import Ledger
from bot.store.records import Records
from bot.worker import Worker
from tests.conftest import Clock
from tests.flows.fakes import run
from tests.nouns import TICKET

Script = Callable[[Claim, Progress], Awaitable[Outcome]]


async def creates(_claim: Claim, _progress: Progress) -> Outcome:
    return Created(TICKET)


def raises(fault: Exception) -> Script:
    async def script(_claim: Claim, _progress: Progress) -> Outcome:
        raise fault

    return script


@dataclass
class Bench:
    database: Database
    clock: Clock
    told: list[tuple[Trigger, Outcome]] = field(default_factory=list)
    tell_faults: list[Fault] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.database)
        self.history = Records(self.database)

    async def tell(self, trigger: Trigger, outcome: Outcome, reference: str) -> None:
        if self.tell_faults:
            raise self.tell_faults.pop(0)
        self.told.append((trigger, outcome))

    def worker(self, deliver: Script, name: str = "one") -> Worker:
        return Worker(
            name=name,
            ledger=self.ledger,
            deliver=deliver,
            tell=self.tell,
            run=run,
            chance=lambda: 0.0,
        )

    def entry(self, number: int = 1) -> Record:
        (entry,) = self.history.find(f"PB-{number}")
        return entry


@pytest.fixture
def bench(sqlite_url: str, clock: Clock) -> Iterator[Bench]:
    database = Database(sqlite_url, clock)
    yield Bench(database, clock)
    database.close()


@asynccontextmanager
async def working(worker: Worker) -> AsyncIterator[None]:
    task = asyncio.create_task(worker.work())
    try:
        yield
    finally:
        await worker.stop(grace=1)
        await task


async def until(condition: Callable[[], object], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 — any condition, not one that is announced
            await asyncio.sleep(0.002)
