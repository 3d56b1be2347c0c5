"""What the other services said once and a start must not wait for: names with JSON values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy import Connection, delete, select

from bot.store.database import Database
from bot.store.rows import Codec
from bot.store.schema import memory as table

T = TypeVar("T")


class KeyValueStore(Generic[T]):
    """Values of one type, by name. Methods block; each is one transaction."""

    def __init__(self, database: Database, of: type[T]) -> None:
        self._database = database
        self._codec: Codec[T] = Codec(of)

    def recall(self, name: str) -> T | None:
        """The value kept under `name`."""
        with self._database.reading() as connection:
            return self._codec.value(
                connection.scalar(select(table.c.value).where(table.c.name == name))
            )

    def keep(self, name: str, value: T) -> None:
        """Keep `value` under `name`, in place of what was there."""
        with self._database.writing() as connection:
            values = {"value": self._codec.text(value), "updated_at": self._database.now()}
            connection.execute(
                self._database.insert(table)
                .values(values | {"name": name})
                .on_conflict_do_update(index_elements=["name"], set_=values)
            )

    def forget(self, name: str) -> None:
        """Keep nothing under `name`."""
        with self._database.writing() as connection:
            connection.execute(delete(table).where(table.c.name == name))


_RULE = "rule.first_loaded."
_MOMENT = Codec(float)


class FirstLoaded:
    """The moments (Unix seconds) by the rules' identities. Methods block; each is one
    transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self, rules: Sequence[str]) -> bool:
        """A bridge starts with these rules: note the new ones, forget those that are gone.

        A rule that comes back later is a new one. Returns whether any of these was known before.
        """
        names = [_RULE + rule for rule in rules]
        with self._database.writing() as connection:
            ours = table.c.name.startswith(_RULE, autoescape=True)
            connection.execute(delete(table).where(ours, table.c.name.not_in(names)))
            before = _moments(connection)
            self._add(connection, rules)
        return bool(before)

    def note(self, rules: Sequence[str]) -> dict[str, float]:
        """The moments of these rules; the present one for those that are new."""
        with self._database.writing() as connection:
            self._add(connection, rules)
            moments = _moments(connection)
        return {rule: moments[rule] for rule in rules}

    def known(self) -> dict[str, float]:
        """The moments of all rules that were loaded so far; writes nothing."""
        with self._database.reading() as connection:
            return _moments(connection)

    def _add(self, connection: Connection, rules: Sequence[str]) -> None:
        moment = _MOMENT.text(connection.execute(select(self._database.now())).scalar_one())
        for rule in dict.fromkeys(rules):
            connection.execute(
                self._database.insert(table)
                .values(name=_RULE + rule, value=moment, updated_at=self._database.now())
                .on_conflict_do_nothing(index_elements=["name"])
            )


def _moments(connection: Connection) -> dict[str, float]:
    rows = connection.execute(
        select(table.c.name, table.c.value).where(table.c.name.startswith(_RULE, autoescape=True))
    )
    moments = ((row.name.removeprefix(_RULE), _MOMENT.value(row.value)) for row in rows)
    return {rule: moment for rule, moment in moments if moment is not None}


@dataclass(frozen=True, slots=True)
class ShownHome:
    """Somebody's Home as it was shown last: `digest` tells one content from another."""

    digest: str
    is_linker: bool = False


_HOME = "home.opened."
_OPENED = Codec(ShownHome)


class ShownHomes:
    """Part of the memory table. Methods block; each is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._memory = KeyValueStore(database, ShownHome)

    def opened(self, user: str) -> ShownHome | None:
        """See `home.ShownHomes.opened`."""
        return self._memory.recall(_HOME + user)

    def keep(self, user: str, opened: ShownHome) -> None:
        """See `home.ShownHomes.keep`."""
        self._memory.keep(_HOME + user, opened)

    def linkers(self) -> list[str]:
        """See `home.ShownHomes.linkers`."""
        with self._database.reading() as connection:
            found = connection.execute(
                select(table.c.name, table.c.value).where(
                    table.c.name.startswith(_HOME, autoescape=True)
                )
            ).all()
        kept = ((row.name.removeprefix(_HOME), _OPENED.value(row.value)) for row in found)
        return sorted(user for user, opened in kept if opened is not None and opened.is_linker)


def forget_home(connection: Connection, user: str) -> None:
    """Erase, within a transaction of the caller's, that the user ever opened it."""
    connection.execute(delete(table).where(table.c.name == _HOME + user))
