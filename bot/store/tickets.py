"""Escalations read for people: those of one person, and all generations of one message's."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, Select, select

from bot.core import refs
from bot.core.model import Ticket, Via
from bot.core.record import Evidence, Record, State
from bot.store import rows
from bot.store.accepting import Accepting
from bot.store.claims import reference
from bot.store.database import Database
from bot.store.schema import escalation as table


class Tickets:
    """Part of the table of escalations. Methods block; each is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def tickets_of(
        self, submitter: str, before: int | None = None, limit: int = 20
    ) -> list[Record]:
        """The newest `limit` escalations that this person asked for, the newest first.

        Those with an id below `before`. What nobody wanted is left out.
        """
        own = table.c.asker == submitter
        asked = select(table).where(own, table.c.state != State.UNWANTED.value)
        if before is not None:
            asked = asked.where(table.c.id < before)
        return self._records(asked.order_by(table.c.id.desc()).limit(limit))

    def generations(self, key: str) -> list[Record]:
        """The rows of the message with this key, the first asking first."""
        return self._records(select(table).where(table.c.key == key).order_by(table.c.generation))

    def of_conversation(self, conversation_key: str) -> Ticket | None:
        """The ticket that the Slack thread with this key has."""
        return Accepting(self._database).ticket_of_conversation(conversation_key)

    def _records(self, asked: Select[Any]) -> list[Record]:
        with self._database.reading() as connection:
            return [_record(row) for row in connection.execute(asked)]


def _record(row: Row[Any]) -> Record:
    asked = rows.escalation(row)
    return Record(
        id=row.id,
        reference=reference(row.id),
        key=row.key,
        generation=row.generation,
        state=State(row.state),
        via=Via(row.via),
        submitter=row.asker,
        created_at=row.created_at,
        asked_at=row.asked_at,
        ref=asked.trigger.ref,
        channel=row.channel,
        emoji=asked.trigger.emoji,
        rules=asked.rules,
        requester=row.requester,
        attempts=row.attempts,
        cause=row.cause,
        due=row.due,
        customer=row.customer,
        evidence=Evidence(row.evidence) if row.evidence in set(Evidence) else None,
        ticket=rows.ticket(row),
        reason=row.reason,
        data=rows.DATA.value(row.reason_data) or {},
        settled_at=row.settled_at,
        undone_at=row.undone_at,
        undone_by=row.undone_by,
        doubles=tuple(rows.REFS.value(row.doubles) or ()),
        found=refs.is_found(row.request),
    )
