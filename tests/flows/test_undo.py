"""Undo: safe to run twice, wherever an earlier run broke off."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core.faults import Fault, PlainError, Postponed, Reason, Rejected, Rejection, TryLater
from bot.core.model import Added
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
    NotYours,
    TimelineEntry,
    Undone,
    Unreached,
)
from bot.flows import undo
from bot.store.undo import LEFT_OVER_SECONDS, Begin, Undos
from tests.flows.fakes import profile
from tests.flows.settling import settled
from tests.flows.undoing import UndoBench
from tests.nouns import TICKET, escalation

AGENT = Actor(ActorKind.USER, "u_1")


async def test_the_thread_is_ignored_with_a_note_and_the_row_says_so(undo_bench: UndoBench) -> None:
    assert await undo_bench.undo() == Undone(TICKET)
    assert undo_bench.plain.ignored
    assert undo_bench.plain.notes == [
        "Asker undid this ticket in Slack, so it was marked as ignored. Reference: PB-1"
    ]
    assert undo_bench.state is State.UNDONE
    assert await undo_bench.undo() == AlreadyUndone(TICKET)
    assert len(undo_bench.plain.notes) == 1


async def test_who_may_not_changes_nothing(undo_bench: UndoBench) -> None:
    assert await undo_bench.undo(profile("U0OTHER")) == NotYours()
    assert (undo_bench.state, undo_bench.plain.ignored, undo_bench.is_leased) == (
        State.CREATED,
        False,
        False,
    )


async def test_where_others_added_to_it(undo_bench: UndoBench) -> None:
    settled(undo_bench.database, Added(TICKET), escalation(2))
    assert await undo_bench.undo() == AddedTo(TICKET)
    assert not undo_bench.plain.ignored


async def test_where_an_agent_acted_the_row_is_let_go(undo_bench: UndoBench) -> None:
    undo_bench.plain.enter(TimelineEntry(AGENT, "EmailEntry"))
    assert await undo_bench.undo() == Acted(TICKET)
    assert (undo_bench.record.undo_begun_by, undo_bench.plain.notes) == (None, [])


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
    assert undo_bench.record.undo_begun_by is None


FORBIDDEN = Rejected(
    Rejection(Reason.PLAIN_FORBIDDEN, plain_error=PlainError(message="Missing thread:edit"))
)

REFUSED = Rejected(Rejection(Reason.PLAIN_REFUSED, plain_error=PlainError(code="x", message="No")))


@pytest.mark.parametrize("step", ["look", "noting", "marking"])
@pytest.mark.parametrize(
    ("fault", "result"),
    [(FORBIDDEN, Lacking(TICKET, ())), (REFUSED, Declined(TICKET))],
)
async def test_what_plain_refuses_changes_no_row(
    undo_bench: UndoBench, step: str, fault: Fault, result: object
) -> None:
    getattr(undo_bench.plain, step).append(fault)
    assert await undo_bench.undo() == result
    assert (undo_bench.state, undo_bench.record.undo_begun_by) == (State.CREATED, None)


@pytest.mark.parametrize(
    ("step", "fault", "goes_on"),
    [
        pytest.param("look", TryLater("plain_unreachable"), False, id="before the look"),
        pytest.param("noting", TryLater("plain_unreachable"), False, id="the note was not sent"),
        pytest.param(
            "noting", TryLater("plain_timeout", outcome_unknown=True), True, id="the note may be"
        ),
        pytest.param("marking", TryLater("plain_timeout"), True, id="the note is there"),
    ],
)
@pytest.mark.parametrize("committed", [True, False])
async def test_what_was_cut_off_is_finished_by_the_next_click(
    undo_bench: UndoBench, step: str, fault: Fault, goes_on: bool, committed: bool
) -> None:
    undo_bench.plain.committed = committed and goes_on
    getattr(undo_bench.plain, step).append(fault)
    assert await undo_bench.undo() == Unreached(TICKET, goes_on=goes_on)
    assert (undo_bench.record.undo_begun_by is not None, undo_bench.is_leased) == (goes_on, False)
    assert undo_bench.state is State.CREATED
    if goes_on:
        undo_bench.clock.move(UNDO_SECONDS + 60)  # no longer too late
    assert await undo_bench.undo() == Undone(TICKET)
    assert undo_bench.plain.ignored
    assert len(undo_bench.plain.notes) == 1


@pytest.mark.parametrize("step", ["look", "noting", "marking"])
async def test_a_short_wait_that_plain_names_is_waited_for(
    undo_bench: UndoBench, step: str
) -> None:
    """The click was told that Plain cannot be reached."""
    getattr(undo_bench.plain, step).extend(
        [Postponed("plain_paced", 3.0), TryLater("429", after=1.0)]
    )
    assert await undo_bench.undo() == Undone(TICKET)
    assert undo_bench.slept == [3.0, 1.0]
    assert len(undo_bench.plain.notes) == 1


@pytest.mark.parametrize("step", ["look", "noting", "marking"])
async def test_a_long_wait_that_plain_names_is_left_to_the_round(
    undo_bench: UndoBench, step: str
) -> None:
    getattr(undo_bench.plain, step).extend(
        [Postponed("plain_paced", 4.0), TryLater("429", after=40.0)]
    )
    assert await undo_bench.undo() == Unreached(TICKET, goes_on=True, after=40.0)
    assert undo_bench.slept == [4.0]
    assert (undo_bench.record.undo_begun_by, undo_bench.is_leased) == ("U0ASKER", False)
    undo_bench.clock.move(UNDO_SECONDS + 60)
    (told,) = await undo.finish_left_over(undo_bench.context)
    assert told.result == Undone(TICKET)


async def test_waits_of_no_time_come_to_an_end(undo_bench: UndoBench) -> None:
    undo_bench.plain.look.extend([TryLater("429", after=0.0) for _ in range(1000)])
    assert await undo_bench.undo() == Unreached(TICKET, goes_on=True, after=0.0)


async def test_what_was_left_to_the_round_and_is_not_undone_is_told(undo_bench: UndoBench) -> None:
    undo_bench.plain.look.append(Postponed("plain_paced", 40.0))
    assert await undo_bench.undo() == Unreached(TICKET, goes_on=True, after=40.0)
    undo_bench.plain.enter(TimelineEntry(AGENT, "EmailEntry"))
    undo_bench.clock.move(LEFT_OVER_SECONDS)
    (told,) = await undo.finish_left_over(undo_bench.context)
    assert told.result == Acted(TICKET)
    assert told.record.undo_begun_by == "U0ASKER"


async def test_plain_is_done_and_the_row_is_not(undo_bench: UndoBench) -> None:
    class Away(Undos):
        def finish(self, row_id: int) -> None:
            raise TryLater("database")

    undo_bench.undos = Away(undo_bench.database)
    assert await undo_bench.undo() == Unreached(TICKET, goes_on=True)
    assert (undo_bench.plain.ignored, undo_bench.state) == (True, State.CREATED)
    undo_bench.undos = Undos(undo_bench.database)
    assert await undo_bench.undo(profile("U0LINKER")) == Undone(TICKET)
    assert len(undo_bench.plain.notes) == 1


async def test_one_waits_for_the_other(undo_bench: UndoBench) -> None:
    assert undo_bench.undos.begin(1, "U0ASKER") is Begin.BEGUN

    def lets_go(times: int) -> None:
        if times == 3:
            undo_bench.undos.pause(1)

    undo_bench.during_sleep = lets_go
    assert await undo_bench.undo() == Undone(TICKET)
    assert undo_bench.slept == [undo.IN_HAND_PAUSE] * 3


async def test_nobody_waits_for_ever(undo_bench: UndoBench) -> None:
    assert undo_bench.undos.begin(1, "U0ASKER") is Begin.BEGUN  # and it never ends
    assert await undo_bench.undo() == Unreached(TICKET, goes_on=True)


async def test_what_is_left_over_is_finished(undo_bench: UndoBench) -> None:
    undo_bench.undos.begin(1, "U0ASKER")
    undo_bench.clock.move(1e6)
    (told,) = await undo.finish_left_over(undo_bench.context)
    assert (told.record.id, told.result) == (1, Undone(TICKET))
    assert "Asker undid" in undo_bench.plain.notes[0]
    assert undo_bench.state is State.UNDONE
    assert await undo.finish_left_over(undo_bench.context) == []
