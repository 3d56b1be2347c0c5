"""Count what waits, and tell when something last came in: for metrics and `doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, func, literal_column, select

from bot.core import refs
from bot.store.customer_links import IS_ON_HOLD
from bot.store.database import Database
from bot.store.jobs import Kind
from bot.store.kv import KeyValueStore
from bot.store.schema import job, request

HEARD = "slack.heard"
"""The key under which the key-value store has when Slack last sent anything (Unix seconds)."""

_NEWEST = 200
"""The newest requests that are read to find when the last one came."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """The numbers of requests that wait (with the age in seconds of the oldest), of parked ones,
    and of people whom somebody has to link."""

    waiting: int
    oldest_age: float
    parked: int
    people: int


def backlog(database: Database) -> Backlog:
    """Read the backlog without looking at settled requests; raises TryLater."""
    now = database.now()
    with database.reading() as connection:
        waiting, oldest = connection.execute(
            select(func.count(), now - func.min(job.c.created_at)).where(
                job.c.kind == Kind.DECIDE.value
            )
        ).one()
        parked = connection.scalar(
            select(func.count()).where(request.c.state == literal_column("'parked'"))
        )
        people = _count_people(connection)
    return Backlog(waiting, max(0.0, oldest or 0.0), parked or 0, people)


class UnlinkedCounts(NamedTuple):
    """The number of people who wait to be linked; `unconfirmed`: those of them whose e-mail
    address in Slack only lacks Slack's confirmation."""

    people: int
    unconfirmed: int


def count_unlinked(database: Database) -> UnlinkedCounts:
    """Count the people whom somebody has to link, each once; raises TryLater."""
    unconfirmed = request.c.reason_data.contains('"address":"unconfirmed"', autoescape=True)
    people = select(func.count(request.c.requester.distinct()))
    with database.reading() as connection:
        some = connection.scalar(people.where(IS_ON_HOLD, unconfirmed))
        return UnlinkedCounts(_count_people(connection), some or 0)


def _count_people(connection: Connection) -> int:
    counted = select(func.count(request.c.requester.distinct())).where(IS_ON_HOLD)
    return connection.scalar(counted) or 0


@dataclass(frozen=True, slots=True)
class LedgerStats:
    """The moments when something last came in; None: never.

    Unix seconds by the database's clock, `now` too.

    `asked_at`: the last request; `event_at`: the last reaction that Slack delivered as an event;
    `found_at`: the last one that reconciliation found; `heard_at`: anything from Slack.
    """

    now: float
    asked_at: float | None
    event_at: float | None
    found_at: float | None
    heard_at: float | None


def ledger_stats(database: Database) -> LedgerStats:
    """Read when something last came in; raises TryLater."""
    heard_at = KeyValueStore(database, float).recall(HEARD)
    with database.reading() as connection:
        now = connection.scalar(select(database.now()))
        newest = connection.execute(
            select(request.c.via, request.c.slack_id, request.c.created_at)
            .order_by(request.c.id.desc())
            .limit(_NEWEST)
        ).all()
    reactions = [row for row in newest if row.via == "reaction"]
    found = [row.created_at for row in reactions if refs.is_found(row.slack_id)]
    heard = [row.created_at for row in reactions if not refs.is_found(row.slack_id)]
    return LedgerStats(
        now=now or 0.0,
        asked_at=max((row.created_at for row in newest), default=None),
        event_at=max(heard, default=None),
        found_at=max(found, default=None),
        heard_at=heard_at,
    )
