"""What was asked before, read for the form to be opened with again, on each engine."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from bot.core.model import Via
from bot.store.database import Database
from bot.store.deliveries import Ledger
from bot.store.records import Asked, Earlier
from bot.store.schema import escalation as table
from tests.nouns import TICKET, escalation, form, message


@pytest.fixture
def asked(database: Database) -> Asked:
    return Asked(database)


ESCALATION = escalation(via=Via.SHORTCUT, emoji=None, message=message(), form=form())


def settle(database: Database, **values: object) -> None:
    with database.writing() as connection:
        connection.execute(update(table).values(**values))


def test_a_request_comes_back_as_it_was_asked(database: Database, asked: Asked) -> None:
    Ledger(database).record(ESCALATION)
    assert asked.find("PB-1") == Earlier(ESCALATION, waits=True, requester="U0AUTHOR")
    settle(database, state="refused", reason="no_customer", due=None)
    assert asked.find("PB-1") == Earlier(ESCALATION, waits=False, requester="U0AUTHOR")


def test_its_ticket_is_told_once_it_stands(database: Database, asked: Asked) -> None:
    Ledger(database).record(ESCALATION)
    thread = {"thread_id": TICKET.id, "thread_ref": TICKET.ref, "thread_url": TICKET.url}
    settle(database, state="refused", reason="gave_up", due=None, **thread)
    found = asked.find("PB-1")
    assert found is not None
    assert found.ticket is None
    settle(database, state="created")
    found = asked.find("PB-1")
    assert found is not None
    assert found.ticket == TICKET


@pytest.mark.parametrize(
    "reference", ["PB-2", "PB-", "", "PB-x", "PB-١", "1 OR 1=1", "PB-" + "9" * 30, "T-1"]
)
def test_what_names_no_request_finds_none(database: Database, asked: Asked, reference: str) -> None:
    Ledger(database).record(ESCALATION)
    assert asked.find(reference) is None
