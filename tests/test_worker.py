"""The worker: wakes, delivers, settles, answers, obeys faults, and stops in good order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from bot.core.faults import Fault, Reason, Refused, TryLater, Wait
from bot.core.model import Created, Outcome, Trigger, Turned, Unwanted
from bot.flows.deliver import Progress
from bot.flows.ports import Claim
from bot.store.engine import Database
from bot.store.history import Entry, History
from bot.store.ledger import LEASE_SECONDS, Ledger
from bot.worker import Worker
from tests.conftest import Clock
from tests.flows.fakes import run
from tests.nouns import TICKET, escalation, message, ts

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
        self.history = History(self.database)

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

    def entry(self, number: int = 1) -> Entry:
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


async def test_a_recorded_row_is_delivered_as_soon_as_the_worker_is_woken(bench: Bench) -> None:
    worker = bench.worker(creates)
    async with working(worker):
        await asyncio.sleep(0.02)
        bench.ledger.record(escalation())
        worker.wake()
        await until(lambda: bench.told, seconds=1)
    assert bench.told == [(escalation().trigger, Created(TICKET))]
    assert (bench.entry().state, bench.entry().answer, bench.entry().due) == (
        "created",
        "said",
        None,
    )


async def test_at_most_eight_are_under_way(bench: Bench) -> None:
    under_way, most = 0, 0

    async def slow(_claim: Claim, _progress: Progress) -> Outcome:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.01)
        under_way -= 1
        return Created(TICKET)

    for number in range(1, 21):
        bench.ledger.record(escalation(number))
    async with working(bench.worker(slow)):
        await until(lambda: len(bench.told) == 20)
    assert most == 8


async def test_rows_of_one_slack_thread_go_in_order_and_others_pass(bench: Bench) -> None:
    """The first is read last: its siblings wait for it, the message elsewhere does not."""
    done: list[str] = []
    conversations = {1: ts(1), 2: ts(1), 3: ts(3), 4: ts(1)}

    async def script(claim: Claim, progress: Progress) -> Outcome:
        number = int(claim.reference.removeprefix("PB-"))
        await asyncio.sleep(0.05 if number == 1 else 0)
        await progress.read(message(number), conversations[number])
        done.append(claim.reference)
        return Created(TICKET)

    for number in conversations:
        bench.ledger.record(escalation(number))
    async with working(bench.worker(script)):
        await until(lambda: len(bench.told) == 4)
    assert done.index("PB-1") < done.index("PB-2") < done.index("PB-4")


async def test_a_row_that_backs_off_does_not_hold_back_its_siblings(bench: Bench) -> None:
    async def script(claim: Claim, progress: Progress) -> Outcome:
        await progress.read(message(), ts(1))
        if claim.reference == "PB-1":
            raise TryLater("plain_500")
        return Created(TICKET)

    bench.ledger.record(escalation(1))
    bench.ledger.record(escalation(2))
    async with working(bench.worker(script)):
        await until(lambda: bench.entry(2).state == "created")
        await until(lambda: bench.entry(1).cause == "plain_500")
    assert bench.entry(1).state == "waiting"


async def test_a_fault_puts_the_row_back_and_later_it_is_tried_again(bench: Bench) -> None:
    attempts = 0

    async def script(_claim: Claim, _progress: Progress) -> Outcome:
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            raise TryLater("plain_502", unknown=True)
        return Created(TICKET)

    bench.ledger.record(escalation())
    worker = bench.worker(script)
    async with working(worker):
        for seconds, tries in [(0.0, 1), (0.6, 2), (1.1, 3)]:
            bench.clock.move(seconds)
            worker.wake()
            await until(lambda tries=tries: attempts == tries)  # type: ignore[misc]
            await until(lambda: not worker._running)
    assert bench.entry().state == "created"
    assert len(bench.told) == 1


async def test_a_wait_is_as_long_as_it_says_and_no_strike(bench: Bench) -> None:
    bench.ledger.record(escalation())
    async with working(bench.worker(raises(Wait("settling", 12.0)))):
        await until(lambda: bench.entry().cause == "settling")
    assert bench.entry().due == bench.clock.now + 12.0


async def test_a_refusal_is_told_and_then_nothing_is_left(bench: Bench) -> None:
    bench.ledger.record(escalation())
    async with working(bench.worker(raises(Refused(Reason.MESSAGE_NOT_FOUND)))):
        await until(lambda: bench.entry().answer == "said")
    assert bench.told == [(escalation().trigger, Turned(Reason.MESSAGE_NOT_FOUND, {}))]
    assert (bench.entry().state, bench.entry().due) == ("refused", None)


async def test_the_answer_knows_the_message_that_was_read(bench: Bench) -> None:
    async def script(_claim: Claim, progress: Progress) -> Outcome:
        await progress.read(message(thread_ts=ts(9)), "k")
        raise Refused(Reason.NO_CUSTOMER, requester="U0AUTHOR", name="Author")

    bench.ledger.record(escalation())
    async with working(bench.worker(script)):
        await until(lambda: bench.told)
    assert bench.told[0][0].message == message(thread_ts=ts(9))


async def test_what_nobody_wants_is_settled(bench: Bench) -> None:
    async def script(_claim: Claim, _progress: Progress) -> Outcome:
        return Unwanted("no_rule")

    bench.ledger.record(escalation())
    async with working(bench.worker(script)):
        await until(lambda: bench.entry().state == "unwanted")
    assert bench.entry().due is None


async def test_an_answer_that_was_surely_not_said_is_said_later(bench: Bench) -> None:
    bench.tell_faults = [TryLater("slack_ratelimited", after=3.0)]
    bench.ledger.record(escalation())
    worker = bench.worker(creates)
    async with working(worker):
        await until(lambda: bench.entry().answer == "due")
        assert bench.told == []
        bench.clock.move(3)
        worker.wake()
        await until(lambda: bench.told)
        await until(lambda: bench.entry().answer == "said")
    assert len(bench.told) == 1


async def test_a_success_that_may_have_been_said_is_not_said_again(bench: Bench) -> None:
    bench.tell_faults = [TryLater("slack_timeout", unknown=True)]
    bench.ledger.record(escalation())
    async with working(bench.worker(creates)):
        await until(lambda: not bench.tell_faults)
    assert (bench.entry().due, bench.told) == (None, [])


async def test_a_refusal_that_may_not_have_been_said_is_said_again(bench: Bench) -> None:
    bench.tell_faults = [TryLater("slack_timeout", unknown=True)]
    bench.ledger.record(escalation())
    worker = bench.worker(raises(Refused(Reason.EMPTY)))
    async with working(worker):
        await until(lambda: bench.entry().due != bench.clock.now)
        bench.clock.move(LEASE_SECONDS)
        worker.wake()
        await until(lambda: bench.told)


async def test_an_answer_that_can_be_said_nowhere_is_noted(bench: Bench) -> None:
    bench.tell_faults = [Refused(Reason.SLACK_REFUSED, code="messages_tab_disabled")]
    bench.ledger.record(escalation())
    async with working(bench.worker(raises(Refused(Reason.EMPTY)))):
        await until(lambda: bench.entry().answer == "unsayable")
    assert bench.entry().due is None


async def test_a_bug_in_a_delivery_neither_loses_the_row_nor_stops_the_worker(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    async def script(claim: Claim, _progress: Progress) -> Outcome:
        if claim.reference == "PB-1":
            raise ZeroDivisionError
        return Created(TICKET)

    bench.ledger.record(escalation(1))
    bench.ledger.record(escalation(2))
    async with working(bench.worker(script)):
        await until(lambda: bench.entry(2).state == "created")
        await until(lambda: bench.entry(1).cause == "bug")
    assert bench.entry(1).state == "waiting"


async def test_a_row_that_failed_too_often_while_others_succeeded_is_parked(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench.ledger, "is_hopeless", lambda _claim: True)
    bench.ledger.record(escalation())
    async with working(bench.worker(raises(TryLater("plain_500")))):
        await until(lambda: bench.entry().answer == "said")
    assert bench.entry().state == "parked"
    assert bench.told == [(escalation().trigger, Turned(Reason.GAVE_UP, {"last": "plain_500"}))]


async def test_a_ledger_that_cannot_be_written_for_a_moment_loses_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle, failures = bench.ledger.settle, [TryLater("database")]

    def settles_late(claim: Claim, outcome: Outcome) -> None:
        if failures:
            raise failures.pop()
        settle(claim, outcome)

    monkeypatch.setattr(bench.ledger, "settle", settles_late)
    bench.ledger.record(escalation())
    async with working(bench.worker(creates)):
        await until(lambda: bench.told)
    assert bench.entry().state == "created"


async def test_the_worker_outlives_a_ledger_that_is_away(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, failures = bench.ledger.claim, [TryLater("database"), ZeroDivisionError()]

    def claims_late(worker: str, limit: int) -> list[Claim]:
        if failures:
            raise failures.pop(0)
        return claim(worker, limit)

    monkeypatch.setattr(bench.ledger, "claim", claims_late)
    bench.ledger.record(escalation())
    worker = bench.worker(creates)
    async with working(worker):
        for _ in range(3):
            await asyncio.sleep(0.02)
            worker.wake()
        await until(lambda: bench.told)


async def test_stopping_lets_deliveries_finish(bench: Bench) -> None:
    started = asyncio.Event()

    async def slow(_claim: Claim, _progress: Progress) -> Outcome:
        started.set()
        await asyncio.sleep(0.05)
        return Created(TICKET)

    bench.ledger.record(escalation())
    async with working(bench.worker(slow)):
        await asyncio.wait_for(started.wait(), 5)
    assert bench.entry().state == "created"


async def test_stopping_gives_back_what_does_not_finish_in_time(bench: Bench) -> None:
    started = asyncio.Event()

    async def endless(_claim: Claim, _progress: Progress) -> Outcome:
        started.set()
        await asyncio.Event().wait()
        raise AssertionError

    bench.ledger.record(escalation())
    worker = bench.worker(endless)
    task = asyncio.create_task(worker.work())
    await asyncio.wait_for(started.wait(), 5)
    await worker.stop(grace=0.01)
    await task
    (claim,) = bench.ledger.claim("two", 8)  # at once, without waiting for a lease
    assert claim.attempt == 1


async def test_a_claim_that_comes_back_while_stopping_is_given_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was started after the stop had counted what ran, and its create was cut off."""
    bench.ledger.record(escalation())
    worker = bench.worker(creates)
    asked, claim = asyncio.Event(), bench.ledger.claim

    async def slow(work: Callable[..., object], *args: object, **more: object) -> object:
        found = work(*args, **more)
        if work is bench.ledger.claim:
            asked.set()
            await asyncio.sleep(0.05)
        return found

    monkeypatch.setattr(bench.ledger, "claim", claim)
    worker.run = slow  # type: ignore[assignment]
    task = asyncio.create_task(worker.work())
    await asyncio.wait_for(asked.wait(), 5)
    await worker.stop(grace=5)
    await task
    assert bench.told == []
    (again,) = bench.ledger.claim("two", 8)
    assert again.attempt == 1


async def test_a_row_that_is_claimed_again_while_its_first_delivery_hangs_takes_its_turn(
    bench: Bench,
) -> None:
    """The first one's lease ran out; when it ended it took the second one's place along."""
    first = asyncio.Event()
    told: list[int] = []

    async def script(claim: Claim, progress: Progress) -> Outcome:
        told.append(claim.attempt)
        if claim.attempt == 1:
            await first.wait()
            raise TryLater("slack_timeout")
        first.set()
        await asyncio.sleep(0.02)
        await progress.read(message(), "k")
        return Created(TICKET)

    bench.ledger.record(escalation())
    worker = bench.worker(script)
    async with working(worker):
        await until(lambda: told == [1])
        bench.clock.move(LEASE_SECONDS + 1)
        worker.wake()
        await until(lambda: bench.told)
    assert (bench.entry().state, told) == ("created", [1, 2])


async def test_a_due_row_behind_another_workers_is_not_asked_for_without_pause(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lease had run out, so that it was due in less than no time, a hundred times a second."""
    claim, claims = bench.ledger.claim, 0

    def counted(worker: str, limit: int) -> list[Claim]:
        nonlocal claims
        claims += 1
        return claim(worker, limit)

    bench.ledger.record(escalation(1))
    bench.ledger.record(escalation(2))
    assert len(claim("dead", 2)) == 2
    bench.clock.move(LEASE_SECONDS + 1)
    assert len(claim("other", 1)) == 1
    monkeypatch.setattr(bench.ledger, "claim", counted)
    async with working(bench.worker(creates)):
        await asyncio.sleep(0.3)
    assert claims <= 2


async def test_a_delivery_that_breaks_counts_as_a_failure_and_can_be_parked(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was tried for ever, and nobody heard of it."""
    monkeypatch.setattr(bench.ledger, "is_hopeless", lambda _claim: True)
    bench.ledger.record(escalation())
    async with working(bench.worker(raises(KeyError("a bug")))):
        await until(lambda: bench.entry().answer == "said")
    assert bench.entry().state == "parked"
    assert bench.told == [(escalation().trigger, Turned(Reason.GAVE_UP, {"last": "bug"}))]
