"""A claimed job comes with its request, as it is then."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import Row, delete

from bot.core.faults import Reason, Rejection, SlackError
from bot.core.model import Created
from bot.store import claims as module
from bot.store import rows
from bot.store.claims import Claim, Opening, load
from bot.store.conversations import Exists
from bot.store.database import Database
from bot.store.jobs import Job
from bot.store.schema import request
from bot.store.tickets import Ledger
from tests.conftest import Clock
from tests.nouns import TICKET, escalation, form, message
from tests.store.claimed import answering, claimed, claims, ledger, note, opened

__all__ = ["ledger"]


def test_what_is_recorded_comes_back_as_it_was(ledger: Ledger) -> None:
    requested = escalation(message=message(), form=form(requester="U0PAM"))
    ledger.record(requested)
    claim = claimed(ledger)
    assert claim.escalation == requested
    assert (claim.id, claim.reference, claim.requester) == (1, "PB-1", "U0PAM")
    assert (claim.job.attempt, claim.is_waiting) == (1, True)
    assert (claim.sent_at, claim.opening, claim.adding_to, claim.outcome) == (None,) * 4


def test_requests_come_in_the_order_of_their_jobs_without_those_that_are_gone(
    ledger: Ledger, database: Database
) -> None:
    for number in (1, 2, 3):
        ledger.record(escalation(number))
    jobs = ledger.claim("one", 8)
    with database.writing() as connection:
        connection.execute(delete(request).where(request.c.id == 2))
    assert [claim.id for claim in load(database, jobs[::-1])] == [3, 1]
    assert load(database, []) == []


def test_what_an_attempt_noted_is_there_for_the_next(ledger: Ledger, clock: Clock) -> None:
    ledger.record(escalation())
    claim = claimed(ledger)
    note(ledger, claim)
    sent = clock.now
    ledger.retry_later(claim, 2, "plain_timeout", failed=True, outcome_unknown=True)
    clock.move(2)
    again = claimed(ledger)
    assert again.opening == Opening(1, "c_1", "U0AUTHOR")
    assert (again.external_id, again.sent_at, again.now) == (escalation().key, sent, sent + 2)
    assert again.escalation.trigger.message == message()
    assert again.adding_to is None


def test_an_addition_that_was_noted_is_there_for_the_next(ledger: Ledger, clock: Clock) -> None:
    opened(ledger)
    ledger.record(escalation(2))
    claim = claimed(ledger)
    found = ledger.conversation(claim, "conversation")
    assert isinstance(found, Exists)
    ledger.note_addition(claim, found, "k:2", message(2))
    ledger.retry_later(claim, 2, "plain_timeout", failed=True, outcome_unknown=True)
    clock.move(2)
    again = claimed(ledger)
    assert (again.adding_to, again.adding_to_id, again.external_id) == (TICKET, 1, "k:2")
    assert again.opening is None


def test_an_answer_that_is_due_knows_its_outcome(ledger: Ledger) -> None:
    ledger.record(escalation())
    rejection = Rejection(Reason.MISSING_SCOPE, slack_error=SlackError(scope="reactions:read"))
    ledger.settle(claim := claimed(ledger), rejection)
    ledger.give_back(claim.job)
    again = answering(ledger)
    assert (again.outcome, again.is_waiting) == (rejection, False)


def test_a_success_knows_its_outcome(ledger: Ledger, database: Database) -> None:
    claim = opened(ledger)
    (again,) = load(database, [claim.job])
    assert again.outcome == Created(TICKET)


def test_requests_are_read_when_listeners_may_write_again(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long message takes a while to read, and SQLite has one writer."""
    read = module._claim

    def record_meanwhile(job: Job, row: Row[Any]) -> Claim:
        assert ledger.record(escalation(row.id + 100), within=1.0).fresh
        return read(job, row)

    for number in (1, 2):
        ledger.record(escalation(number))
    monkeypatch.setattr(module, "_claim", record_meanwhile)
    assert [claim.id for claim in claims(ledger)] == [1, 2]


def test_a_stored_node_is_read_as_what_it_says_it_is() -> None:
    """To try it as each of the others takes ten times as long."""
    stored = rows.MESSAGE.text(message())
    assert stored is not None
    with pytest.raises(ValidationError) as raised:
        rows.MESSAGE.value(stored.replace('"kind":"text"', '"kind":"song"'))
    assert [error["type"] for error in raised.value.errors()] == ["union_tag_invalid"]
