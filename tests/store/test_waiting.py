"""The people whom somebody has to link."""

from __future__ import annotations

import pytest

from bot.core.faults import Reason
from bot.core.model import Created, Outcome, Rejected
from bot.store.customer_links import CustomerLink, CustomerLinks
from bot.store.database import Database
from bot.store.deliveries import Ledger
from bot.store.records import Unlinked, Waiting, backlog
from bot.store.retention import Retention
from tests.conftest import Clock
from tests.nouns import TEAM, TICKET, escalation

NOW = 1_700_000_000.0


def no_customer(user: str) -> Rejected:
    return Rejected(Reason.NO_CUSTOMER, {"requester": user, "name": "Somebody"})


@pytest.fixture
def waiting(database: Database) -> Waiting:
    return Waiting(database)


def settled(database: Database, number: int, outcome: Outcome) -> None:
    ledger = Ledger(database)
    ledger.record(escalation(number))
    (claim,) = ledger.claim("one", 1)
    ledger.settle(claim, outcome)
    if isinstance(outcome, Rejected):
        ledger.answered(claim, said=True)


def test_each_person_once_the_latest_first(
    waiting: Waiting, database: Database, clock: Clock
) -> None:
    for number, user in enumerate(["U1", "U2", "U1"], start=1):
        settled(database, number, no_customer(user))
        clock.move(60)
    assert waiting.waiting_for_link(10) == [("U1", NOW, "PB-3"), ("U2", NOW + 60, "PB-2")]
    assert waiting.waiting_for_link(1) == [("U1", NOW, "PB-3")]
    assert waiting.waiting_for_link(1)[0].since == NOW
    assert backlog(database).people == 2


@pytest.mark.parametrize(
    ("outcome", "waits"),
    [
        pytest.param(no_customer("U1"), True, id="no customer"),
        pytest.param(
            Rejected(Reason.BROKEN_LINK, {"requester": "U1", "customer": "c_9"}),
            True,
            id="a link to nobody",
        ),
        pytest.param(
            Rejected(Reason.BROKEN_LINK, {"customer": "c_9"}), False, id="the settings' own"
        ),
        pytest.param(Rejected(Reason.EMPTY, {}), False, id="another refusal"),
        pytest.param(Rejected(Reason.GAVE_UP, {"last": "x"}), False, id="parked"),
        pytest.param(Created(TICKET), False, id="a ticket"),
    ],
)
def test_only_what_a_link_mends(
    waiting: Waiting, database: Database, outcome: Outcome, waits: bool
) -> None:
    settled(database, 1, outcome)
    assert [one.requester for one in waiting.waiting_for_link(10)] == (["U1"] if waits else [])
    assert backlog(database).people == int(waits)
    found = waiting.unlinked("PB-1")
    if waits:
        assert found == Unlinked("PB-1", "U1", waits=True)
    else:
        assert found is None or not found.waits


def test_people_are_counted_once_with_the_unconfirmed_among_them(
    waiting: Waiting, database: Database
) -> None:
    assert waiting.counts() == (0, 0)
    unconfirmed = {"requester": "U2", "name": "B", "address": "unconfirmed"}
    named_so = {"requester": "U3", "name": '"address":"unconfirmed"'}
    for number, data in enumerate([dict(no_customer("U1").data), unconfirmed, unconfirmed], 1):
        settled(database, number, Rejected(Reason.NO_CUSTOMER, data))
    settled(database, 4, Rejected(Reason.NO_CUSTOMER, named_so))
    settled(database, 5, Created(TICKET))
    assert waiting.counts() == (3, 1)


def test_who_was_linked_waits_no_more(waiting: Waiting, database: Database) -> None:
    settled(database, 1, no_customer("U1"))
    CustomerLinks(database).link([CustomerLink(TEAM, "U1", "c_1")])
    assert waiting.waiting_for_link(10) == []
    assert waiting.unlinked("PB-1") == Unlinked("PB-1", "U1", waits=False)
    (claim,) = Ledger(database).claim("one", 1)
    Ledger(database).settle(claim, Created(TICKET))
    assert waiting.unlinked("PB-1") == Unlinked("PB-1", "U1", waits=False, ticket=TICKET)


def test_who_was_forgotten_is_nobody_to_link(waiting: Waiting, database: Database) -> None:
    settled(database, 1, no_customer("U1"))
    Retention(database).forget("U1")
    assert waiting.waiting_for_link(10) == []
    found = waiting.unlinked("PB-1")
    assert found is None or not found.waits


@pytest.mark.parametrize("name", ["PB-2", "1x", "PB-", "", "PB-" + "9" * 30, "PB-١", "T-1"])
def test_names_of_no_row(waiting: Waiting, database: Database, name: str) -> None:
    settled(database, 1, no_customer("U1"))
    assert waiting.unlinked(name) is None
