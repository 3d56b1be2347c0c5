"""The ledger on both engines: what is accepted, who may work on it, and what is kept of it."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event

from bot.core.faults import LeaseLost, Reason
from bot.core.model import (
    Added,
    AlreadyThere,
    Created,
    OnItsWay,
    Turned,
    Unwanted,
)
from bot.flows.ports import Claim, Held, Person, Recorded, Stands, Won
from bot.store.engine import Database
from bot.store.history import History
from bot.store.ledger import LEASE_SECONDS, Ledger
from bot.store.people import People
from tests.conftest import Clock
from tests.nouns import TEAM, TICKET, escalation, form, message


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


def claimed(ledger: Ledger, worker: str = "one") -> Claim:
    (claim,) = ledger.claim(worker, 8)
    return claim


def frozen(ledger: Ledger, claim: Claim, conversation: str = "conversation") -> object:
    return ledger.freeze(
        claim,
        conversation_key=conversation,
        customer="c_1",
        requester="U0AUTHOR",
        message=message(),
        person=None,
    )


def test_what_is_recorded_comes_back_as_it_was(ledger: Ledger) -> None:
    asked = escalation(message=message(), form=form())
    assert ledger.record(asked) == Recorded(fresh=True)
    claim = claimed(ledger)
    assert claim.escalation == asked
    assert (claim.external_id, claim.attempt, claim.sent_at) == (asked.key, 1, None)


def test_the_same_asking_delivered_again_is_one_row_and_says_nothing(ledger: Ledger) -> None:
    assert [ledger.record(escalation()) for _ in range(10)] == [
        Recorded(fresh=True),
        *[Recorded(fresh=False)] * 9,
    ]
    assert len(ledger.claim("one", 8)) == 1


def test_another_asking_for_a_waiting_row_hears_that_it_is_on_its_way(ledger: Ledger) -> None:
    ledger.record(escalation())
    assert ledger.record(escalation(request="Ev9")) == Recorded(fresh=False, remark=OnItsWay())


@pytest.mark.parametrize("outcome", [Created(TICKET), Added(TICKET)])
def test_another_asking_for_a_settled_row_hears_of_its_ticket(
    ledger: Ledger, outcome: Created | Added
) -> None:
    ledger.record(escalation())
    ledger.settle(claimed(ledger), outcome)
    assert ledger.record(escalation(request="Ev9")).remark == AlreadyThere(TICKET)
    assert ledger.ticket_of(escalation().key) == TICKET


@pytest.mark.parametrize(
    "outcome",
    [
        Turned(Reason.NO_CUSTOMER, {"requester": "U0AUTHOR"}),
        Turned(Reason.GAVE_UP, {"last": "plain_500"}),
        Unwanted("no_rule"),
    ],
    ids=["refused", "parked", "unwanted"],
)
def test_asking_again_opens_the_row_with_the_new_asker(
    ledger: Ledger, outcome: Turned | Unwanted
) -> None:
    ledger.record(escalation())
    ledger.settle(claimed(ledger), outcome)
    asked = escalation(request="Ev9", asker="U0OTHER", form=form(title="Now with a form"))
    assert ledger.record(asked) == Recorded(fresh=True)
    assert claimed(ledger).escalation == asked


def test_a_refused_asking_delivered_late_once_more_does_not_open_the_row(ledger: Ledger) -> None:
    ledger.record(escalation())
    claim = claimed(ledger)
    ledger.settle(claim, Turned(Reason.NO_CUSTOMER, {}))
    ledger.answered(claim, said=True)
    assert ledger.record(escalation()) == Recorded(fresh=False)
    assert ledger.claim("one", 8) == []


def test_rows_are_claimed_oldest_first_and_up_to_the_limit(ledger: Ledger, clock: Clock) -> None:
    for number in (1, 2, 3):
        ledger.record(escalation(number))
        clock.move(1)
    assert [claim.escalation.key for claim in ledger.claim("one", 2)] == [
        escalation(1).key,
        escalation(2).key,
    ]
    assert len(ledger.claim("one", 8)) == 1


def test_a_conversation_let_go_right_after_it_was_in_the_way_is_not_won_unwritten(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two replicas: the create went out, and no record said so."""
    ledger.record(escalation(1))
    ledger.record(escalation(2))
    first, second = ledger.claim("one", 8)
    frozen(ledger, first)
    look, looks = ledger._holder, 0

    def late(*arguments: Any) -> object:
        nonlocal looks
        looks += 1
        if looks == 1:
            return Won()  # as before the other replica's commit
        ledger.retry_later(first, 1.0, "plain_unreachable", failed=True, unknown=False)
        return look(*arguments)

    monkeypatch.setattr(ledger, "_holder", late)
    assert frozen(ledger, second) == Held()


def test_a_lease_that_runs_out_frees_the_row_and_fences_its_holder(
    ledger: Ledger, clock: Clock
) -> None:
    ledger.record(escalation())
    first = claimed(ledger, "one")
    assert ledger.claim("two", 8) == []
    clock.move(LEASE_SECONDS + 1)
    second = claimed(ledger, "two")
    assert second.attempt == 2
    with pytest.raises(LeaseLost):
        frozen(ledger, first)
    with pytest.raises(LeaseLost):
        ledger.freeze_addition(first, TICKET, None)
    with pytest.raises(LeaseLost):
        ledger.settle(first, Created(TICKET))
    with pytest.raises(LeaseLost):
        ledger.retry_later(first, 1, "plain_500", failed=True, unknown=False)
    ledger.settle(second, Created(TICKET))


def test_the_lease_begins_anew_before_the_create_is_sent(ledger: Ledger, clock: Clock) -> None:
    ledger.record(escalation())
    claim = claimed(ledger)
    clock.move(LEASE_SECONDS - 1)
    frozen(ledger, claim)
    clock.move(LEASE_SECONDS - 1)
    ledger.settle(claim, Created(TICKET))


def test_a_lease_that_ran_out_fences_even_if_nobody_took_the_row(
    ledger: Ledger, clock: Clock
) -> None:
    ledger.record(escalation())
    claim = claimed(ledger)
    clock.move(LEASE_SECONDS + 1)
    with pytest.raises(LeaseLost):
        frozen(ledger, claim)


def test_a_row_given_back_is_there_at_once_as_if_untouched(ledger: Ledger) -> None:
    ledger.record(escalation())
    ledger.give_back(claimed(ledger))
    assert claimed(ledger, "two").attempt == 1


def test_rows_wait_while_another_worker_holds_an_earlier_one_of_their_channel(
    ledger: Ledger,
) -> None:
    ledger.record(escalation(1))
    first = claimed(ledger, "one")
    ledger.record(escalation(2))
    assert ledger.claim("two", 8) == []
    ledger.settle(first, Created(TICKET))
    assert len(ledger.claim("two", 8)) == 1


def test_one_row_wins_a_conversation_and_the_next_adds_to_its_ticket(ledger: Ledger) -> None:
    ledger.record(escalation(1))
    ledger.record(escalation(2))
    one, two = ledger.claim("one", 8)
    assert frozen(ledger, one) == Won()
    assert frozen(ledger, two) == Held()
    assert ledger.conversation(two, "conversation") == Held()
    ledger.settle(one, Created(TICKET))
    assert frozen(ledger, two) == Stands(TICKET)


def test_what_was_frozen_is_there_after_an_attempt_whose_end_nobody_knows(
    ledger: Ledger, clock: Clock
) -> None:
    ledger.record(escalation())
    claim = claimed(ledger)
    frozen(ledger, claim)
    sent = clock.now
    ledger.retry_later(claim, 2, "plain_timeout", failed=True, unknown=True)
    assert ledger.claim("one", 8) == []
    clock.move(2)
    again = claimed(ledger)
    assert (again.customer, again.sent_at, again.now) == ("c_1", sent, sent + 2)
    assert again.escalation.trigger.message == message()


def test_an_attempt_that_surely_sent_nothing_frees_what_it_froze(
    ledger: Ledger, clock: Clock
) -> None:
    ledger.record(escalation(1))
    ledger.record(escalation(2))
    one, two = ledger.claim("one", 8)
    frozen(ledger, one)
    ledger.retry_later(one, 5, "plain_429", failed=True, unknown=False)
    assert frozen(ledger, two) == Won()
    clock.move(5)
    again = claimed(ledger)
    assert (again.customer, again.sent_at) == (None, None)


def test_a_sure_failure_after_an_unknown_one_keeps_the_unknown_one(
    ledger: Ledger, clock: Clock
) -> None:
    ledger.record(escalation())
    claim = claimed(ledger)
    frozen(ledger, claim)
    sent = clock.now
    ledger.retry_later(claim, 0, "plain_timeout", failed=True, unknown=True)
    clock.move(40)
    again = claimed(ledger)
    frozen(ledger, again)
    ledger.retry_later(again, 0, "plain_429", failed=True, unknown=False)
    assert claimed(ledger).sent_at == sent


def test_a_refusal_stays_due_until_it_was_said(ledger: Ledger, clock: Clock) -> None:
    ledger.record(escalation())
    claim = claimed(ledger)
    refusal = Turned(Reason.MISSING_SCOPE, {"needed": "reactions:read"})
    ledger.settle(claim, refusal)
    assert ledger.claim("two", 8) == []
    clock.move(LEASE_SECONDS + 1)  # its worker died before it could say it
    again = claimed(ledger, "two")
    assert again.outcome == refusal
    ledger.answered(again, said=True)
    clock.move(LEASE_SECONDS + 1)
    assert ledger.claim("two", 8) == []


def test_a_success_is_not_said_again_after_a_crash_but_after_a_sure_failure(
    ledger: Ledger, clock: Clock
) -> None:
    ledger.record(escalation())
    claim = claimed(ledger)
    ledger.settle(claim, Created(TICKET))
    clock.move(LEASE_SECONDS - 1)
    assert ledger.claim("two", 8) == []
    ledger.answer_later(claim, 3, "slack_ratelimited")
    clock.move(3)
    assert claimed(ledger).outcome == Created(TICKET)


def test_a_refused_row_frees_its_conversation_and_keeps_its_requester(
    ledger: Ledger, database: Database
) -> None:
    ledger.record(escalation(1))
    ledger.record(escalation(2))
    one, two = ledger.claim("one", 8)
    frozen(ledger, one)
    ledger.settle(one, Turned(Reason.NO_CUSTOMER, {"requester": "U0SOMEBODY"}))
    assert frozen(ledger, two) == Won()
    (entry,) = History(database).find("PB-1")
    assert (entry.state, entry.requester, entry.customer) == ("refused", "U0SOMEBODY", None)


def test_a_parked_row_keeps_what_a_later_retry_must_look_for(
    ledger: Ledger, database: Database, clock: Clock
) -> None:
    ledger.record(escalation())
    claim = claimed(ledger)
    frozen(ledger, claim)
    ledger.retry_later(claim, 0, "plain_timeout", failed=True, unknown=True)
    ledger.settle(claimed(ledger), Turned(Reason.GAVE_UP, {"last": "plain_timeout"}))
    assert [entry.state for entry in History(database).retry("PB-1")] == ["waiting"]
    assert claimed(ledger).sent_at == clock.now


def test_a_row_that_fails_while_others_succeed_is_hopeless_after_20_strikes_and_6_hours(
    ledger: Ledger, clock: Clock
) -> None:
    ledger.record(escalation(1))
    for number in range(2, 30):
        claim = next(c for c in ledger.claim("one", 8) if c.escalation.key == escalation(1).key)
        assert not ledger.is_hopeless(claim)
        ledger.retry_later(claim, 1200, "plain_500", failed=True, unknown=False)
        ledger.record(escalation(number))
        clock.move(600)
        (other,) = ledger.claim("one", 8)
        ledger.settle(other, Created(replace(TICKET, id=f"th_{number}")))
        clock.move(601)
        if number > 21:
            break
    assert ledger.is_hopeless(claimed(ledger))


def test_an_outage_makes_no_row_hopeless(ledger: Ledger, clock: Clock) -> None:
    ledger.record(escalation())
    for _ in range(50):
        ledger.retry_later(claimed(ledger), 600, "plain_500", failed=True, unknown=False)
        clock.move(600)
    assert not ledger.is_hopeless(claimed(ledger))


def test_the_worker_learns_when_to_look_again(ledger: Ledger, clock: Clock) -> None:
    assert ledger.next_due() is None
    ledger.record(escalation(1))
    claim = claimed(ledger)
    assert ledger.next_due() == pytest.approx(LEASE_SECONDS)
    ledger.retry_later(claim, 7, "plain_500", failed=True, unknown=False)
    assert ledger.next_due() == pytest.approx(7)
    clock.move(7)
    ledger.settle(claimed(ledger), Created(TICKET))
    assert ledger.next_due() is None


def test_the_one_process_of_a_database_frees_what_its_predecessor_held(ledger: Ledger) -> None:
    ledger.record(escalation())
    claimed(ledger, "dead")
    ledger.free_all()
    assert claimed(ledger, "alive").attempt == 2


def test_a_link_opens_the_rows_that_were_refused_for_want_of_it(
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
        ledger.record(escalation(number))
        claim = claimed(ledger)
        ledger.settle(claim, Turned(reason, {"requester": user}))
        ledger.answered(claim, said=True)
    assert People(database).link([Person(TEAM, "U0AUTHOR", "c_1")]) == 2
    assert [claim.escalation.key for claim in ledger.claim("one", 8)] == [
        escalation(1).key,
        escalation(2).key,
    ]


def test_a_link_committed_while_its_want_is_being_noted_lets_the_row_go_on(
    ledger: Ledger, database: Database
) -> None:
    """It stayed refused, although the person read that it goes on by itself."""
    ledger.record(escalation())
    claim = claimed(ledger)
    assert People(database).link([Person(TEAM, "U0AUTHOR", "c_1")]) == 0
    ledger.settle(claim, Turned(Reason.NO_CUSTOMER, {"requester": "U0AUTHOR"}))
    (entry,) = History(database).find("PB-1")
    assert entry.state == "waiting"


def test_two_replicas_that_claim_at_once_keep_the_order_of_a_channel(
    database_url: str,
) -> None:
    if database_url.startswith("sqlite"):
        pytest.skip("SQLite is one process's")
    one, two = Database(database_url), Database(database_url)
    first, second = Ledger(one), Ledger(two)
    first.record(escalation(1))
    first.record(escalation(2))
    in_time, got = threading.Event(), []

    def holds_its_commit(_connection: object) -> None:
        in_time.set()
        time.sleep(0.3)

    event.listen(one.engine, "commit", holds_its_commit)
    claiming = threading.Thread(target=lambda: got.extend(first.claim("one", 1)))
    claiming.start()
    assert in_time.wait(5)
    assert second.claim("two", 1) == []
    claiming.join()
    assert len(got) == 1
    one.close()
    two.close()
