"""What a request keeps of a thread in several pieces, and of its files, on both engines."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core.attachments import SkipReason, UploadedFiles, UploadResult
from bot.core.faults import LeaseLost, Reason, Rejection
from bot.core.model import Continuation, Created, Outcome
from bot.core.text.parts import TextPart, Tone
from bot.store.claims import Claim, Opening, RemainingParts
from bot.store.conversations import Exists
from bot.store.database import Database
from bot.store.jobs import LEASE_SECONDS
from bot.store.tickets import Ledger
from tests.conftest import Clock
from tests.nouns import TICKET, escalation, message
from tests.store.claimed import claimed, ledger, note, opened, row

__all__ = ["ledger"]

REST = RemainingParts(
    (
        Continuation("k#2", "Slack thread, part 2 of 3", (TextPart("It **burns**"), TextPart("!"))),
        Continuation(
            "k#3", "Slack thread, part 3 of 3", (TextPart("Still", Tone.MUTED, small=True),)
        ),
    )
)
KEPT = UploadedFiles(
    "c_1", {"F1": UploadResult("att_1", at=5.0), "F2": UploadResult(why=SkipReason.KIND, at=6.0)}
)


def noted(ledger: Ledger, rest: RemainingParts | None = REST) -> Claim:
    """Return a request whose create was sent with an unknown outcome, claimed anew."""
    ledger.record(escalation())
    claim = claimed(ledger)
    assert note(ledger, claim, rest=rest)
    ledger.retry_later(claim, 0.0, "plain_timeout", failed=True, outcome_unknown=True)
    return claimed(ledger)


def adding(ledger: Ledger) -> Claim:
    """Return a request whose addition is about to be sent to the ticket of another."""
    opened(ledger)
    ledger.record(escalation(2))
    claim = claimed(ledger)
    found = ledger.conversation(claim, "conversation")
    assert isinstance(found, Exists)
    ledger.note_addition(claim, found, escalation(2).key, message(), REST)
    return claim


def rest_of(database: Database, row_id: int = 1) -> str | None:
    found: str | None = row(database, row_id).rest
    return found


def test_what_is_left_comes_back_as_it_was(ledger: Ledger) -> None:
    assert noted(ledger).rest == REST


def test_a_thread_in_one_piece_leaves_nothing(ledger: Ledger) -> None:
    assert noted(ledger, None).rest is None


def test_what_goes_next_is_noted_with_its_ticket(ledger: Ledger) -> None:
    claim = noted(ledger)
    rest = RemainingParts(REST.sequels[1:], TICKET, added=False, missing=1)
    ledger.note_rest(claim, rest)
    ledger.retry_later(claim, 0.0, "plain_429", failed=True, outcome_unknown=True)
    again = claimed(ledger)
    assert again.rest == rest
    assert again.adding_to is None
    assert again.opening == Opening(1, "c_1", "U0AUTHOR")


def test_an_addition_leaves_something_too(ledger: Ledger) -> None:
    claim = adding(ledger)
    ledger.retry_later(claim, 0.0, "plain_timeout", failed=True, outcome_unknown=True)
    again = claimed(ledger)
    assert (again.adding_to, again.rest) == (TICKET, REST)


@pytest.mark.parametrize(
    ("outcome", "kept"),
    [
        (Created(TICKET), False),
        (Rejection(Reason.EMPTY), False),
        (Rejection(Reason.GAVE_UP), True),
        (Rejection(Reason.PLAIN_REFUSED, outcome_unknown=True), True),
    ],
    ids=["created", "refused", "given up", "unsure"],
)
def test_what_may_still_be_needed_is_kept(
    ledger: Ledger, database: Database, outcome: Outcome, kept: bool
) -> None:
    ledger.settle(noted(ledger), outcome)
    assert (rest_of(database) is not None) is kept


def test_what_was_surely_not_sent_leaves_nothing(ledger: Ledger, database: Database) -> None:
    claim = adding(ledger)
    assert rest_of(database, 2) is not None
    ledger.retry_later(claim, 0.0, "plain_429", failed=True, outcome_unknown=False)
    assert rest_of(database, 2) is None


def test_who_lost_the_lease_notes_nothing(ledger: Ledger, clock: Clock) -> None:
    claim = noted(ledger)
    clock.move(LEASE_SECONDS + 1)
    with pytest.raises(LeaseLost):
        ledger.note_rest(claim, REST)
    with pytest.raises(LeaseLost):
        ledger.keep_files(claim, KEPT)
    with pytest.raises(LeaseLost):
        ledger.keep_files(replace(claim, job=replace(claim.job, token="another")), KEPT)


def test_the_results_of_files_outlive_an_attempt(ledger: Ledger) -> None:
    ledger.record(escalation())
    claim = claimed(ledger)
    assert claim.kept is None
    ledger.keep_files(claim, KEPT)
    ledger.retry_later(claim, 0.0, "plain_429", failed=True, outcome_unknown=False)
    assert claimed(ledger).kept == KEPT


def test_a_lease_begins_anew_with_each_note(ledger: Ledger, clock: Clock) -> None:
    ledger.record(escalation())
    claim = claimed(ledger)
    for _ in range(3):
        clock.move(LEASE_SECONDS - 1)
        ledger.keep_files(claim, KEPT)
    ledger.note_rest(claim, REST)
    clock.move(LEASE_SECONDS - 1)
    ledger.note_rest(claim, REST)
