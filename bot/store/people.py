"""The lookup table: which Plain customer a Slack user is, how that came about, and when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, select, update

from bot.core.faults import Reason
from bot.flows.ports import Person
from bot.store import rows
from bot.store.engine import Database
from bot.store.schema import escalation, person

_WAITING_FOR_A_LINK = (Reason.NO_CUSTOMER.value, Reason.BROKEN_LINK.value)


class People:
    """The table of people. Methods block; each is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, slack_user: str, teams: Sequence[str]) -> Person | None:
        """See `ports.People.find`."""
        with self._database.reading() as connection:
            found = connection.execute(
                select(person).where(person.c.slack_user == slack_user, person.c.team.in_(teams))
            ).all()
        known = {row.team: _person(row) for row in found}
        return next((known[team] for team in teams if team in known), None)

    def all(self) -> list[Person]:
        """Every line, by team and user."""
        with self._database.reading() as connection:
            found = connection.execute(select(person).order_by(person.c.team, person.c.slack_user))
            return [_person(row) for row in found]

    def link(self, people: Iterable[Person]) -> int:
        """Write all of these lines, or none; returns how many waiting rows they opened.

        An escalation that was refused for want of its requester's customer goes on.
        """
        opened = 0
        with self._database.writing(wake=True) as connection:
            for one in people:
                learn(self._database, connection, one)
                opened += self._open_rows_of(connection, one.slack_user)
        return opened

    def unlink(self, slack_user: str, team: str | None = None) -> int:
        """Drop a user's lines (of one team, or of all); returns how many there were."""
        condition = person.c.slack_user == slack_user
        if team is not None:
            condition = and_(condition, person.c.team == team)
        with self._database.writing() as connection:
            return connection.execute(delete(person).where(condition)).rowcount

    def forget(self, line: Person) -> None:
        """See `ports.People.forget`."""
        with self._database.writing() as connection:
            connection.execute(
                delete(person).where(
                    person.c.team == line.team,
                    person.c.slack_user == line.slack_user,
                    person.c.customer == line.customer,
                )
            )

    def _open_rows_of(self, connection: Connection, slack_user: str) -> int:
        return connection.execute(
            update(escalation)
            .where(
                escalation.c.state == "refused",
                escalation.c.requester == slack_user,
                escalation.c.reason.in_(_WAITING_FOR_A_LINK),
            )
            .values(rows.reopened(self._database.now()))
        ).rowcount


def learn(database: Database, connection: Connection, line: Person) -> None:
    """Write one line within a transaction of the caller's.

    What the bridge found out by itself never replaces what a person said.
    """
    values = {
        "team": line.team,
        "slack_user": line.slack_user,
        "customer": line.customer,
        "email": line.email,
        "name": line.name,
        "source": line.source,
    }
    now = database.now()
    adding = database.insert(person).values(values | {"created_at": now, "updated_at": now})
    by_itself = person.c.source.in_(("email", "synthetic")) if line.automatic else None
    connection.execute(
        adding.on_conflict_do_update(
            index_elements=["team", "slack_user"],
            set_={**values, "updated_at": now},
            where=by_itself,
        )
    )


def _person(row: Row[Any]) -> Person:
    return Person(
        team=row.team,
        slack_user=row.slack_user,
        customer=row.customer,
        email=row.email,
        name=row.name,
        source=row.source,
    )
