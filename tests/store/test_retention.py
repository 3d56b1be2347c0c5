"""What is erased by and by, what a job keeps, and what stays so that nothing comes back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core.faults import Reason, Rejection
from bot.store.database import Database
from bot.store.jobs import Kind
from bot.store.retention import Retention
from bot.store.schema import job
from bot.store.tickets import Ledger
from tests.conftest import Clock
from tests.nouns import TEAM, escalation
from tests.store.erasing import (
    DAY,
    NONE,
    SECRET,
    address,
    change,
    claimed,
    everything,
    jobs_of,
    on_hold,
    parts,
    recorded,
    say,
    sent,
    settled,
    stored,
    texts,
    ticket_of,
)


@pytest.fixture
def retention(database: Database) -> Retention:
    return Retention(database)


def erase_all(retention: Retention, days: float = 30) -> None:
    """One round of all that is erased by time."""
    retention.erase_addresses()
    retention.end_holds(days)
    retention.erase_texts(days)


def test_texts_are_erased_days_after_the_request_ended(
    retention: Retention, database: Database, clock: Clock
) -> None:
    id_ = settled(database)
    clock.move(30 * DAY - 1)
    assert retention.erase_texts(30) == 0
    clock.move(1)
    assert retention.erase_texts(30) == 1
    row = stored(database, id_)
    assert texts(row) == NONE
    assert (row.state, ticket_of(database, id_).thread_ref) == ("created", "T-1")
    assert SECRET not in everything(database)
    assert retention.erase_texts(30) == 0


def test_texts_of_what_waits_stay(retention: Retention, database: Database, clock: Clock) -> None:
    id_ = recorded(database)
    clock.move(100 * DAY)
    assert retention.erase_texts(30) == 0
    assert stored(database, id_).message is not None


def test_outstanding_parts_of_a_parked_request_are_texts(
    retention: Retention, database: Database, clock: Clock
) -> None:
    ledger, id_ = Ledger(database), recorded(database)
    claim = claimed(database, id_)
    sent(ledger, claim, parts("More secret words"))
    ledger.settle(claim, Rejection(Reason.GAVE_UP))
    say(database, id_)
    change(database, id_, message=None, form=None)
    clock.move(30 * DAY)
    assert retention.erase_texts(30) == 1
    assert "ecret" not in everything(database)


def test_addresses_are_erased_after_half_an_hour(
    retention: Retention, database: Database, clock: Clock
) -> None:
    id_ = settled(database)
    clock.move(1799)
    assert retention.erase_addresses() == 0
    clock.move(1)
    assert retention.erase_addresses() == 1
    row = stored(database, id_)
    assert row.reply_to is None
    assert row.message is not None
    assert "hooks.slack.com" not in everything(database)


def test_what_waits_loses_only_the_part_of_its_address_that_is_dead(
    retention: Retention, database: Database, clock: Clock
) -> None:
    id_ = recorded(database)
    clock.move(1800)
    assert retention.erase_addresses() == 1
    assert retention.erase_addresses() == 0
    claim = claimed(database, id_)
    assert claim.escalation.trigger.reply_to == replace(address(), response_url=None)


def test_what_is_on_hold_loses_its_address_once_its_submitter_was_told(
    retention: Retention, database: Database, clock: Clock
) -> None:
    told = on_hold(database, 1)
    untold = settled(database, 2, Rejection(Reason.NO_CUSTOMER, requester="U0AUTHOR"))
    clock.move(1800)
    assert retention.erase_addresses() == 2
    assert stored(database, told).reply_to is None
    assert stored(database, told).message is not None
    kept = stored(database, untold).reply_to
    assert '"channel":"C0001"' in kept
    assert "hooks.slack.com" not in kept


def test_an_unsayable_answer_holds_up_nobodys_erasing(
    retention: Retention, database: Database, clock: Clock
) -> None:
    untold = settled(database, 1, Rejection(Reason.EMPTY))
    others = [settled(database, number) for number in (2, 3, 4)]
    clock.move(31 * DAY)
    erase_all(retention)
    for id_ in others:
        row = stored(database, id_)
        assert (texts(row), row.reply_to) == (NONE, None)
    assert stored(database, untold).message is not None
    assert stored(database, untold).reply_to is not None


def test_an_answer_that_is_said_late_is_come_back_to(
    retention: Retention, database: Database, clock: Clock
) -> None:
    untold = settled(database, 1, Rejection(Reason.EMPTY))
    settled(database, 2)
    clock.move(31 * DAY)
    erase_all(retention)
    say(database, untold, said=False)
    erase_all(retention)
    row = stored(database, untold)
    assert (texts(row), row.reply_to, row.answer) == (NONE, None, "unsayable")


def test_a_clock_that_was_ahead_holds_up_nobodys_erasing(
    retention: Retention, database: Database, clock: Clock
) -> None:
    clock.move(365 * DAY)
    ahead = settled(database, 1)
    erase_all(retention)
    clock.move(-364 * DAY)
    later = settled(database, 2)
    clock.move(31 * DAY)
    erase_all(retention)
    row = stored(database, later)
    assert (texts(row), row.reply_to) == (NONE, None)
    assert stored(database, ahead).message is not None
    clock.move(365 * DAY)
    erase_all(retention)
    assert SECRET not in everything(database)


def test_a_job_that_needs_no_text_keeps_none(
    retention: Retention, database: Database, clock: Clock
) -> None:
    id_ = settled(database)
    edit = {"kind": Kind.EDIT.value, "key": id_, "due": clock.now + 600, "created_at": clock.now}
    counts = {"team": TEAM, "attempts": 0, "failures": 0, "strikes": 0, "half_way": 0}
    with database.writing() as connection:
        connection.execute(job.insert().values(edit | counts))
    clock.move(31 * DAY)
    erase_all(retention)
    row = stored(database, id_)
    assert (texts(row), row.reply_to) == (NONE, None)
    assert jobs_of(database, id_) == ["edit"]


def test_a_request_that_is_decided_again_keeps_its_texts(
    retention: Retention, database: Database, clock: Clock
) -> None:
    id_ = settled(database, 1, Rejection(Reason.EMPTY))
    say(database, id_)
    clock.move(31 * DAY)
    change(database, id_, state="waiting", settled_at=None)
    erase_all(retention)
    assert stored(database, id_).message is not None


def test_more_requests_than_one_portion_are_erased(
    retention: Retention, database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.store.retention._PORTION", 2)
    ids = []
    for number in range(1, 6):
        ids.append(settled(database, number))
        clock.move(0 if number % 2 else 1)
    waiting = [recorded(database, number) for number in range(6, 10)]
    clock.move(31 * DAY)
    assert retention.erase_texts(30) == 5
    assert all(texts(stored(database, id_)) == NONE for id_ in ids)
    assert retention.erase_addresses() == 9
    assert all("hooks" not in stored(database, id_).reply_to for id_ in waiting)


def test_an_erased_request_still_answers_who_asks_again(
    retention: Retention, database: Database, clock: Clock
) -> None:
    settled(database)
    clock.move(31 * DAY)
    erase_all(retention)
    found = Ledger(database).ticket_of(escalation().key)
    assert found is not None
    assert found.ref == "T-1"
