"""What somebody finds in the app's Home: their tickets, and who waits to be linked."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

from bot.core.record import Record, State
from bot.core.undo import UNDO_SECONDS

PAGE = 20
"""Tickets, and people waiting, that are shown at a time."""


@dataclass(frozen=True, slots=True)
class HomeTicket:
    """A ticket of one's own; `undoable`: the ten minutes last."""

    record: Record
    undoable: bool


@dataclass(frozen=True, slots=True)
class WaitingPerson:
    """A Slack user whom nobody has linked; `since` is Unix seconds, `reference` one request."""

    user: str
    since: float
    reference: str


@dataclass(frozen=True, slots=True)
class OwnHome:
    """The Home of one's own people. `older` is the id before which older tickets are, None where
    there are none; `newer`: this is not the first page. `may_ask`: the settings let them.

    `waiting` is None for who may not link people; `more_waiting`: there are others still.
    """

    tickets: tuple[HomeTicket, ...]
    older: int | None = None
    newer: bool = False
    may_ask: bool = True
    waiting: tuple[WaitingPerson, ...] | None = None
    more_waiting: bool = False


@dataclass(frozen=True, slots=True)
class ForeignHome:
    """The Home of a person of another company."""


Home = OwnHome | ForeignHome


def page(
    records: Sequence[Record], now: float, refused: Container[int] = ()
) -> tuple[tuple[HomeTicket, ...], int | None]:
    """The tickets of one page, out of `PAGE` + 1 that were read; and where the next one begins.

    `refused`: the ids of those whose undo was refused for good.
    """
    shown = records[:PAGE]
    tickets = tuple(
        HomeTicket(one, is_undoable(one, now) and one.id not in refused) for one in shown
    )
    return tickets, (shown[-1].id if len(records) > PAGE else None)


def is_undoable(record: Record, now: float) -> bool:
    """Whether a button may still offer to undo it; the click is what decides."""
    return (
        record.state is State.CREATED
        and record.undone_at is None
        and record.settled_at is not None
        and now - record.settled_at < UNDO_SECONDS
    )
