"""A reaction that is taken back: an undo, or just a reaction."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core.faults import LeaseLost, Reason, Rejection, TryLater
from bot.core.model import Added, Created, Escalation, Joined, Outcome
from bot.core.record import State
from bot.core.refs import MessageRef, found_request
from bot.core.undo import UNDO_SECONDS, Acted, NotUndoable, TimelineEntry, Undone, Unreached
from bot.store.database import Database
from bot.store.jobs import Kind
from tests.conftest import Clock
from tests.flows.settling import claimed, noted, settled
from tests.flows.test_undo import AGENT
from tests.flows.undoing import UndoBench
from tests.nouns import CHANNEL, TICKET, escalation, message, ts
from tests.store.rows import change_ticket

NO_CUSTOMER = Rejection(Reason.NO_CUSTOMER, requester="U0AUTHOR")


@pytest.fixture
def bench(sqlite: Database, clock: Clock) -> UndoBench:
    return UndoBench(sqlite, clock)


async def taken_back(bench: UndoBench, user: str = "U0ASKER", emoji: str = "ticket") -> bool:
    """Take the reaction back, and let the job run; return whether there was one."""
    recorded = await bench.take_back(user, emoji)
    await bench.work()
    return recorded


async def test_the_reaction_that_requested_it_is_an_undo(undo_bench: UndoBench) -> None:
    assert await taken_back(undo_bench)
    assert undo_bench.results == [Undone(TICKET)]
    assert not await taken_back(undo_bench)  # delivered once more
    assert undo_bench.results == [Undone(TICKET)]


async def test_one_that_is_delivered_twice_before_its_job_runs_is_answered_once(
    undo_bench: UndoBench,
) -> None:
    assert await undo_bench.take_back()
    assert await undo_bench.take_back()
    await undo_bench.work()
    assert undo_bench.results == [Undone(TICKET)]


@pytest.mark.parametrize(
    ("user", "emoji"), [("U0OTHER", "ticket"), ("U0ASKER", "eyes")], ids=["somebody's", "another"]
)
async def test_any_other_reaction_is_just_a_reaction(
    undo_bench: UndoBench, user: str, emoji: str
) -> None:
    assert not await taken_back(undo_bench, user, emoji)
    assert undo_bench.state is State.CREATED


@pytest.mark.parametrize(
    ("outcome", "age"),
    [
        (Created(TICKET), UNDO_SECONDS + 1),
        (Rejection(Reason.EMPTY), 1.0),
    ],
    ids=["long ago", "rejected"],
)
async def test_what_is_nothing_to_undo_is_passed_over_in_silence(
    bench: UndoBench, outcome: Outcome, age: float
) -> None:
    settled(bench.database, outcome)
    bench.clock.move(age)
    assert not await taken_back(bench)


async def test_who_joined_a_ticket_takes_back_a_reaction_and_nothing_else(
    undo_bench: UndoBench,
) -> None:
    joining = escalation(request="Ev2", submitter="U0LINKER")
    settled(undo_bench.database, Joined(TICKET), joining)
    assert not await taken_back(undo_bench, "U0LINKER")
    assert (undo_bench.state, undo_bench.results) == (State.CREATED, [])


async def test_an_addition_is_said_to_stay(undo_bench: UndoBench) -> None:
    settled(undo_bench.database, Added(TICKET), escalation(1, request="Ev2", submitter="U0BEN"))
    assert await taken_back(undo_bench, "U0BEN")
    assert undo_bench.results == [NotUndoable(TICKET)]


async def test_what_agents_acted_on_is_said_to_stay(undo_bench: UndoBench) -> None:
    undo_bench.plain.enter(TimelineEntry(AGENT, "EmailEntry"))
    assert await taken_back(undo_bench)
    assert undo_bench.results == [Acted(TICKET)]


async def test_a_person_whom_slack_shows_no_more_is_told_nothing(undo_bench: UndoBench) -> None:
    undo_bench.slack.profiles["U0ASKER"] = None
    assert await taken_back(undo_bench)
    assert (undo_bench.results, undo_bench.state) == ([], State.CREATED)


# Nothing was sent yet


async def test_what_has_sent_nothing_is_withdrawn(bench: UndoBench) -> None:
    bench.ledger.record(escalation())
    assert await taken_back(bench)
    assert bench.results == [Undone(None)]
    assert (bench.state, bench.plain.notes, bench.changed) == (State.UNDONE, [], ["U0ASKER"])
    assert bench.jobs(Kind.DECIDE) == []


async def test_a_delivery_in_progress_that_has_sent_nothing_loses_its_lease(
    bench: UndoBench,
) -> None:
    claim = claimed(bench.database)
    assert await taken_back(bench)
    assert bench.results == [Undone(None)]
    with pytest.raises(LeaseLost):
        noted(bench.database, claim)


async def test_what_is_on_hold_is_withdrawn_and_no_link_brings_it_back(bench: UndoBench) -> None:
    settled(bench.database, NO_CUSTOMER)
    assert bench.state is State.ON_HOLD
    assert await taken_back(bench)
    assert bench.results == [Undone(None)]
    assert (bench.state, bench.waiting_changed) == (State.UNDONE, [True])


async def test_a_withdrawn_reaction_leaves_the_others_requests(bench: UndoBench) -> None:
    for number, submitter in enumerate(("U0ASKER", "U0BEN", "U0CAT"), start=1):
        bench.ledger.record(escalation(request=f"Ev{number}", submitter=submitter))
    assert await taken_back(bench)
    states = [bench.request(number).state for number in (1, 2, 3)]
    assert states == [State.UNDONE, State.WAITING, State.WAITING]
    assert sorted(bench.jobs(Kind.DECIDE)) == [2, 3]


async def test_a_withdrawal_whose_answer_was_lost_is_answered(bench: UndoBench) -> None:
    bench.ledger.record(escalation())
    bench.answers.faults = [TryLater("slack_unreachable")]
    assert await taken_back(bench)
    assert (bench.state, bench.results) == (State.UNDONE, [])
    await bench.work_for(5)
    assert bench.results == [Undone(None)]


# Its ticket is on its way


async def test_an_undo_that_waits_for_its_ticket_survives_a_restart(bench: UndoBench) -> None:
    """It waited in memory, for two minutes at most: then "Created" was the last word."""
    claim = noted(bench.database, claimed(bench.database))
    assert await taken_back(bench)
    assert (bench.results, bench.state) == ([], State.WAITING)
    await bench.work_for(200)
    bench.restart()
    (job,) = [one for one in bench.ledger.claim("two", 8) if one.kind is Kind.DECIDE]
    bench.ledger.settle(replace(claim, job=job), Created(TICKET))
    await bench.work_for(60)
    assert bench.results == [Undone(TICKET)]
    assert (bench.plain.ignored, bench.state) == (True, State.UNDONE)


async def test_an_undo_that_waits_ends_with_a_request_that_made_no_ticket(
    bench: UndoBench,
) -> None:
    claim = noted(bench.database, claimed(bench.database))
    assert await taken_back(bench)
    bench.ledger.settle(claim, Rejection(Reason.EMPTY))
    await bench.work_for(60)
    assert (bench.results, bench.jobs(Kind.UNDO)) == ([], [])
    assert bench.state is State.REJECTED


# Requested again


async def test_a_removal_that_is_delivered_late_is_not_about_the_next_request(
    bench: UndoBench,
) -> None:
    first = reacted("Ev1", bench.clock.now)
    bench.ledger.record(first)
    bench.clock.move(10)
    assert await bench.take_back()
    removed_at = bench.clock.now
    await bench.work()
    bench.clock.move(1)
    bench.ledger.record(reacted("Ev2", bench.clock.now))
    assert bench.request(2).state is State.WAITING
    bench.clock.move(60)
    assert not await bench.take_back(at=removed_at)
    await bench.work()
    assert bench.request(2).state is State.WAITING
    assert await bench.take_back()
    await bench.work()
    assert bench.request(2).state is State.UNDONE


async def test_one_that_was_found_in_the_history_is_taken_back_whatever_the_clocks_say(
    bench: UndoBench,
) -> None:
    found = found_request(MessageRef(CHANNEL, ts(1)), "ticket", "U0ASKER")
    bench.ledger.record(reacted(found, bench.clock.now + 30))
    assert await taken_back(bench)
    assert bench.state is State.UNDONE


async def test_what_was_undone_another_way_is_not_undone_again(undo_bench: UndoBench) -> None:
    change_ticket(undo_bench.database, 1, state="undone", undone_by="U0LINKER")
    assert not await taken_back(undo_bench)


async def test_what_was_undone_by_another_while_it_waited_is_passed_over(
    undo_bench: UndoBench,
) -> None:
    assert await undo_bench.take_back()
    change_ticket(
        undo_bench.database, 1, state="undone", undone_by="U0LINKER", undone_at=undo_bench.clock()
    )
    await undo_bench.work()
    assert (undo_bench.results, undo_bench.jobs(Kind.UNDO)) == ([], [])


async def test_a_promise_is_made_here_too(undo_bench: UndoBench) -> None:
    undo_bench.plain.look.append(TryLater("429", after=60.0))
    assert await taken_back(undo_bench)
    assert undo_bench.results == [Unreached(TICKET, goes_on=True, after=60.0)]


async def test_the_answer_knows_the_slack_thread_of_the_message(bench: UndoBench) -> None:
    settled(bench.database, Created(TICKET), message=message(thread_ts=ts(9)))
    await bench.take_back()
    (job,) = bench.ledger.claim("one", 0, 8)
    undoing = bench.undos.find(job)
    assert undoing is not None
    assert undoing.target is not None
    assert undoing.target.thread_ts == ts(9)


def reacted(slack_id: str, at: float) -> Escalation:
    asked = escalation(request=slack_id)
    reply_to = replace(asked.trigger.reply_to, asked_at=at)
    return replace(asked, trigger=replace(asked.trigger, reply_to=reply_to))
