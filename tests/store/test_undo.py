"""Undos in the ledger: recorded, begun, finished, withdrawn; on both engines."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select, update

from bot.core.faults import LeaseLost, Postponed, Reason, Rejection, TryLater
from bot.core.model import RESPONSE_URL_SECONDS, Added, Created, Joined, ReplyTo, Rule
from bot.core.record import State
from bot.core.refs import reaction_act
from bot.core.undo import UNDO_SECONDS, UndoClick
from bot.store.claims import Claim, load
from bot.store.conversations import Exists, Free, Pending
from bot.store.database import Database
from bot.store.jobs import Job, Kind
from bot.store.records import Records
from bot.store.schema import job, ticket, undo
from bot.store.tickets import Ledger, NewTicket
from bot.store.undo import EXPIRY_SECONDS, Begin, Undoing, Undos
from tests.conftest import Clock
from tests.flows.settling import claimed, noted, settled
from tests.nouns import TEAM, TICKET, escalation, message
from tests.store.rows import a_job, a_request, change_ticket, key

URL = "https://hooks.slack.test/1"


class Bench:
    """The undos of a database, and their jobs."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.ledger = Ledger(database)
        self.undos = Undos(self.ledger)

    def click(self, by: str = "U0ASKER", request_id: int = 1, at: float = 0.0) -> int:
        reply_to = ReplyTo(by, at, "C0001", response_url=URL)
        return self.undos.record(TEAM, request_id, UndoClick(reply_to, is_ephemeral=True))

    def take_back(self, user: str = "U0ASKER", at: float = 1_700_000_000.0) -> int | None:
        act = reaction_act(key(), user, "ticket")
        click = UndoClick(ReplyTo(user, at, "C0001"), is_reaction=True)
        return self.undos.record_removal(TEAM, act, click)

    def claimed(self) -> tuple[Job, Undoing]:
        """Click, and claim the job."""
        self.click()
        return self.claim()

    def claim(self, worker: str = "one") -> tuple[Job, Undoing]:
        (its,) = [one for one in self.ledger.claim(worker, 0, 8) if one.kind is Kind.UNDO]
        found = self.undos.find(its)
        assert found is not None
        return its, found

    def begun(self, by: str = "U0ASKER") -> tuple[Job, Undoing]:
        its, found = self.claimed()
        assert found.target is not None
        assert self.undos.begin(its, found.target, by) is Begin.BEGUN
        return its, found

    def undone(self, by: str = "U0ASKER") -> None:
        its, found = self.begun(by)
        assert found.target is not None
        self.undos.finish(its, found.target, by)
        self.undos.end(its)

    def adding(self, number: int = 2) -> Claim:
        """Another request of the conversation, claimed."""
        self.ledger.record(escalation(1, request=f"Ev{number}", submitter="U0BEN"))
        (claim,) = load(self.database, self.ledger.claim("two", 1))
        return claim

    def jobs(self, kind: Kind) -> list[int]:
        with self.database.reading() as connection:
            return list(connection.scalars(select(job.c.key).where(job.c.kind == kind.value)))

    @property
    def clicks(self) -> list[Any]:
        with self.database.reading() as connection:
            return list(connection.execute(select(undo).order_by(undo.c.id)))


def ticket_state(bench: Bench) -> str | None:
    with bench.database.reading() as connection:
        return connection.scalar(select(ticket.c.state))


@pytest.fixture
def bench(database: Database) -> Bench:
    """A ledger whose first request has its ticket."""
    settled(database, Created(TICKET))
    return Bench(database)


@pytest.fixture
def empty(database: Database) -> Bench:
    return Bench(database)


# Recording


def test_a_click_is_recorded_with_its_job(bench: Bench, clock: Clock) -> None:
    clock.move(60)
    undo_id = bench.click("U0LINKER")
    its, found = bench.claim()
    assert (its.key, its.order_key) == (undo_id, key())
    assert (found.by, found.clicked_at) == ("U0LINKER", clock.now)
    assert found.click.reply_to.response_url == URL
    assert found.target is not None
    assert (found.target.id, found.target.state, found.target.ticket_state) == (
        1,
        "created",
        "open",
    )
    assert (found.target.submitter, found.target.ticket) == ("U0ASKER", TICKET)
    assert found.target.opened_at == clock.now - 60
    assert not found.target.may_assign


def test_a_rule_may_have_named_an_assignee(empty: Bench) -> None:
    asked = replace(escalation(), rules=(Rule(("ticket",), assignee="u_1"),))
    settled(empty.database, Created(TICKET), asked)
    _, found = empty.claimed()
    assert found.target is not None
    assert found.target.may_assign


def test_every_click_has_a_job_and_one_runs_at_a_time(bench: Bench) -> None:
    assert bench.click() != bench.click()
    first, _ = bench.claim()
    assert bench.ledger.claim("two", 0, 8) == []
    bench.undos.end(first)
    second, _ = bench.claim()
    assert second.key == first.key + 1


def test_a_click_on_a_request_of_another_workspace_finds_none(bench: Bench) -> None:
    bench.undos.record("T0OTHER", 1, UndoClick(ReplyTo("U0ASKER", 0.0)))
    _, found = bench.claim()
    assert found.target is None


def test_a_click_is_not_recorded_too_late(bench: Bench) -> None:
    with pytest.raises(TryLater):
        bench.undos.record(TEAM, 1, UndoClick(ReplyTo("U0ASKER", 0.0)), within=-1.0)
    assert (bench.clicks, bench.jobs(Kind.UNDO)) == ([], [])


def test_what_an_earlier_release_began_needs_no_click(bench: Bench) -> None:
    """Its migration knows who began, and nothing else."""
    change_ticket(bench.database, 1, state="undoing", undone_by="U0LINKER")
    with bench.database.writing() as connection:
        begun = {"team": TEAM, "request_id": 1, "by": "U0LINKER", "created_at": 1.0}
        connection.execute(undo.insert().values(begun))
    a_job(bench.database, Kind.UNDO, 1)
    its, found = bench.claim()
    assert (found.click.reply_to.user, found.click.promised) == ("U0LINKER", True)
    assert bench.undos.take_turn(its, 1)


def test_what_was_undone_is_gone_with_its_job(bench: Bench) -> None:
    bench.undone()
    assert (bench.clicks, bench.jobs(Kind.UNDO)) == ([], [])


def test_a_click_is_kept_as_it_is_now(bench: Bench) -> None:
    its, found = bench.claimed()
    bench.undos.keep_click(its, found, replace(found.click, promised=True))
    again = bench.undos.find(its)
    assert again is not None
    assert again.click.promised


# A reaction that was taken back


@pytest.mark.parametrize("state", ["waiting", "on_hold", "created", "added"])
def test_a_reaction_is_taken_back_once(empty: Bench, state: str) -> None:
    a_request(empty.database, state=state)
    undo_id = empty.take_back()
    assert undo_id is not None
    assert empty.take_back() == undo_id


@pytest.mark.parametrize("state", ["joined", "rejected", "parked", "ignored", "withdrawn"])
def test_what_has_ended_otherwise_is_not_taken_back(empty: Bench, state: str) -> None:
    a_request(empty.database, state=state)
    assert empty.take_back() is None
    assert empty.clicks == []


def test_what_has_its_ticket_for_long_is_not_taken_back(bench: Bench, clock: Clock) -> None:
    clock.move(UNDO_SECONDS)
    assert bench.take_back() is not None
    bench.undone()
    clock.move(1)
    assert bench.take_back() is None


def test_a_reaction_that_requested_nothing_writes_nothing(bench: Bench) -> None:
    assert bench.take_back("U0OTHER") is None
    assert bench.clicks == []


# Beginning, and finishing


def test_an_undone_ticket_says_so_and_lets_its_conversation_go(bench: Bench, clock: Clock) -> None:
    clock.move(10)
    its, found = bench.begun("U0LINKER")
    assert found.target is not None
    clock.move(1)
    bench.undos.finish(its, found.target, "U0LINKER")
    (entry,) = Records(bench.database).find("PB-1")
    assert (entry.state, entry.undone_by, entry.undone_at) == (
        State.UNDONE,
        "U0LINKER",
        clock.now,
    )
    assert entry.ticket == TICKET
    assert bench.ledger.ticket_of(key()) is None
    bench.undos.end(its)
    assert bench.ledger.conversation(bench.adding(), key()) == Free(2)


def test_who_began_it_has_undone_it(bench: Bench) -> None:
    its, found = bench.begun("U0ASKER")
    assert found.target is not None
    assert bench.undos.begin(its, found.target, "U0LINKER") is Begin.BEGUN
    bench.undos.finish(its, found.target, "U0LINKER")
    (entry,) = Records(bench.database).find("PB-1")
    assert entry.undone_by == "U0ASKER"
    assert bench.undos.begin(its, found.target, "U0LINKER") is Begin.CHANGED


def test_what_is_released_is_as_before(bench: Bench) -> None:
    (before,) = Records(bench.database).find("PB-1")
    its, found = bench.begun()
    assert found.target is not None
    bench.undos.release(its, found.target)
    bench.undos.end(its)
    assert Records(bench.database).find("PB-1") == [before]


def test_what_somebody_else_is_undoing_is_not_released(bench: Bench) -> None:
    """It was said to be undone, and went on taking what was added to it."""
    theirs = bench.click("U0LINKER")
    its, found = bench.claim()
    assert found.target is not None
    bench.undos.begin(its, found.target, "U0LINKER")
    other = replace(its, key=bench.click("U0BEN"))
    bench.undos.release(other, found.target)
    assert ticket_state(bench) == "undoing"
    with bench.database.writing() as connection:  # as the worker gives a job up
        connection.execute(job.delete().where(job.c.kind == "undo", job.c.key == theirs))
    (mine, _) = bench.claim()
    bench.undos.release(mine, found.target)
    assert ticket_state(bench) == "open"


def test_a_ticket_that_is_gone_is_not_begun(bench: Bench) -> None:
    its, found = bench.claimed()
    bench.ledger.free(TICKET.id)
    assert found.target is not None
    assert bench.undos.begin(its, found.target, "U0ASKER") is Begin.CHANGED


@pytest.mark.parametrize(
    "step", ["keep_click", "withdraw", "take_turn", "begin", "release", "finish", "end"]
)
def test_who_lost_the_lease_writes_nothing(bench: Bench, clock: Clock, step: str) -> None:
    its, found = bench.claimed()
    clock.move(3600)
    bench.claim("two")
    assert found.target is not None
    target, undos = found.target, bench.undos
    steps: dict[str, Callable[[], object]] = {
        "keep_click": lambda: undos.keep_click(its, found, found.click),
        "withdraw": lambda: undos.withdraw(its, target),
        "take_turn": lambda: undos.take_turn(replace(its, order_key=None), 1),
        "begin": lambda: undos.begin(its, target, "U0ASKER"),
        "release": lambda: undos.release(its, target),
        "finish": lambda: undos.finish(its, target, "U0ASKER"),
        "end": lambda: undos.end(its),
    }
    with pytest.raises(LeaseLost):
        steps[step]()
    (entry,) = Records(bench.database).find("PB-1")
    assert (entry.state, entry.is_undoing) == (State.CREATED, False)


# Additions


def test_nothing_is_added_to_a_ticket_that_is_being_undone(bench: Bench) -> None:
    adding = bench.adding()
    to = bench.ledger.conversation(adding, key())
    assert isinstance(to, Exists)
    bench.ledger.give_back(adding.job)
    its, found = bench.begun()
    bench.ledger.give_back(its)  # as after a failure: the ticket is still being undone
    (adding,) = load(bench.database, bench.ledger.claim("two", 1))
    assert bench.ledger.conversation(adding, key()) == Pending()
    with pytest.raises(Postponed):
        bench.ledger.note_addition(adding, to, "Ev2", message())
    bench.ledger.give_back(adding.job)
    its, found = bench.claim()
    assert found.target is not None
    bench.undos.release(its, found.target)
    bench.ledger.give_back(its)
    (adding,) = load(bench.database, bench.ledger.claim("two", 1))
    bench.ledger.note_addition(adding, to, "Ev2", message())
    assert bench.ledger.claim("one", 0, 8) == []  # not its turn
    bench.ledger.settle(adding, Added(TICKET))
    its, found = bench.claim()
    assert found.target is not None
    assert bench.undos.begin(its, found.target, "U0ASKER") is Begin.ADDED_TO


@pytest.mark.parametrize("unsure", [True, False])
def test_an_addition_of_which_nobody_knows_is_in_the_way_of_an_undo(
    bench: Bench, unsure: bool
) -> None:
    """Rejected, it may stand in the ticket all the same; what surely failed does not."""
    adding = bench.adding()
    to = bench.ledger.conversation(adding, key())
    assert isinstance(to, Exists)
    bench.ledger.note_addition(adding, to, "Ev2", message())
    bench.ledger.settle(adding, Rejection(Reason.PLAIN_REFUSED, outcome_unknown=unsure))
    its, found = bench.claimed()
    assert found.target is not None
    expected = Begin.ADDED_TO if unsure else Begin.BEGUN
    assert bench.undos.begin(its, found.target, "U0ASKER") is expected


@pytest.mark.parametrize("added_words", [True, False])
def test_who_joined_is_not_in_the_way_but_for_their_words(bench: Bench, added_words: bool) -> None:
    bench.ledger.settle(bench.adding(), Joined(TICKET, added_words=added_words))
    its, found = bench.claimed()
    assert found.target is not None
    expected = Begin.ADDED_TO if added_words else Begin.BEGUN
    assert bench.undos.begin(its, found.target, "U0ASKER") is expected


def test_an_addition_and_an_undo_at_once_see_each_other(bench: Bench, clock: Clock) -> None:
    """However they meet, a message is never added to a ticket that is undone: also when the order
    of the jobs does not keep them apart, as where leases ran out."""
    adding = bench.adding()
    to = bench.ledger.conversation(adding, key())
    assert isinstance(to, Exists)
    bench.click()
    with bench.database.writing() as connection:
        is_undo = job.c.kind == Kind.UNDO.value
        connection.execute(update(job).where(is_undo).values(order_key=None))
    its, found = bench.claim()
    target = found.target
    assert target is not None
    went: list[object] = []
    ready = threading.Barrier(2)

    def add() -> None:
        ready.wait()
        try:
            bench.ledger.note_addition(adding, to, "Ev2", message())
            went.append("added")
        except TryLater as fault:
            went.append(fault.cause)

    def begin() -> None:
        ready.wait()
        went.append(bench.undos.begin(its, target, "U0ASKER"))

    threads = [threading.Thread(target=work) for work in (add, begin)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(went) in (
        {"added", Begin.ADDED_TO},
        {"conversation_held", Begin.BEGUN},
    )


# Its turn


def test_an_undo_of_what_waits_takes_its_turn_once_there_is_a_ticket(empty: Bench) -> None:
    claim = noted(empty.database, claimed(empty.database))
    empty.click()
    its, _ = empty.claim()
    assert its.order_key is None  # so that it can withdraw the request
    assert not empty.undos.take_turn(its, 1)  # it is being decided
    assert empty.ledger.claim("one", 0, 8) == []
    empty.ledger.settle(claim, Created(TICKET))
    its, _ = empty.claim()
    assert its.order_key == key()
    assert empty.undos.take_turn(its, 1)


# Withdrawing


@pytest.mark.parametrize("state", ["waiting", "on_hold"])
def test_what_has_sent_nothing_is_withdrawn(empty: Bench, state: str) -> None:
    a_request(empty.database, state=state, reason=Rejection(Reason.NO_CUSTOMER))
    a_job(empty.database, Kind.ANSWER, 1)
    empty.take_back()
    its, found = empty.claim()
    assert found.target is not None
    assert empty.undos.withdraw(its, found.target)
    (entry,) = Records(empty.database).find("PB-1")
    assert (entry.state, entry.reason, entry.due) == (State.UNDONE, None, None)
    assert (empty.jobs(Kind.DECIDE), empty.jobs(Kind.ANSWER)) == ([], [])
    assert empty.ledger.record(escalation(request="Ev-again")).fresh


def test_whoever_delivers_what_is_withdrawn_loses_it(empty: Bench) -> None:
    claim = claimed(empty.database)
    empty.take_back()
    its, found = empty.claim()
    assert found.target is not None
    assert empty.undos.withdraw(its, found.target)
    with pytest.raises(LeaseLost):
        noted(empty.database, claim)
    with pytest.raises(LeaseLost):
        empty.ledger.settle(claim, Rejection(Reason.EMPTY))


def test_what_has_sent_something_is_not_withdrawn(empty: Bench) -> None:
    claim = noted(empty.database, claimed(empty.database))
    empty.take_back()
    its, found = empty.claim()
    assert found.target is not None
    assert not empty.undos.withdraw(its, found.target)
    assert empty.jobs(Kind.DECIDE) == [1]
    empty.ledger.settle(claim, Created(TICKET))
    assert not empty.undos.withdraw(its, found.target)


def test_a_withdrawal_and_a_delivery_at_once_see_each_other(empty: Bench) -> None:
    """Either nothing is sent, or the request is not withdrawn."""
    claim = claimed(empty.database)
    empty.take_back()
    its, found = empty.claim()
    target = found.target
    assert target is not None
    went: list[object] = []
    ready = threading.Barrier(2)
    new = NewTicket(1, key(), key(), "c_1", "U0AUTHOR", message())

    def send() -> None:
        ready.wait()
        try:
            went.append(empty.ledger.note_thread(claim, new))
        except LeaseLost:
            went.append("lost")

    def withdraw() -> None:
        ready.wait()
        went.append(empty.undos.withdraw(its, target))

    threads = [threading.Thread(target=work) for work in (send, withdraw)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(went) in ({True, False}, {"lost", True})


# For others


def test_who_requested_is_found_for_a_while_when_the_time_is_over(
    bench: Bench, clock: Clock
) -> None:
    assert bench.undos.just_expired(TEAM) == []
    clock.move(UNDO_SECONDS)
    assert bench.undos.just_expired(TEAM) == ["U0ASKER"]
    assert bench.undos.just_expired("T0OTHER") == []
    clock.move(EXPIRY_SECONDS)
    assert bench.undos.just_expired(TEAM) == []


def test_addresses_and_what_was_given_up_are_erased(bench: Bench, clock: Clock) -> None:
    bench.click("U0ASKER")
    bench.click("U0LINKER")
    assert bench.undos.erase_old() == 0
    with bench.database.writing() as connection:  # as the worker gives a job up
        connection.execute(job.delete().where(job.c.kind == "undo", job.c.key == 2))
    clock.move(1800)
    bench.click("U0BEN")
    assert bench.undos.erase_old() == 2
    assert bench.undos.erase_old() == 0
    first, last = bench.clicks
    assert (first.by, URL in first.click, '"C0001"' in first.click) == ("U0ASKER", False, True)
    assert URL in last.click


@pytest.mark.parametrize("another", [False, True], ids=["the only one", "another goes on"])
def test_a_ticket_whose_undo_was_given_up_half_way_stands(
    bench: Bench, clock: Clock, another: bool
) -> None:
    """It was being undone for ever: nobody could ask about its messages any more."""
    its, _ = bench.begun()
    bench.ledger.finish(its)
    if another:
        bench.click("U0BEN")
    clock.move(RESPONSE_URL_SECONDS)
    bench.undos.erase_old()
    assert ticket_state(bench) == ("undoing" if another else "open")
