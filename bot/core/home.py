"""The content of the app's Home: a user's own tickets, and the people to link."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field

from bot.core.identity import Answerer, Others
from bot.core.record import Record, State
from bot.core.undo import UNDO_SECONDS

PAGE = 20
"""The tickets, and people to link, on one page."""


@dataclass(frozen=True, slots=True)
class HomeTicket:
    """One of the user's own tickets; `undoable`: the ten minutes are not over."""

    record: Record
    undoable: bool


@dataclass(frozen=True, slots=True)
class WaitingPerson:
    """A Slack user whose requests are on hold until somebody links them to a customer.

    `since` (Unix seconds): their first such request; `reference`: their latest one.
    """

    user: str
    since: float
    reference: str


@dataclass(frozen=True, slots=True)
class OwnHome:
    """The Home of a user of this workspace.

    `older` is the id below which older tickets are, None if there are none; `newer`: this is not
    the first page. `may_ask`: the settings let them create tickets. `waiting` is None for users
    who may not link people; `more_waiting`: there are more of them than shown. `answerer` tells
    who can link people.
    """

    tickets: tuple[HomeTicket, ...]
    older: int | None = None
    newer: bool = False
    may_ask: bool = True
    waiting: tuple[WaitingPerson, ...] | None = None
    more_waiting: bool = False
    answerer: Answerer = field(default_factory=Others)


@dataclass(frozen=True, slots=True)
class ForeignHome:
    """The Home of a user from another company."""


Home = OwnHome | ForeignHome


def page(
    records: Sequence[Record], now: float, refused: Container[int] = ()
) -> tuple[tuple[HomeTicket, ...], int | None]:
    """Return one page of the up to `PAGE` + 1 records, and the id below which the next one starts.

    `refused`: the ids of records whose undo was refused for good.
    """
    shown = records[:PAGE]
    tickets = tuple(
        HomeTicket(one, is_undoable(one, now) and one.id not in refused) for one in shown
    )
    return tickets, (shown[-1].id if len(records) > PAGE else None)


def is_undoable(record: Record, now: float) -> bool:
    """Return whether a button may still offer an undo; the click decides."""
    return (
        record.state is State.CREATED
        and not record.is_undoing
        and record.settled_at is not None
        and now - record.settled_at < UNDO_SECONDS
    )
