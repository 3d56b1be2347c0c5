"""Askings become rows, and what an asking meets that is there already."""

from __future__ import annotations

import pytest

from bot.core.faults import Reason, Rejection
from bot.core.model import Added, AlreadyExists, Created, Ignored, InProgress
from bot.store.deliveries import Ledger
from bot.store.requests import Recorded
from tests.nouns import TICKET, escalation, form, message
from tests.store.claimed import claimed, ledger

__all__ = ["ledger"]


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
    assert ledger.record(escalation(request="Ev9")) == Recorded(fresh=False, remark=InProgress())


@pytest.mark.parametrize("outcome", [Created(TICKET), Added(TICKET)])
def test_another_asking_for_a_settled_row_hears_of_its_ticket(
    ledger: Ledger, outcome: Created | Added
) -> None:
    ledger.record(escalation())
    ledger.settle(claimed(ledger), outcome)
    assert ledger.record(escalation(request="Ev9")).remark == AlreadyExists(TICKET)
    assert ledger.ticket_of(escalation().key) == TICKET


@pytest.mark.parametrize(
    "outcome",
    [
        Rejection(Reason.NO_CUSTOMER, requester="U0AUTHOR"),
        Rejection(Reason.GAVE_UP, cause="plain_500"),
        Ignored("no_rule"),
    ],
    ids=["refused", "parked", "unwanted"],
)
def test_asking_again_opens_the_row_with_the_new_submitter(
    ledger: Ledger, outcome: Rejection | Ignored
) -> None:
    ledger.record(escalation())
    ledger.settle(claimed(ledger), outcome)
    asked = escalation(request="Ev9", submitter="U0OTHER", form=form(title="Now with a form"))
    assert ledger.record(asked) == Recorded(fresh=True)
    assert claimed(ledger).escalation == asked


def test_a_refused_asking_delivered_late_once_more_does_not_open_the_row(ledger: Ledger) -> None:
    ledger.record(escalation())
    claim = claimed(ledger)
    ledger.settle(claim, Rejection(Reason.NO_CUSTOMER))
    ledger.answered(claim, said=True)
    assert ledger.record(escalation()) == Recorded(fresh=False)
    assert ledger.claim("one", 8) == []
