"""The read side of the ledger: a user's own records, a message's, those on hold, one by name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.core.faults import Reason, Rejection
from bot.core.home import WaitingPerson
from bot.core.model import Via
from bot.core.record import Evidence, State
from bot.core.refs import MessageRef
from bot.store.backlog import Backlog, backlog, count_unlinked, ledger_stats
from bot.store.customer_links import CustomerLink, CustomerLinks
from bot.store.database import Database
from bot.store.jobs import Kind
from bot.store.records import EarlierRequest, Records
from bot.store.requests import Requests
from tests.conftest import Clock
from tests.nouns import CHANNEL, TEAM, TICKET, escalation, form, message, ts
from tests.store.rows import (
    a_job,
    a_request,
    a_ticket,
    change_job,
    change_request,
    change_ticket,
    key,
    thread,
)


def no_customer(user: str) -> Rejection:
    return Rejection(Reason.NO_CUSTOMER, requester=user, requester_name="Somebody")


def on_hold(database: Database, number: int, user: str, **more: Any) -> int:
    reason = replace(no_customer(user), **more)
    return a_request(database, number, "on_hold", reason=reason)


def test_ones_own_the_newest_first(database: Database) -> None:
    a_request(database, 1, "created")
    a_request(database, 2, "rejected", reason=Rejection(Reason.EMPTY))
    a_request(database, 3, "created", submitter="U0OTHER")
    a_request(database, 4, "ignored", reason="no_rule")
    a_request(database, 5)
    found = Records(database).of_submitter(TEAM, "U0ASKER")
    assert [(one.id, one.state) for one in found] == [
        (5, State.WAITING),
        (2, State.REJECTED),
        (1, State.CREATED),
    ]


def test_another_workspace_sees_none_of_it(database: Database) -> None:
    on_hold(database, 1, "U1")
    records = Records(database)
    assert records.of_submitter("T0OTHER", "U0ASKER") == []
    assert records.to_link("T0OTHER", 10) == []
    assert records.by_reference("T0OTHER", "PB-1") is None
    assert records.request("T0OTHER", "PB-1") is None


def test_page_by_page(database: Database) -> None:
    for number in range(1, 6):
        a_request(database, number, "created")
    tickets = Records(database)
    assert [one.id for one in tickets.of_submitter(TEAM, "U0ASKER", None, 2)] == [5, 4]
    assert [one.id for one in tickets.of_submitter(TEAM, "U0ASKER", 4, 2)] == [3, 2]
    assert [one.id for one in tickets.of_submitter(TEAM, "U0ASKER", 1, 2)] == []


def test_all_that_is_known_of_a_request(database: Database, clock: Clock) -> None:
    a_request(database, 1, "created", columns={"requester": "U0AUTHOR"})
    change_ticket(database, 1, evidence="link", duplicates='["T-9"]')
    (record,) = Records(database).of_message(key(1))
    assert (record.id, record.reference, record.key) == (1, "PB-1", key(1))
    assert (record.via, record.emoji, record.submitter) == (Via.REACTION, "ticket", "U0ASKER")
    assert (record.ref, record.channel) == (MessageRef(CHANNEL, ts(1)), CHANNEL)
    assert (record.customer, record.requester) == ("c_1", "U0AUTHOR")
    assert (record.evidence, record.ticket, record.opened) == (Evidence.LINK, TICKET, True)
    assert (record.created_at, record.settled_at) == (clock.now, clock.now)
    assert (record.attempts, record.due, record.cause) == (None, None, None)
    assert (record.duplicates, record.found) == (("T-9",), False)
    assert record.rules == escalation(1).rules


def test_what_is_due_comes_from_its_job(database: Database, clock: Clock) -> None:
    a_request(database, 1)
    due = {"due": clock.now + 5, "attempts": 3, "cause": "plain_timeout"}
    change_job(database, Kind.DECIDE, 1, **due)
    a_request(database, 2, "rejected", reason=Rejection(Reason.EMPTY))
    a_job(database, Kind.ANSWER, 2, attempts=1)
    a_job(database, Kind.DELAY, 2, attempts=7)
    a_request(database, 3, "created")
    a_job(database, Kind.DUPLICATE, 1, due=clock.now + 600)
    by_id = {one.id: one for one in Records(database).newest(10)}
    waiting = by_id[1]
    assert (waiting.due, waiting.attempts, waiting.cause) == tuple(due.values())
    assert (by_id[2].due, by_id[2].attempts, by_id[2].cause) == (clock.now, 1, None)
    assert by_id[3].verify_at == clock.now + 600


STATES = [
    pytest.param("waiting", None, State.WAITING, id="waiting"),
    pytest.param("on_hold", None, State.ON_HOLD, id="on hold"),
    pytest.param("created", "open", State.CREATED, id="created"),
    pytest.param("created", "undoing", State.CREATED, id="an undo has begun"),
    pytest.param("added", "open", State.ADDED, id="added"),
    pytest.param("joined", "open", State.JOINED, id="joined"),
    pytest.param("rejected", None, State.REJECTED, id="rejected"),
    pytest.param("parked", "opening", State.PARKED, id="parked, perhaps sent"),
    pytest.param("ignored", None, State.IGNORED, id="ignored"),
    pytest.param("created", "undone", State.UNDONE, id="its ticket was undone"),
    pytest.param("joined", "undone", State.UNDONE, id="the ticket that it joined was undone"),
    pytest.param("withdrawn", None, State.UNDONE, id="withdrawn"),
    pytest.param("created", "gone", State.GONE, id="its ticket is gone"),
    pytest.param("added", "gone", State.GONE, id="what it was added to is gone"),
]


@pytest.mark.parametrize(("stored", "tickets", "told"), STATES)
def test_the_state_that_people_are_told(
    database: Database, stored: str, tickets: str | None, told: State
) -> None:
    ticket_id = a_ticket(database, 1, tickets) if tickets else None
    a_request(database, 1, stored, ticket_id=ticket_id)
    records = Records(database)
    (record,) = records.find("PB-1")
    assert record.state is told
    listed = {state: [one.id for one in records.newest(10, state)] for state in State}
    assert [state for state, ids in listed.items() if ids] == [told]


def test_who_undid_a_ticket(database: Database, clock: Clock) -> None:
    ends = {"undone_at": clock.now + 60, "undone_by": "U9"}
    a_request(database, 1, "created", ticket_id=a_ticket(database, 1, "undone", **ends))
    (undone,) = Records(database).find("PB-1")
    assert (undone.undone_at, undone.undone_by) == (clock.now + 60, "U9")
    assert undone.undo_begun_by is None
    begun = a_ticket(database, 2, "undoing", undone_by="U9")
    a_request(database, 2, "created", ticket_id=begun)
    (undoing,) = Records(database).find("PB-2")
    assert (undoing.is_undoing, undoing.undo_begun_by) == (True, "U9")
    a_request(database, 3, "withdrawn")
    (withdrawn,) = Records(database).find("PB-3")
    assert (withdrawn.undone_at, withdrawn.undone_by) == (clock.now, None)


def test_the_slack_thread_of_a_reply(database: Database) -> None:
    """From the ticket's conversation; before there is one, from the message."""
    holding = a_ticket(database, 1)
    a_request(database, 1, "created", ticket_id=holding)
    a_request(database, 2, "added", ticket_id=holding)
    a_request(database, 3, message=message(3, thread_ts=ts(1)))
    a_request(database, 4)
    by_id = {one.id: one.thread_ts for one in Records(database).newest(10)}
    assert by_id == {1: None, 2: ts(1), 3: ts(1), 4: None}


def test_a_rejection_with_its_data(database: Database) -> None:
    a_request(database, 1, "on_hold", reason=Rejection(Reason.NO_CUSTOMER, requester="U9"))
    (record,) = Records(database).of_submitter(TEAM, "U0ASKER")
    assert (record.reason, record.reason_data) == ("no_customer", {"requester": "U9"})
    assert record.rejection == Rejection(Reason.NO_CUSTOMER, requester="U9")


def test_what_reconciliation_found_is_told_apart(database: Database, clock: Clock) -> None:
    a_request(database, 1)
    clock.move(10)
    a_request(database, 2, request="reconcile:C0001:1.000100:ticket")
    clock.move(10)
    a_request(database, 3, via=Via.COMMAND, ref=None, emoji=None)
    found = Records(database).of_submitter(TEAM, "U0ASKER")
    assert [one.found for one in found] == [False, True, False]
    stats = ledger_stats(database)
    assert (stats.now - clock.now, stats.heard_at) == (0, None)
    moments = (stats.event_at, stats.found_at, stats.asked_at)
    assert moments == (clock.now - 20, clock.now - 10, clock.now)


def test_an_evidence_of_a_later_release_is_unknown(database: Database) -> None:
    a_request(database, 1, "created")
    change_ticket(database, 1, evidence="tarot")
    (record,) = Records(database).of_submitter(TEAM, "U0ASKER")
    assert (record.evidence, record.state) == (None, State.CREATED)


def test_all_requests_about_a_message(database: Database) -> None:
    holding = a_ticket(database, 1)
    a_request(database, 1, "rejected", reason=Rejection(Reason.NOT_ALLOWED), submitter="U0GUEST")
    a_request(database, 1, "created", ticket_id=holding)
    a_request(database, 2)
    a_request(database, 1, "joined", ticket_id=holding, submitter="U0OTHER")
    found = Records(database).of_message(key(1))
    assert [(one.submitter, one.state, one.opened) for one in found] == [
        ("U0GUEST", State.REJECTED, False),
        ("U0ASKER", State.CREATED, True),
        ("U0OTHER", State.JOINED, False),
    ]
    assert Records(database).of_message("T:C:0") == []


def test_the_ticket_of_a_conversation(database: Database) -> None:
    a_request(database, 1, "created")
    assert Requests(database).ticket_of_conversation(key(1)) == TICKET
    assert Requests(database).ticket_of_conversation("T:C:0") is None
    change_ticket(database, 1, state="undone", conversation_key=None)
    assert Requests(database).ticket_of_conversation(key(1)) is None


def test_a_request_without_a_message(database: Database) -> None:
    a_request(database, 1, via=Via.COMMAND, ref=None, emoji=None)
    (record,) = Records(database).of_submitter(TEAM, "U0ASKER")
    assert (record.ref, record.via, record.emoji) == (None, Via.COMMAND, None)


# By name


def test_a_name_names_one_request_a_message_s_or_a_ticket_s(database: Database) -> None:
    holding = a_ticket(database, 1)
    a_request(database, 1, "created", ticket_id=holding)
    a_request(database, 2, "added", ticket_id=holding)
    a_request(database, 1, "joined", ticket_id=holding)
    a_request(database, 3, "created", ticket_id=a_ticket(database, 3))
    records = Records(database)

    def ids(name: str) -> list[int]:
        return [one.id for one in records.find(name)]

    assert (ids("PB-2"), ids("2"), ids("pb-3")) == ([2], [2], [3])
    assert ids(key(1)) == [1, 3]
    assert (ids("T-1"), ids("t-1"), ids("T-3")) == ([1, 2, 3], [1, 2, 3], [4])
    assert (ids("PB-9"), ids("T-9"), ids("T:C:0"), ids("")) == ([], [], [], [])


@pytest.mark.parametrize(
    "name", ["PB-2", "1x", "PB-", "", "PB-" + "9" * 30, "PB-١", "T-1", "1 OR 1=1"]
)
def test_names_of_no_request(database: Database, name: str) -> None:
    on_hold(database, 1, "U1")
    assert Records(database).by_reference(TEAM, name) is None
    assert Records(database).request(TEAM, name) is None


@pytest.mark.parametrize("state", ["rejected", "parked", "on_hold"])
def test_what_ended_without_a_ticket_is_decided_again(database: Database, state: str) -> None:
    a_request(database, 1, state, reason=no_customer("U1"))
    a_job(database, Kind.ANSWER, 1)
    (again,) = Records(database).retry("PB-1")
    assert (again.state, again.reason, again.answer) == (State.WAITING, None, "none")
    assert (again.attempts, again.requester) == (0, "U1")
    assert backlog(database).waiting == 1


@pytest.mark.parametrize("state", ["waiting", "created", "added", "joined", "ignored", "withdrawn"])
def test_nothing_else_is_decided_again(database: Database, state: str) -> None:
    a_request(database, 1, state)
    assert Records(database).retry("PB-1") == []
    assert Records(database).retry("PB-9") == []


def test_all_about_a_message_are_decided_again(database: Database) -> None:
    a_request(database, 1, "rejected", reason=Rejection(Reason.EMPTY))
    a_request(database, 1, "parked", reason=Rejection(Reason.GAVE_UP))
    a_request(database, 2, "rejected", reason=Rejection(Reason.EMPTY))
    assert [one.id for one in Records(database).retry(key(1))] == [1, 2]


# Lists


def test_filters(database: Database, clock: Clock) -> None:
    a_request(database, 1, "created", submitter="U1")
    clock.move(100)
    a_request(database, 2, "rejected", reason=Rejection(Reason.EMPTY), channel="C9", ref=None)
    a_request(database, 3, "created", submitter="U2", columns={"requester": "U1"})
    records = Records(database)

    def ids(*given: Any, **more: Any) -> list[int]:
        return [one.id for one in records.newest(*given, **more)]

    assert (ids(2), ids(9, State.REJECTED)) == ([3, 2], [2])
    assert (ids(9, age=50), ids(9, user="U1"), ids(9, channel="C9")) == ([3, 2], [3, 1], [2])
    assert [one.id for one in records.export()] == [1, 2, 3]


def test_the_backlog(database: Database, clock: Clock) -> None:
    assert backlog(database) == Backlog(0, 0.0, 0, 0)
    a_request(database, 1)
    clock.move(60)
    a_request(database, 2)
    a_request(database, 3, "parked", reason=Rejection(Reason.GAVE_UP))
    on_hold(database, 4, "U1")
    a_job(database, Kind.ANSWER, 4)
    assert backlog(database) == Backlog(2, 60.0, 1, 1)


# Who has to be linked

NOW = 1_700_000_000.0


def test_each_person_once_the_latest_first(database: Database, clock: Clock) -> None:
    for number, user in enumerate(["U1", "U2", "U1"], start=1):
        on_hold(database, number, user)
        clock.move(60)
    assert Records(database).to_link(TEAM, 10) == [
        WaitingPerson("U1", NOW, "PB-3"),
        WaitingPerson("U2", NOW + 60, "PB-2"),
    ]
    assert Records(database).to_link(TEAM, 1) == [WaitingPerson("U1", NOW, "PB-3")]
    assert backlog(database).people == 2


@pytest.mark.parametrize("state", ["rejected", "parked", "waiting", "created"])
def test_only_who_is_on_hold_has_to_be_linked(database: Database, state: str) -> None:
    a_request(database, 1, state, columns={"requester": "U1"})
    assert Records(database).to_link(TEAM, 10) == []
    assert backlog(database).people == 0


def test_people_are_counted_once_with_the_unconfirmed_among_them(database: Database) -> None:
    assert count_unlinked(database) == (0, 0)
    on_hold(database, 1, "U1")
    on_hold(database, 2, "U2", address_unconfirmed=True)
    on_hold(database, 3, "U2", address_unconfirmed=True)
    on_hold(database, 4, "U3", requester_name='"address":"unconfirmed"')
    a_request(database, 5, "created")
    assert count_unlinked(database) == (3, 1)


def test_who_was_linked_waits_no_more(database: Database) -> None:
    on_hold(database, 1, "U1")
    assert CustomerLinks(database).link([CustomerLink(TEAM, "U1", "c_1")]) == 1
    assert Records(database).to_link(TEAM, 10) == []
    resumed = Records(database).by_reference(TEAM, "PB-1")
    assert resumed is not None
    assert (resumed.requester, resumed.is_on_hold, resumed.state) == ("U1", False, State.WAITING)


# A request that is made again

TYPED: dict[str, Any] = {
    "via": Via.SHORTCUT,
    "emoji": None,
    "message": message(),
    "form": form(),
    "request": "Ev1",
}


@pytest.mark.parametrize("state", ["waiting", "on_hold", "created"])
def test_a_request_comes_back_as_it_was_made(database: Database, state: str) -> None:
    a_request(database, 1, state, **TYPED)
    (record,) = Records(database).find("PB-1")
    found = Records(database).request(TEAM, "PB-1")
    assert found == EarlierRequest(record, escalation(1, **TYPED))
    assert record.requester == "U0AUTHOR"
    change_request(database, 1, message=None, form=None)
    erased = Records(database).request(TEAM, "PB-1")
    assert erased is not None
    assert erased.escalation.trigger.form is None


def test_another_thread_has_another_ref() -> None:
    assert (thread(1), thread(2).ref) == (TICKET, "T-2")
