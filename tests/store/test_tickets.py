"""Tickets: which one a conversation has, what is noted before a write, and how requests end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from bot.core.faults import Postponed, Reason, Rejection
from bot.core.model import Added, Created, FormField, Ignored, Joined, Outcome, Ticket
from bot.core.record import Evidence
from bot.store.claims import Claim, Opening
from bot.store.conversations import Abandoned, Exists, Free, Pending
from bot.store.customer_links import CustomerLink, CustomerLinks
from bot.store.database import Database
from bot.store.forgetting import forget
from bot.store.records import Records
from bot.store.schema import job, ticket, ticket_message
from bot.store.tickets import Ledger
from tests.conftest import Clock
from tests.nouns import TEAM, TICKET, escalation, message
from tests.store.claimed import (
    answering,
    claimed,
    claims,
    ledger,
    note,
    opened,
    row,
    rows_of,
)

__all__ = ["ledger"]

KEY = escalation(1).key
SECOND = Ticket("th_2", "T-2", "https://app.plain.com/workspace/w_1/thread/th_2/")


def request_for(ledger: Ledger, number: int, **more: Any) -> Claim:
    ledger.record(escalation(number, **more))
    return claimed(ledger)


def conversation(ledger: Ledger, claim: Claim) -> Exists:
    """Return the ticket that the conversation has."""
    found = ledger.conversation(claim, "conversation")
    assert isinstance(found, Exists)
    return found


def covered(database: Database) -> list[tuple[int, str, str]]:
    return [tuple(one) for one in rows_of(database, ticket_message)]


def states(database: Database) -> list[str]:
    return [one.state for one in rows_of(database, ticket)]


# Opening


def test_a_ticket_is_opened(ledger: Ledger, database: Database, clock: Clock) -> None:
    ledger.record(escalation())
    claim = claimed(ledger)
    assert ledger.conversation(claim, "conversation") == Free(1)
    assert note(ledger, claim, evidence=Evidence.EMAIL)
    one = row(database, table=ticket)
    assert (one.state, one.key, one.generation, one.request_id) == ("opening", KEY, 1, 1)
    assert (one.customer, one.requester, one.evidence) == ("c_1", "U0AUTHOR", "email")
    assert (row(database).sent_at, row(database).external_id) == (clock.now, KEY)
    clock.move(2)
    assert ledger.settle(claim, Created(TICKET))
    one = row(database, table=ticket)
    assert (one.state, one.thread_id, one.thread_ref, one.thread_url, one.opened_at) == (
        *("open", *(TICKET.id, TICKET.ref, TICKET.url)),
        clock.now,
    )
    assert covered(database) == [(1, KEY, "opened")]


def test_what_was_learnt_is_recorded_with_the_create(ledger: Ledger, database: Database) -> None:
    line = CustomerLink(TEAM, "U0AUTHOR", "c_1", "a@example.com", "Author", "email")
    note(ledger, request_for(ledger, 1), learnt=line)
    assert CustomerLinks(database).all() == [line]


def test_one_request_opens_a_conversations_ticket_and_the_next_meets_it(ledger: Ledger) -> None:
    ledger.record(escalation(1))
    ledger.record(escalation(2))
    one, two = claims(ledger)
    assert note(ledger, one)
    assert not note(ledger, two)
    assert ledger.conversation(two, "conversation") == Pending()
    assert ledger.conversation(one, "conversation") == Free(2)  # its own is in nobody's way
    ledger.settle(one, Created(TICKET))
    assert not note(ledger, two)
    met = Exists(1, TICKET, "c_1", "U0AUTHOR", covers=False, generation=1)
    assert conversation(ledger, two) == met


def test_the_database_refuses_two_tickets_of_one_conversation(
    ledger: Ledger, database: Database
) -> None:
    opened(ledger, 1, TICKET, "one")
    opened(ledger, 2, SECOND, "two")
    with pytest.raises(IntegrityError), database.writing() as connection:
        connection.execute(update(ticket).values(conversation_key="one"))


def test_a_second_attempt_writes_to_the_same_ticket(ledger: Ledger, database: Database) -> None:
    claim = request_for(ledger, 1)
    note(ledger, claim, evidence=Evidence.EMAIL)
    ledger.retry_later(claim, 0, "plain_timeout", failed=True, outcome_unknown=True)
    again = claimed(ledger)
    assert note(ledger, again)
    one = row(database, table=ticket)
    assert (one.id, one.evidence, len(states(database))) == (1, "email", 1)


# Joining, adding, beside


def test_a_message_that_its_ticket_covers_is_joined(ledger: Ledger, database: Database) -> None:
    opened(ledger)
    claim = request_for(ledger, 1, request="Ev9", submitter="U0OTHER")
    assert conversation(ledger, claim).covers
    assert ledger.settle(claim, Joined(TICKET))
    one = row(database, 2)
    assert (one.state, one.answer, one.ticket_id) == ("joined", "said", 1)
    assert covered(database) == [(1, KEY, "opened")]
    assert rows_of(database, job) == []


def test_a_message_is_added_to_the_ticket_of_its_conversation(
    ledger: Ledger, database: Database, clock: Clock
) -> None:
    opened(ledger)
    claim = request_for(ledger, 2)
    found = conversation(ledger, claim)
    assert not found.covers
    ledger.note_addition(claim, found, "k", message(2))
    assert (row(database, 2).sent_at, row(database, 2).external_id) == (clock.now, "k")
    ledger.settle(claim, Added(TICKET, unused=(FormField.PRIORITY,)))
    assert covered(database) == [(1, KEY, "opened"), (1, escalation(2).key, "added")]
    assert (row(database, 2).state, row(database, 2).ticket_id) == ("added", 1)
    claim = request_for(ledger, 2, request="Ev9", submitter="U0OTHER")
    assert conversation(ledger, claim) == replace(found, covers=True, generation=2)


@pytest.mark.parametrize("state", ["undoing", "undone", "gone"])
def test_nothing_is_added_to_a_ticket_that_is_open_no_more(
    ledger: Ledger, database: Database, state: str
) -> None:
    opened(ledger)
    claim = request_for(ledger, 2)
    found = conversation(ledger, claim)
    with database.writing() as connection:
        connection.execute(update(ticket).values(state=state))
    with pytest.raises(Postponed):
        ledger.note_addition(claim, found, "k", None)
    assert row(database, 2).sent_at is None


def add_in_doubt(ledger: Ledger, after: float) -> None:
    """Have a request whose message may have been added; its next attempt is `after` seconds on."""
    opened(ledger)
    claim = request_for(ledger, 2)
    ledger.note_addition(claim, conversation(ledger, claim), "k", message(2))
    ledger.retry_later(claim, after, "plain_timeout", failed=True, outcome_unknown=True)


def test_an_addition_waits_for_another_one_of_its_message_that_may_be_there(
    ledger: Ledger,
) -> None:
    add_in_doubt(ledger, 60.0)
    second = request_for(ledger, 2, request="Ev9", submitter="U0OTHER")
    with pytest.raises(Postponed, match="conversation_held"):
        ledger.note_addition(second, conversation(ledger, second), "k", message(2))


@pytest.mark.parametrize("by", ["giving up", "erasing its submitter"])
def test_an_addition_that_was_given_up_does_not_pass_for_the_next_one(
    ledger: Ledger, database: Database, by: str
) -> None:
    add_in_doubt(ledger, 0.0)
    if by == "giving up":
        ledger.settle(claimed(ledger), Rejection(Reason.GAVE_UP, cause="plain_timeout"))
    else:
        forget(database, "U0ASKER")
    second = request_for(ledger, 2, request="Ev9", submitter="U0OTHER")
    assert conversation(ledger, second).generation == 2


def test_a_ticket_beside_another_leaves_the_conversation_to_that(
    ledger: Ledger, database: Database
) -> None:
    opened(ledger)
    claim = request_for(ledger, 1, request="V2", submitter="U0OTHER")
    found = conversation(ledger, claim)
    assert found.generation == 2
    beside: dict[str, Any] = {"generation": 2, "external_id": f"{KEY}:2", "customer": "c_2"}
    assert note(ledger, claim, None, **beside)
    ledger.settle(claim, Created(SECOND))
    assert states(database) == ["open", "open"]
    assert ledger.ticket_of_conversation("conversation") == TICKET
    assert ledger.ticket_of(KEY) == TICKET
    third = request_for(ledger, 1, request="Ev3", submitter="U0THIRD")
    assert conversation(ledger, third).ticket == TICKET


# Abandoned


def park(ledger: Ledger, *, sent: bool = True) -> None:
    """Give up the first request, whose create has an unknown outcome."""
    claim = request_for(ledger, 1)
    if sent:
        note(ledger, claim)
    ledger.retry_later(claim, 0, "plain_timeout", failed=True, outcome_unknown=sent)
    claim = claimed(ledger)
    ledger.settle(claim, Rejection(Reason.GAVE_UP, cause="plain_timeout"))
    ledger.answered(claim, said=True)


def test_of_two_tickets_in_doubt_beside_one_that_is_gone_the_older_goes_first(
    ledger: Ledger,
) -> None:
    """Each waited for the other's outcome, for ever."""
    openings = []
    for number in (1, 2):
        claim = request_for(ledger, 1, request=f"Ev{number}", submitter=f"U{number}")
        note(ledger, claim, None, generation=number, external_id=f"k{number}")
        ledger.retry_later(claim, 60, "plain_timeout", failed=True, outcome_unknown=True)
        openings.append(claim)
    first, second = openings
    assert isinstance(ledger.conversation(first, "conversation"), Free)
    assert ledger.conversation(second, "conversation") == Pending()
    third = request_for(ledger, 1, request="Ev3", submitter="U3")
    assert ledger.conversation(third, "conversation") == Pending()


def test_a_create_that_was_given_up_is_abandoned(ledger: Ledger, clock: Clock) -> None:
    sent = clock.now
    park(ledger)
    clock.move(60)
    claim = request_for(ledger, 1, request="Ev9", submitter="U0OTHER")
    assert ledger.conversation(claim, "conversation") == Abandoned(1, "c_1", KEY, sent)
    assert ledger.conversation(claim, "conversation") == Abandoned(1, "c_1", KEY, sent)


def test_a_create_that_was_given_up_holds_up_no_other_message(ledger: Ledger) -> None:
    park(ledger)
    assert ledger.conversation(request_for(ledger, 2), "conversation") == Free(1)


def test_what_came_about_of_an_abandoned_create_is_the_conversations_ticket(
    ledger: Ledger, database: Database
) -> None:
    park(ledger)
    claim = request_for(ledger, 1, request="Ev9", submitter="U0OTHER")
    found = ledger.conversation(claim, "conversation")
    assert isinstance(found, Abandoned)
    ledger.clear_up(claim, found, "conversation", TICKET)
    assert conversation(ledger, claim) == Exists(
        1, TICKET, "c_1", "U0AUTHOR", covers=True, generation=2
    )
    assert covered(database) == [(1, KEY, "opened")]


def test_an_abandoned_create_that_surely_came_to_nothing_is_forgotten(
    ledger: Ledger, database: Database
) -> None:
    park(ledger)
    claim = request_for(ledger, 1, request="Ev9", submitter="U0OTHER")
    found = ledger.conversation(claim, "conversation")
    assert isinstance(found, Abandoned)
    ledger.clear_up(claim, found, "conversation", None)
    assert ledger.conversation(claim, "conversation") == Free(1)
    first = row(database)
    assert (first.state, first.sent_at, first.ticket_id, first.external_id) == (
        "parked",
        None,
        None,
        None,
    )


@pytest.mark.parametrize("thread", [TICKET, None], ids=["it is there", "it surely is not"])
def test_an_abandoned_create_is_left_to_its_request_once_that_is_decided_again(
    ledger: Ledger, database: Database, thread: Ticket | None
) -> None:
    """It lost what it had noted: it could not be settled, and a second thread could be opened."""
    park(ledger)
    other = request_for(ledger, 1, request="Ev9", submitter="U0OTHER")
    found = ledger.conversation(other, "conversation")
    assert isinstance(found, Abandoned)
    with database.writing() as connection:  # it is known by now which Slack thread it belongs to
        connection.execute(update(job).values(order_key="conversation"))
    assert len(Records(database).retry("PB-1")) == 1
    again = claimed(ledger)
    ledger.clear_up(other, found, "conversation", thread)
    ledger.settle(again, Created(TICKET))
    first = row(database)
    assert (first.state, first.ticket_id) == ("created", 1)
    assert states(database) == ["open"]


def test_what_was_given_up_before_anything_was_sent_is_in_nobodys_way(ledger: Ledger) -> None:
    park(ledger, sent=False)
    claim = request_for(ledger, 1, request="Ev9", submitter="U0OTHER")
    assert ledger.conversation(claim, "conversation") == Free(1)


# Gone


def test_a_ticket_that_is_gone_frees_its_conversation(ledger: Ledger, database: Database) -> None:
    opened(ledger)
    assert not ledger.free("th_9")
    assert ledger.free(TICKET.id)
    assert not ledger.free(TICKET.id)
    assert states(database) == ["gone"]
    claim = request_for(ledger, 1, request="Ev9")
    assert ledger.conversation(claim, "conversation") == Free(2)
    second: dict[str, Any] = {"generation": 2, "external_id": f"{KEY}:2"}
    assert note(ledger, claim, **second)
    ledger.settle(claim, Created(SECOND))
    assert ledger.ticket_of(KEY) == SECOND
    assert states(database) == ["gone", "open"]


# Attempts that fail


def test_a_create_that_surely_was_not_sent_frees_the_conversation(
    ledger: Ledger, clock: Clock
) -> None:
    ledger.record(escalation(1))
    ledger.record(escalation(2))
    one, two = claims(ledger)
    note(ledger, one)
    ledger.retry_later(one, 5, "plain_429", failed=True, outcome_unknown=False)
    assert note(ledger, two)
    clock.move(5)
    again = claimed(ledger)
    assert (again.opening, again.sent_at, again.external_id) == (None, None, None)


def test_a_sure_failure_after_an_unknown_one_keeps_the_unknown_one(
    ledger: Ledger, clock: Clock
) -> None:
    claim = request_for(ledger, 1)
    note(ledger, claim)
    sent = clock.now
    ledger.retry_later(claim, 0, "plain_timeout", failed=True, outcome_unknown=True)
    clock.move(40)
    again = claimed(ledger)
    note(ledger, again)
    ledger.retry_later(again, 0, "plain_429", failed=True, outcome_unknown=False)
    again = claimed(ledger)
    assert (again.sent_at, again.opening) == (sent, Opening(1, "c_1", "U0AUTHOR"))


def test_the_settle_window_begins_when_an_attempt_of_unknown_outcome_ended(
    ledger: Ledger, clock: Clock
) -> None:
    claim = request_for(ledger, 1)
    note(ledger, claim)
    clock.move(20)
    ledger.retry_later(claim, 0, "plain_timeout", failed=True, outcome_unknown=True)
    assert claimed(ledger).sent_at == clock.now


# Settling


REJECTED = Rejection(Reason.PLAIN_REFUSED)


@pytest.mark.parametrize(
    ("outcome", "state", "answer", "left", "tickets", "is_kept"),
    [
        (Created(TICKET), "created", "said", [], ["open"], True),
        (Created(TICKET, missing=2), "created", "said", [], ["open"], True),
        (Ignored("no_rule"), "ignored", "none", [], [], False),
        (Rejection(Reason.NOT_ALLOWED), "rejected", "due", ["answer"], [], False),
        (
            Rejection(Reason.NO_CUSTOMER, requester="U0AUTHOR"),
            *("on_hold", "due", ["answer"], [], False),
        ),
        (
            Rejection(Reason.BROKEN_LINK, requester="U0AUTHOR", customer="c_1"),
            *("on_hold", "due", ["answer"], [], False),
        ),
        (
            Rejection(Reason.BROKEN_LINK, customer="c_1"),
            *("rejected", "due", ["answer"], [], False),
        ),
        (
            replace(REJECTED, outcome_unknown=True),
            *("rejected", "due", ["answer"], ["opening"], True),
        ),
        (
            Rejection(Reason.GAVE_UP, cause="plain_500"),
            *("parked", "due", ["answer"], ["opening"], True),
        ),
    ],
    ids=[
        "created",
        "created in part",
        "ignored",
        "rejected",
        "without a customer",
        "with a broken link",
        "with an unknown customer in a rule",
        "rejected, and it may be there",
        "given up",
    ],
)
def test_a_request_ends(
    ledger: Ledger,
    database: Database,
    clock: Clock,
    outcome: Outcome,
    state: str,
    answer: str,
    left: list[str],
    tickets: list[str],
    is_kept: bool,
) -> None:
    claim = request_for(ledger, 1)
    note(ledger, claim)
    clock.move(1)
    assert ledger.settle(claim, outcome)
    one = row(database)
    assert (one.state, one.answer, one.settled_at) == (state, answer, clock.now)
    assert [its.kind for its in rows_of(database, job)] == left
    assert states(database) == tickets
    assert (one.sent_at is not None) is is_kept
    if isinstance(outcome, Rejection):
        assert one.reason == outcome.reason.value
        ledger.give_back(claim.job)
        assert answering(ledger).outcome == replace(outcome, outcome_unknown=False)


@pytest.mark.parametrize(
    "outcome",
    [
        Created(TICKET),
        Created(TICKET, missing=3),
        Created(TICKET, beside=SECOND),
        Added(TICKET),
        Added(TICKET, 2, (FormField.LABELS, FormField.TENANT)),
        Joined(TICKET),
        Joined(TICKET, added_words=True, unused=(FormField.PRIORITY,)),
    ],
)
def test_a_success_that_is_answered_later_says_the_same(
    ledger: Ledger, clock: Clock, outcome: Created | Added | Joined
) -> None:
    if not isinstance(outcome, Created):
        opened(ledger, 2)
    claim = request_for(ledger, 1)
    if isinstance(outcome, Created):
        note(ledger, claim)
    ledger.settle(claim, outcome)
    ledger.answer_later(claim, 3, "slack_ratelimited", failed=False)
    assert ledger.claim("one", 8, 8) == []
    clock.move(3)
    assert answering(ledger).outcome == outcome


def test_a_success_is_not_said_again_after_a_crash(ledger: Ledger, clock: Clock) -> None:
    opened(ledger)
    clock.move(3600)
    assert ledger.claim("two", 8, 8) == []


def test_a_rejection_stays_due_until_it_was_said(
    ledger: Ledger, database: Database, clock: Clock
) -> None:
    claim = request_for(ledger, 1)
    ledger.settle(claim, REJECTED)
    assert ledger.claim("two", 8, 8) == []
    clock.move(91)  # its worker died before it could say it
    again = answering(ledger, "two")
    assert again.outcome == REJECTED
    ledger.answered(again, said=True)
    assert row(database).answer == "said"
    assert rows_of(database, job) == []


@pytest.mark.parametrize(("unknown", "checks"), [(True, ["duplicate"]), (False, [])])
def test_a_thread_whose_create_had_an_unknown_outcome_is_looked_for_twice(
    ledger: Ledger, database: Database, unknown: bool, checks: list[str]
) -> None:
    claim = request_for(ledger, 1)
    note(ledger, claim)
    ledger.retry_later(claim, 0, "plain_500", failed=True, outcome_unknown=unknown)
    claim = claimed(ledger)
    note(ledger, claim)
    ledger.settle(claim, Created(TICKET))
    assert [(one.kind, one.key) for one in rows_of(database, job)] == [(kind, 1) for kind in checks]


# On hold, and linked


def test_a_link_resumes_the_requests_that_were_on_hold_for_it(
    ledger: Ledger, database: Database
) -> None:
    for number, (reason, user) in enumerate(
        [
            (Reason.NO_CUSTOMER, "U0AUTHOR"),
            (Reason.BROKEN_LINK, "U0AUTHOR"),
            (Reason.NO_CUSTOMER, "U0OTHER"),
            (Reason.MESSAGE_NOT_FOUND, "U0AUTHOR"),
        ],
        start=1,
    ):
        claim = request_for(ledger, number)
        ledger.settle(claim, Rejection(reason, requester=user))
        ledger.answered(claim, said=True)
    assert CustomerLinks(database).link([CustomerLink(TEAM, "U0AUTHOR", "c_1")]) == 2
    assert [claim.id for claim in claims(ledger)] == [1, 2]


def test_a_link_that_comes_while_a_request_is_put_on_hold_lets_it_go_on(
    ledger: Ledger, database: Database
) -> None:
    """It stayed on hold, although the person read that it goes on by itself."""
    claim = request_for(ledger, 1)
    assert CustomerLinks(database).link([CustomerLink(TEAM, "U0AUTHOR", "c_1")]) == 0
    assert not ledger.settle(claim, Rejection(Reason.NO_CUSTOMER, requester="U0AUTHOR"))
    assert (row(database).state, row(database).answer) == ("waiting", "none")
    assert claimed(ledger).job.attempt == 1


def test_an_import_that_takes_long_resumes_what_is_put_on_hold_meanwhile(
    ledger: Ledger, database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was claimed after its person's line was written, and stayed on hold although linked."""
    if database.is_sqlite:
        pytest.skip("SQLite has one writer: nothing is claimed meanwhile")
    monkeypatch.setattr("bot.store.customer_links._STAMPED_AT_ONCE", 200)
    ledger.record(escalation(1))
    met: list[Claim] = []

    def lines() -> Iterator[CustomerLink]:
        yield CustomerLink(TEAM, "U0AUTHOR", "c_1")
        yield from (CustomerLink(TEAM, f"U{number}", "c_2") for number in range(600))
        clock.move(1)
        met.append(claimed(ledger))
        assert CustomerLinks(database).find("U0AUTHOR", [TEAM]) is None
        clock.move(1)

    assert CustomerLinks(database).link(lines()) == 0
    assert not ledger.settle(met[0], Rejection(Reason.NO_CUSTOMER, requester="U0AUTHOR"))


def test_a_link_that_comes_while_its_customer_is_rejected_replaces_that_customer(
    ledger: Ledger, database: Database
) -> None:
    """The rejected one stayed frozen, and the request was rejected again and for good."""
    claim = request_for(ledger, 1)
    note(ledger, claim, customer="c_deleted")
    CustomerLinks(database).link([CustomerLink(TEAM, "U0AUTHOR", "c_new")])
    rejection = Rejection(Reason.BROKEN_LINK, requester="U0AUTHOR", customer="c_deleted")
    assert not ledger.settle(claim, rejection)
    again = claimed(ledger)
    assert (again.opening, again.sent_at, again.external_id) == (None, None, None)
    assert states(database) == []


# Answers


@pytest.mark.parametrize(("said", "answer"), [(True, "said"), (False, "unsayable")])
def test_an_answer_is_noted(ledger: Ledger, database: Database, said: bool, answer: str) -> None:
    claim = request_for(ledger, 1)
    ledger.settle(claim, REJECTED)
    ledger.answered(claim, said=said)
    assert row(database).answer == answer


def test_a_success_that_cannot_be_said_anywhere_is_noted(
    ledger: Ledger, database: Database
) -> None:
    ledger.cannot_answer(opened(ledger))
    assert (row(database).state, row(database).answer) == ("created", "unsayable")
