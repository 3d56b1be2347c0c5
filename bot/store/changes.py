"""Who changed the lookup table, when, from what to what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update

from bot.store.database import Database
from bot.store.schema import person, person_change

BY_COMMAND = "cli"
"""Who changed it, where somebody with a shell did."""


@dataclass(frozen=True, slots=True)
class Change:
    """A line of the lookup table changed. `by` is a Slack user, or `BY_COMMAND`; `at` Unix
    seconds; `old` and `new` name customers, None for no line."""

    team: str
    slack_user: str
    at: float
    by: str
    old: str | None
    new: str | None


def standing(connection: Connection, slack_users: Sequence[str]) -> dict[tuple[str, str], str]:
    """The customers that these users are linked to now, by team and user."""
    found = connection.execute(
        select(person.c.team, person.c.slack_user, person.c.customer).where(
            person.c.slack_user.in_(slack_users)
        )
    )
    return {(row.team, row.slack_user): row.customer for row in found}


def note(
    connection: Connection,
    now: float,
    by: str,
    lines: Iterable[tuple[str, str, str | None, str | None]],
) -> None:
    """Note what changed: team, user, old and new customer; what stayed the same is none."""
    changed = [
        {
            "team": team,
            "slack_user": user,
            "changed_at": now,
            "changed_by": by,
            "old": old,
            "new": new,
        }
        for team, user, old, new in lines
        if old != new
    ]
    if changed:
        connection.execute(insert(person_change), changed)


def of(database: Database, slack_user: str) -> list[Change]:
    """What was changed about this user, oldest first."""
    with database.reading() as connection:
        found = connection.execute(
            select(person_change)
            .where(person_change.c.slack_user == slack_user)
            .order_by(person_change.c.id)
        )
        return [
            Change(row.team, row.slack_user, row.changed_at, row.changed_by, row.old, row.new)
            for row in found
        ]


def forget(connection: Connection, user: str, otherwise: str) -> None:
    """Erase what was changed about this user; as who changed others `otherwise` stands there."""
    connection.execute(delete(person_change).where(person_change.c.slack_user == user))
    connection.execute(
        update(person_change).where(person_change.c.changed_by == user).values(changed_by=otherwise)
    )
