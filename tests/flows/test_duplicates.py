"""A thread whose create was in doubt is looked for once more, against a real ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from bot.core.faults import Fault, Reason, Rejected, Rejection, TryLater
from bot.core.model import Added, Created, Outcome
from bot.core.record import Record
from bot.flows.duplicates import CLOCK_SKEW, Duplicate, find_duplicates
from bot.flows.ports import ThreadSummary
from bot.store.claims import Claim
from bot.store.database import Database
from bot.store.deliveries import VERIFY_SECONDS, Ledger
from bot.store.duplicates import AGAIN_SECONDS, DuplicateChecks
from bot.store.records import Records
from tests.conftest import Clock
from tests.flows.fakes import FakePlain, run, workspace
from tests.nouns import TICKET, escalation

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

    def settle(self, *, doubtful: bool, outcome: Outcome | None = None) -> None:
        """An escalation comes to its end; `doubtful`: after an attempt of which nobody knows."""
        ledger = Ledger(self.database)
        ledger.record(escalation())
        claim = self._frozen(ledger)
        if doubtful:
            ledger.retry_later(claim, 0.0, "plain_502", failed=True, outcome_unknown=True)
            claim = self._frozen(ledger)
        ledger.settle(claim, outcome or Created(TICKET))

    def _frozen(self, ledger: Ledger) -> Claim:
        (claim,) = ledger.claim("one", 1)
        ledger.freeze(
            claim,
            conversation_key=KEY,
            customer="c_1",
            requester="U0AUTHOR",
            message=None,
            person=None,
        )
        return claim

    async def look(self) -> int:
        return await find_duplicates(
            workspace(plain=self.plain), DuplicateChecks(self.database), run, self.told.append
        )

    @property
    def entry(self) -> Record:
        (entry,) = Records(self.database).find(KEY)
        return entry


@pytest.fixture
def bench(database: Database, clock: Clock) -> Bench:
    return Bench(database, clock)


async def test_a_double_is_told_once_and_stays_to_be_seen(bench: Bench) -> None:
    bench.settle(doubtful=True)
    asked_at = bench.clock.now
    bench.plain.shown = [OWN, STRANGER, TWIN]
    bench.clock.move(VERIFY_SECONDS)
    assert await bench.look() == 1
    (double,) = bench.told
    assert (double.row.external_id, double.row.ref, double.others) == (KEY, "T-1", ("T-2",))
    assert bench.entry.duplicates == ("T-2",)
    assert bench.plain.asked == [("c_1", asked_at - CLOCK_SKEW)]
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


@pytest.mark.parametrize(("doubtful", "outcome"), [(False, Created(TICKET)), (True, Added(TICKET))])
async def test_what_was_never_in_doubt_is_not_looked_at(
    bench: Bench, doubtful: bool, outcome: Outcome
) -> None:
    bench.settle(doubtful=doubtful, outcome=outcome)
    assert bench.entry.verify_at is None
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
    bench.clock.move(AGAIN_SECONDS)
    await bench.look()
    assert len(bench.told) == 1
