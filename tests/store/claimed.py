"""A ledger whose requests are claimed, opened and looked at."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Row, Table, select

from bot.core.model import Created, Ticket
from bot.store.claims import Claim, load
from bot.store.database import Database
from bot.store.schema import request
from bot.store.tickets import Ledger, NewTicket
from tests.nouns import TICKET, escalation, message


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


def claims(ledger: Ledger, worker: str = "one", limit: int = 8) -> list[Claim]:
    """Claim the requests that are to be decided."""
    return load(ledger.database, ledger.claim(worker, limit))


def claimed(ledger: Ledger, worker: str = "one") -> Claim:
    """Claim the only request that is to be decided."""
    (claim,) = claims(ledger, worker)
    return claim


def answering(ledger: Ledger, worker: str = "one") -> Claim:
    """Claim the only answer that is due."""
    (claim,) = load(ledger.database, ledger.claim(worker, 0, 8))
    return claim


def note(
    ledger: Ledger, claim: Claim, conversation: str | None = "conversation", **more: Any
) -> bool:
    """Note that the thread of the request's ticket is about to be created; return whether the
    conversation was free."""
    values: dict[str, Any] = {
        "generation": 1,
        "external_id": claim.escalation.key,
        "conversation_key": conversation,
        "customer": "c_1",
        "requester": "U0AUTHOR",
        "message": message(),
    }
    return ledger.note_thread(claim, NewTicket(**(values | more)))


def opened(
    ledger: Ledger, number: int = 1, ticket: Ticket = TICKET, conversation: str = "conversation"
) -> Claim:
    """Record a request, and open its ticket."""
    ledger.record(escalation(number))
    claim = claimed(ledger)
    note(ledger, claim, conversation)
    ledger.settle(claim, Created(ticket))
    return claim


def row(database: Database, row_id: int = 1, table: Table = request) -> Row[Any]:
    """Return the row with this id."""
    with database.reading() as connection:
        return connection.execute(select(table).where(table.c.id == row_id)).one()


def rows_of(database: Database, table: Table) -> list[Row[Any]]:
    """Return all rows of a table."""
    with database.reading() as connection:
        return list(connection.execute(select(table)))
