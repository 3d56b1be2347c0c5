"""What is remembered by name, and which keys the ledger knows."""

from __future__ import annotations

from bot.core.faults import Reason, Rejection
from bot.core.model import Created
from bot.flows.reconcile import ResumePoint
from bot.store.claims import load
from bot.store.database import Database
from bot.store.kv import KeyValueStore
from bot.store.tickets import Ledger
from tests.nouns import TICKET, escalation


def test_the_last_value_is_kept_until_it_is_forgotten(database: Database) -> None:
    places = KeyValueStore(database, ResumePoint)
    assert places.recall("here") is None
    places.keep("here", ResumePoint("C1"))
    places.keep("here", ResumePoint("C1", "next", "1.000000", "more"))
    places.keep("there", ResumePoint("C2"))
    assert places.recall("here") == ResumePoint("C1", "next", "1.000000", "more")
    places.forget("here")
    assert (places.recall("here"), places.recall("there")) == (None, ResumePoint("C2"))


def test_known_keys_whatever_came_of_them(database: Database) -> None:
    ledger = Ledger(database)
    keys = [escalation(number).key for number in range(1, 5)]
    for number in (1, 2, 3):
        ledger.record(escalation(number))
    first, second = load(database, ledger.claim("w", 2))
    ledger.settle(first, Created(TICKET))
    ledger.settle(second, Rejection(Reason.NOT_IN_CHANNEL))
    assert ledger.known(keys) == set(keys[:3])
    assert ledger.known([]) == frozenset()


def test_known_of_more_keys_than_one_statement_takes(database: Database) -> None:
    ledger = Ledger(database)
    ledger.record(escalation(1))
    many = [f"T0001:C0001:{number}.000000" for number in range(40_000)]
    assert ledger.known([*many, escalation(1).key]) == {escalation(1).key}
