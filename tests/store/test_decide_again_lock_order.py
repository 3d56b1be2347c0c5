"""What lets requests be decided again takes its locks in the order in which a worker does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import pytest
from sqlalchemy import select, text

from bot.core.faults import Reason, Rejection
from bot.store.customer_links import CustomerLink, CustomerLinks
from bot.store.database import Database
from bot.store.records import Records
from bot.store.schema import request
from bot.store.tickets import Ledger
from tests.nouns import TEAM, escalation
from tests.store.claimed import claimed

UNKNOWN = Rejection(Reason.NO_CUSTOMER, requester="U0AUTHOR")

_BLOCKED = text(
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


@pytest.fixture
def postgres(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    if database.is_sqlite:
        pytest.skip("SQLite has one writer: nobody can be in its way")
    yield database
    database.close()


def link(database: Database) -> None:
    CustomerLinks(database).link([CustomerLink(TEAM, "U0AUTHOR", "c_1")])


def retry(database: Database) -> None:
    Records(database).retry("PB-1")


def submit_again(database: Database) -> None:
    Ledger(database).record(replace(escalation(1, request="V2"), replaces=1))


@pytest.mark.parametrize("decide_again", [link, retry, submit_again])
def test_an_answer_that_is_noted_meanwhile_is_in_nobodys_way(
    postgres: Database, decide_again: Callable[[Database], None]
) -> None:
    """PostgreSQL ended one of the two after a second: a linker was told that nothing was saved."""
    ledger = Ledger(postgres)
    ledger.record(escalation(1))
    claim = claimed(ledger)
    ledger.settle(claim, UNKNOWN)  # from here on its job is that of the answer
    other = threading.Thread(target=partial(decide_again, postgres))
    with postgres.writing() as connection:
        ledger.end(connection, claim.job)
        other.start()
        with postgres.reading() as looking:
            while not looking.scalar(_BLOCKED):
                time.sleep(0.002)
        its = select(request.c.id).where(request.c.id == 1)
        assert connection.scalar(its.with_for_update(nowait=True)) == 1
    other.join()
