"""A reaction that is removed: an undo, or just a reaction."""

from __future__ import annotations

import pytest
from sqlalchemy import delete

from bot.core.faults import Reason, Rejection
from bot.core.model import Added, Created, Outcome
from bot.core.record import State
from bot.core.undo import UNDO_SECONDS, NotUndoable, Undone
from bot.flows import undo
from bot.flows.undo import UndoReport
from bot.store.database import Database
from bot.store.deliveries import Ledger
from bot.store.schema import escalation as table
from tests.conftest import Clock
from tests.flows.settling import claimed, frozen, settled
from tests.flows.undoing import KEY, UndoBench
from tests.nouns import TICKET, escalation


@pytest.fixture
def bench(sqlite: Database, clock: Clock) -> UndoBench:
    return UndoBench(sqlite, clock)


async def removed(
    bench: UndoBench, user: str = "U0ASKER", emoji: str = "ticket"
) -> UndoReport | None:
    return await undo.undo_reaction(KEY, user, emoji, bench.context)


async def test_the_reaction_that_asked_is_an_undo(undo_bench: UndoBench) -> None:
    told = await removed(undo_bench)
    assert told is not None
    assert told.result == Undone(TICKET)
    assert await removed(undo_bench) is None  # delivered once more


@pytest.mark.parametrize(
    ("user", "emoji"), [("U0OTHER", "ticket"), ("U0ASKER", "eyes")], ids=["somebody's", "another"]
)
async def test_any_other_reaction_is_just_a_reaction(
    undo_bench: UndoBench, user: str, emoji: str
) -> None:
    assert await removed(undo_bench, user, emoji) is None
    assert undo_bench.state is State.CREATED


@pytest.mark.parametrize(
    ("outcome", "age"),
    [
        (Created(TICKET), UNDO_SECONDS + 1),
        (Added(TICKET), UNDO_SECONDS + 1),
        (Rejection(Reason.EMPTY), 1.0),
    ],
    ids=["long ago", "an addition of long ago", "refused"],
)
async def test_what_is_nothing_to_undo_is_passed_over_in_silence(
    bench: UndoBench, outcome: Outcome, age: float
) -> None:
    settled(bench.database, outcome)
    bench.clock.move(age)
    assert await removed(bench) is None


async def test_what_is_undone_or_gone_is_passed_over_in_silence(undo_bench: UndoBench) -> None:
    assert await undo_bench.undo() == Undone(TICKET)
    assert await removed(undo_bench) is None
    with undo_bench.database.writing() as connection:
        connection.execute(delete(table))
    assert await removed(undo_bench) is None


async def test_an_addition_is_said_to_stay(bench: UndoBench) -> None:
    settled(bench.database, Added(TICKET))
    told = await removed(bench)
    assert told is not None
    assert told.result == NotUndoable(TICKET)


async def test_what_has_sent_nothing_is_withdrawn(bench: UndoBench) -> None:
    Ledger(bench.database).record(escalation())
    told = await removed(bench)
    assert told is not None
    assert told.result == Undone(None)
    assert (bench.state, bench.plain.notes) == (State.UNDONE, [])


async def test_what_is_being_made_is_undone_once_it_stands(bench: UndoBench) -> None:
    claim = frozen(bench.database, claimed(bench.database))

    def is_made(times: int) -> None:
        if times == 2:
            Ledger(bench.database).settle(claim, Created(TICKET))

    bench.during_sleep = is_made
    told = await removed(bench)
    assert told is not None
    assert told.result == Undone(TICKET)
    assert len(bench.slept) == 2


async def test_nobody_waits_for_ever_for_a_ticket(bench: UndoBench) -> None:
    frozen(bench.database, claimed(bench.database))
    assert await removed(bench) is None
    assert 60 < sum(bench.slept) < 600
