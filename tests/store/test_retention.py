"""What is erased, and what stays so that nothing comes back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from bot.core.faults import Reason, Rejection
from bot.core.model import Created, FormDraft, ReplyTo
from bot.store.claims import Claim
from bot.store.customer_links import CustomerLink, CustomerLinks
from bot.store.database import Database
from bot.store.deliveries import Ledger
from bot.store.drafts import Drafts
from bot.store.records import Records
from bot.store.requests import Recorded
from bot.store.retention import FORGOTTEN, Retention
from bot.store.schema import escalation as table
from tests.conftest import Clock
from tests.nouns import TEAM, TICKET, escalation, form, message, trigger

DAY = 86400.0
ADDRESS = ReplyTo("U0ASKER", 1_700_000_000.0, "C0001", None, "https://hooks.slack.com/x")


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


@pytest.fixture
def retention(database: Database) -> Retention:
    return Retention(database)


def record(ledger: Ledger, number: int = 1, **more: Any) -> Claim:
    """A row with all that can be erased, claimed."""
    values = {"message": message(number, "Secret words"), "form": form(), "reply_to": ADDRESS}
    ledger.record(escalation(number, **(values | more)))
    (claim,) = ledger.claim("one", 1)
    return claim


def stored(database: Database, number: int = 1) -> Any:
    with database.reading() as connection:
        return connection.execute(select(table).where(table.c.key == escalation(number).key)).one()


def test_texts_are_erased_days_after_the_row_was_settled(
    ledger: Ledger, retention: Retention, database: Database, clock: Clock
) -> None:
    ledger.settle(record(ledger), Created(TICKET))
    clock.move(30 * DAY - 1)
    assert retention.erase_texts(30) == 0
    clock.move(1)
    assert retention.erase_texts(30) == 1
    row = stored(database)
    assert (row.message, row.form) == (None, None)
    assert (row.state, row.thread_ref) == ("created", "T-1")
    assert "Secret" not in str(row)
    assert retention.erase_texts(30) == 0


def test_texts_of_what_waits_stay(
    ledger: Ledger, retention: Retention, database: Database, clock: Clock
) -> None:
    record(ledger)
    clock.move(100 * DAY)
    assert retention.erase_texts(30) == 0
    assert stored(database).message is not None


def test_addresses_are_erased_after_half_an_hour(
    ledger: Ledger, retention: Retention, database: Database, clock: Clock
) -> None:
    ledger.settle(record(ledger), Created(TICKET))
    clock.move(1799)
    assert retention.erase_addresses() == 0
    clock.move(1)
    assert retention.erase_addresses() == 1
    row = stored(database)
    assert row.reply_to is None
    assert row.message is not None
    assert "hooks.slack.com" not in str(row)


def test_a_row_that_waits_loses_only_the_part_of_its_address_that_is_dead(
    ledger: Ledger, retention: Retention, clock: Clock
) -> None:
    ledger.give_back(record(ledger))
    clock.move(1800)
    assert retention.erase_addresses() == 1
    assert retention.erase_addresses() == 0
    (claim,) = ledger.claim("one", 1)
    assert claim.escalation.trigger.reply_to == replace(ADDRESS, response_url=None)


def test_a_refusal_that_is_still_to_be_said_keeps_its_address_and_is_come_back_to(
    ledger: Ledger, retention: Retention, database: Database, clock: Clock
) -> None:
    claim = record(ledger, 1)
    ledger.settle(claim, Rejection(Reason.EMPTY))
    ledger.settle(record(ledger, 2), Created(TICKET))
    ledger.answer_later(claim, 40 * DAY, "slack_unreachable", failed=True)
    clock.move(31 * DAY)
    retention.erase_addresses()
    retention.erase_texts(30)
    assert stored(database, 1).reply_to is not None
    clock.move(10 * DAY)
    (again,) = ledger.claim("one", 1)
    ledger.answered(again, said=True)
    retention.erase_addresses()
    retention.erase_texts(30)
    for number in (1, 2):
        row = stored(database, number)
        assert (row.reply_to, row.message) == (None, None)


def test_more_rows_than_one_portion_are_erased(
    ledger: Ledger,
    retention: Retention,
    database: Database,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bot.store.retention._PORTION", 2)
    for number in range(1, 6):
        ledger.settle(record(ledger, number), Created(TICKET))
        clock.move(0 if number % 2 else 1)
    clock.move(31 * DAY)
    assert retention.erase_texts(30) == 5
    assert all(stored(database, number).message is None for number in range(1, 6))


def test_an_erased_row_still_answers_who_asks_again(
    ledger: Ledger, retention: Retention, clock: Clock
) -> None:
    ledger.settle(record(ledger), Created(TICKET))
    clock.move(31 * DAY)
    retention.erase_texts(30)
    retention.erase_addresses()
    assert ledger.ticket_of(escalation().key) == TICKET


def test_a_person_is_forgotten_and_nothing_of_theirs_comes_back(
    ledger: Ledger, retention: Retention, database: Database
) -> None:
    people, drafts = CustomerLinks(database), Drafts(database)
    people.link([CustomerLink(TEAM, "U0GONE", "c_1", "gone@example.com", "Gone")])
    drafts.keep(FormDraft("d1", trigger(submitter="U0GONE"), form()))
    drafts.keep(FormDraft("d2", trigger(), form()))
    ledger.settle(record(ledger, 1, submitter="U0GONE"), Created(TICKET))
    ledger.settle(record(ledger, 2, message=message(2, author="U0GONE")), Created(TICKET))
    ledger.settle(record(ledger, 3, form=form(requester="U0GONE")), Created(TICKET))
    ledger.settle(record(ledger, 4), Created(TICKET))
    ledger.give_back(record(ledger, 5, submitter="U0GONE"))

    forgotten = retention.forget("U0GONE")

    assert (forgotten.people, forgotten.escalations, forgotten.drafts) == (1, 4, 1)
    assert people.all() == []
    assert drafts.load("d1") is None
    assert drafts.load("d2") is not None
    for number in (1, 2, 3, 5):
        row = stored(database, number)
        assert "U0GONE" not in str(row)
        assert (row.message, row.form, row.reply_to) == (None, None, None)
    assert stored(database, 1).asker == FORGOTTEN
    assert stored(database, 4).message is not None
    assert ledger.claim("one", 8) == []
    assert (stored(database, 5).state, stored(database, 5).reason) == ("unwanted", "forgotten")
    # The keys stay: the old reaction, delivered once more, opens nothing.
    again = escalation(1, submitter="U0GONE")
    assert ledger.record(again) == Recorded(fresh=False)
    assert [entry.reference for entry in Records(database).find("T-1")]
