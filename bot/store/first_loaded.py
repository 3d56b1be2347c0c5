"""When each rule was loaded for the first time, by the database's clock."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, delete, select

from bot.store.codec import Codec
from bot.store.database import Database
from bot.store.schema import memory as table

_PREFIX = "rule.first_loaded."
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
        names = [_PREFIX + rule for rule in rules]
        with self._database.writing() as connection:
            ours = table.c.name.startswith(_PREFIX, autoescape=True)
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
                .values(name=_PREFIX + rule, value=moment, updated_at=self._database.now())
                .on_conflict_do_nothing(index_elements=["name"])
            )


def _moments(connection: Connection) -> dict[str, float]:
    rows = connection.execute(
        select(table.c.name, table.c.value).where(table.c.name.startswith(_PREFIX, autoescape=True))
    )
    moments = ((row.name.removeprefix(_PREFIX), _MOMENT.value(row.value)) for row in rows)
    return {rule: moment for rule, moment in moments if moment is not None}
