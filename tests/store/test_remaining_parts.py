"""What a row keeps of a thread in several pieces, and of its files, on both engines."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from bot.core.attachments import SkipReason, UploadedFiles, UploadResult
from bot.core.faults import LeaseLost, Reason, Rejection
from bot.core.model import Continuation, Created, Outcome
from bot.core.text.parts import TextPart, Tone
from bot.store.claims import LEASE_SECONDS, Acquired, Claim, RemainingParts
from bot.store.database import Database
from bot.store.deliveries import Ledger
from bot.store.retention import Retention
from bot.store.schema import escalation as table
from tests.conftest import Clock
from tests.nouns import TICKET, escalation, message

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


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


def claimed(ledger: Ledger) -> Claim:
    (claim,) = ledger.claim("one", 8)
    return claim


def frozen(ledger: Ledger, rest: RemainingParts | None = REST) -> Claim:
    """A row whose create was sent and answered by nobody; claimed anew."""
    ledger.record(escalation())
    claim = claimed(ledger)
    won = ledger.freeze(
        claim,
        conversation_key="conversation",
        customer="c_1",
        requester="U0AUTHOR",
        message=message(),
        person=None,
        rest=rest,
    )
    assert isinstance(won, Acquired)
    ledger.retry_later(claim, 0.0, "plain_timeout", failed=True, outcome_unknown=True)
    return claimed(ledger)


def sequels(database: Database) -> str | None:
    with database.reading() as connection:
        found: str | None = connection.scalar(select(table.c.sequels))
    return found


def test_what_is_left_comes_back_as_it_was(ledger: Ledger) -> None:
    assert frozen(ledger).rest == REST


def test_a_thread_in_one_piece_leaves_nothing(ledger: Ledger) -> None:
    assert frozen(ledger, None).rest is None


def test_what_goes_next_is_noted_with_its_ticket(ledger: Ledger) -> None:
    claim = frozen(ledger)
    rest = RemainingParts(REST.sequels[1:], TICKET, added=False, missing=1)
    ledger.freeze_rest(claim, rest)
    ledger.retry_later(claim, 0.0, "plain_429", failed=True, outcome_unknown=True)
    again = claimed(ledger)
    assert again.rest == rest
    assert again.adding_to is None
    assert again.customer == "c_1"


def test_an_addition_leaves_something_too(ledger: Ledger) -> None:
    ledger.record(escalation())
    claim = claimed(ledger)
    ledger.freeze_addition(claim, TICKET, message(), REST)
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
    ledger.settle(frozen(ledger), outcome)
    assert (sequels(database) is not None) is kept


def test_what_was_surely_not_sent_leaves_nothing(ledger: Ledger, database: Database) -> None:
    ledger.record(escalation())
    claim = claimed(ledger)
    ledger.freeze_addition(claim, TICKET, message(), REST)
    ledger.retry_later(claim, 0.0, "plain_429", failed=True, outcome_unknown=False)
    assert sequels(database) is None


def test_who_lost_the_row_notes_nothing(ledger: Ledger, clock: Clock) -> None:
    claim = frozen(ledger)
    clock.move(LEASE_SECONDS + 1)
    with pytest.raises(LeaseLost):
        ledger.freeze_rest(claim, REST)
    with pytest.raises(LeaseLost):
        ledger.keep_files(claim, KEPT)
    with pytest.raises(LeaseLost):
        ledger.keep_files(replace(claim, token="another"), KEPT)


def test_the_fates_of_files_outlive_an_attempt(ledger: Ledger) -> None:
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
    ledger.freeze_rest(claim, REST)
    clock.move(LEASE_SECONDS - 1)
    ledger.freeze_rest(claim, REST)


def test_texts_are_erased_with_the_others(ledger: Ledger, database: Database, clock: Clock) -> None:
    claim = frozen(ledger)
    ledger.settle(claim, Rejection(Reason.GAVE_UP))
    ledger.answered(claim, said=True)
    assert sequels(database) is not None
    clock.move(40 * 86400.0)
    Retention(database).erase_texts(30)
    assert sequels(database) is None


def test_texts_go_with_the_person(ledger: Ledger, database: Database) -> None:
    ledger.settle(frozen(ledger), Rejection(Reason.GAVE_UP))
    Retention(database).forget("U0AUTHOR")
    assert sequels(database) is None
