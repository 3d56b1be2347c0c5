"""The read side of the ledger: a user's own records, a message's, those on hold, one by name."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import update

from bot.core.faults import Reason, Rejection
from bot.core.home import WaitingPerson
from bot.core.model import Created, Ignored, Outcome, Via
from bot.core.record import Evidence, State
from bot.core.refs import MessageRef
from bot.store.customer_links import CustomerLink, CustomerLinks
from bot.store.database import Database
from bot.store.deliveries import Ledger
from bot.store.records import EarlierRequest, Records, backlog, count_unlinked
from bot.store.requests import Requests
from bot.store.retention import Retention
from bot.store.schema import escalation as table
from tests.conftest import Clock
from tests.nouns import CHANNEL, TEAM, TICKET, escalation, form, message, ts


def no_customer(user: str) -> Rejection:
    return Rejection(Reason.NO_CUSTOMER, requester=user, requester_name="Somebody")


def settle(database: Database, number: int, outcome: Outcome | None, **more: object) -> None:
    """The nth message, asked for and settled; without an outcome it waits."""
    ledger = Ledger(database)
    ledger.record(escalation(number, **more))
    if outcome is None:
        return
    (claim,) = ledger.claim("one", 1)
    if isinstance(outcome, Created):
        ledger.freeze(
            claim,
            conversation_key=claim.external_id,
            customer="c_1",
            requester="U0AUTHOR",
            message=message(number),
            person=None,
        )
    ledger.settle(claim, outcome)
    ledger.answered(claim, said=True) if isinstance(outcome, Rejection) else None


def test_ones_own_the_newest_first(database: Database) -> None:
    settle(database, 1, Created(TICKET))
    settle(database, 2, Rejection(Reason.EMPTY))
    settle(database, 3, Created(TICKET), submitter="U0OTHER")
    settle(database, 4, Ignored("no_rule"))
    settle(database, 5, None)
    found = Records(database).of_submitter(TEAM, "U0ASKER")
    assert [(one.id, one.state) for one in found] == [
        (5, State.WAITING),
        (2, State.REFUSED),
        (1, State.CREATED),
    ]


def test_another_workspace_sees_none_of_it(database: Database) -> None:
    settle(database, 1, no_customer("U1"))
    records = Records(database)
    assert records.of_submitter("T0OTHER", "U0ASKER") == []
    assert records.to_link("T0OTHER", 10) == []
    assert records.by_reference("T0OTHER", "PB-1") is None
    assert records.request("T0OTHER", "PB-1") is None


def test_page_by_page(database: Database) -> None:
    for number in range(1, 6):
        settle(database, number, Created(TICKET))
    tickets = Records(database)
    assert [one.id for one in tickets.of_submitter(TEAM, "U0ASKER", None, 2)] == [5, 4]
    assert [one.id for one in tickets.of_submitter(TEAM, "U0ASKER", 4, 2)] == [3, 2]
    assert [one.id for one in tickets.of_submitter(TEAM, "U0ASKER", 1, 2)] == []


def test_all_that_is_known_of_a_row(database: Database, clock: Clock) -> None:
    settle(database, 1, Created(TICKET))
    with database.writing() as connection:
        connection.execute(
            update(table).values(evidence="link", undone_at=5.0, undone_by="U9", cause="x")
        )
    (record,) = Records(database).generations(f"{TEAM}:{CHANNEL}:{ts(1)}")
    assert (record.id, record.reference, record.generation) == (1, "PB-1", 1)
    assert (record.via, record.emoji, record.submitter) == (Via.REACTION, "ticket", "U0ASKER")
    assert (record.ref, record.channel) == (MessageRef(CHANNEL, ts(1)), CHANNEL)
    assert (record.customer, record.requester) == ("c_1", "U0AUTHOR")
    assert (record.evidence, record.ticket) == (Evidence.LINK, TICKET)
    assert (record.undone_at, record.undone_by) == (5.0, "U9")
    assert (record.created_at, record.settled_at) == (clock.now, clock.now)
    assert (record.attempts, record.cause, record.found) == (1, "x", False)
    assert record.rules == escalation(1).rules


def test_a_refusal_with_its_data(database: Database) -> None:
    settle(database, 1, Rejection(Reason.NO_CUSTOMER, requester="U9"))
    (record,) = Records(database).of_submitter(TEAM, "U0ASKER")
    assert (record.reason, record.reason_data) == ("no_customer", {"requester": "U9"})


def test_what_reconciliation_found_is_told_apart(database: Database) -> None:
    settle(database, 1, None, request="reconcile:C0001:1.000100:ticket")
    assert Records(database).of_submitter(TEAM, "U0ASKER")[0].found


@pytest.mark.parametrize("state", ["undone", "created"])
def test_an_evidence_of_a_later_release_is_unknown(database: Database, state: str) -> None:
    settle(database, 1, Created(TICKET))
    with database.writing() as connection:
        connection.execute(update(table).values(evidence="tarot", state=state))
    (record,) = Records(database).of_submitter(TEAM, "U0ASKER")
    assert (record.evidence, record.state.value) == (None, state)


def test_all_generations_of_a_message(database: Database) -> None:
    settle(database, 1, Created(TICKET))
    with database.writing() as connection:
        row = connection.execute(table.select()).one()._asdict()
        again = {**row, "id": 9, "generation": 2, "conversation_key": None, "state": "waiting"}
        connection.execute(table.insert().values(again))
    key = f"{TEAM}:{CHANNEL}:{ts(1)}"
    found = Records(database).generations(key)
    assert [(one.generation, one.state.value) for one in found] == [(1, "created"), (2, "waiting")]
    assert Records(database).generations("T:C:0") == []


def test_the_ticket_of_a_conversation(database: Database) -> None:
    settle(database, 1, Created(TICKET))
    key = f"{TEAM}:{CHANNEL}:{ts(1)}"
    assert Requests(database).ticket_of_conversation(key) == TICKET
    assert Requests(database).ticket_of_conversation("T:C:0") is None
    with database.writing() as connection:
        connection.execute(update(table).values(state="waiting"))
    assert Requests(database).ticket_of_conversation(key) is None


def test_an_asking_without_a_message(database: Database) -> None:
    asked = escalation(1, via=Via.COMMAND, ref=None, emoji=None)
    Ledger(database).record(replace(asked, key=f"{TEAM}:command:1"))
    (record,) = Records(database).of_submitter(TEAM, "U0ASKER")
    assert (record.ref, record.via, record.emoji) == (None, Via.COMMAND, None)


# Who has to be linked

NOW = 1_700_000_000.0


def test_each_person_once_the_latest_first(database: Database, clock: Clock) -> None:
    for number, user in enumerate(["U1", "U2", "U1"], start=1):
        settle(database, number, no_customer(user))
        clock.move(60)
    assert Records(database).to_link(TEAM, 10) == [
        WaitingPerson("U1", NOW, "PB-3"),
        WaitingPerson("U2", NOW + 60, "PB-2"),
    ]
    assert Records(database).to_link(TEAM, 1) == [WaitingPerson("U1", NOW, "PB-3")]
    assert Records(database).to_link(TEAM, 1)[0].since == NOW
    assert backlog(database).people == 2


@pytest.mark.parametrize(
    ("outcome", "waits"),
    [
        pytest.param(no_customer("U1"), True, id="no customer"),
        pytest.param(
            Rejection(Reason.BROKEN_LINK, requester="U1", customer="c_9"),
            True,
            id="a link to nobody",
        ),
        pytest.param(Rejection(Reason.BROKEN_LINK, customer="c_9"), False, id="the settings' own"),
        pytest.param(Rejection(Reason.EMPTY), False, id="another refusal"),
        pytest.param(Rejection(Reason.GAVE_UP, cause="x"), False, id="parked"),
        pytest.param(Created(TICKET), False, id="a ticket"),
    ],
)
def test_only_what_a_link_mends(database: Database, outcome: Outcome, waits: bool) -> None:
    settle(database, 1, outcome)
    assert [one.user for one in Records(database).to_link(TEAM, 10)] == (["U1"] if waits else [])
    assert backlog(database).people == int(waits)
    found = Records(database).by_reference(TEAM, "PB-1")
    assert found is not None
    assert found.is_on_hold is waits


def test_people_are_counted_once_with_the_unconfirmed_among_them(database: Database) -> None:
    assert count_unlinked(database) == (0, 0)
    unconfirmed = replace(no_customer("U2"), address_unconfirmed=True)
    named_so = replace(no_customer("U3"), requester_name='"address":"unconfirmed"')
    for number, one in enumerate([no_customer("U1"), unconfirmed, unconfirmed, named_so], 1):
        settle(database, number, one)
    settle(database, 5, Created(TICKET))
    assert count_unlinked(database) == (3, 1)


def test_who_was_linked_waits_no_more(database: Database) -> None:
    settle(database, 1, no_customer("U1"))
    CustomerLinks(database).link([CustomerLink(TEAM, "U1", "c_1")])
    assert Records(database).to_link(TEAM, 10) == []
    resumed = Records(database).by_reference(TEAM, "PB-1")
    assert resumed is not None
    assert (resumed.requester, resumed.is_on_hold, resumed.ticket) == ("U1", False, None)
    (claim,) = Ledger(database).claim("one", 1)
    Ledger(database).settle(claim, Created(TICKET))
    made = Records(database).by_reference(TEAM, "PB-1")
    assert made is not None
    assert (made.requester, made.is_on_hold, made.ticket) == ("U1", False, TICKET)


def test_who_was_forgotten_is_nobody_to_link(database: Database) -> None:
    settle(database, 1, no_customer("U1"))
    Retention(database).forget("U1")
    assert Records(database).to_link(TEAM, 10) == []
    found = Records(database).by_reference(TEAM, "PB-1")
    assert found is not None
    assert not found.is_on_hold


@pytest.mark.parametrize(
    "name", ["PB-2", "1x", "PB-", "", "PB-" + "9" * 30, "PB-١", "T-1", "1 OR 1=1"]
)
def test_names_of_no_row(database: Database, name: str) -> None:
    settle(database, 1, no_customer("U1"))
    assert Records(database).by_reference(TEAM, name) is None
    assert Records(database).request(TEAM, name) is None


# A request that is made again

TYPED = escalation(via=Via.SHORTCUT, emoji=None, message=message(), form=form())


@pytest.mark.parametrize("state", ["waiting", "refused", "created"])
def test_a_request_comes_back_as_it_was_made(database: Database, state: str) -> None:
    Ledger(database).record(TYPED)
    with database.writing() as connection:
        connection.execute(update(table).values(state=state))
    (record,) = Records(database).find("PB-1")
    assert Records(database).request(TEAM, "PB-1") == EarlierRequest(record, TYPED)
    assert (record.state, record.requester) == (state, "U0AUTHOR")
