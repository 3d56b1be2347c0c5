"""What counts as a failure of a row: a lease that ran out does, a wait that somebody named does
not."""

from __future__ import annotations

from dataclasses import replace

from bot.core.faults import Reason, Rejection
from bot.core.model import Created
from bot.core.record import Record
from bot.store.claims import LEASE_SECONDS
from bot.store.database import Database
from bot.store.deliveries import Ledger
from bot.store.records import Records
from tests.conftest import Clock
from tests.nouns import TICKET, escalation
from tests.store.claimed import claimed, ledger

__all__ = ["ledger"]


def entry(database: Database, number: int = 1) -> Record:
    (found,) = Records(database).find(f"PB-{number}")
    return found


def test_a_lease_that_ran_out_counts_as_a_failure(
    ledger: Ledger, database: Database, clock: Clock
) -> None:
    """Each of them put nothing down: a row whose work never ends was claimed first for ever."""
    ledger.record(escalation())
    claimed(ledger)
    pauses = []
    for attempt in range(2, 13):
        clock.move(LEASE_SECONDS)
        lost, pause = clock.now, 0.0
        while not (found := ledger.claim("one", 8)):
            assert entry(database).cause == "lease_lost"
            clock.move(ledger.next_due() or 0.0)
            pause = clock.now - lost
        assert [claim.attempt for claim in found] == [attempt]
        pauses.append(pause)
    assert [round(pause) for pause in pauses] == [0, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_other_rows_go_first_while_one_rests_after_its_lost_leases(
    ledger: Ledger, clock: Clock
) -> None:
    ledger.record(escalation(1))
    claimed(ledger)
    clock.move(LEASE_SECONDS)
    claimed(ledger)
    ledger.record(escalation(2))
    clock.move(LEASE_SECONDS)
    assert [claim.reference for claim in ledger.claim("one", 8)] == ["PB-2"]


def test_a_row_whose_leases_run_out_while_others_succeed_becomes_hopeless(
    ledger: Ledger, clock: Clock
) -> None:
    ledger.record(escalation(1))
    begun = clock.now
    for number in range(2, 300):
        clock.move(LEASE_SECONDS + 300)
        ledger.record(escalation(number))
        claims = ledger.claim("one", 8)
        if any(claim.hopeless for claim in claims):
            break
        for other in claims:
            if other.reference != "PB-1":
                ledger.settle(other, Created(replace(TICKET, id=f"th_{number}")))
                ledger.answered(other, said=True)
    else:
        raise AssertionError("claimed for ever")
    assert 6 * 3600 < clock.now - begun < 24 * 3600


def test_an_outage_of_the_machine_makes_no_row_hopeless(ledger: Ledger, clock: Clock) -> None:
    ledger.record(escalation())
    for _ in range(100):
        assert not any(claim.hopeless for claim in ledger.claim("one", 8))
        clock.move(LEASE_SECONDS + 300)


def test_a_process_that_dies_over_a_row_counts_too(ledger: Ledger, clock: Clock) -> None:
    """It was started again, and claimed the same row first, whatever that did to it."""
    ledger.record(escalation())
    for attempt in (1, 2):
        assert claimed(ledger, "dies").attempt == attempt
        ledger.free_all()
    assert ledger.claim("alive", 8) == []
    clock.move(2)
    assert claimed(ledger, "alive").attempt == 3


def test_a_renewed_lease_is_not_lost(ledger: Ledger, clock: Clock) -> None:
    ledger.record(escalation())
    claim = claimed(ledger)
    for _ in range(5):
        clock.move(LEASE_SECONDS - 1)
        ledger.renew(claim)
    assert ledger.claim("two", 8) == []
    ledger.settle(claim, Created(TICKET))


def test_waits_that_somebody_named_do_not_count(
    ledger: Ledger, database: Database, clock: Clock
) -> None:
    """After ten waits for its turn a first failure paused 225 s instead of one."""
    ledger.record(escalation())
    for _ in range(10):
        claim = claimed(ledger)
        assert claim.attempt == 1
        ledger.retry_later(claim, 1, "conversation_held", failed=False, outcome_unknown=False)
        clock.move(1)
    ledger.retry_later(claimed(ledger), 1, "plain_http_500", failed=True, outcome_unknown=False)
    clock.move(1)
    assert claimed(ledger).attempt == 2
    assert entry(database).attempts == 2


def test_an_answer_that_waits_for_a_named_moment_does_not_count(
    ledger: Ledger, clock: Clock
) -> None:
    ledger.record(escalation())
    claim = claimed(ledger)
    ledger.settle(claim, Rejection(Reason.EMPTY))
    ledger.answer_later(claim, 1, "slack_500", failed=True)
    for _ in range(10):
        clock.move(1)
        claim = claimed(ledger)
        assert claim.attempt == 2
        ledger.answer_later(claim, 1, "slack_ratelimited", failed=False)
    clock.move(1)
    ledger.answer_later(claimed(ledger), 1, "slack_500", failed=True)
    clock.move(1)
    assert claimed(ledger).attempt == 3


def test_the_first_answer_that_waits_has_no_attempt_to_take_back(
    ledger: Ledger, clock: Clock
) -> None:
    """It is given with the delivery's own claim, which counted no attempt of an answer."""
    ledger.record(escalation())
    claim = claimed(ledger)
    ledger.settle(claim, Rejection(Reason.EMPTY))
    ledger.answer_later(claim, 1, "slack_ratelimited", failed=False)
    clock.move(1)
    assert claimed(ledger).attempt == 1
