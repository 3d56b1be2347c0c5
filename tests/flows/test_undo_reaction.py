"""A reaction that goes: an undo, or just a reaction."""

from __future__ import annotations

import pytest

from bot.core.undo import UNDO_SECONDS, NotUndoable, Row, State, Undone
from bot.flows import undo
from bot.flows.undo import UndoReport
from tests.flows.undoing import KEY, FakeRows, Ground
from tests.nouns import TICKET


def waiting() -> Row:
    return Row(7, State.WAITING, "U0ASKER", 1.0, emoji="ticket")


async def removed(
    ground: Ground, user: str = "U0ASKER", emoji: str = "ticket"
) -> UndoReport | None:
    return await undo.undo_reaction(KEY, user, emoji, ground.world)


async def test_the_reaction_that_asked_is_an_undo() -> None:
    ground = Ground()
    told = await removed(ground)
    assert told is not None
    assert told.result == Undone(TICKET)
    assert await removed(ground) is None  # delivered once more


@pytest.mark.parametrize(
    ("user", "emoji"), [("U0OTHER", "ticket"), ("U0ASKER", "eyes")], ids=["somebody's", "another"]
)
async def test_any_other_reaction_is_just_a_reaction(user: str, emoji: str) -> None:
    ground = Ground()
    assert await removed(ground, user, emoji) is None
    assert ground.state is State.CREATED


@pytest.mark.parametrize(
    "row",
    [
        None,
        Row(7, State.CREATED, "U0ASKER", UNDO_SECONDS + 1, TICKET, emoji="ticket"),
        Row(7, State.ADDED, "U0ASKER", UNDO_SECONDS + 1, TICKET, emoji="ticket"),
        Row(7, State.OTHER, "U0ASKER", 1.0, emoji="ticket"),
        Row(7, State.UNDONE, "U0ASKER", 1.0, TICKET, emoji="ticket"),
    ],
    ids=["nothing asked", "long ago", "an addition of long ago", "refused", "undone"],
)
async def test_what_is_nothing_to_undo_is_passed_over_in_silence(row: Row | None) -> None:
    assert await removed(Ground(FakeRows(row=row))) is None


async def test_an_addition_is_said_to_stay() -> None:
    row = Row(7, State.ADDED, "U0ASKER", 1.0, TICKET, emoji="ticket")
    told = await removed(Ground(FakeRows(row=row)))
    assert told is not None
    assert told.result == NotUndoable(TICKET)


async def test_what_has_sent_nothing_is_withdrawn() -> None:
    ground = Ground(FakeRows(row=waiting()))
    told = await removed(ground)
    assert told is not None
    assert told.result == Undone(None)
    assert (ground.state, ground.plain.notes) == (State.UNDONE, [])


async def test_what_is_being_made_is_undone_once_it_stands() -> None:
    made = Row(7, State.CREATED, "U0ASKER", 1.0, TICKET, emoji="ticket")
    ground = Ground(FakeRows(row=waiting(), coming=[waiting(), waiting(), made], sent=True))
    told = await removed(ground)
    assert told is not None
    assert told.result == Undone(TICKET)
    assert len(ground.slept) == 2


async def test_nobody_waits_for_ever_for_a_ticket() -> None:
    ground = Ground(FakeRows(row=waiting(), sent=True))
    assert await removed(ground) is None
    assert 60 < sum(ground.slept) < 600
