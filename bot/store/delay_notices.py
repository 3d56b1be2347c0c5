"""Find the rows whose submitters are to be told that it takes longer."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select, update

from bot.core.model import Escalation
from bot.store import rows
from bot.store.claims import take
from bot.store.database import Database
from bot.store.schema import escalation as table


@dataclass(frozen=True, slots=True)
class Queued:
    """A waiting row, and what was requested."""

    id: int
    escalation: Escalation


class DelayNotices:
    """The waiting rows of the ledger. Methods block; each is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take_late(self, team: str, seconds: float, limit: int) -> list[Queued]:
        """Return rows that were requested `seconds` ago and still wait; each once, to one caller.

        The caller tells the submitters, and gives back those that surely could not be told.
        """
        now = self._database.now()
        late = (
            select(table.c.id)
            .where(
                table.c.due.is_not(None),
                table.c.state == "waiting",
                table.c.queued_told_at.is_(None),
                table.c.asked_at <= now - seconds,
                table.c.team == team,
            )
            .order_by(table.c.due, table.c.id)  # by their index: settled rows are very many
            .limit(limit)
        )
        found = take(self._database, late, queued_told_at=now)
        return [Queued(row.id, rows.escalation(row)) for row in sorted(found, key=lambda r: r.id)]

    def give_back(self, queued: Queued) -> None:
        """Let a later call return the row again: its submitter was surely not told."""
        with self._database.writing() as connection:
            connection.execute(
                update(table).where(table.c.id == queued.id).values(queued_told_at=None)
            )
