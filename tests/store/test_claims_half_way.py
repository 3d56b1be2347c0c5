"""What an attempt left half-way is looked at before a backlog that came later."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from bot.store.database import Database
from bot.store.deliveries import Ledger
from tests.conftest import Clock
from tests.nouns import escalation

BACKLOG = 30


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


def leave_half_way(ledger: Ledger, *, unknown: bool) -> int:
    """The oldest row is put back for two seconds after its create was sent; its id."""
    (claim,) = ledger.claim("one", 1)
    ledger.freeze(
        claim,
        conversation_key=claim.external_id,
        customer="c_1",
        requester="U0AUTHOR",
        message=None,
        person=None,
    )
    ledger.retry_later(claim, 2.0, "plain_timeout", failed=True, outcome_unknown=unknown)
    return claim.id


def test_a_row_whose_create_is_unknown_does_not_wait_for_the_backlog(
    ledger: Ledger, clock: Clock
) -> None:
    for number in range(BACKLOG):
        ledger.record(escalation(number))
    left = leave_half_way(ledger, unknown=True)
    assert left not in [claim.id for claim in ledger.claim("one", 2)]  # not due yet
    clock.move(2)
    first, second = ledger.claim("one", 2)
    assert first.id == left
    assert second.sent_at is None
    assert left not in [claim.id for claim in ledger.claim("one", 2)]


def test_a_row_that_sent_nothing_takes_its_place_behind_the_others(
    ledger: Ledger, clock: Clock
) -> None:
    for number in range(BACKLOG):
        ledger.record(escalation(number))
    left = leave_half_way(ledger, unknown=False)
    ledger.claim("one", 2)
    clock.move(2)
    order = [claim.id for _ in range(BACKLOG) for claim in ledger.claim("one", 2)]
    assert left in order[-2:]
    assert len(order) == BACKLOG - 2


def test_no_more_rows_are_taken_than_were_asked_for(ledger: Ledger, clock: Clock) -> None:
    for number in range(3):
        ledger.record(escalation(number))
    for _ in range(3):
        leave_half_way(ledger, unknown=True)
    for number in range(10, 10 + BACKLOG):
        ledger.record(escalation(number))
    assert len(ledger.claim("one", 2)) == 2
    clock.move(2)
    assert [claim.sent_at is not None for claim in ledger.claim("one", 2)] == [True, True]
    assert [claim.sent_at is not None for claim in ledger.claim("one", 4)] == [True, *[False] * 3]


def test_they_are_found_by_their_index(database: Database, ledger: Ledger) -> None:
    """The condition of the claim is the index's own, so that a backlog costs nothing here."""
    query = (
        "SELECT id FROM escalation WHERE due <= 5 AND cause IS NOT NULL AND sent_at IS NOT NULL "
        "ORDER BY due, id LIMIT 8"
    )
    with database.reading() as connection:
        if database.is_sqlite:
            plan = connection.execute(text(f"EXPLAIN QUERY PLAN {query}")).all()
        else:
            connection.execute(text("SET enable_seqscan = off"))
            plan = connection.execute(text(f"EXPLAIN {query}")).all()
    assert "ix_escalation_half_way" in str(plan)
