"""Who has opened the app's Home, and what was shown there last."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, delete, select

from bot.store.codec import Codec
from bot.store.database import Database
from bot.store.kv import KeyValueStore
from bot.store.schema import memory as table


@dataclass(frozen=True, slots=True)
class Opened:
    """Somebody's Home as it was shown last: `digest` tells one content from another."""

    digest: str
    is_linker: bool = False


_PREFIX = "home.opened."
_OPENED = Codec(Opened)


class Homes:
    """Part of the memory table. Methods block; each is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._memory = KeyValueStore(database, Opened)

    def opened(self, user: str) -> Opened | None:
        """See `home.Homes.opened`."""
        return self._memory.recall(_PREFIX + user)

    def keep(self, user: str, opened: Opened) -> None:
        """See `home.Homes.keep`."""
        self._memory.keep(_PREFIX + user, opened)

    def linkers(self) -> list[str]:
        """See `home.Homes.linkers`."""
        with self._database.reading() as connection:
            found = connection.execute(
                select(table.c.name, table.c.value).where(
                    table.c.name.startswith(_PREFIX, autoescape=True)
                )
            ).all()
        kept = ((row.name.removeprefix(_PREFIX), _OPENED.value(row.value)) for row in found)
        return sorted(user for user, opened in kept if opened is not None and opened.is_linker)


def forget(connection: Connection, user: str) -> None:
    """Erase, within a transaction of the caller's, that the user ever opened it."""
    connection.execute(delete(table).where(table.c.name == _PREFIX + user))
