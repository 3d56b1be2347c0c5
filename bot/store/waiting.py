"""The rows that wait until somebody says who their requester is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, func, select

from bot.core.model import Ticket
from bot.store import rows
from bot.store.claims import reference
from bot.store.customer_links import WAITING_FOR_A_LINK
from bot.store.database import Database
from bot.store.schema import escalation as table


@dataclass(frozen=True, slots=True)
class Unlinked:
    """The person whom a row is about.

    `waits`: it was refused for want of a link of theirs, and nothing changed that yet. `ticket`
    is what came of it where it went on.
    """

    reference: str
    requester: str
    waits: bool
    ticket: Ticket | None = None


class WaitingPerson(NamedTuple):
    """A Slack user without a customer; `since` (Unix seconds) the first of their requests
    waits, and `reference` names the latest one."""

    requester: str
    since: float
    reference: str


class Counts(NamedTuple):
    """How many people wait to be linked; `unconfirmed` of them have an address in Slack that
    lacks nothing but Slack's confirmation."""

    people: int
    unconfirmed: int


class Waiting:
    """Reads the table of escalations. Methods block; each is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def waiting_for_link(self, limit: int) -> list[WaitingPerson]:
        """The people whom somebody has to link, at most `limit`; who was asked for last comes
        first, for some will never be linked."""
        since, last = func.min(table.c.asked_at), func.max(table.c.id)
        with self._database.reading() as connection:
            found = connection.execute(
                select(table.c.requester, since.label("since"), last.label("last"))
                .where(waits_for_a_link(), table.c.requester.is_not(None))
                .group_by(table.c.requester)
                .order_by(func.max(table.c.asked_at).desc(), last.desc())
                .limit(limit)
            ).all()
        return [WaitingPerson(row.requester, row.since, reference(row.last)) for row in found]

    def counts(self) -> Counts:
        """Count the people whom somebody has to link, each once; raises TryLater."""
        unconfirmed = table.c.reason_data.contains('"address":"unconfirmed"', autoescape=True)
        people = select(func.count(table.c.requester.distinct()))
        with self._database.reading() as connection:
            some = connection.scalar(people.where(waits_for_a_link(), unconfirmed))
            return Counts(count_people(connection), some or 0)

    def unlinked(self, name: str) -> Unlinked | None:
        """See `link.Requests.unlinked`."""
        digits = name.removeprefix("PB-")
        if not re.fullmatch("[0-9]{1,18}", digits):  # no row's id is longer
            return None
        with self._database.reading() as connection:
            row = connection.execute(
                select(table)
                .add_columns(waits_for_a_link().label("waits"))
                .where(table.c.id == int(digits))
            ).first()
        if row is None or row.requester is None:
            return None
        return Unlinked(
            reference=reference(row.id),
            requester=row.requester,
            waits=bool(row.waits),
            ticket=rows.ticket(row) if row.state in ("created", "added") else None,
        )


def count_people(connection: Connection) -> int:
    """Return how many people somebody has to link before their requests can go on."""
    counted = select(func.count(table.c.requester.distinct())).where(waits_for_a_link())
    return connection.scalar(counted) or 0


def waits_for_a_link() -> ColumnElement[bool]:
    """Return the condition that a row was refused for want of the requester's customer.

    A broken link that the settings name has no requester in its data, and linking somebody does
    not mend it; a forgotten person's row has no data left.
    """
    return (
        (table.c.state == "refused")
        & table.c.reason.in_(WAITING_FOR_A_LINK)
        & table.c.reason_data.contains('"requester":', autoescape=True)
    )
