"""A worker with scripted deliveries and answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from sqlalchemy import select

from bot.core.faults import Fault
from bot.core.model import Created, Outcome, Trigger
from bot.flows.deliver import Progress
from bot.store.claims import Claim
from bot.store.database import Database
from bot.store.jobs import Kind, add_job, new_job
from bot.store.schema import job, request
from bot.store.tickets import Ledger, NewTicket
from bot.worker import Handler, Worker
from tests.conftest import Clock
from tests.flows.fakes import run
from tests.nouns import TEAM, TICKET

Script = Callable[[Claim, Progress], Awaitable[Outcome]]


async def creates(_claim: Claim, _progress: Progress) -> Outcome:
    return Created(TICKET)


def raises(fault: Exception) -> Script:
    async def script(_claim: Claim, _progress: Progress) -> Outcome:
        raise fault

    return script


@dataclass(frozen=True)
class Entry:
    """A request, and when its job is due; None if it has none."""

    state: str
    answer: str
    due: float | None
    cause: str | None
    attempts: int | None


@dataclass
class Bench:
    database: Database
    clock: Clock
    told: list[tuple[Trigger, Outcome]] = field(default_factory=list)
    tell_faults: list[Fault] = field(default_factory=list)
    handlers: dict[Kind, Handler] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.database)

    async def tell(self, trigger: Trigger, outcome: Outcome, reference: str) -> None:
        if self.tell_faults:
            raise self.tell_faults.pop(0)
        self.told.append((trigger, outcome))

    async def opens(self, claim: Claim, _progress: Progress) -> Outcome:
        """Open a ticket of the request's own, as a delivery does."""
        new = NewTicket(1, claim.escalation.key, claim.escalation.key, "c_1", "U0AUTHOR")
        self.ledger.note_thread(claim, new)
        return Created(TICKET)

    def worker(self, deliver: Script, name: str = "one") -> Worker:
        return Worker(
            name=name,
            ledger=self.ledger,
            deliver=deliver,
            tell=self.tell,
            run=run,
            handlers=self.handlers,
            chance=lambda: 0.0,
        )

    def entry(self, number: int = 1) -> Entry:
        """Return the request with this number, with its job."""
        its = (job.c.key == request.c.id) & job.c.kind.in_((Kind.DECIDE, Kind.ANSWER))
        columns = (request.c.state, request.c.answer, job.c.due, job.c.cause, job.c.attempts)
        query = select(*columns).outerjoin(job, its).where(request.c.id == number)
        with self.database.reading() as connection:
            return Entry(*connection.execute(query).one())

    def jobs(self) -> list[tuple[str, int]]:
        """Return what is left to do: kinds and keys."""
        with self.database.reading() as connection:
            query = select(job.c.kind, job.c.key).order_by(job.c.id)
            return [(row.kind, row.key) for row in connection.execute(query)]

    def plan(self, kind: Kind, key: int = 1) -> None:
        """Add a job that is due."""
        with self.database.writing() as connection:
            columns = new_job(kind, key, TEAM, self.database.now())
            add_job(self.database, connection, **columns)


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
