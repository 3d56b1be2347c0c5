"""What is requested after an undo, or while one goes on: on both engines."""

from __future__ import annotations

from bot.core.model import Created, Escalation, Joined, ReplyTo, Ticket
from bot.core.record import State
from bot.store.claims import load
from bot.store.conversations import Exists, Free, Pending
from bot.store.database import Database
from bot.store.records import Records
from tests.conftest import Clock
from tests.flows.settling import noted, settled
from tests.nouns import CHANNEL, TICKET, escalation, ts
from tests.store.rows import key
from tests.store.test_undo import Bench, bench

__all__ = ["bench"]

MINUTE = 60.0
FOUND = f"reconcile:{CHANNEL}:{ts(1)}:ticket:U0ASKER"
"""The request of what was found in Slack's history."""
OTHER = Ticket("th_2", "T-2", "https://app.plain.com/workspace/w_1/thread/th_2/")


def reacted(request: str, at: float, submitter: str = "U0ASKER") -> Escalation:
    """A reaction to the first message; the moment is Slack's."""
    to = ReplyTo(user=submitter, asked_at=at, channel=CHANNEL)
    return escalation(request=request, submitter=submitter, reply_to=to)


def test_another_request_opens_the_next_generation(bench: Bench) -> None:
    bench.undone()
    assert bench.ledger.record(escalation(request="Ev-again")).fresh
    (again,) = load(bench.database, bench.ledger.claim("one", 1))
    assert bench.ledger.conversation(again, key()) == Free(2)
    noted(bench.database, again, generation=2, external_id=f"{key()}:2")
    bench.ledger.settle(again, Created(OTHER))
    assert bench.ledger.ticket_of(key()) == OTHER
    found = sorted(Records(bench.database).find(key()), key=lambda one: one.id)
    assert [(one.state, one.ticket) for one in found] == [
        (State.UNDONE, TICKET),
        (State.CREATED, OTHER),
    ]


def test_the_same_request_delivered_again_stays_undone(bench: Bench) -> None:
    bench.undone()
    assert not bench.ledger.record(escalation()).fresh
    assert bench.ledger.claim("one", 1) == []


def test_a_second_delivery_of_anothers_that_comes_after_the_undo_is_known(bench: Bench) -> None:
    """It made a second ticket of one that had just been undone."""
    other = escalation(request="Ev-other", submitter="U0BEN")
    settled(bench.database, Joined(TICKET), other)
    bench.undone()
    assert not bench.ledger.record(other).fresh
    assert bench.ledger.claim("one", 1) == []


def test_who_requests_while_it_is_being_undone_waits_for_the_end(bench: Bench) -> None:
    its, found = bench.begun()
    bench.ledger.give_back(its)
    assert bench.ledger.record(escalation(request="Ev-again")).fresh
    (again,) = load(bench.database, bench.ledger.claim("two", 1))
    assert bench.ledger.conversation(again, key()) == Pending()
    bench.ledger.give_back(again.job)
    its, found = bench.claim()
    assert found.target is not None
    bench.undos.finish(its, found.target, "U0ASKER")
    bench.undos.end(its)
    (again,) = load(bench.database, bench.ledger.claim("two", 1))
    assert bench.ledger.conversation(again, key()) == Free(2)


def test_who_requests_while_an_undo_is_given_up_has_one_ticket(bench: Bench) -> None:
    """An agent had acted on the ticket, so that it stood again, and a second one came about."""
    its, found = bench.begun()
    assert found.target is not None
    bench.undos.release(its, found.target)
    bench.undos.end(its)
    bench.ledger.record(escalation(request="Ev-again"))
    (again,) = load(bench.database, bench.ledger.claim("two", 1))
    assert isinstance(bench.ledger.conversation(again, key()), Exists)


def test_the_late_event_of_what_was_found_in_the_history_is_the_same_request(
    database: Database, clock: Clock
) -> None:
    """The bridge was away, so Slack sends its events again, up to an hour later."""
    before = clock()
    clock.move(10 * MINUTE)
    settled(database, Created(TICKET), reacted(FOUND, clock()))
    bench = Bench(database)
    bench.undone()
    clock.move(MINUTE)
    assert not bench.ledger.record(reacted("Ev-late", before)).fresh
    assert not any(one.fresh for one in bench.ledger.record_all([reacted("Ev-late", before)] * 2))
    clock.move(MINUTE)
    assert bench.ledger.record(reacted("Ev-new", clock())).fresh


def test_the_late_event_of_another_person_is_a_request_of_its_own(
    database: Database, clock: Clock
) -> None:
    before = clock()
    clock.move(10 * MINUTE)
    settled(database, Created(TICKET), reacted("Ev1", clock()))
    bench = Bench(database)
    bench.undone()
    assert bench.ledger.record(reacted("Ev-late", before, submitter="U0OTHER")).fresh


def test_reconciliation_knows_what_was_undone(bench: Bench) -> None:
    bench.undone()
    assert bench.ledger.known([key()]) == {key()}
