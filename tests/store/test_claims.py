"""Rows are claimed in order, for a lease, and given back."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import event

from bot.core.faults import LeaseLost
from bot.core.model import Created
from bot.store import claims, rows
from bot.store.claims import LEASE_SECONDS, Claim
from bot.store.database import Database
from bot.store.deliveries import Ledger
from tests.conftest import Clock
from tests.nouns import TICKET, escalation, message
from tests.store.claimed import claimed, frozen, ledger

__all__ = ["ledger"]


def test_rows_are_claimed_oldest_first_and_up_to_the_limit(ledger: Ledger, clock: Clock) -> None:
    for number in (1, 2, 3):
        ledger.record(escalation(number))
        clock.move(1)
    assert [claim.escalation.key for claim in ledger.claim("one", 2)] == [
        escalation(1).key,
        escalation(2).key,
    ]
    assert len(ledger.claim("one", 8)) == 1


def test_a_lease_that_runs_out_frees_the_row_and_fences_its_holder(
    ledger: Ledger, clock: Clock
) -> None:
    ledger.record(escalation())
    first = claimed(ledger, "one")
    assert ledger.claim("two", 8) == []
    clock.move(LEASE_SECONDS + 1)
    second = claimed(ledger, "two")
    assert second.attempt == 2
    with pytest.raises(LeaseLost):
        frozen(ledger, first)
    with pytest.raises(LeaseLost):
        ledger.freeze_addition(first, TICKET, None)
    with pytest.raises(LeaseLost):
        ledger.settle(first, Created(TICKET))
    with pytest.raises(LeaseLost):
        ledger.retry_later(first, 1, "plain_500", failed=True, outcome_unknown=False)
    ledger.settle(second, Created(TICKET))


def test_rows_are_read_when_the_doors_may_write_again(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long message takes a while to read, and SQLite has one writer."""
    read = claims.claim_of

    def record_meanwhile(row: Any) -> Claim:
        assert ledger.record(escalation(row.id + 100), within=1.0).fresh
        return read(row)

    for number in (1, 2):
        ledger.record(escalation(number))
    monkeypatch.setattr(claims, "claim_of", record_meanwhile)
    assert [claim.escalation.key for claim in ledger.claim("one", 8)] == [
        escalation(1).key,
        escalation(2).key,
    ]


def test_a_stored_node_is_read_as_what_it_says_it_is() -> None:
    """To try it as each of the others takes ten times as long."""
    stored = rows.MESSAGE.text(message())
    assert stored is not None
    with pytest.raises(ValidationError) as raised:
        rows.MESSAGE.value(stored.replace('"kind":"text"', '"kind":"song"'))
    assert [error["type"] for error in raised.value.errors()] == ["union_tag_invalid"]


def test_the_lease_begins_anew_before_the_create_is_sent(ledger: Ledger, clock: Clock) -> None:
    ledger.record(escalation())
    claim = claimed(ledger)
    clock.move(LEASE_SECONDS - 1)
    frozen(ledger, claim)
    clock.move(LEASE_SECONDS - 1)
    ledger.settle(claim, Created(TICKET))


def test_a_lease_that_ran_out_fences_even_if_nobody_took_the_row(
    ledger: Ledger, clock: Clock
) -> None:
    ledger.record(escalation())
    claim = claimed(ledger)
    clock.move(LEASE_SECONDS + 1)
    with pytest.raises(LeaseLost):
        frozen(ledger, claim)


def test_a_row_given_back_is_there_at_once_as_if_untouched(ledger: Ledger) -> None:
    ledger.record(escalation())
    ledger.give_back(claimed(ledger))
    assert claimed(ledger, "two").attempt == 1


def test_rows_wait_while_another_worker_holds_an_earlier_one_of_their_channel(
    ledger: Ledger,
) -> None:
    ledger.record(escalation(1))
    first = claimed(ledger, "one")
    ledger.record(escalation(2))
    assert ledger.claim("two", 8) == []
    ledger.settle(first, Created(TICKET))
    assert len(ledger.claim("two", 8)) == 1


def test_the_worker_learns_when_to_look_again(ledger: Ledger, clock: Clock) -> None:
    assert ledger.next_due() is None
    ledger.record(escalation(1))
    claim = claimed(ledger)
    assert ledger.next_due() == pytest.approx(LEASE_SECONDS)
    ledger.retry_later(claim, 7, "plain_500", failed=True, outcome_unknown=False)
    assert ledger.next_due() == pytest.approx(7)
    clock.move(7)
    ledger.settle(claimed(ledger), Created(TICKET))
    assert ledger.next_due() is None


def test_the_one_process_of_a_database_frees_what_its_predecessor_held(ledger: Ledger) -> None:
    ledger.record(escalation())
    claimed(ledger, "dead")
    ledger.free_all()
    assert claimed(ledger, "alive").attempt == 2


def test_two_replicas_that_claim_at_once_keep_the_order_of_a_channel(
    database_url: str,
) -> None:
    if database_url.startswith("sqlite"):
        pytest.skip("SQLite is one process's")
    one, two = Database(database_url), Database(database_url)
    first, second = Ledger(one), Ledger(two)
    first.record(escalation(1))
    first.record(escalation(2))
    in_time, got = threading.Event(), []

    def holds_its_commit(_connection: object) -> None:
        in_time.set()
        time.sleep(0.3)

    event.listen(one.engine, "commit", holds_its_commit)
    claiming = threading.Thread(target=lambda: got.extend(first.claim("one", 1)))
    claiming.start()
    assert in_time.wait(5)
    assert second.claim("two", 1) == []
    claiming.join()
    assert len(got) == 1
    one.close()
    two.close()
