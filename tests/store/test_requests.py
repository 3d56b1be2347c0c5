"""Every asking becomes a request of its own, and one asking is one request, however it is heard."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from bot.core.faults import Reason, Rejection
from bot.core.model import Escalation, Via
from bot.core.refs import MessageRef, found_request
from bot.store.database import Database
from bot.store.jobs import Kind
from bot.store.requests import CLOCK_SKEW, Recorded, decide_again
from bot.store.schema import job, request
from bot.store.tickets import Ledger
from tests.conftest import Clock
from tests.nouns import CHANNEL, TICKET, escalation, form, message, trigger, ts
from tests.store.claimed import claimed, claims, ledger, note, opened, row, rows_of
from tests.store.rows import a_job, a_request

__all__ = ["ledger"]


NOBODY = Rejection(Reason.NO_CUSTOMER, requester="U0PAM")
FRESH, KNOWN = Recorded(fresh=True), Recorded(fresh=False)


def found(number: int = 1) -> Escalation:
    """The reaction to the nth message, as it is found in Slack's history."""
    ref = MessageRef(CHANNEL, ts(number))
    return escalation(number, request=found_request(ref, "ticket", "U0ASKER"))


def ids(database: Database) -> list[tuple[str, int]]:
    """Slack's ids of all requests, with the generations of their acts."""
    return [(one.slack_id, one.act_generation) for one in rows_of(database, request)]


# One row and one job each


def test_a_request_and_its_job_are_recorded_together(ledger: Ledger, database: Database) -> None:
    requested = escalation(via=Via.SHORTCUT, message=message(), form=form(requester="U0PAM"))
    assert ledger.record(requested) == FRESH
    one, (its,) = row(database), rows_of(database, job)
    assert (one.state, one.answer, one.key) == ("waiting", "none", requested.key)
    assert (one.slack_id, one.act, one.act_generation) == ("Ev1", None, 1)
    assert (one.channel, one.submitter, one.requester) == (CHANNEL, "U0ASKER", "U0PAM")
    assert (its.kind, its.key, its.order_key, its.due) == ("decide", 1, one.key, one.created_at)


@pytest.mark.parametrize(
    ("more", "order_key"),
    [
        ({}, f"T0001:{CHANNEL}:{ts(2)}"),
        ({"message": message(2)}, f"T0001:{CHANNEL}:{ts(2)}"),
        ({"message": message(2, thread_ts=ts(1))}, f"T0001:{CHANNEL}:{ts(1)}"),
    ],
    ids=["not read yet", "in no thread", "a reply"],
)
def test_requests_are_ordered_by_their_slack_thread_as_far_as_it_is_known(
    ledger: Ledger, database: Database, more: dict[str, Any], order_key: str
) -> None:
    ledger.record(escalation(2, **more))
    assert [one.order_key for one in rows_of(database, job)] == [order_key]


def test_the_same_delivery_again_is_the_same_request(ledger: Ledger) -> None:
    assert [ledger.record(escalation()) for _ in range(10)] == [FRESH] * 10
    assert len(claims(ledger)) == 1


def test_whoever_else_asks_has_a_request_of_their_own(ledger: Ledger, database: Database) -> None:
    """A bystander's reaction destroyed a pending form, with what was typed."""
    first = escalation(via=Via.SHORTCUT, request="V1", message=message(), form=form(title="Typed"))
    ledger.record(first)
    claim = claimed(ledger)
    ledger.settle(claim, Rejection(Reason.NO_CUSTOMER, requester="U0AUTHOR"))
    assert ledger.record(escalation(request="Ev9", submitter="U0OTHER")) == FRESH
    assert [one.submitter for one in rows_of(database, request)] == ["U0ASKER", "U0OTHER"]
    assert row(database).state == "on_hold"
    assert '"Typed"' in row(database).form


def test_a_rejected_request_delivered_late_once_more_stays_rejected(ledger: Ledger) -> None:
    ledger.record(escalation())
    claim = claimed(ledger)
    ledger.settle(claim, Rejection(Reason.EMPTY))
    ledger.answered(claim, said=True)
    assert ledger.record(escalation()) == KNOWN
    assert ledger.claim("one", 8, 8) == []


@pytest.mark.parametrize("column", ["slack_id", "act"])
def test_the_database_refuses_one_asking_twice(
    ledger: Ledger, database: Database, column: str
) -> None:
    ledger.record(escalation())
    other = {"slack_id": "Ev9", "act": "another"}
    copied = {
        name: other.get(name) if name in other and name != column else value
        for name, value in row(database)._mapping.items()
        if name != "id"
    }
    with pytest.raises(IntegrityError), database.writing() as connection:
        connection.execute(insert(request).values(copied))


def test_two_teams_may_have_the_same_ids(ledger: Ledger, database: Database) -> None:
    both = [escalation(), escalation(team="T0002")]
    both[1] = Escalation(both[1].key.replace("T0001", "T0002"), both[1].trigger)
    assert ledger.record_all(both) == [FRESH, FRESH]
    assert [(one.key, one.team) for one in rows_of(database, job)] == [(1, "T0001"), (2, "T0002")]


# One act


def test_a_reaction_found_in_the_history_after_its_event_is_the_same_request(
    ledger: Ledger, database: Database
) -> None:
    assert ledger.record(escalation()) == FRESH
    assert ledger.record(found()) == KNOWN
    assert ids(database) == [("Ev1", 1)]


def test_a_reactions_event_after_it_was_found_in_the_history_is_the_same_request(
    ledger: Ledger, database: Database
) -> None:
    assert ledger.record(found()) == FRESH
    assert ledger.record(escalation()) == KNOWN
    assert ids(database) == [("Ev1", 1)]
    assert ledger.record(escalation()) == FRESH  # delivered once more
    assert len(claims(ledger)) == 1


def test_both_in_one_group_are_one_request(ledger: Ledger, database: Database) -> None:
    ledger.record_all([found(), escalation()])
    ledger.record_all([escalation(2), found(2)])
    assert ids(database) == [("Ev1", 1), ("Ev2", 1)]


def test_a_reaction_taken_back_and_given_again_is_a_new_request(
    ledger: Ledger, database: Database
) -> None:
    assert ledger.record(escalation(request="Ev1")) == FRESH
    assert ledger.record(escalation(request="Ev2")).fresh
    assert ledger.record(escalation(request="Ev3")).fresh
    assert ids(database) == [("Ev1", 1), ("Ev2", 2), ("Ev3", 3)]
    assert ledger.record(escalation(request="Ev1")) == FRESH


def test_a_reaction_given_again_long_after_it_was_found_is_a_new_request(
    ledger: Ledger, database: Database, clock: Clock
) -> None:
    ledger.record(found())
    clock.move(3600)
    at = clock.now + CLOCK_SKEW
    reply_to = trigger().reply_to
    again = escalation(reply_to=type(reply_to)(user="U0ASKER", asked_at=at, channel=CHANNEL))
    assert ledger.record(again).fresh
    assert [generation for _, generation in ids(database)] == [1, 2]


@pytest.mark.parametrize(
    "more",
    [{"submitter": "U0OTHER"}, {"emoji": "bug"}],
    ids=["another person", "another emoji"],
)
def test_another_reaction_to_the_message_is_another_act(
    ledger: Ledger, database: Database, more: dict[str, Any]
) -> None:
    ledger.record(escalation())
    ledger.record(escalation(request="Ev9", **more))
    assert [generation for _, generation in ids(database)] == [1, 1]


# Deciding again


def test_requests_that_are_decided_again_answer_no_more_of_what_was(
    ledger: Ledger, database: Database
) -> None:
    for number in (1, 2):
        ledger.record(escalation(number))
        ledger.settle(claimed(ledger), Rejection(Reason.NO_CUSTOMER, requester="U0AUTHOR"))
    with database.writing() as connection:
        assert decide_again(database, connection, request.c.id == 1) == [1]
    assert [(one.kind, one.key) for one in rows_of(database, job)] == [
        ("answer", 2),
        ("decide", 1),
    ]
    again = row(database)
    assert (again.state, again.answer, again.reason, again.settled_at) == (
        "waiting",
        "none",
        None,
        None,
    )
    assert claimed(ledger).id == 1


# Reading


def test_the_ticket_of_a_message_and_of_its_slack_thread_are_found(
    ledger: Ledger, database: Database
) -> None:
    opened(ledger)
    assert ledger.ticket_of(escalation(1).key) == TICKET
    assert ledger.ticket_of(escalation(2).key) is None
    assert ledger.ticket_of_conversation("conversation") == TICKET
    assert ledger.ticket_of_conversation("another") is None
    ledger.free(TICKET.id)
    assert ledger.ticket_of(escalation(1).key) is None
    assert ledger.ticket_of_conversation("conversation") is None


def test_a_ticket_that_is_being_opened_is_no_ticket_yet(ledger: Ledger) -> None:
    ledger.record(escalation())
    note(ledger, claimed(ledger))
    assert ledger.ticket_of(escalation().key) is None


def test_what_was_requested_is_known_however_it_ended(ledger: Ledger) -> None:
    opened(ledger, 1)
    ledger.record(escalation(2))
    ledger.settle(claimed(ledger), Rejection(Reason.EMPTY))
    keys = [escalation(number).key for number in (1, 2, 3)]
    assert ledger.known(keys) == set(keys[:2])
    assert ledger.known([]) == frozenset()
    assert ledger.known([*keys, *map(str, range(1200))]) == set(keys[:2])


# A form that is submitted again


def again(row_id: int, **more: Any) -> Escalation:
    """The form of a request, which its submitter reopened and submitted again."""
    asked = escalation(2, **{"request": "V2", "via": Via.SHORTCUT, "emoji": None, **more})
    return replace(asked, rules=(), replaces=row_id)


@pytest.mark.parametrize("answer", ["due", "said"])
def test_a_form_that_is_submitted_again_ends_its_own_request_on_hold(
    ledger: Ledger, database: Database, answer: str
) -> None:
    row_id = a_request(database, 2, "on_hold", reason=NOBODY, columns={"answer": answer})
    if answer == "due":
        a_job(database, Kind.ANSWER, row_id)
    ledger.record(again(row_id))
    ledger.record(again(row_id))  # delivered twice
    former, new = sorted(rows_of(database, request))  # by their ids
    assert (former.state, former.reason) == ("ignored", "form_submitted_again")
    assert new.state == "waiting"
    assert [(one.kind, one.key) for one in rows_of(database, job)] == [("decide", new.id)]


@pytest.mark.parametrize("state", ["waiting", "created", "rejected", "parked"])
def test_a_request_that_is_not_on_hold_stays_as_it_is(
    ledger: Ledger, database: Database, state: str
) -> None:
    row_id = a_request(database, 2, state)
    ledger.record(again(row_id))
    assert [one.state for one in sorted(rows_of(database, request))] == [state, "waiting"]


@pytest.mark.parametrize("other", [{"submitter": "U0OTHER"}, {"team": "T0002"}])
def test_nobody_elses_request_is_ended(
    ledger: Ledger, database: Database, other: dict[str, str]
) -> None:
    row_id = a_request(database, 2, "on_hold", reason=NOBODY)
    ledger.record(again(row_id, **other))
    assert [one.state for one in sorted(rows_of(database, request))] == ["on_hold", "waiting"]
