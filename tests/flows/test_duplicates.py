"""A thread whose create was in doubt is looked for once more, against a real ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from bot.core.faults import Fault, Reason, Rejected, Rejection, TryLater
from bot.core.model import Added, Created, Joined, Outcome
from bot.core.record import Record
from bot.flows.duplicates import CLOCK_SKEW, Duplicate, find_duplicates
from bot.flows.ports import ThreadSummary
from bot.store.claims import load
from bot.store.database import Database
from bot.store.duplicates import DuplicateChecks
from bot.store.jobs import Kind
from bot.store.records import Records
from bot.store.tickets import VERIFY_SECONDS, Ledger
from bot.worker import LONGEST_JOB, Worker
from tests.conftest import Clock
from tests.flows.fakes import FakePlain, run, workspace
from tests.flows.settling import claimed, noted
from tests.nouns import TICKET, escalation
from tests.store.rows import a_job, change_ticket

KEY = escalation().key
OWN = ThreadSummary(TICKET.id, TICKET.ref, KEY)
TWIN = ThreadSummary("th_2", "T-2", KEY)
STRANGER = ThreadSummary("th_3", "T-3", "another key")


@dataclass
class Threads(FakePlain):
    """A Plain that shows these threads."""

    shown: list[ThreadSummary] = field(default_factory=lambda: [OWN])
    faults: list[Fault] = field(default_factory=list)
    asked: list[tuple[str, float]] = field(default_factory=list)

    async def threads_since(self, customer: str, since: float) -> Sequence[ThreadSummary]:
        self.asked.append((customer, since))
        if self.faults:
            raise self.faults.pop(0)
        return self.shown


@dataclass
class Bench:
    database: Database
    clock: Clock
    plain: Threads = field(default_factory=Threads)
    told: list[Duplicate] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.database)

    def settle(self, *, doubtful: bool, outcome: Outcome | None = None) -> None:
        """A request comes to its end; `doubtful`: after an attempt of which nobody knows."""
        claim = noted(self.database, claimed(self.database))
        if doubtful:
            self.ledger.retry_later(claim, 0.0, "plain_502", failed=True, outcome_unknown=True)
            (claim,) = load(self.database, self.ledger.claim("one", 1))
        self.ledger.settle(claim, outcome or Created(TICKET))

    async def look(self) -> int:
        """Do what is due; return how many jobs there were."""
        checks, to = DuplicateChecks(self.ledger), workspace(plain=self.plain)
        handlers = {
            Kind.DUPLICATE: lambda job: find_duplicates(job, to, checks, run, self.told.append)
        }
        worker = Worker("one", self.ledger, None, None, run, handlers, chance=lambda: 0.0)  # type: ignore[arg-type]
        jobs = self.ledger.claim("one", 0, 8)
        for job in jobs:
            await worker._do(job)
        return len(jobs)

    @property
    def entry(self) -> Record:
        (entry,) = Records(self.database).find(KEY)
        return entry


@pytest.fixture
def bench(database: Database, clock: Clock) -> Bench:
    return Bench(database, clock)


async def test_a_duplicate_is_reported_once_and_stays_to_be_seen(bench: Bench) -> None:
    began = bench.clock.now
    bench.settle(doubtful=True)
    bench.plain.shown = [OWN, STRANGER, TWIN]
    bench.clock.move(VERIFY_SECONDS)
    assert await bench.look() == 1
    (found,) = bench.told
    assert (found.ticket.external_id, found.ticket.ref, found.others) == (KEY, "T-1", ("T-2",))
    assert found.ticket.request_id == bench.entry.id
    assert bench.entry.duplicates == ("T-2",)
    assert bench.plain.asked == [("c_1", began - CLOCK_SKEW)]
    bench.clock.move(VERIFY_SECONDS)
    assert await bench.look() == 0
    assert len(bench.told) == 1


async def test_a_thread_that_is_alone_is_not_looked_at_again(bench: Bench) -> None:
    bench.settle(doubtful=True)
    bench.clock.move(VERIFY_SECONDS)
    assert await bench.look() == 1
    assert (bench.told, bench.entry.duplicates, bench.entry.verify_at) == ([], (), None)


async def test_it_is_not_looked_at_before_its_time(bench: Bench) -> None:
    bench.settle(doubtful=True)
    bench.clock.move(VERIFY_SECONDS - 1)
    assert await bench.look() == 0
    assert bench.plain.asked == []


@pytest.mark.parametrize(
    ("doubtful", "outcome"),
    [(False, Created(TICKET)), (True, Added(TICKET)), (True, Joined(TICKET))],
)
async def test_what_was_never_in_doubt_is_not_looked_at(
    bench: Bench, doubtful: bool, outcome: Outcome
) -> None:
    bench.settle(doubtful=doubtful, outcome=outcome)
    bench.clock.move(VERIFY_SECONDS)
    assert await bench.look() == 0


@pytest.mark.parametrize(
    "fault", [TryLater("plain_502"), Rejected(Rejection(Reason.PLAIN_FORBIDDEN))]
)
async def test_a_look_that_fails_is_made_again(bench: Bench, fault: Fault) -> None:
    bench.settle(doubtful=True)
    bench.plain.shown = [OWN, TWIN]
    bench.plain.faults = [fault]
    bench.clock.move(VERIFY_SECONDS)
    assert await bench.look() == 1
    assert bench.told == []
    assert await bench.look() == 0
    bench.clock.move(60)
    await bench.look()
    assert len(bench.told) == 1


async def test_a_look_that_fails_for_a_day_is_given_up(bench: Bench) -> None:
    bench.settle(doubtful=True)
    bench.plain.faults = [TryLater("plain_502") for _ in range(2)]
    bench.clock.move(VERIFY_SECONDS)
    await bench.look()
    bench.clock.move(LONGEST_JOB)
    assert await bench.look() == 1
    bench.clock.move(3600)
    assert await bench.look() == 0


async def test_what_is_gone_or_forgotten_is_not_looked_at(bench: Bench) -> None:
    bench.settle(doubtful=True)
    change_ticket(bench.database, 1, customer=None)
    a_job(bench.database, Kind.DUPLICATE, 99)
    bench.clock.move(VERIFY_SECONDS)
    assert await bench.look() == 2
    assert (bench.plain.asked, await bench.look()) == ([], 0)
