"""What the other services said once and a start must not wait for: names with JSON values."""

from __future__ import annotations

from typing import Generic, TypeVar

from sqlalchemy import delete, select

from bot.store.codec import Codec
from bot.store.database import Database
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
