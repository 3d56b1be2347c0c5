"""Tell what a conversation has: no ticket, one that is being opened or undone, or its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, func, select, union

from bot.core.model import Ticket
from bot.core.refs import generation_key
from bot.store import rows
from bot.store.claims import Claim
from bot.store.database import Database
from bot.store.requests import OPEN
from bot.store.schema import request, ticket, ticket_message
from bot.store.updates import Prepared


@dataclass(frozen=True, slots=True)
class Free:
    """The conversation has no ticket: this request may open one, of this generation."""

    generation: int


@dataclass(frozen=True, slots=True)
class Pending:
    """The conversation's ticket is being opened, or undone: nothing is certain yet."""


@dataclass(frozen=True, slots=True)
class Abandoned:
    """A create was sent for this message, and its request has ended without a known outcome.

    `ticket_id` is the row of that ticket; its thread has the external id `external_id`, and was
    about to be created for `customer` at `sent_at` (Unix seconds by the database's clock).
    """

    ticket_id: int
    customer: str
    external_id: str
    sent_at: float


@dataclass(frozen=True, slots=True)
class Exists:
    """The conversation has its ticket.

    `customer` and `requester` are whose it is; None where that is no longer known. `covers`: the
    request's message is in it already. `generation` is that of a ticket of the message's own.
    """

    ticket_id: int
    ticket: Ticket
    customer: str | None
    requester: str | None
    covers: bool
    generation: int


Conversation = Free | Pending | Abandoned | Exists


class Conversations:
    """Looks at conversations, within others' transactions."""

    def __init__(self, database: Database) -> None:
        self._looking = Prepared(database, _of_interest())

    def look(self, connection: Connection, claim: Claim, conversation_key: str) -> Conversation:
        """Return what the conversation of a request has, besides what it is opening itself.

        Where it has nothing, a ticket of the message itself counts: it stands beside one that is
        gone by now, or it is not certain whether it was opened. Of two requests that are opening
        one each, the later waits for the earlier.
        """
        found = self._tickets(connection, claim, conversation_key)
        own = next((row.id for row in found if _is_own(row, claim)), None)
        chosen = [row for row in found if row.conversation_key == conversation_key]
        chosen = chosen or [
            row
            for row in found
            if (row.covers and row.state == OPEN)
            or (row.key == claim.escalation.key and row.state == "undoing")
            or (
                row.key == claim.escalation.key
                and row.state == "opening"
                and (own is None or row.id <= own)
            )
        ]
        return _conversation_of(connection, claim, found, chosen)

    def beside(self, connection: Connection, claim: Claim, customer: str) -> Conversation:
        """Return the customer's ticket of the request's message, which stands beside that of its
        Slack thread."""
        key = claim.escalation.key
        found = self._tickets(connection, claim, key)
        chosen = [
            row
            for row in found
            if row.key == key
            and row.customer == customer
            and row.state in ("opening", OPEN, "undoing")
        ]
        return _conversation_of(connection, claim, found, chosen)

    def _tickets(
        self, connection: Connection, claim: Claim, conversation_key: str
    ) -> Sequence[Row[Any]]:
        """Return the tickets of the conversation and of the message, the newest first."""
        given = {"asked_conversation": conversation_key, "asked_key": claim.escalation.key}
        return self._looking.execute(connection, given).all()


def _conversation_of(
    connection: Connection, claim: Claim, found: Sequence[Row[Any]], chosen: Sequence[Row[Any]]
) -> Conversation:
    """Return what the newest of the `chosen` tickets is, among all that were `found`."""
    generation = _next_generation(connection, claim, found) if found else 1
    row = next((one for one in chosen if not _is_own(one, claim)), None)
    if row is None:
        return Free(generation)
    there = rows.ticket(row)
    if row.state == "opening" and row.opener != "waiting":
        external_id = row.external_id or generation_key(row.key, row.generation)
        return Abandoned(row.id, row.customer, external_id, row.sent_at or 0.0)
    if row.state != OPEN or there is None:
        return Pending()
    return Exists(row.id, there, row.customer, row.requester, bool(row.covers), generation)


def _is_own(row: Row[Any], claim: Claim) -> bool:
    return bool(row.state == "opening" and row.request_id == claim.id)


def _next_generation(connection: Connection, claim: Claim, found: Sequence[Row[Any]]) -> int:
    """Return the number of the message's next ticket, or next addition."""
    key = claim.escalation.key
    opened = max((row.generation for row in found if row.key == key), default=0)
    covered = sum(bool(row.covers) for row in found)
    # Requests that ended, and may have added it: what they left must not pass for another's.
    unknown = connection.execute(_UNKNOWN, {"asked_key": key, "own": claim.id}).scalar_one()
    return int(max(opened, covered + unknown)) + 1


def _of_interest() -> Select[Any]:
    """Return the query for the tickets of a conversation and of a message, with their opener's
    state."""
    key: ColumnElement[str] = bindparam("asked_key")
    covered = (
        select(ticket_message.c.ticket_id)
        .where(ticket_message.c.ticket_id == ticket.c.id, ticket_message.c.key == key)
        .exists()
    )
    ids = union(
        select(ticket.c.id).where(ticket.c.conversation_key == bindparam("asked_conversation")),
        select(ticket.c.id).where(ticket.c.key == key),
        select(ticket_message.c.ticket_id).where(ticket_message.c.key == key),
    )
    return (
        select(
            ticket,
            request.c.state.label("opener"),
            request.c.sent_at,
            request.c.external_id,
            covered.label("covers"),
        )
        .outerjoin(request, request.c.id == ticket.c.request_id)
        .where(ticket.c.id.in_(ids))
        .order_by(ticket.c.id.desc())
    )


def _unknown() -> Select[Any]:
    """Return the query for the number of requests that ended, and may have added the message."""
    key: ColumnElement[str] = bindparam("asked_key")
    return select(func.count()).where(
        request.c.key == key,
        request.c.id != bindparam("own"),
        request.c.state.in_(("rejected", "parked", "ignored")),
        request.c.sent_at.is_not(None),
        request.c.id.not_in(select(ticket.c.request_id).where(ticket.c.key == key)),
    )


_UNKNOWN = _unknown()
