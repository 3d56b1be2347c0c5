"""Escalations as people read them: their own, a message's generations, a conversation's ticket."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import update

from bot.core.faults import Reason
from bot.core.model import Created, Ignored, Outcome, Rejected, Via
from bot.core.record import Evidence, State
from bot.core.refs import MessageRef
from bot.store.database import Database
from bot.store.deliveries import Ledger
from bot.store.records import Tickets
from bot.store.schema import escalation as table
from tests.conftest import Clock
from tests.nouns import CHANNEL, TEAM, TICKET, escalation, message, ts


def settle(database: Database, number: int, outcome: Outcome | None, **more: object) -> None:
    """The nth message, asked for and settled; without an outcome it waits."""
    ledger = Ledger(database)
    ledger.record(escalation(number, **more))
    if outcome is None:
        return
    (claim,) = ledger.claim("one", 1)
    if isinstance(outcome, Created):
        ledger.freeze(
            claim,
            conversation_key=claim.external_id,
            customer="c_1",
            requester="U0AUTHOR",
            message=message(number),
            person=None,
        )
    ledger.settle(claim, outcome)
    ledger.answered(claim, said=True) if isinstance(outcome, Rejected) else None


def test_ones_own_the_newest_first(database: Database) -> None:
    settle(database, 1, Created(TICKET))
    settle(database, 2, Rejected(Reason.EMPTY, {"a": "b"}))
    settle(database, 3, Created(TICKET), submitter="U0OTHER")
    settle(database, 4, Ignored("no_rule"))
    settle(database, 5, None)
    found = Tickets(database).tickets_of("U0ASKER")
    assert [(one.id, one.state) for one in found] == [
        (5, State.WAITING),
        (2, State.REFUSED),
        (1, State.CREATED),
    ]


def test_page_by_page(database: Database) -> None:
    for number in range(1, 6):
        settle(database, number, Created(TICKET))
    tickets = Tickets(database)
    assert [one.id for one in tickets.tickets_of("U0ASKER", None, 2)] == [5, 4]
    assert [one.id for one in tickets.tickets_of("U0ASKER", 4, 2)] == [3, 2]
    assert [one.id for one in tickets.tickets_of("U0ASKER", 1, 2)] == []


def test_all_that_is_known_of_a_row(database: Database, clock: Clock) -> None:
    settle(database, 1, Created(TICKET))
    with database.writing() as connection:
        connection.execute(
            update(table).values(evidence="link", undone_at=5.0, undone_by="U9", cause="x")
        )
    (record,) = Tickets(database).generations(f"{TEAM}:{CHANNEL}:{ts(1)}")
    assert (record.id, record.reference, record.generation) == (1, "PB-1", 1)
    assert (record.via, record.emoji, record.submitter) == (Via.REACTION, "ticket", "U0ASKER")
    assert (record.ref, record.channel) == (MessageRef(CHANNEL, ts(1)), CHANNEL)
    assert (record.customer, record.requester) == ("c_1", "U0AUTHOR")
    assert (record.evidence, record.ticket) == (Evidence.LINK, TICKET)
    assert (record.undone_at, record.undone_by) == (5.0, "U9")
    assert (record.created_at, record.settled_at) == (clock.now, clock.now)
    assert (record.attempts, record.cause, record.found) == (1, "x", False)
    assert record.rules == escalation(1).rules


def test_a_refusal_with_its_data(database: Database) -> None:
    settle(database, 1, Rejected(Reason.NO_CUSTOMER, {"requester": "U9"}))
    (record,) = Tickets(database).tickets_of("U0ASKER")
    assert (record.reason, record.data) == ("no_customer", {"requester": "U9"})


def test_what_reconciliation_found_is_told_apart(database: Database) -> None:
    settle(database, 1, None, request="reconcile:C0001:1.000100:ticket")
    assert Tickets(database).tickets_of("U0ASKER")[0].found


@pytest.mark.parametrize("state", ["undone", "created"])
def test_an_evidence_of_a_later_release_is_unknown(database: Database, state: str) -> None:
    settle(database, 1, Created(TICKET))
    with database.writing() as connection:
        connection.execute(update(table).values(evidence="tarot", state=state))
    (record,) = Tickets(database).tickets_of("U0ASKER")
    assert (record.evidence, record.state.value) == (None, state)


def test_all_generations_of_a_message(database: Database) -> None:
    settle(database, 1, Created(TICKET))
    with database.writing() as connection:
        row = connection.execute(table.select()).one()._asdict()
        again = {**row, "id": 9, "generation": 2, "conversation_key": None, "state": "waiting"}
        connection.execute(table.insert().values(again))
    key = f"{TEAM}:{CHANNEL}:{ts(1)}"
    found = Tickets(database).generations(key)
    assert [(one.generation, one.state.value) for one in found] == [(1, "created"), (2, "waiting")]
    assert Tickets(database).generations("T:C:0") == []


def test_the_ticket_of_a_conversation(database: Database) -> None:
    settle(database, 1, Created(TICKET))
    key = f"{TEAM}:{CHANNEL}:{ts(1)}"
    assert Tickets(database).of_conversation(key) == TICKET
    assert Tickets(database).of_conversation("T:C:0") is None
    with database.writing() as connection:
        connection.execute(update(table).values(state="waiting"))
    assert Tickets(database).of_conversation(key) is None


def test_an_asking_without_a_message(database: Database) -> None:
    asked = escalation(1, via=Via.COMMAND, ref=None, emoji=None)
    Ledger(database).record(replace(asked, key=f"{TEAM}:command:1"))
    (record,) = Tickets(database).tickets_of("U0ASKER")
    assert (record.ref, record.via, record.emoji) == (None, Via.COMMAND, None)
