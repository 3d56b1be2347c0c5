"""Rows that are undone, and the askings that come after: on both engines."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from bot.core.faults import LeaseLost, Postponed, TryLater
from bot.core.model import Added, AlreadyExists, Created, InProgress, PostedAnswer, Rule, Ticket
from bot.core.record import State
from bot.core.undo import UNDO_SECONDS
from bot.store.claims import Acquired, Claim, Exists, Pending
from bot.store.database import Database
from bot.store.deliveries import Ledger
from bot.store.records import Records
from bot.store.requests import GroupCommit, Recorded
from bot.store.retention import FORGOTTEN, Retention
from bot.store.undo import EXPIRY_SECONDS, LEASE_SECONDS, LEFT_OVER_SECONDS, Begin, Undos
from tests.conftest import Clock
from tests.flows.fakes import run
from tests.nouns import TEAM, TICKET, escalation, message
from tests.store.claimed import frozen

CONVERSATION = "T0001:C0001:1700000001.000100"
OTHER = Ticket("th_2", "T-2", "https://app.plain.com/workspace/w_1/thread/th_2/")


def settled(database: Database, number: int = 1, request: str | None = None) -> Claim:
    """The nth message has its ticket."""
    ledger = Ledger(database)
    ledger.record(escalation(number, **({"request": request} if request else {})))
    (claim,) = ledger.claim("one", 1)
    assert frozen(ledger, claim, CONVERSATION) == Acquired()
    ledger.settle(claim, Created(TICKET))
    return claim


def undone(database: Database) -> Claim:
    claim = settled(database)
    undoing = Undos(database)
    assert undoing.begin(claim.id, "U0LINKER") is Begin.BEGUN
    undoing.finish(claim.id)
    return claim


def test_a_row_as_an_undo_sees_it(database: Database, clock: Clock) -> None:
    claim = settled(database)
    clock.move(60)
    row = Undos(database).find(TEAM, claim.id)
    assert row is not None
    assert (row.state, row.submitter, row.age) == (State.CREATED, "U0ASKER", 60.0)
    assert (row.ticket, row.undo_begun_by, row.emoji, row.may_assign) == (
        TICKET,
        None,
        "ticket",
        False,
    )
    assert Undos(database).find_by_message(claim.escalation.key) == row
    assert Undos(database).find(TEAM, claim.id + 1) is None
    assert Undos(database).find_by_message("T0001:C0001:1.000000") is None


def test_a_rule_may_have_named_an_assignee(database: Database) -> None:
    asked = replace(escalation(), rules=(Rule(("ticket",), assignee="u_1"),))
    Ledger(database).record(asked)
    row = Undos(database).find_by_message(asked.key)
    assert row is not None
    assert row.may_assign


def test_an_undone_row_says_so_and_lets_its_conversation_go(
    database: Database, clock: Clock
) -> None:
    claim = settled(database)
    undoing = Undos(database)
    clock.move(10)
    assert undoing.begin(claim.id, "U0LINKER") is Begin.BEGUN
    clock.move(1)
    undoing.finish(claim.id)
    (entry,) = Records(database).find(claim.reference)
    assert (entry.state, entry.undone_by, entry.undone_at) == ("undone", "U0LINKER", clock.now)
    assert (entry.ticket, entry.due) == (TICKET, None)
    assert Ledger(database).ticket_of(entry.key) is None
    ledger = Ledger(database)
    assert ledger.record(escalation(2)).fresh
    (other,) = ledger.claim("one", 1)
    assert ledger.conversation(other, CONVERSATION) == Acquired()


def test_one_at_a_time(database: Database, clock: Clock) -> None:
    claim = settled(database)
    undoing = Undos(database)
    assert undoing.begin(claim.id, "U0ASKER") is Begin.BEGUN
    assert undoing.begin(claim.id, "U0LINKER") is Begin.IN_HAND
    clock.move(LEASE_SECONDS)
    assert undoing.begin(claim.id, "U0LINKER") is Begin.BEGUN
    row = undoing.find(TEAM, claim.id)
    assert row is not None
    assert row.undo_begun_by == "U0ASKER"  # who began it undoes it
    undoing.pause(claim.id)
    assert undoing.begin(claim.id, "U0LINKER") is Begin.BEGUN
    undoing.finish(claim.id)
    assert undoing.begin(claim.id, "U0LINKER") is Begin.GONE


def test_what_is_released_is_as_before(database: Database) -> None:
    claim = settled(database)
    undoing = Undos(database)
    before = Records(database).find(claim.reference)
    undoing.begin(claim.id, "U0ASKER")
    undoing.release(claim.id)
    assert Records(database).find(claim.reference) == before
    assert undoing.find(TEAM, claim.id) is not None
    undoing.finish(claim.id)  # nobody began
    undoing.pause(claim.id)
    assert Records(database).find(claim.reference) == before


def test_what_is_left_over_is_found_later(database: Database, clock: Clock) -> None:
    claim = settled(database)
    undoing = Undos(database)
    undoing.begin(claim.id, "U0ASKER")
    assert undoing.unfinished(TEAM, 10) == []
    clock.move(LEFT_OVER_SECONDS)
    (row,) = undoing.unfinished(TEAM, 10)
    assert (row.id, row.undo_begun_by) == (claim.id, "U0ASKER")
    undoing.finish(claim.id)
    clock.move(LEFT_OVER_SECONDS)
    assert undoing.unfinished(TEAM, 10) == []


# Additions


def test_nothing_is_added_to_a_ticket_that_is_being_undone(database: Database) -> None:
    first = settled(database)
    ledger, undoing = Ledger(database), Undos(database)
    ledger.record(escalation(2))
    (adding,) = ledger.claim("one", 1)
    assert ledger.conversation(adding, CONVERSATION) == Exists(TICKET)
    undoing.begin(first.id, "U0ASKER")
    assert ledger.conversation(adding, CONVERSATION) == Pending()
    with pytest.raises(Postponed):
        ledger.freeze_addition(adding, TICKET, message(2))
    undoing.release(first.id)
    ledger.freeze_addition(adding, TICKET, message(2))
    assert undoing.begin(first.id, "U0ASKER") is Begin.ADDED_TO  # it is on its way
    ledger.settle(adding, Added(TICKET))
    assert undoing.begin(first.id, "U0ASKER") is Begin.ADDED_TO


def test_an_addition_that_comes_too_late_opens_a_ticket_of_its_own(database: Database) -> None:
    first = settled(database)
    ledger, undoing = Ledger(database), Undos(database)
    ledger.record(escalation(2))
    (adding,) = ledger.claim("one", 1)
    undoing.begin(first.id, "U0ASKER")
    undoing.finish(first.id)
    with pytest.raises(Postponed):
        ledger.freeze_addition(adding, TICKET, message(2))
    assert frozen(ledger, adding, CONVERSATION) == Acquired()


def test_an_addition_and_an_undo_at_once_see_each_other(database: Database) -> None:
    """However they meet, a message is never added to a ticket that is undone."""
    for number in range(2, 12):
        with database.writing() as connection:
            connection.exec_driver_sql("DELETE FROM escalation")
        first = settled(database)
        ledger, undoing = Ledger(database), Undos(database)
        ledger.record(escalation(number))
        (adding,) = ledger.claim("one", 1)
        went: list[object] = []

        def add(ledger: Ledger = ledger, adding: Claim = adding, went: list[object] = went) -> None:
            try:
                ledger.freeze_addition(adding, TICKET, message(2))
                went.append("added")
            except TryLater as fault:
                went.append(fault.cause)

        def undo(undoing: Undos = undoing, first: Claim = first, went: list[object] = went) -> None:
            went.append(undoing.begin(first.id, "U0ASKER"))

        threads = [threading.Thread(target=work) for work in (add, undo)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert set(went) in (
            {"added", Begin.ADDED_TO},
            {"conversation_held", Begin.BEGUN},
        )


# Asking again


def test_another_asking_begins_the_next_generation(database: Database) -> None:
    first = undone(database)
    ledger = Ledger(database)
    assert ledger.record(escalation(request="Ev-again")) == Recorded(fresh=True)
    (again,) = ledger.claim("one", 1)
    assert (again.generation, again.external_id) == (2, f"{first.escalation.key}:2")
    assert frozen(ledger, again, CONVERSATION) == Acquired()
    ledger.settle(again, Created(OTHER))
    assert ledger.ticket_of(first.escalation.key) == OTHER
    old, new = Records(database).find(first.escalation.key)
    assert (old.state, old.ticket) == ("undone", TICKET)
    assert (new.state, new.ticket) == ("created", OTHER)


def test_the_same_asking_delivered_again_stays_undone(database: Database) -> None:
    undone(database)
    ledger = Ledger(database)
    assert ledger.record(escalation()) == Recorded(fresh=False)
    assert ledger.claim("one", 1) == []
    ledger.record(escalation(request="Ev-again"))
    (again,) = ledger.claim("one", 1)
    frozen(ledger, again, CONVERSATION)
    ledger.settle(again, Created(OTHER))
    undoing = Undos(database)
    undoing.begin(again.id, "U0ASKER")
    undoing.finish(again.id)
    # Of both generations, and in company too.
    assert ledger.record(escalation()) == Recorded(fresh=False)
    assert ledger.record(escalation(request="Ev-again")) == Recorded(fresh=False)
    both = ledger.record_all([escalation(), escalation(request="Ev-again")])
    assert both == [Recorded(fresh=False), Recorded(fresh=False)]
    assert len(Records(database).find(again.escalation.key)) == 2


def test_who_asks_while_it_is_being_undone_wants_another_ticket(database: Database) -> None:
    first = settled(database)
    ledger, undoing = Ledger(database), Undos(database)
    undoing.begin(first.id, "U0ASKER")
    assert ledger.record(escalation(request="Ev-again")) == Recorded(fresh=True)
    assert ledger.record(escalation(request="Ev-third")) == Recorded(
        fresh=False, remark=InProgress()
    )
    undoing.finish(first.id)
    (again,) = ledger.claim("one", 1)
    assert again.generation == 2


async def test_many_at_once_make_one_row(database: Database) -> None:
    first = undone(database)
    ledger = Ledger(database)
    many = [escalation(request=f"Ev-{number}") for number in range(5)]
    met = ledger.record_all([*many, escalation(7)])
    assert [one.fresh for one in met] == [True, False, False, False, False, True]
    assert met[1].remark == InProgress()
    assert [one.generation for one in Records(database).find(first.escalation.key)] == [1, 2]
    group = GroupCommit(ledger, run)
    assert await group.record(escalation(request="Ev-9"), within=1.0) == Recorded(
        fresh=False, remark=InProgress()
    )


def test_replicas_at_once_make_one_row(database: Database) -> None:
    first = undone(database)
    met: list[Recorded] = []
    ready = threading.Barrier(4)

    def ask(number: int) -> None:
        ready.wait()
        met.append(Ledger(database).record(escalation(request=f"Ev-{number}"), within=10.0))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(10, 14)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.fresh for one in met) == [False, False, False, True]
    assert [one.generation for one in Records(database).find(first.escalation.key)] == [1, 2]


def test_reconciliation_knows_what_was_undone(database: Database) -> None:
    first = undone(database)
    assert Ledger(database).known([first.escalation.key]) == {first.escalation.key}


# Withdrawing


def test_what_has_sent_nothing_is_withdrawn(database: Database) -> None:
    ledger, undoing = Ledger(database), Undos(database)
    ledger.record(escalation())
    (claim,) = ledger.claim("one", 1)
    assert undoing.withdraw(claim.id, "U0ASKER")
    assert not undoing.withdraw(claim.id, "U0ASKER")
    (entry,) = Records(database).find(claim.reference)
    assert (entry.state, entry.due, entry.undone_by) == ("undone", None, "U0ASKER")
    with pytest.raises(LeaseLost):
        frozen(ledger, claim, CONVERSATION)  # whoever had it lost it
    assert ledger.record(escalation(request="Ev-again")).fresh


def test_what_has_sent_something_is_not_withdrawn(database: Database) -> None:
    ledger, undoing = Ledger(database), Undos(database)
    ledger.record(escalation())
    (claim,) = ledger.claim("one", 1)
    frozen(ledger, claim, CONVERSATION)
    assert not undoing.withdraw(claim.id, "U0ASKER")
    ledger.settle(claim, Created(TICKET))
    assert not undoing.withdraw(claim.id, "U0ASKER")
    assert ledger.record(escalation(request="Ev-again")).remark == AlreadyExists(TICKET)


# What the bot said


def test_an_answer_is_found_when_its_time_is_over(database: Database, clock: Clock) -> None:
    claim = settled(database)
    undoing = Undos(database)
    said = (PostedAnswer("D1", "1700000100.000100"),)
    assert undoing.posted_answer(claim.id) is None
    undoing.remember_answer(claim.id, said)
    found = undoing.posted_answer(claim.id)
    assert found is not None
    assert (found.posted, found.ticket, found.undone_by) == (said, TICKET, None)
    assert undoing.stale_answers(TEAM, 10) == []
    clock.move(UNDO_SECONDS)
    assert undoing.stale_answers(TEAM, 10) == [found]
    undoing.forget_answer(claim.id)
    assert undoing.stale_answers(TEAM, 10) == []
    assert undoing.posted_answer(claim.id) is None


def test_who_asked_is_found_for_a_while_when_the_time_is_over(
    database: Database, clock: Clock
) -> None:
    settled(database)
    undoing = Undos(database)
    assert undoing.just_expired(TEAM) == []
    clock.move(UNDO_SECONDS)
    assert undoing.just_expired(TEAM) == ["U0ASKER"]
    clock.move(EXPIRY_SECONDS)
    assert undoing.just_expired(TEAM) == []


def test_what_was_undone_in_time_is_never_over(database: Database, clock: Clock) -> None:
    undone(database)
    clock.move(UNDO_SECONDS)
    assert Undos(database).just_expired(TEAM) == []


def test_an_answer_to_what_was_undone_is_found_at_once(database: Database) -> None:
    claim = settled(database)
    undoing = Undos(database)
    undoing.remember_answer(
        claim.id, [PostedAnswer("C1", "1700000100.000100", "incoming_envelope")]
    )
    undoing.begin(claim.id, "U0ASKER")
    assert undoing.stale_answers(TEAM, 10) == []
    undoing.finish(claim.id)
    (found,) = undoing.stale_answers(TEAM, 10)
    assert found.undone_by == "U0ASKER"
    assert found.posted[0].receipt == "incoming_envelope"


def test_who_undid_it_is_forgotten_too(database: Database) -> None:
    claim = undone(database)
    Retention(database).forget("U0LINKER")
    (entry,) = Records(database).find(claim.reference)
    assert (entry.state, entry.undone_by, entry.submitter) == ("undone", FORGOTTEN, "U0ASKER")
