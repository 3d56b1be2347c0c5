"""Undo: safe to run twice, wherever an earlier run broke off."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core.faults import (
    Fault,
    LeaseLost,
    PlainError,
    Postponed,
    Reason,
    Rejected,
    Rejection,
    SlackError,
    TryLater,
)
from bot.core.model import Added, Created
from bot.core.record import State
from bot.core.undo import (
    UNDO_SECONDS,
    Acted,
    Actor,
    ActorKind,
    AddedTo,
    AlreadyUndone,
    Declined,
    Lacking,
    Nothing,
    NotYours,
    Outsider,
    TimelineEntry,
    TooLate,
    Undone,
    Unreached,
)
from bot.flows import undo
from bot.flows.undo import LONGEST_UNDO, PATIENCE
from bot.store.database import Database
from bot.store.jobs import Kind
from bot.store.undo import Begin, Undos
from tests.conftest import Clock
from tests.flows.settling import settled
from tests.flows.undoing import UndoBench
from tests.nouns import TICKET, escalation

AGENT = Actor(ActorKind.USER, "u_1")


async def test_the_thread_is_ignored_with_a_note_and_the_ticket_is_undone(
    undo_bench: UndoBench,
) -> None:
    assert await undo_bench.undo() == Undone(TICKET)
    assert undo_bench.plain.ignored
    assert undo_bench.plain.notes == [
        "Asker undid this ticket in Slack, so it was marked as ignored. Reference: PB-1"
    ]
    assert undo_bench.state is State.UNDONE
    assert undo_bench.changed == ["U0ASKER"]
    assert (undo_bench.jobs(Kind.UNDO), undo_bench.jobs(Kind.EDIT)) == ([], [])


async def test_a_click_on_what_is_undone_says_so(undo_bench: UndoBench) -> None:
    assert await undo_bench.undo() == Undone(TICKET)
    undo_bench.clock.move(1)
    assert await undo_bench.undo() == AlreadyUndone(TICKET)
    assert await undo_bench.undo("U0LINKER") == AlreadyUndone(TICKET)
    assert len(undo_bench.plain.notes) == 1


async def test_two_clicks_are_one_undo_and_two_answers(undo_bench: UndoBench) -> None:
    await undo_bench.click()
    await undo_bench.click()
    await undo_bench.work()
    assert undo_bench.results == [Undone(TICKET), Undone(TICKET)]
    assert len(undo_bench.plain.notes) == 1


async def test_a_click_that_was_acknowledged_is_done_after_a_kill(undo_bench: UndoBench) -> None:
    await undo_bench.click()
    undo_bench.ledger.claim("the process that was killed", 0, 8)
    undo_bench.clock.move(3600)
    undo_bench.restart()
    await undo_bench.work()
    assert undo_bench.results == [Undone(TICKET)]
    assert (undo_bench.plain.ignored, undo_bench.state) == (True, State.UNDONE)


@pytest.mark.parametrize("step", ["look", "noting", "marking"])
@pytest.mark.parametrize("committed", [True, False])
async def test_what_a_killed_process_left_is_finished(
    undo_bench: UndoBench, step: str, committed: bool
) -> None:
    undo_bench.plain.committed = committed
    getattr(undo_bench.plain, step).append(LeaseLost())  # whose worker writes nothing more
    await undo_bench.click()
    (job,) = undo_bench.ledger.claim("the process that was killed", 0, 8)
    with pytest.raises(LeaseLost):
        await undo.undo(job, undo_bench.context)
    assert undo_bench.is_begun is (step != "look")
    undo_bench.restart()
    await undo_bench.work()
    assert undo_bench.results == [Undone(TICKET)]
    assert (undo_bench.plain.ignored, undo_bench.state) == (True, State.UNDONE)
    assert len(undo_bench.plain.notes) == 1


async def test_an_answer_that_a_killed_process_did_not_give_is_given(
    undo_bench: UndoBench,
) -> None:
    undo_bench.answers.faults = [LeaseLost()]
    await undo_bench.click()
    (job,) = undo_bench.ledger.claim("the process that was killed", 0, 8)
    with pytest.raises(LeaseLost):
        await undo.undo(job, undo_bench.context)
    assert (undo_bench.state, undo_bench.results) == (State.UNDONE, [])
    undo_bench.restart()
    await undo_bench.work()
    assert undo_bench.results == [Undone(TICKET)]


async def test_what_plain_did_and_the_ledger_does_not_know_is_finished(
    undo_bench: UndoBench,
) -> None:
    class Away(Undos):
        def finish(self, job: object, target: object, by: str) -> None:
            raise TryLater("database")

    undo_bench.undos = Away(undo_bench.ledger)
    assert await undo_bench.undo() is None
    assert (undo_bench.plain.ignored, undo_bench.is_begun) == (True, True)
    undo_bench.restart()
    assert await undo_bench.undo("U0LINKER") == Undone(TICKET)
    assert undo_bench.record.undone_by == "U0ASKER"  # who began it
    await undo_bench.work_for(10)
    assert undo_bench.answers.said == [("U0LINKER", Undone(TICKET)), ("U0ASKER", Undone(TICKET))]
    assert len(undo_bench.plain.notes) == 1


# Who may, and when


async def test_who_may_not_changes_nothing(undo_bench: UndoBench) -> None:
    assert await undo_bench.undo("U0OTHER") == NotYours()
    assert (undo_bench.state, undo_bench.plain.ignored) == (State.CREATED, False)


async def test_whom_slack_does_not_show_changes_nothing(undo_bench: UndoBench) -> None:
    undo_bench.slack.profiles["U0ASKER"] = None
    assert await undo_bench.undo() == Outsider()


async def test_a_button_of_no_request_undoes_nothing(undo_bench: UndoBench) -> None:
    assert await undo_bench.undo("U0LINKER", request_id=99) == Nothing()


async def test_a_click_counts_when_it_was_made_not_when_its_job_runs(
    undo_bench: UndoBench,
) -> None:
    undo_bench.clock.move(UNDO_SECONDS)
    await undo_bench.click()
    undo_bench.clock.move(600)
    await undo_bench.work()
    assert undo_bench.results == [Undone(TICKET)]


async def test_a_late_click_is_not_offered_again(undo_bench: UndoBench) -> None:
    undo_bench.clock.move(UNDO_SECONDS + 1)
    assert await undo_bench.undo() == TooLate(TICKET)
    assert (undo_bench.refused, undo_bench.changed) == ([1], ["U0ASKER"])


async def test_where_others_added_to_it(undo_bench: UndoBench) -> None:
    settled(undo_bench.database, Added(TICKET), escalation(1, request="Ev2", submitter="U0BEN"))
    assert await undo_bench.undo() == AddedTo(TICKET)
    assert (undo_bench.plain.ignored, undo_bench.is_begun) == (False, False)


async def test_where_an_agent_acted_the_ticket_stands(undo_bench: UndoBench) -> None:
    undo_bench.plain.enter(TimelineEntry(AGENT, "EmailEntry"))
    assert await undo_bench.undo() == Acted(TICKET)
    assert (undo_bench.is_begun, undo_bench.plain.notes) == (False, [])
    assert undo_bench.refused == [1]


async def test_a_thread_that_is_gone_needs_no_mark(undo_bench: UndoBench) -> None:
    undo_bench.plain.seen_as = None
    assert await undo_bench.undo() == Undone(TICKET)
    assert (undo_bench.state, undo_bench.plain.notes) == (State.UNDONE, [])


async def test_a_key_that_may_not_is_asked_for_nothing(undo_bench: UndoBench) -> None:
    assert undo_bench.plain.seen_as is not None
    undo_bench.plain.seen_as = replace(
        undo_bench.plain.seen_as, permissions=frozenset({"thread:edit"})
    )
    assert await undo_bench.undo() == Lacking(TICKET, ("note:create",))
    assert (undo_bench.plain.notes, undo_bench.plain.ignored) == ([], False)
    assert not undo_bench.is_begun


FORBIDDEN = Rejected(
    Rejection(Reason.PLAIN_FORBIDDEN, plain_error=PlainError(message="Missing thread:edit"))
)

REFUSED = Rejected(Rejection(Reason.PLAIN_REFUSED, plain_error=PlainError(code="x", message="No")))


@pytest.mark.parametrize("step", ["look", "noting", "marking"])
@pytest.mark.parametrize(
    ("fault", "result"),
    [(FORBIDDEN, Lacking(TICKET, ())), (REFUSED, Declined(TICKET))],
)
async def test_what_plain_rejects_leaves_the_ticket(
    undo_bench: UndoBench, step: str, fault: Fault, result: object
) -> None:
    getattr(undo_bench.plain, step).append(fault)
    assert await undo_bench.undo() == result
    assert (undo_bench.state, undo_bench.is_begun) == (State.CREATED, False)


async def test_what_slack_does_not_tell_at_all_is_given_up(
    undo_bench: UndoBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuses(_user: str) -> None:
        raise Rejected(Rejection(Reason.MISSING_SCOPE, slack_error=SlackError("missing_scope")))

    monkeypatch.setattr(undo_bench.slack, "fresh_profile", refuses)
    assert await undo_bench.undo() == Unreached(None)


# What takes longer


@pytest.mark.parametrize("step", ["look", "noting", "marking"])
@pytest.mark.parametrize(
    "fault",
    [
        TryLater("plain_unreachable"),
        TryLater("plain_timeout", outcome_unknown=True),
        Postponed("plain_paced", 3.0),
    ],
    ids=["not sent", "unknown", "a short wait"],
)
async def test_what_is_over_in_a_moment_is_not_talked_about(
    undo_bench: UndoBench, step: str, fault: Fault
) -> None:
    getattr(undo_bench.plain, step).append(fault)
    await undo_bench.click()
    await undo_bench.work_for(PATIENCE)
    assert undo_bench.results == [Undone(TICKET)]
    assert len(undo_bench.plain.notes) == 1


@pytest.mark.parametrize("step", ["look", "noting", "marking"])
async def test_a_long_wait_that_plain_names_is_promised_and_kept(
    undo_bench: UndoBench, step: str
) -> None:
    getattr(undo_bench.plain, step).append(TryLater("429", after=40.0))
    assert await undo_bench.undo() == Unreached(TICKET, goes_on=True, after=40.0)
    assert undo_bench.is_begun is (step != "look")  # meanwhile others may add to it
    undo_bench.clock.move(39.0)
    await undo_bench.work()
    assert len(undo_bench.results) == 1
    undo_bench.clock.move(1.0)
    await undo_bench.work()
    assert undo_bench.results[1:] == [Undone(TICKET)]


async def test_it_is_promised_once(undo_bench: UndoBench) -> None:
    undo_bench.plain.marking = [TryLater("plain_http_502") for _ in range(6)]
    await undo_bench.click()
    await undo_bench.work_for(600)
    assert undo_bench.results == [Unreached(TICKET, goes_on=True), Undone(TICKET)]
    assert len(undo_bench.plain.notes) == 1


async def test_a_promise_that_is_not_kept_is_taken_back(undo_bench: UndoBench) -> None:
    undo_bench.plain.look.append(Postponed("plain_paced", 40.0))
    await undo_bench.click()
    await undo_bench.work()
    undo_bench.plain.enter(TimelineEntry(AGENT, "EmailEntry"))
    await undo_bench.work_for(60)
    assert undo_bench.results == [Unreached(TICKET, goes_on=True, after=40.0), Acted(TICKET)]
    assert undo_bench.state is State.CREATED


async def test_a_wait_of_slacks_promises_no_ticket(
    undo_bench: UndoBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who clicked may not be allowed to undo it."""
    faults = [TryLater("slack_ratelimited", after=60.0)]
    fresh = undo_bench.slack.fresh_profile

    async def limited(user: str) -> object:
        if faults:
            raise faults.pop()
        return await fresh(user)

    monkeypatch.setattr(undo_bench.slack, "fresh_profile", limited)
    await undo_bench.click()
    await undo_bench.work_for(90)
    assert undo_bench.results == [Unreached(None, goes_on=True, after=60.0), Undone(TICKET)]


async def test_what_was_begun_goes_on_without_slack(
    undo_bench: UndoBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    undo_bench.plain.noting.append(TryLater("plain_unreachable"))
    await undo_bench.click()
    await undo_bench.work()
    assert undo_bench.is_begun

    async def away(_user: str) -> None:
        raise TryLater("slack_unreachable")

    monkeypatch.setattr(undo_bench.slack, "profile", away)
    await undo_bench.work_for(10)
    assert undo_bench.plain.notes[0].startswith("Somebody undid this ticket")
    assert undo_bench.results == [Undone(TICKET)]


@pytest.mark.parametrize("step", ["look", "marking"])
async def test_what_plain_does_not_take_for_hours_is_given_up(
    undo_bench: UndoBench, step: str
) -> None:
    """Else the conversation had a ticket for ever to which nothing can be added."""
    getattr(undo_bench.plain, step).extend([TryLater("plain_http_500") for _ in range(1000)])
    await undo_bench.click()
    await undo_bench.work_for(LONGEST_UNDO + 3600)
    assert undo_bench.results == [Unreached(TICKET, goes_on=True), Unreached(TICKET)]
    assert (undo_bench.state, undo_bench.is_begun) == (State.CREATED, False)
    assert undo_bench.jobs(Kind.UNDO) == []


async def test_an_answer_that_slack_does_not_take_is_given_later(undo_bench: UndoBench) -> None:
    undo_bench.answers.faults = [TryLater("slack_ratelimited", after=30.0)]
    assert await undo_bench.undo() is None
    assert undo_bench.state is State.UNDONE
    await undo_bench.work_for(31)
    assert undo_bench.results == [Undone(TICKET)]


async def test_an_answer_that_slack_does_not_take_for_hours_is_left(
    undo_bench: UndoBench,
) -> None:
    undo_bench.answers.faults = [TryLater("slack_internal_error") for _ in range(1000)]
    await undo_bench.click()
    await undo_bench.work_for(LONGEST_UNDO + 3600)
    assert (undo_bench.state, undo_bench.jobs(Kind.UNDO)) == (State.UNDONE, [])


async def test_what_changed_meanwhile_is_looked_at_again(undo_bench: UndoBench) -> None:
    class Late(Undos):
        first = True

        def begin(self, job: object, target: object, by: str) -> Begin:
            if Late.first:
                Late.first = False
                return Begin.CHANGED
            return super().begin(job, target, by)  # type: ignore[arg-type]

    undo_bench.undos = Late(undo_bench.ledger)
    await undo_bench.click()
    await undo_bench.work_for(1)
    assert undo_bench.results == [Undone(TICKET)]


async def test_an_undo_waits_for_what_is_done_for_its_conversation(
    sqlite: Database, clock: Clock
) -> None:
    settled(sqlite, Created(TICKET))
    bench = UndoBench(sqlite, clock)
    bench.ledger.record(escalation(1, request="Ev2", submitter="U0BEN"))
    (deciding,) = bench.ledger.claim("one", 8)
    bench.ledger.renew(deciding)
    await bench.click()
    await bench.work()
    assert (bench.results, bench.state) == ([], State.CREATED)
    bench.ledger.finish(deciding)
    await bench.work()
    assert bench.results == [Undone(TICKET)]
