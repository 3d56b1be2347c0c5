"""The worker: wakes, delivers, settles, and obeys faults."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bot.core.faults import Postponed, Reason, Rejection, TryLater
from bot.core.model import Created, Ignored, Outcome
from bot.flows.deliver import Progress
from bot.store.claims import Claim
from bot.store.jobs import LEASE_SECONDS, Job
from bot.store.tickets import Ledger
from tests.nouns import TICKET, escalation, message, ts
from tests.working import Bench, bench, creates, raises, until, working

__all__ = ["bench"]


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
            raise TryLater("plain_502", outcome_unknown=True)
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
    async with working(bench.worker(raises(Postponed("settling", 12.0)))):
        await until(lambda: bench.entry().cause == "settling")
    assert bench.entry().due == bench.clock.now + 12.0


async def test_six_limits_of_a_second_take_about_six_seconds(bench: Bench) -> None:
    """Each of them doubled the pause: 51 s. And the first failure after them pauses one second."""
    faults = [TryLater("slack_ratelimited", after=1.0) for _ in range(6)]
    faults.append(TryLater("plain_http_502"))

    async def script(_claim: Claim, _progress: Progress) -> Outcome:
        if faults:
            raise faults.pop(0)
        return Created(TICKET)

    bench.ledger.record(escalation())
    worker = bench.worker(script)
    worker.chance = lambda: 0.999
    begun, pauses = bench.clock.now, []
    async with working(worker):
        for left in range(6, -1, -1):
            await until(lambda left=left: len(faults) == left)  # type: ignore[misc]
            await until(lambda: not worker.is_busy)
            pauses.append((bench.entry().due or 0.0) - bench.clock.now)
            bench.clock.now = bench.entry().due or 0.0
            worker.wake()
        await until(lambda: bench.entry().state == "created")
    assert 6.0 <= sum(pauses[:6]) <= 8.0
    assert pauses[6] <= 1.0
    assert bench.clock.now - begun <= 9.0


async def test_a_delivery_keeps_its_lease_for_as_long_as_it_goes_on(bench: Bench) -> None:
    bench.ledger = Ledger(bench.database, lease=0.3)
    renew, renewed = bench.ledger.renew, asyncio.Event()

    def noted(job: Job) -> None:
        renew(job)
        renewed.set()

    bench.ledger.renew = noted  # type: ignore[method-assign]

    seen: list[int] = []

    async def script(claim: Claim, _progress: Progress) -> Outcome:
        seen.append(claim.job.attempt)
        for _ in range(5):
            renewed.clear()
            await renewed.wait()
            bench.clock.move(0.29)
            assert bench.ledger.claim("another", 8) == []
        return Created(TICKET)

    bench.ledger.record(escalation())
    async with working(bench.worker(script)):
        await until(lambda: bench.entry().state == "created")
    assert seen == [1]


async def test_a_delivery_that_never_ends_is_ended_and_counts_as_a_failure(bench: Bench) -> None:
    async def script(_claim: Claim, progress: Progress) -> Outcome:
        await progress.read(message(), ts(1))
        await asyncio.Event().wait()
        raise AssertionError

    bench.ledger.record(escalation())
    worker = bench.worker(script)
    worker.longest = 0.05
    async with working(worker):
        await until(lambda: bench.entry().cause == "took_too_long")
        await until(lambda: not worker.is_busy)
    assert bench.ledger.claim("one", 8) == []  # it backs off
    bench.clock.move(1)
    assert bench.ledger.claim("one", 8)[0].attempt == 2


async def test_a_turn_that_takes_too_long_is_no_failure_of_who_waits(bench: Bench) -> None:
    entered = asyncio.Event()

    async def script(claim: Claim, progress: Progress) -> Outcome:
        if claim.reference == "PB-1":
            entered.set()
            await asyncio.sleep(0.5)
        await progress.read(message(), ts(1))
        return Created(TICKET)

    bench.ledger.record(escalation(1))
    bench.ledger.record(escalation(2))
    worker = bench.worker(script)
    worker.longest = 0.1
    async with working(worker):
        await until(lambda: bench.entry(2).cause == "conversation_held")
    assert bench.entry(2).attempts == 0


async def test_a_row_whose_leases_ran_out_too_often_is_parked_and_told(bench: Bench) -> None:
    bench.ledger.record(escalation())
    claim_all = bench.ledger.claim

    def struck_out(worker: str, decisions: int, others: int = 0) -> list[Job]:
        return [replace(job, hopeless=True) for job in claim_all(worker, decisions, others)]

    bench.ledger.claim = struck_out  # type: ignore[method-assign]
    async with working(bench.worker(creates)):
        await until(lambda: bench.entry().answer == "said")
    assert bench.entry().state == "parked"
    assert bench.told == [(escalation().trigger, Rejection(Reason.GAVE_UP, cause="lease_lost"))]


async def test_what_nobody_wants_is_settled(bench: Bench) -> None:
    async def script(_claim: Claim, _progress: Progress) -> Outcome:
        return Ignored("no_rule")

    bench.ledger.record(escalation())
    async with working(bench.worker(script)):
        await until(lambda: bench.entry().state == "ignored")
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
    monkeypatch.setattr(bench.ledger, "is_hopeless", lambda _job: True)
    bench.ledger.record(escalation())
    async with working(bench.worker(raises(TryLater("plain_500")))):
        await until(lambda: bench.entry().answer == "said")
    assert bench.entry().state == "parked"
    assert bench.told == [(escalation().trigger, Rejection(Reason.GAVE_UP, cause="plain_500"))]


async def test_a_ledger_that_cannot_be_written_for_a_moment_loses_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle, failures = bench.ledger.settle, [TryLater("database")]

    def settles_late(claim: Claim, outcome: Outcome) -> bool:
        if failures:
            raise failures.pop()
        return settle(claim, outcome)

    monkeypatch.setattr(bench.ledger, "settle", settles_late)
    bench.ledger.record(escalation())
    async with working(bench.worker(creates)):
        await until(lambda: bench.told)
    assert bench.entry().state == "created"


async def test_the_worker_outlives_a_ledger_that_is_away(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, failures = bench.ledger.claim, [TryLater("database"), ZeroDivisionError()]

    def claims_late(worker: str, decisions: int, others: int = 0) -> list[Job]:
        if failures:
            raise failures.pop(0)
        return claim(worker, decisions, others)

    monkeypatch.setattr(bench.ledger, "claim", claims_late)
    bench.ledger.record(escalation())
    worker = bench.worker(creates)
    async with working(worker):
        for _ in range(3):
            await asyncio.sleep(0.02)
            worker.wake()
        await until(lambda: bench.told)


async def test_a_row_that_is_claimed_again_while_its_first_delivery_hangs_takes_its_turn(
    bench: Bench,
) -> None:
    """The first one's lease ran out; when it ended it took the second one's place along."""
    first = asyncio.Event()
    told: list[int] = []

    async def script(claim: Claim, progress: Progress) -> Outcome:
        told.append(claim.job.attempt)
        if claim.job.attempt == 1:
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

    def counted(worker: str, decisions: int, others: int = 0) -> list[Job]:
        nonlocal claims
        claims += 1
        return claim(worker, decisions, others)

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
    monkeypatch.setattr(bench.ledger, "is_hopeless", lambda _job: True)
    bench.ledger.record(escalation())
    async with working(bench.worker(raises(KeyError("a bug")))):
        await until(lambda: bench.entry().answer == "said")
    assert bench.entry().state == "parked"
    assert bench.told == [(escalation().trigger, Rejection(Reason.GAVE_UP, cause="bug"))]
