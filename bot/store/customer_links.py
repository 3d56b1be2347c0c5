"""Keep the lookup table: which Plain customer a Slack user is, its source, and who changed it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    and_,
    bindparam,
    delete,
    insert,
    literal_column,
    select,
    tuple_,
    update,
)
from sqlalchemy.sql.expression import ColumnElement, Insert

from bot.store.database import Database
from bot.store.requests import decide_again
from bot.store.schema import person, person_change, request

AUTOMATIC = ("email", "synthetic")
"""The sources of lines that the bridge found by itself."""

BY_COMMAND = "cli"
"""The author of a change that was made by the command line."""


@dataclass(frozen=True, slots=True)
class CustomerLink:
    """One line of the lookup table. `customer` is a name: `c_…`, an e-mail or `external:ID`.

    `source`: "link" and "import" for lines of a person, `AUTOMATIC` for those of the bridge.
    `team` is the user's own workspace, or the installed one.
    """

    team: str
    slack_user: str
    customer: str
    email: str | None = None
    name: str | None = None
    source: str = "link"

    @property
    def automatic(self) -> bool:
        """Return whether the bridge found it by itself."""
        return self.source in AUTOMATIC


IS_ON_HOLD = request.c.state == literal_column("'on_hold'")
"""As in the condition of the index `ix_request_on_hold`: SQLite matches no parameter with it."""

_AT_ONCE = 500
_STAMPED_AT_ONCE = 20_000

_COLUMNS = ("team", "slack_user", "customer", "email", "name", "source")

# Built once, because that takes longer than executing it.
_FINDING = select(person).where(
    person.c.slack_user == bindparam("user"), person.c.team.in_(bindparam("teams", expanding=True))
)


@dataclass(frozen=True, slots=True)
class LinkChange:
    """A change of one line. `by` is a Slack user, or `BY_COMMAND`; `at` is Unix seconds; `old` and
    `new` name customers, None for no line."""

    team: str
    slack_user: str
    at: float
    by: str
    old: str | None
    new: str | None


class CustomerLinks:
    """Reads and writes the lookup table. Methods block; each is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, slack_user: str, teams: Sequence[str]) -> CustomerLink | None:
        """Return the user's line: of the first of `teams` that has one."""
        with self._database.reading() as connection:
            asked = {"user": slack_user, "teams": list(teams)}
            found = connection.execute(_FINDING, asked).all()
        known = {row.team: _person(row) for row in found}
        return next((known[team] for team in teams if team in known), None)

    def all(self) -> list[CustomerLink]:
        """Return every line, by team and user."""
        with self._database.reading() as connection:
            found = connection.execute(select(person).order_by(person.c.team, person.c.slack_user))
            return [_person(row) for row in found]

    def link(
        self,
        people: Iterable[CustomerLink],
        *,
        by: str = BY_COMMAND,
        team: str | None = None,
        within: float | None = None,
    ) -> int:
        """Write all of these lines, or none; return how many requests resume.

        A request that is on hold because its requester has no customer resumes, if it belongs to
        the workspace `team` (None: to any). `by` is the Slack user who makes the change. Committed
        within `within` seconds, or not at all.
        """
        opened = 0
        with self._database.writing(within, wake=True) as connection:
            self._database.in_turn(connection, "link")
            began = connection.execute(select(self._database.now())).scalar_one()
            lines = iter(people)
            while some := list(islice(lines, _AT_ONCE)):
                self._write(connection, some, by)
                users = [one.slack_user for one in some]
                opened += self._resume(connection, users, team)
            self._stamp(connection, began)
        return opened

    def unlink(self, slack_user: str, team: str | None = None, *, by: str = BY_COMMAND) -> int:
        """Delete a user's lines (of one team, or of all); return how many there were."""
        condition = person.c.slack_user == slack_user
        if team is not None:
            condition = and_(condition, person.c.team == team)
        with self._database.writing() as connection:
            self._database.in_turn(connection, "link")
            dropped = connection.execute(
                delete(person).where(condition).returning(person.c.team, person.c.customer)
            ).all()
            now = connection.execute(select(self._database.now())).scalar_one()
            lines = [(line.team, slack_user, line.customer, None) for line in dropped]
            _note_changes(connection, now, by, lines)
        return len(dropped)

    def changes(self, slack_user: str) -> list[LinkChange]:
        """Return the changes of this user's lines, the oldest first."""
        return _changes_of(self._database, slack_user)

    def forget(self, line: CustomerLink) -> None:
        """Delete the line, if it still names the same customer."""
        with self._database.writing() as connection:
            connection.execute(
                delete(person).where(
                    person.c.team == line.team,
                    person.c.slack_user == line.slack_user,
                    person.c.customer == line.customer,
                )
            )

    def _write(self, connection: Connection, people: Sequence[CustomerLink], by: str) -> None:
        """Write the lines of people, in place of whatever is there."""
        adding = self._database.insert(person)
        now = connection.execute(select(self._database.now())).scalar_one()
        old = _customers_now(connection, [one.slack_user for one in people])
        connection.execute(
            _upserting(adding),
            [_values(one) | {"created_at": now, "updated_at": now} for one in people],
        )
        keys = [(one.team, one.slack_user) for one in people]
        lines = [(*key, old.get(key), one.customer) for key, one in zip(keys, people, strict=True)]
        _note_changes(connection, now, by, lines)

    def _stamp(self, connection: Connection, began: float) -> None:
        """Date the lines that were written since then at the end of the transaction.

        A delivery that began before does not see them yet, and asks for them by this moment
        (`is_linked_since`); to write many takes a while.
        """
        now = connection.execute(select(self._database.now())).scalar_one()
        written = and_(
            person.c.updated_at >= began,
            person.c.updated_at < now,
            person.c.source.not_in(AUTOMATIC),
        )
        some = select(person.c.team, person.c.slack_user).where(written).limit(_STAMPED_AT_ONCE)
        its = tuple_(person.c.team, person.c.slack_user).in_(some)
        stamping = update(person).where(its).values(updated_at=now)
        while connection.execute(stamping).rowcount == _STAMPED_AT_ONCE:
            """No statement may take long."""

    def _resume(self, connection: Connection, slack_users: Sequence[str], team: str | None) -> int:
        on_hold = and_(IS_ON_HOLD, request.c.requester.in_(slack_users))
        if team is not None:
            on_hold = and_(on_hold, request.c.team == team)
        return len(decide_again(self._database, connection, on_hold))


class LearnedLinks:
    """Writes one line within the caller's transaction, by a statement that is built once.

    A line that the bridge found by itself never replaces one of a person.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def write(self, connection: Connection, line: CustomerLink) -> None:
        """Insert or replace the line."""
        statement = self._learning if line.automatic else self._replacing
        given = {f"new_{name}": value for name, value in _values(line).items()}
        connection.execute(statement, given | self._database.given_now())

    @cached_property
    def _replacing(self) -> Insert:
        return self._build(None)

    @cached_property
    def _learning(self) -> Insert:
        return self._build(person.c.source.in_(AUTOMATIC))

    def _build(self, where: ColumnElement[bool] | None) -> Insert:
        now = self._database.present()
        values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in _COLUMNS}
        adding = self._database.insert(person).values(
            values | {"created_at": now, "updated_at": now}
        )
        return _upserting(adding, where)


def is_linked_since(connection: Connection, requester: str | None, since: float) -> bool:
    """Return whether somebody linked this user since then (Unix seconds, the database's clock).

    In the same turn that a link takes ("link"), so that one of the two sees the other.
    """
    linked = select(person.c.slack_user).where(
        person.c.slack_user == requester,
        person.c.updated_at >= since,
        person.c.source.not_in(AUTOMATIC),
    )
    return connection.execute(linked.limit(1)).first() is not None


def _upserting(adding: Any, where: ColumnElement[bool] | None = None) -> Insert:
    """Return the INSERT so that it replaces the line that is there, if that meets `where`."""
    replacing: Insert = adding.on_conflict_do_update(
        index_elements=["team", "slack_user"],
        set_={name: adding.excluded[name] for name in (*_COLUMNS, "updated_at")},
        where=where,
    )
    return replacing


def _values(line: CustomerLink) -> dict[str, object]:
    return {name: getattr(line, name) for name in _COLUMNS}


def _person(row: Row[Any]) -> CustomerLink:
    return CustomerLink(
        team=row.team,
        slack_user=row.slack_user,
        customer=row.customer,
        email=row.email,
        name=row.name,
        source=row.source,
    )


# Changes


def _customers_now(
    connection: Connection, slack_users: Sequence[str]
) -> dict[tuple[str, str], str]:
    """Return the customers that these users are linked to now, by team and user."""
    found = connection.execute(
        select(person.c.team, person.c.slack_user, person.c.customer).where(
            person.c.slack_user.in_(slack_users)
        )
    )
    return {(row.team, row.slack_user): row.customer for row in found}


def _note_changes(
    connection: Connection,
    now: float,
    by: str,
    lines: Iterable[tuple[str, str, str | None, str | None]],
) -> None:
    """Note changes of lines: team, user, old and new customer; without those that stay the same."""
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


def _changes_of(database: Database, slack_user: str) -> list[LinkChange]:
    with database.reading() as connection:
        found = connection.execute(
            select(person_change)
            .where(person_change.c.slack_user == slack_user)
            .order_by(person_change.c.id)
        )
        return [
            LinkChange(row.team, row.slack_user, row.changed_at, row.changed_by, row.old, row.new)
            for row in found
        ]


def forget_changes(connection: Connection, user: str, replacement: str) -> None:
    """Erase the changes of this user's lines; write `replacement` where the user changed others."""
    connection.execute(delete(person_change).where(person_change.c.slack_user == user))
    connection.execute(
        update(person_change)
        .where(person_change.c.changed_by == user)
        .values(changed_by=replacement)
    )
