"""Undo tickets in the ledger, and remember posted answers, which are edited once they are stale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sqlalchemy import Connection, Select, or_, select, update

from bot.core.faults import Postponed
from bot.core.model import PostedAnswer, Ticket
from bot.core.record import Record
from bot.core.undo import UNDO_SECONDS
from bot.store import rows
from bot.store.database import Database
from bot.store.records import record_of
from bot.store.rows import Codec
from bot.store.schema import escalation as table
from bot.store.schema import undoing as is_begun

LEASE_SECONDS = 30.0
"""An undo belongs to its process for this long; then another process may finish it."""

LEFT_OVER_SECONDS = 60.0
"""An undo that nobody finished for this long is finished by the periodic task."""

EDIT_SECONDS = 86400.0
"""The bridge tries for this long to edit an answer."""

EXPIRY_SECONDS = 60.0
"""An expired undo counts as new for this long: several periodic runs, because the clocks of the
database and of the bridge may differ."""

_POSTED = Codec(list[PostedAnswer])
_HELD_SECONDS = 1.0


class Begin(Enum):
    """The result of beginning an undo."""

    BEGUN = "the caller has to finish it"
    IN_HAND = "another caller is finishing it"
    ADDED_TO = "other messages were added to the ticket, or are about to be"
    GONE = "the row is in another state by now"


@dataclass(frozen=True, slots=True)
class StaleAnswer:
    """An answer that the bot posted, and whose undo button no longer works.

    `undone_by`: who undid the ticket; None if the time for it is over.
    """

    id: int
    posted: tuple[PostedAnswer, ...]
    ticket: Ticket | None
    undone_by: str | None = None


class Undos:
    """Undos in the ledger. Methods block; each is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, team: str, row_id: int) -> Record | None:
        """Return the record with this id."""
        return self._first(self._rows().where(table.c.id == row_id, table.c.team == team))

    def find_by_message(self, key: str) -> Record | None:
        """Return the newest record of the message with this key."""
        newest = self._rows().where(table.c.key == key).order_by(table.c.generation.desc())
        return self._first(newest.limit(1))

    def unfinished(self, team: str, limit: int) -> list[Record]:
        """Return records whose undo was begun and not finished for `LEFT_OVER_SECONDS`."""
        ago = self._database.now() - LEFT_OVER_SECONDS
        late = self._rows().where(is_begun, table.c.undone_at <= ago, table.c.team == team)
        with self._database.reading() as connection:
            found = connection.execute(late.order_by(table.c.undone_at).limit(limit))
            return [record_of(row) for row in found]

    def begin(self, row_id: int, by: str) -> Begin:
        """Take a created row for an undo.

        From here on nothing is added to its ticket, and a new request for its message makes a new
        ticket.
        """
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
        """Take the beginning back: nothing was changed in Plain."""
        self._change(row_id, undone_at=None, undone_by=None)

    def pause(self, row_id: int) -> None:
        """Let another caller finish it at once."""
        self._change(row_id, undone_at=self._database.now() - LEASE_SECONDS)

    def finish(self, row_id: int) -> None:
        """Settle the row as undone; its conversation is free."""
        self._change(row_id, state="undone", conversation_key=None, undone_at=self._database.now())

    def withdraw(self, row_id: int, by: str) -> bool:
        """Settle a waiting row as undone, unless a write whose outcome is unknown was sent."""
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

    def just_expired(self, team: str) -> list[str]:
        """Return the submitters of tickets whose time for an undo has just ended."""
        # A query of its own: else PostgreSQL reads the clock anew for every row of the table.
        over = select(self._database.now() - UNDO_SECONDS).scalar_subquery()
        late = (
            select(table.c.asker)
            .where(
                table.c.settled_at <= over,
                table.c.settled_at > over - EXPIRY_SECONDS,
                table.c.state == "created",
                table.c.team == team,
            )
            .distinct()
        )
        with self._database.reading() as connection:
            return list(connection.execute(late).scalars())

    # Answers that the bot posted

    def remember_answer(self, row_id: int, posted: Sequence[PostedAnswer]) -> None:
        """Remember where the row's answer was posted."""
        with self._database.writing() as connection:
            connection.execute(
                update(table).where(table.c.id == row_id).values(said_in=_POSTED.text([*posted]))
            )

    def posted_answer(self, row_id: int) -> StaleAnswer | None:
        """Return the row's remembered answer; None if there is none."""
        with self._database.reading() as connection:
            row = connection.execute(
                select(table).where(table.c.id == row_id, table.c.said_in.is_not(None))
            ).first()
        return None if row is None else _stale_answer(row)

    def stale_answers(self, team: str, limit: int) -> list[StaleAnswer]:
        """Return remembered answers whose ten minutes are over, or whose ticket was undone."""
        over = self._database.now() - UNDO_SECONDS
        old = (
            select(table)
            .where(
                table.c.said_in.is_not(None),
                or_(table.c.settled_at <= over, table.c.state == "undone"),
                table.c.settled_at > over - EDIT_SECONDS,
                table.c.team == team,
            )
            .order_by(table.c.settled_at)
            .limit(limit)
        )
        with self._database.reading() as connection:
            return [_stale_answer(row) for row in connection.execute(old)]

    def forget_answer(self, row_id: int) -> None:
        """Forget where the answer was posted: it was edited, or cannot be."""
        with self._database.writing() as connection:
            connection.execute(update(table).where(table.c.id == row_id).values(said_in=None))

    # Parts

    def _rows(self) -> Select[Any]:
        return select(*table.c, self._database.now().label("now"))

    def _first(self, statement: Select[Any]) -> Record | None:
        with self._database.reading() as connection:
            row = connection.execute(statement).first()
        return None if row is None else record_of(row)

    def _is_added_to(self, connection: Connection, row: Any) -> bool:
        others = (
            select(table.c.id)
            .where(
                table.c.thread_id == row.thread_id,
                table.c.id != row.id,
                # A failed one has released the thread, unless its addition may be there.
                table.c.state.in_(("added", "waiting", "refused", "parked")),
            )
            .limit(1)
        )
        return connection.execute(others).first() is not None

    def _change(self, row_id: int, **values: object) -> None:
        """Write to a created row whose undo was begun."""
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
    """Keep the ticket from being undone until this transaction ends; for an addition to it.

    Raises Postponed if it is being undone.
    """
    found = connection.execute(
        select(table.c.undone_by)
        .where(table.c.thread_id == ticket.id, table.c.state.in_(("created", "undone")))
        .with_for_update(read=True)
    )
    if any(row.undone_by is not None for row in found.all()):
        raise Postponed("conversation_held", _HELD_SECONDS)


def _stale_answer(row: Any) -> StaleAnswer:
    return StaleAnswer(
        id=row.id,
        posted=tuple(_POSTED.value(row.said_in) or ()),
        ticket=rows.ticket(row),
        undone_by=row.undone_by if row.state == "undone" else None,
    )
