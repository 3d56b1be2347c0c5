"""What was asked before, for the form to be opened with again."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from bot.core.model import Escalation, Ticket
from bot.store import rows
from bot.store.database import Database
from bot.store.schema import escalation as table


@dataclass(frozen=True, slots=True)
class Earlier:
    """An escalation as the ledger has it; its texts may be erased by now.

    `waits`: a delivery of it is due. `ticket` is what came of it, if anything did.
    """

    escalation: Escalation
    waits: bool
    requester: str | None = None
    ticket: Ticket | None = None


_DIGITS = 18
"""No row's id is longer."""


class Asked:
    """The table of escalations, one at a time. Methods block; each is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, reference: str) -> Earlier | None:
        """See `flows.reopening.Asked.find`."""
        digits = reference.removeprefix("PB-")
        if not (digits.isascii() and digits.isdecimal() and len(digits) <= _DIGITS):
            return None
        with self._database.reading() as connection:
            row = connection.execute(select(table).where(table.c.id == int(digits))).first()
        if row is None:
            return None
        settled = row.state in ("created", "added")
        return Earlier(
            escalation=rows.escalation(row),
            waits=row.state == "waiting",
            requester=row.requester,
            ticket=rows.ticket(row) if settled else None,
        )
