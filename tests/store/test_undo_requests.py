"""What was found wrong with undone rows and the askings around them: on both engines."""

from __future__ import annotations

import pytest

from bot.core.faults import Reason, Rejection
from bot.core.model import Added, Created, Escalation, ReplyTo
from bot.store.claims import Acquired, Claim, Exists, Pending
from bot.store.database import Database
from bot.store.deliveries import Ledger
from bot.store.requests import Recorded
from bot.store.undo import Begin, Undos
from tests.conftest import Clock
from tests.nouns import CHANNEL, TICKET, escalation, message, ts

MINUTE = 60.0
FOUND = f"reconcile:{CHANNEL}:{ts(1)}:ticket"
"""The request of what was found in Slack's history."""


def reacted(request: str, at: float, submitter: str = "U0ASKER") -> Escalation:
    """A reaction to the first message; the moment is Slack's."""
    to = ReplyTo(user=submitter, asked_at=at, channel=CHANNEL)
    return escalation(request=request, submitter=submitter, reply_to=to)


def created(database: Database, asked: Escalation) -> Claim:
    ledger = Ledger(database)
    ledger.record(asked)
    (claim,) = ledger.claim("one", 1)
    assert freeze(ledger, claim) == Acquired()
    ledger.settle(claim, Created(TICKET))
    return claim


def freeze(
    ledger: Ledger, claim: Claim, conversation_key: str = f"T0001:{CHANNEL}:{ts(1)}"
) -> object:
    return ledger.freeze(
        claim,
        conversation_key=conversation_key,
        customer="c_1",
        requester="U0AUTHOR",
        message=message(),
        person=None,
    )


def undone(database: Database, asked: Escalation) -> None:
    claim, undoing = created(database, asked), Undos(database)
    assert undoing.begin(claim.id, "U0ASKER") is Begin.BEGUN
    undoing.finish(claim.id)


def test_the_late_event_of_what_was_found_in_the_history_does_not_ask_anew(
    database: Database, clock: Clock
) -> None:
    """The bridge was away, so Slack sends its events again, up to an hour later."""
    before = clock()
    clock.move(10 * MINUTE)
    undone(database, reacted(FOUND, clock(), submitter="U0OTHER"))
    clock.move(MINUTE)
    ledger = Ledger(database)
    assert ledger.record(reacted("Ev-late", before)) == Recorded(fresh=False)
    assert ledger.record_all([reacted("Ev-late", before)] * 2) == [Recorded(fresh=False)] * 2
    assert ledger.record(reacted("Ev-new", clock())).fresh


def test_the_late_event_of_another_person_does_ask_anew(database: Database, clock: Clock) -> None:
    before = clock()
    clock.move(10 * MINUTE)
    undone(database, reacted("Ev1", clock()))
    ledger = Ledger(database)
    assert ledger.record(reacted("Ev-late", before)) == Recorded(fresh=False)
    assert ledger.record(reacted("Ev-late", before, submitter="U0OTHER")).fresh


def test_an_asking_of_about_the_same_moment_counts(database: Database, clock: Clock) -> None:
    """Slack's clock may go after the ledger's: better another ticket than none."""
    before = clock()
    clock.move(MINUTE - 1)
    undone(database, reacted("Ev1", clock()))
    assert Ledger(database).record(reacted("Ev2", before)).fresh


def test_a_history_that_was_read_before_the_undo_asks_for_nothing(
    database: Database, clock: Clock
) -> None:
    undone(database, reacted("Ev1", clock()))
    assert Ledger(database).record(reacted(FOUND, clock())) == Recorded(fresh=False)


def test_who_asks_while_an_undo_is_given_up_has_one_ticket(database: Database) -> None:
    """With `one_thread_per = "message"` the two generations share no conversation: an agent had
    acted on the ticket, so that it stood again, and a second one came about."""
    ledger, undoing = Ledger(database), Undos(database)
    first = created(database, escalation(1))
    undoing.begin(first.id, "U0ASKER")
    assert ledger.record(escalation(request="Ev-again")).fresh
    (again,) = ledger.claim("one", 1)
    own = again.external_id
    assert ledger.conversation(again, own) == Pending()
    undoing.release(first.id)
    assert ledger.conversation(again, own) == Exists(TICKET)
    assert freeze(ledger, again, own) == Exists(TICKET)
    undoing.begin(first.id, "U0ASKER")
    undoing.finish(first.id)
    assert freeze(ledger, again, own) == Acquired()


@pytest.mark.parametrize("unsure", [True, False])
def test_an_addition_of_which_nobody_knows_is_in_the_way_of_an_undo(
    database: Database, unsure: bool
) -> None:
    """Refused, it may stand in the ticket all the same; what surely failed does not."""
    first = created(database, escalation(1))
    ledger, undoing = Ledger(database), Undos(database)
    ledger.record(escalation(2))
    (adding,) = ledger.claim("one", 1)
    ledger.freeze_addition(adding, TICKET, message(2))
    ledger.settle(adding, Rejection(Reason.PLAIN_REFUSED, outcome_unknown=unsure))
    expected = Begin.ADDED_TO if unsure else Begin.BEGUN
    assert undoing.begin(first.id, "U0ASKER") is expected


def test_a_create_after_an_addition_that_came_to_nothing_is_not_looked_for_as_an_addition(
    database: Database, clock: Clock
) -> None:
    """The row still named the ticket that it had been added to, so that its own thread was looked
    for among that one's events, not found, and created once more."""
    ledger = Ledger(database)
    ledger.record(escalation(2))
    (claim,) = ledger.claim("one", 1)
    ledger.freeze_addition(claim, TICKET, message(2))
    ledger.retry_later(claim, 1.0, "plain_timeout", failed=True, outcome_unknown=True)
    clock.move(60.0)
    (claim,) = ledger.claim("one", 1)
    assert claim.adding_to == TICKET
    assert freeze(ledger, claim) == Acquired()
    ledger.retry_later(claim, 1.0, "plain_timeout", failed=True, outcome_unknown=True)
    clock.move(1.0)
    (claim,) = ledger.claim("one", 1)
    assert (claim.adding_to, claim.customer) == (None, "c_1")
    ledger.settle(claim, Added(TICKET))
