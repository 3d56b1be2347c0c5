"""What counts as a failure of a job: a lease that ran out does, a wait that somebody named does
not."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select

from bot.core.faults import Reason, Rejection
from bot.core.model import Created
from bot.store.claims import load
from bot.store.database import Database
from bot.store.jobs import LEASE_SECONDS
from bot.store.schema import job as table
from bot.store.tickets import Ledger
from tests.conftest import Clock
from tests.nouns import TICKET, escalation
from tests.store.claimed import answering, claimed, claims, ledger, note, opened

__all__ = ["ledger"]


def cause(database: Database) -> str | None:
    with database.reading() as connection:
        found: str | None = connection.scalar(select(table.c.cause).where(table.c.key == 1))
    return found


def test_a_lease_that_ran_out_counts_as_a_failure(
    ledger: Ledger, database: Database, clock: Clock
) -> None:
    """None of them recorded anything: a request that never ends was claimed first for ever."""
    ledger.record(escalation())
    claimed(ledger)
    pauses = []
    for attempt in range(2, 13):
        clock.move(LEASE_SECONDS)
        lost, pause = clock.now, 0.0
        while not (found := ledger.claim("one", 8)):
            assert cause(database) == "lease_lost"
            clock.move(ledger.next_due() or 0.0)
            pause = clock.now - lost
        assert [job.attempt for job in found] == [attempt]
        pauses.append(pause)
    assert [round(pause) for pause in pauses] == [0, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_others_go_first_while_one_rests_after_its_lost_leases(
    ledger: Ledger, clock: Clock
) -> None:
    ledger.record(escalation(1))
    claimed(ledger)
    clock.move(LEASE_SECONDS)
    claimed(ledger)
    ledger.record(escalation(2))
    clock.move(LEASE_SECONDS)
    assert [claim.reference for claim in claims(ledger)] == ["PB-2"]


def test_a_job_whose_leases_run_out_while_others_succeed_becomes_hopeless(
    ledger: Ledger, clock: Clock
) -> None:
    ledger.record(escalation(1))
    begun = clock.now
    for number in range(2, 300):
        clock.move(LEASE_SECONDS + 300)
        ledger.record(escalation(number))
        found = ledger.claim("one", 8)
        if any(job.hopeless for job in found):
            break
        for other in load(ledger.database, [job for job in found if job.key != 1]):
            note(ledger, other, other.escalation.key)
            ledger.settle(other, Created(replace(TICKET, id=f"th_{number}")))
    else:
        raise AssertionError("claimed for ever")
    assert 6 * 3600 < clock.now - begun < 24 * 3600


def test_an_outage_of_the_machine_makes_no_job_hopeless(ledger: Ledger, clock: Clock) -> None:
    ledger.record(escalation())
    for _ in range(100):
        assert not any(job.hopeless for job in ledger.claim("one", 8))
        clock.move(LEASE_SECONDS + 300)


def test_one_that_fails_while_others_succeed_is_hopeless_after_20_strikes_and_6_hours(
    ledger: Ledger, clock: Clock
) -> None:
    ledger.record(escalation(1))
    for number in range(2, 23):
        claim = claimed(ledger)
        assert not ledger.is_hopeless(claim.job)
        ledger.retry_later(claim, 1200, "plain_500", failed=True, outcome_unknown=False)
        clock.move(600)
        opened(ledger, number, replace(TICKET, id=f"th_{number}"), f"conversation {number}")
        clock.move(601)
    assert ledger.is_hopeless(claimed(ledger).job)


def test_an_outage_makes_no_job_hopeless(ledger: Ledger, clock: Clock) -> None:
    ledger.record(escalation())
    for _ in range(50):
        ledger.retry_later(claimed(ledger), 600, "plain_500", failed=True, outcome_unknown=False)
        clock.move(600)
    assert not ledger.is_hopeless(claimed(ledger).job)


def test_a_process_that_dies_over_a_job_counts_too(ledger: Ledger, clock: Clock) -> None:
    """It was started again, and claimed the same one first, whatever that did to it."""
    ledger.record(escalation())
    for attempt in (1, 2):
        assert claimed(ledger, "dies").job.attempt == attempt
        ledger.free_all()
    assert ledger.claim("alive", 8) == []
    clock.move(2)
    assert claimed(ledger, "alive").job.attempt == 3


def test_a_renewed_lease_is_not_lost(ledger: Ledger, clock: Clock) -> None:
    ledger.record(escalation())
    claim = claimed(ledger)
    for _ in range(5):
        clock.move(LEASE_SECONDS - 1)
        ledger.renew(claim.job)
    assert ledger.claim("two", 8) == []
    note(ledger, claim)
    ledger.settle(claim, Created(TICKET))


def test_waits_that_somebody_named_do_not_count(ledger: Ledger, clock: Clock) -> None:
    """After ten waits for its turn a first failure paused 225 s instead of one."""
    ledger.record(escalation())
    for _ in range(10):
        claim = claimed(ledger)
        assert (claim.job.attempt, claim.job.failures) == (1, 0)
        ledger.retry_later(claim, 1, "conversation_held", failed=False, outcome_unknown=False)
        clock.move(1)
    ledger.retry_later(claimed(ledger), 1, "plain_http_500", failed=True, outcome_unknown=False)
    clock.move(1)
    claim = claimed(ledger)
    assert (claim.job.attempt, claim.job.failures) == (2, 1)


def test_waits_of_a_rejections_answer_do_not_count(ledger: Ledger, clock: Clock) -> None:
    ledger.record(escalation())
    claim = claimed(ledger)
    ledger.settle(claim, Rejection(Reason.EMPTY))
    ledger.put_back(claim.job, 1, "slack_500", failed=True)
    for _ in range(10):
        clock.move(1)
        claim = answering(ledger)
        assert (claim.job.attempt, claim.job.failures) == (2, 1)
        ledger.put_back(claim.job, 1, "slack_ratelimited", failed=False)
    clock.move(1)
    ledger.put_back(answering(ledger).job, 1, "slack_500", failed=True)
    clock.move(1)
    assert answering(ledger).job.attempt == 3


def test_waits_of_a_successs_answer_do_not_count(ledger: Ledger, clock: Clock) -> None:
    claim = opened(ledger)
    for _ in range(10):
        ledger.answer_later(claim, 1, "slack_ratelimited", failed=False)
        clock.move(1)
        claim = answering(ledger)
        assert claim.job.failures == 0
        ledger.answered(claim, said=True)
    for failures in (1, 2, 3):
        ledger.answer_later(claim, 1, "slack_500", failed=True)
        clock.move(1)
        claim = answering(ledger)
        assert claim.job.failures == failures
        ledger.answered(claim, said=True)


def test_an_answer_begins_its_failures_anew(ledger: Ledger, clock: Clock) -> None:
    ledger.record(escalation())
    for _ in range(3):
        ledger.retry_later(claimed(ledger), 1, "plain_500", failed=True, outcome_unknown=False)
        clock.move(1)
    claim = claimed(ledger)
    ledger.settle(claim, Rejection(Reason.EMPTY))
    ledger.put_back(claim.job, 1, "slack_500", failed=True)
    clock.move(1)
    assert answering(ledger).job.failures == 1
