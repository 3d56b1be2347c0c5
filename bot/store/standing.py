"""How the ledger stands: what waits, for how long, and when something last came in."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, literal_column, select

from bot.core import refs
from bot.store.codec import Codec
from bot.store.database import Database
from bot.store.kv import KeyValueStore
from bot.store.schema import escalation as table
from bot.store.schema import memory
from bot.store.waiting import count_people

HEARD = "slack.heard"
"""Under this name the memory keeps when Slack last sent anything (Unix seconds)."""

_LOOKED_AT = 200
"""Of the newest rows; further back nobody asks what came last."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """Rows that wait for their outcome, for how many seconds the oldest has, parked rows, and
    the people whom somebody has to link."""

    waiting: int
    oldest_age: float
    parked: int
    people: int


def backlog(database: Database) -> Backlog:
    """One reading, which never looks at settled rows; raises TryLater."""
    now = database.now()
    with database.reading() as connection:
        waiting, oldest = connection.execute(
            select(func.count(), now - func.min(table.c.asked_at)).where(
                table.c.due.is_not(None), table.c.state == "waiting"
            )
        ).one()
        parked = connection.scalar(
            select(func.count()).where(table.c.state == literal_column("'parked'"))
        )
        people = count_people(connection)
    return Backlog(waiting, max(0.0, oldest or 0.0), parked or 0, people)


@dataclass(frozen=True, slots=True)
class LedgerStats:
    """All times are Unix seconds, `now` the ledger's clock; None where there is no such row.

    `asked_at`: when somebody asked last, `event_at`: the last time by a reaction that Slack
    delivered, `found_at`: by one that reconciliation found. `heard_at`: when Slack last sent
    anything at all.
    """

    now: float
    asked_at: float | None
    event_at: float | None
    found_at: float | None
    heard_at: float | None


def moments(database: Database, prefix: str) -> dict[str, float]:
    """Return the moments (Unix seconds) that are kept under names with this prefix, by name."""
    codec = Codec(float)
    with database.reading() as connection:
        kept = connection.execute(
            select(memory.c.name, memory.c.value).where(memory.c.name.startswith(prefix))
        ).all()
    read = ((row.name, codec.value(row.value)) for row in kept)
    return {name: moment for name, moment in read if moment is not None}


def standing(database: Database) -> LedgerStats:
    """One reading; raises TryLater."""
    heard_at = KeyValueStore(database, float).recall(HEARD)
    with database.reading() as connection:
        now = connection.scalar(select(database.now()))
        newest = connection.execute(
            select(table.c.via, table.c.request, table.c.asked_at)
            .order_by(table.c.id.desc())
            .limit(_LOOKED_AT)
        ).all()
    reactions = [row for row in newest if row.via == "reaction"]
    found = [row.asked_at for row in reactions if refs.is_found(row.request)]
    heard = [row.asked_at for row in reactions if not refs.is_found(row.request)]
    return LedgerStats(
        now=now or 0.0,
        asked_at=max((row.asked_at for row in newest), default=None),
        event_at=max(heard, default=None),
        found_at=max(found, default=None),
        heard_at=heard_at,
    )
