"""Undo: safe to run twice, wherever an earlier run broke off."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core.faults import Fault, Postponed, Reason, Refused, TryLater
from bot.core.undo import (
    UNDO_SECONDS,
    Acted,
    Actor,
    AddedTo,
    AlreadyUndone,
    Declined,
    Kind,
    Lacking,
    NotYours,
    State,
    TimelineEntry,
    Undone,
    Unreached,
)
from bot.flows import undo
from tests.flows.fakes import profile
from tests.flows.undoing import FakeRows, FakeThread, Ground
from tests.nouns import TICKET

AGENT = Actor(Kind.USER, "u_1")


async def test_the_thread_is_ignored_with_a_note_and_the_row_says_so() -> None:
    ground = Ground()
    assert await ground.undo() == Undone(TICKET)
    assert ground.plain.ignored
    assert ground.plain.notes == [
        "Asker undid this ticket in Slack, so it was marked as ignored. Reference: PB-7"
    ]
    assert ground.state is State.UNDONE
    assert await ground.undo() == AlreadyUndone(TICKET)
    assert len(ground.plain.notes) == 1


async def test_who_may_not_changes_nothing() -> None:
    ground = Ground()
    assert await ground.undo(profile("U0OTHER")) == NotYours()
    assert (ground.state, ground.plain.ignored, ground.rows.leased) == (
        State.CREATED,
        False,
        False,
    )


async def test_where_others_added_to_it() -> None:
    ground = Ground(FakeRows(added_to=True))
    assert await ground.undo() == AddedTo(TICKET)
    assert not ground.plain.ignored


async def test_where_an_agent_acted_the_row_is_let_go() -> None:
    ground = Ground()
    ground.plain._enter(TimelineEntry(AGENT, "EmailEntry"))
    assert await ground.undo() == Acted(TICKET)
    assert ground.rows.row is not None
    assert (ground.rows.row.begun_by, ground.plain.notes) == (None, [])


async def test_a_thread_that_is_gone_needs_no_mark() -> None:
    ground = Ground(plain=FakeThread(seen_as=None))
    assert await ground.undo() == Undone(TICKET)
    assert (ground.state, ground.plain.notes) == (State.UNDONE, [])


async def test_a_key_that_may_not_is_asked_for_nothing() -> None:
    ground = Ground()
    assert ground.plain.seen_as is not None
    ground.plain.seen_as = replace(ground.plain.seen_as, permissions=frozenset({"thread:edit"}))
    assert await ground.undo() == Lacking(TICKET, ("note:create",))
    assert (ground.plain.notes, ground.plain.ignored) == ([], False)
    assert ground.rows.row is not None
    assert ground.rows.row.begun_by is None


FORBIDDEN = Refused(Reason.PLAIN_FORBIDDEN, message="Missing thread:edit")

REFUSED = Refused(Reason.PLAIN_REFUSED, code="x", message="No")


@pytest.mark.parametrize("step", ["look", "noting", "marking"])
@pytest.mark.parametrize(
    ("fault", "result"),
    [(FORBIDDEN, Lacking(TICKET, ())), (REFUSED, Declined(TICKET))],
)
async def test_what_plain_refuses_changes_no_row(step: str, fault: Fault, result: object) -> None:
    ground = Ground()
    getattr(ground.plain, step).append(fault)
    assert await ground.undo() == result
    assert ground.rows.row is not None
    assert (ground.state, ground.rows.row.begun_by) == (State.CREATED, None)


@pytest.mark.parametrize(
    ("step", "fault", "goes_on"),
    [
        pytest.param("look", TryLater("plain_unreachable"), False, id="before the look"),
        pytest.param("noting", TryLater("plain_unreachable"), False, id="the note was not sent"),
        pytest.param("noting", TryLater("plain_timeout", unknown=True), True, id="the note may be"),
        pytest.param("marking", TryLater("plain_timeout"), True, id="the note is there"),
    ],
)
@pytest.mark.parametrize("committed", [True, False])
async def test_what_was_cut_off_is_finished_by_the_next_click(
    step: str, fault: Fault, goes_on: bool, committed: bool
) -> None:
    ground = Ground(plain=FakeThread(committed=committed and goes_on))
    getattr(ground.plain, step).append(fault)
    assert await ground.undo() == Unreached(TICKET, goes_on=goes_on)
    assert ground.rows.row is not None
    assert (ground.rows.row.begun_by is not None, ground.rows.leased) == (goes_on, False)
    assert ground.state is State.CREATED
    if goes_on:
        ground.rows.row = replace(ground.rows.row, age=UNDO_SECONDS + 60)  # no longer too late
    assert await ground.undo() == Undone(TICKET)
    assert ground.plain.ignored
    assert len(ground.plain.notes) == 1


@pytest.mark.parametrize("step", ["look", "noting", "marking"])
async def test_a_short_wait_that_plain_names_is_waited_for(step: str) -> None:
    """The click was told that Plain cannot be reached."""
    ground = Ground()
    getattr(ground.plain, step).extend([Postponed("plain_paced", 3.0), TryLater("429", after=1.0)])
    assert await ground.undo() == Undone(TICKET)
    assert ground.slept == [3.0, 1.0]
    assert len(ground.plain.notes) == 1


@pytest.mark.parametrize("step", ["look", "noting", "marking"])
async def test_a_long_wait_that_plain_names_is_left_to_the_round(step: str) -> None:
    ground = Ground()
    getattr(ground.plain, step).extend([Postponed("plain_paced", 4.0), TryLater("429", after=40.0)])
    assert await ground.undo() == Unreached(TICKET, goes_on=True, after=40.0)
    assert ground.slept == [4.0]
    assert ground.rows.row is not None
    assert (ground.rows.row.begun_by, ground.rows.leased) == ("U0ASKER", False)
    ground.rows.row = replace(ground.rows.row, age=UNDO_SECONDS + 60)
    (told,) = await undo.finish_left_over(ground.world)
    assert told.result == Undone(TICKET)


async def test_waits_of_no_time_come_to_an_end() -> None:
    ground = Ground()
    ground.plain.look.extend([TryLater("429", after=0.0) for _ in range(1000)])
    assert await ground.undo() == Unreached(TICKET, goes_on=True, after=0.0)


async def test_what_was_left_to_the_round_and_is_not_undone_is_told() -> None:
    ground = Ground()
    ground.plain.look.append(Postponed("plain_paced", 40.0))
    assert await ground.undo() == Unreached(TICKET, goes_on=True, after=40.0)
    ground.plain._enter(TimelineEntry(AGENT, "EmailEntry"))
    (told,) = await undo.finish_left_over(ground.world)
    assert told.result == Acted(TICKET)
    assert told.row.begun_by == "U0ASKER"


async def test_plain_is_done_and_the_row_is_not() -> None:
    ground = Ground(FakeRows(faults=[TryLater("database")]))
    assert await ground.undo() == Unreached(TICKET, goes_on=True)
    assert (ground.plain.ignored, ground.state) == (True, State.CREATED)
    assert await ground.undo(profile("U0LINKER")) == Undone(TICKET)
    assert len(ground.plain.notes) == 1


async def test_one_waits_for_the_other() -> None:
    ground = Ground(FakeRows(held=3))
    assert await ground.undo() == Undone(TICKET)
    assert ground.slept == [undo.IN_HAND_PAUSE] * 3


async def test_nobody_waits_for_ever() -> None:
    ground = Ground(FakeRows(held=10_000))
    assert await ground.undo() == Unreached(TICKET, goes_on=True)


async def test_what_is_left_over_is_finished() -> None:
    ground = Ground()
    assert ground.rows.row is not None
    ground.rows.row = replace(ground.rows.row, begun_by="U0ASKER", age=1e6)
    (told,) = await undo.finish_left_over(ground.world)
    assert (told.row.id, told.result) == (7, Undone(TICKET))
    assert "Asker undid" in ground.plain.notes[0]
    assert ground.state is State.UNDONE
    assert await undo.finish_left_over(ground.world) == []
