"""What is frozen before a write to Plain, and what is noted of its end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.core.faults import Reason, Rejection, SlackError
from bot.core.model import Created
from bot.store.claims import LEASE_SECONDS, Acquired, Exists, Pending
from bot.store.customer_links import CustomerLink, CustomerLinks
from bot.store.database import Database
from bot.store.deliveries import Ledger
from bot.store.records import Records
from tests.conftest import Clock
from tests.nouns import TEAM, TICKET, escalation, message
from tests.store.claimed import claimed, frozen, ledger

__all__ = ["ledger"]


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
            return Acquired()  # as before the other replica's commit
        ledger.retry_later(first, 1.0, "plain_unreachable", failed=True, outcome_unknown=False)
        return look(*arguments)

    monkeypatch.setattr(ledger, "_holder", late)
    assert frozen(ledger, second) == Pending()


def test_one_row_wins_a_conversation_and_the_next_adds_to_its_ticket(ledger: Ledger) -> None:
    ledger.record(escalation(1))
    ledger.record(escalation(2))
    one, two = ledger.claim("one", 8)
    assert frozen(ledger, one) == Acquired()
    assert frozen(ledger, two) == Pending()
    assert ledger.conversation(two, "conversation") == Pending()
    ledger.settle(one, Created(TICKET))
    assert frozen(ledger, two) == Exists(TICKET)


def test_what_was_frozen_is_there_after_an_attempt_whose_end_nobody_knows(
    ledger: Ledger, clock: Clock
) -> None:
    ledger.record(escalation())
    claim = claimed(ledger)
    frozen(ledger, claim)
    sent = clock.now
    ledger.retry_later(claim, 2, "plain_timeout", failed=True, outcome_unknown=True)
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
    ledger.retry_later(one, 5, "plain_429", failed=True, outcome_unknown=False)
    assert frozen(ledger, two) == Acquired()
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
    ledger.retry_later(claim, 0, "plain_timeout", failed=True, outcome_unknown=True)
    clock.move(40)
    again = claimed(ledger)
    frozen(ledger, again)
    ledger.retry_later(again, 0, "plain_429", failed=True, outcome_unknown=False)
    assert claimed(ledger).sent_at == sent


def test_a_refusal_stays_due_until_it_was_said(ledger: Ledger, clock: Clock) -> None:
    ledger.record(escalation())
    claim = claimed(ledger)
    refusal = Rejection(Reason.MISSING_SCOPE, slack_error=SlackError(scope="reactions:read"))
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
    ledger.answer_later(claim, 3, "slack_ratelimited", failed=False)
    clock.move(3)
    assert claimed(ledger).outcome == Created(TICKET)


def test_a_refused_row_frees_its_conversation_and_keeps_its_requester(
    ledger: Ledger, database: Database
) -> None:
    ledger.record(escalation(1))
    ledger.record(escalation(2))
    one, two = ledger.claim("one", 8)
    frozen(ledger, one)
    ledger.settle(one, Rejection(Reason.NO_CUSTOMER, requester="U0SOMEBODY"))
    assert frozen(ledger, two) == Acquired()
    (entry,) = Records(database).find("PB-1")
    assert (entry.state, entry.requester, entry.customer) == ("refused", "U0SOMEBODY", None)


def test_a_parked_row_keeps_what_a_later_retry_must_look_for(
    ledger: Ledger, database: Database, clock: Clock
) -> None:
    ledger.record(escalation())
    claim = claimed(ledger)
    frozen(ledger, claim)
    ledger.retry_later(claim, 0, "plain_timeout", failed=True, outcome_unknown=True)
    ledger.settle(claimed(ledger), Rejection(Reason.GAVE_UP, cause="plain_timeout"))
    assert [entry.state for entry in Records(database).retry("PB-1")] == ["waiting"]
    assert claimed(ledger).sent_at == clock.now


def test_a_row_that_fails_while_others_succeed_is_hopeless_after_20_strikes_and_6_hours(
    ledger: Ledger, clock: Clock
) -> None:
    ledger.record(escalation(1))
    for number in range(2, 30):
        claim = next(c for c in ledger.claim("one", 8) if c.escalation.key == escalation(1).key)
        assert not ledger.is_hopeless(claim)
        ledger.retry_later(claim, 1200, "plain_500", failed=True, outcome_unknown=False)
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
        ledger.retry_later(claimed(ledger), 600, "plain_500", failed=True, outcome_unknown=False)
        clock.move(600)
    assert not ledger.is_hopeless(claimed(ledger))


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
        ledger.settle(claim, Rejection(reason, requester=user))
        ledger.answered(claim, said=True)
    assert CustomerLinks(database).link([CustomerLink(TEAM, "U0AUTHOR", "c_1")]) == 2
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
    assert CustomerLinks(database).link([CustomerLink(TEAM, "U0AUTHOR", "c_1")]) == 0
    ledger.settle(claim, Rejection(Reason.NO_CUSTOMER, requester="U0AUTHOR"))
    (entry,) = Records(database).find("PB-1")
    assert entry.state == "waiting"
