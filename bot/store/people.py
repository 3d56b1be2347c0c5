"""The lookup table: which Plain customer a Slack user is, how that came about, and when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, select, update

from bot.core.faults import Reason
from bot.flows.ports import Claim, Person
from bot.store import rows
from bot.store.engine import Database
from bot.store.schema import escalation, person

WAITING_FOR_A_LINK = (Reason.NO_CUSTOMER.value, Reason.BROKEN_LINK.value)

_AT_ONCE = 500
_BY_ITSELF = ("email", "synthetic")


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
            self._database.in_turn(connection, "link")
            lines = iter(people)
            while some := list(islice(lines, _AT_ONCE)):
                self._write(connection, some)
                opened += self._open_rows_of(connection, [one.slack_user for one in some])
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

    def _write(self, connection: Connection, people: Sequence[Person]) -> None:
        """Write what people said, which replaces whatever stands there."""
        adding = self._database.insert(person)
        now = connection.scalar(select(self._database.now()))
        replacing = [name for name in _values(people[0]) if name not in ("team", "slack_user")]
        connection.execute(
            adding.on_conflict_do_update(
                index_elements=["team", "slack_user"],
                set_={name: adding.excluded[name] for name in (*replacing, "updated_at")},
            ),
            [_values(one) | {"created_at": now, "updated_at": now} for one in people],
        )

    def _open_rows_of(self, connection: Connection, slack_users: Sequence[str]) -> int:
        return connection.execute(
            update(escalation)
            .where(
                escalation.c.state == "refused",
                escalation.c.requester.in_(slack_users),
                escalation.c.reason.in_(WAITING_FOR_A_LINK),
            )
            .values(rows.reopened(self._database.now()))
        ).rowcount


def learn(database: Database, connection: Connection, line: Person) -> None:
    """Write one line within a transaction of the caller's.

    What the bridge found out by itself never replaces what a person said.
    """
    values = _values(line)
    now = database.now()
    adding = database.insert(person).values(values | {"created_at": now, "updated_at": now})
    by_itself = person.c.source.in_(_BY_ITSELF) if line.automatic else None
    connection.execute(
        adding.on_conflict_do_update(
            index_elements=["team", "slack_user"],
            set_={**values, "updated_at": now},
            where=by_itself,
        )
    )


def open_if_linked_since(database: Database, connection: Connection, claim: Claim) -> None:
    """Let a row go on that this transaction refuses, if its requester was linked meanwhile.

    Within the turn that a link takes too ("link"), so that one of the two sees the other.
    """
    linked = select(person.c.slack_user).where(
        person.c.slack_user == escalation.c.requester,
        person.c.updated_at >= claim.now,
        person.c.source.not_in(_BY_ITSELF),
    )
    connection.execute(
        update(escalation)
        .where(escalation.c.id == claim.id, linked.exists())
        .values(rows.reopened(database.now()))
    )


def _values(line: Person) -> dict[str, object]:
    return {
        "team": line.team,
        "slack_user": line.slack_user,
        "customer": line.customer,
        "email": line.email,
        "name": line.name,
        "source": line.source,
    }


def _person(row: Row[Any]) -> Person:
    return Person(
        team=row.team,
        slack_user=row.slack_user,
        customer=row.customer,
        email=row.email,
        name=row.name,
        source=row.source,
    )
