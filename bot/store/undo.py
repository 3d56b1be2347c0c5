"""Rows that are undone: begun, finished or given up, and what stands in Slack about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sqlalchemy import Connection, Select, func, or_, select, update

from bot.core import undo
from bot.core.faults import Postponed
from bot.core.model import PostedAnswer, Ticket
from bot.core.undo import State
from bot.store import rows
from bot.store.database import Database
from bot.store.rows import Codec
from bot.store.schema import escalation as table
from bot.store.schema import undoing as begun


class Begin(Enum):
    """What the beginning of an undo met."""

    BEGUN = "it is the caller's to finish"
    IN_HAND = "another one is at it"
    ADDED_TO = "other messages were added to the ticket, or are about to be"
    GONE = "the row stands otherwise by now"


@dataclass(frozen=True, slots=True)
class StaleAnswer:
    """An answer that the bot posted, and that offers what is offered no longer.

    `undone_by`: who undid the ticket; None where its time is over.
    """

    id: int
    said: tuple[PostedAnswer, ...]
    ticket: Ticket | None
    undone_by: str | None = None


LEASE_SECONDS = 30.0
"""For how long an undo is its process's; then another one may go on with it."""

LEFT_OVER_SECONDS = 60.0
"""After which an undo that nobody finished is finished by the round."""

TRIED_SECONDS = 86400.0
"""For how long it is tried to edit an answer."""

OVER_SECONDS = 60.0
"""For how long it counts as news that the time of a ticket is over: several rounds, for the
clocks of the database and of the bridge need not agree."""

_SAID = Codec(list[PostedAnswer])
_STATES = {state.value: state for state in State}
_HELD_SECONDS = 1.0


class Undos:
    """Part of the table of escalations. Methods block; each is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, row_id: int) -> undo.Row | None:
        """See `flows.undo.Ledger.find`."""
        return self._first(self._rows().where(table.c.id == row_id))

    def find_asked(self, key: str) -> undo.Row | None:
        """See `flows.undo.Ledger.find_asked`."""
        newest = self._rows().where(table.c.key == key).order_by(table.c.generation.desc())
        return self._first(newest.limit(1))

    def begin(self, row_id: int, by: str) -> Begin:
        """See `flows.undo.Ledger.begin`."""
        now = self._database.now()
        with self._database.writing() as connection:
            # The lock that an addition takes too (`hold`): one of the two sees the other.
            row = connection.execute(
                select(*table.c, (now - table.c.undone_at).label("begun_for"))
                .where(table.c.id == row_id)
                .with_for_update(of=table)
            ).first()
            if row is None or row.state != "created":
                return Begin.GONE
            if row.begun_for is not None and row.begun_for < LEASE_SECONDS:
                return Begin.IN_HAND
            if row.undone_by is None and self._is_added_to(connection, row):
                return Begin.ADDED_TO
            connection.execute(
                update(table)
                .where(table.c.id == row_id)
                .values(undone_at=now, undone_by=row.undone_by or by)
            )
        return Begin.BEGUN

    def release(self, row_id: int) -> None:
        """See `flows.undo.Ledger.release`."""
        self._change(row_id, undone_at=None, undone_by=None)

    def pause(self, row_id: int) -> None:
        """See `flows.undo.Ledger.pause`."""
        self._change(row_id, undone_at=self._database.now() - LEASE_SECONDS)

    def finish(self, row_id: int) -> None:
        """See `flows.undo.Ledger.finish`."""
        self._change(row_id, state="undone", conversation_key=None, undone_at=self._database.now())

    def withdraw(self, row_id: int, by: str) -> bool:
        """See `flows.undo.Ledger.withdraw`."""
        now = self._database.now()
        with self._database.writing() as connection:
            withdrawn = connection.execute(
                update(table)
                .where(table.c.id == row_id, table.c.state == "waiting", table.c.sent_at.is_(None))
                .values(
                    rows.UNFROZEN
                    | {
                        "state": "undone",
                        "due": None,
                        "token": None,
                        "lease_until": None,
                        "settled_at": now,
                        "undone_at": now,
                        "undone_by": by,
                    }
                )
            )
        return withdrawn.rowcount == 1

    def left_over(self, limit: int) -> list[undo.Row]:
        """See `flows.undo.Ledger.left_over`."""
        ago = self._database.now() - LEFT_OVER_SECONDS
        late = self._rows().where(begun, table.c.undone_at <= ago).order_by(table.c.undone_at)
        with self._database.reading() as connection:
            return [_row(row) for row in connection.execute(late.limit(limit))]

    # What the bot said

    def said(self, row_id: int, said: Sequence[PostedAnswer]) -> None:
        """See `flows.retract.Ledger.said`."""
        with self._database.writing() as connection:
            connection.execute(
                update(table).where(table.c.id == row_id).values(said_in=_SAID.text(list(said)))
            )

    def where_said(self, row_id: int) -> StaleAnswer | None:
        """See `flows.retract.Ledger.where_said`."""
        with self._database.reading() as connection:
            row = connection.execute(select(table).where(table.c.id == row_id)).first()
        return None if row is None or row.said_in is None else _ended(row)

    def ended(self, limit: int) -> list[StaleAnswer]:
        """See `flows.retract.Ledger.ended`."""
        over = self._database.now() - undo.UNDO_SECONDS
        old = (
            select(table)
            .where(
                table.c.said_in.is_not(None),
                or_(table.c.settled_at <= over, table.c.state == "undone"),
                table.c.settled_at > over - TRIED_SECONDS,
            )
            .order_by(table.c.settled_at)
            .limit(limit)
        )
        with self._database.reading() as connection:
            return [_ended(row) for row in connection.execute(old)]

    def just_over(self) -> list[str]:
        """Who asked for a ticket that could be undone until a moment ago."""
        # A query of its own: else PostgreSQL takes the clock anew for every row of the table.
        over = select(self._database.now() - undo.UNDO_SECONDS).scalar_subquery()
        late = (
            select(table.c.asker)
            .where(
                table.c.settled_at <= over,
                table.c.settled_at > over - OVER_SECONDS,
                table.c.state == "created",
            )
            .distinct()
        )
        with self._database.reading() as connection:
            return list(connection.execute(late).scalars())

    def forget_said(self, row_id: int) -> None:
        """See `flows.retract.Ledger.forget_said`."""
        with self._database.writing() as connection:
            connection.execute(update(table).where(table.c.id == row_id).values(said_in=None))

    # Parts

    def _rows(self) -> Select[Any]:
        age = (self._database.now() - func.coalesce(table.c.settled_at, table.c.asked_at)).label(
            "age"
        )
        return select(*table.c, age)

    def _first(self, statement: Select[Any]) -> undo.Row | None:
        with self._database.reading() as connection:
            row = connection.execute(statement).first()
        return None if row is None else _row(row)

    def _is_added_to(self, connection: Connection, row: Any) -> bool:
        others = (
            select(table.c.id)
            .where(
                table.c.thread_id == row.thread_id,
                table.c.id != row.id,
                # Those that came to nothing have let go of it, unless they may stand there.
                table.c.state.in_(("added", "waiting", "refused", "parked")),
            )
            .limit(1)
        )
        return connection.execute(others).first() is not None

    def _change(self, row_id: int, **values: object) -> None:
        """Write to a row whose undoing was begun, and that still stands."""
        with self._database.writing(wake=True) as connection:
            connection.execute(
                update(table)
                .where(
                    table.c.id == row_id,
                    table.c.state == "created",
                    table.c.undone_by.is_not(None),
                )
                .values(values)
            )


def hold(connection: Connection, ticket: Ticket) -> None:
    """See to it that the ticket stands until this transaction ends; Wait where it is undone.

    For whoever is about to add to it.
    """
    found = connection.execute(
        select(table.c.undone_by)
        .where(table.c.thread_id == ticket.id, table.c.state.in_(("created", "undone")))
        .with_for_update(read=True)
    )
    if any(row.undone_by is not None for row in found.all()):
        raise Postponed("conversation_held", _HELD_SECONDS)


def _row(row: Any) -> undo.Row:
    asked = rows.escalation(row)
    return undo.Row(
        id=row.id,
        state=_STATES.get(row.state, State.OTHER),
        submitter=row.asker,
        age=row.age,
        ticket=rows.ticket(row),
        begun_by=row.undone_by if row.state == "created" else None,
        emoji=asked.trigger.emoji,
        assigns=any(rule.assignee is not None for rule in asked.rules),
        thread_ts=rows.slack_thread(row),
    )


def _ended(row: Any) -> StaleAnswer:
    return StaleAnswer(
        id=row.id,
        said=tuple(_SAID.value(row.said_in) or ()),
        ticket=rows.ticket(row),
        undone_by=row.undone_by if row.state == "undone" else None,
    )
