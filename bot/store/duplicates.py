"""Find the rows whose thread may have a duplicate and is due for a check, and note the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select, update

from bot.core.refs import generation_key
from bot.store import rows
from bot.store.claims import take
from bot.store.database import Database
from bot.store.schema import escalation as table


@dataclass(frozen=True, slots=True)
class PossibleDuplicate:
    """A row whose thread was created although an earlier create may have succeeded.

    `ref` is the row's thread ("T-7"), `thread` its id; `asked_at` is when the row was created, in
    Unix seconds by the database's clock.
    """

    id: int
    external_id: str
    customer: str
    thread: str
    ref: str
    asked_at: float


AGAIN_SECONDS = 300.0
"""The pause before another check if one failed or its process died."""


class DuplicateChecks:
    """The due checks in the ledger. Methods block; each is one transaction."""

    def __init__(self, database: Database, *, again: float = AGAIN_SECONDS) -> None:
        self._database = database
        self._again = again

    def take_due(self, team: str, limit: int) -> list[PossibleDuplicate]:
        """Take the due rows; each is due again after a while, unless it is cleared.

        Writes nothing if no row is due.
        """
        now = self._database.now()
        due = (
            select(table.c.id)
            .where(
                table.c.verify_at <= now,
                table.c.customer.is_not(None),
                table.c.thread_id.is_not(None),
                table.c.team == team,
            )
            .order_by(table.c.verify_at)
            .limit(limit)
        )
        found = take(self._database, due, verify_at=now + self._again)
        return [
            PossibleDuplicate(
                id=row.id,
                external_id=generation_key(row.key, row.generation),
                customer=row.customer,
                thread=row.thread_id,
                ref=row.thread_ref,
                asked_at=row.created_at,
            )
            for row in found
        ]

    def clear(self, row: PossibleDuplicate, others: Sequence[str]) -> None:
        """Note that the row was checked; `others` are the refs of the duplicates found."""
        with self._database.writing() as connection:
            connection.execute(
                update(table)
                .where(table.c.id == row.id)
                .values(verify_at=None, doubles=rows.REFS.text(list(others) or None))
            )
