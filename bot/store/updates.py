"""Execute statements that are compiled once, and update single rows by such statements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, CursorResult, Executable, Float, Table, bindparam, update
from sqlalchemy.sql.dml import Update
from sqlalchemy.sql.expression import ColumnElement

from bot.store.database import Database

_Shape = tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True)
class FromNow:
    """A moment so many seconds from now, by the database's clock."""

    seconds: float = 0.0


class Prepared:
    """A statement that is compiled once.

    For one that is executed with each request SQLAlchemy would take longer than the database.
    """

    def __init__(self, database: Database, statement: Executable) -> None:
        compiled = statement.compile(dialect=database.engine.dialect)  # type: ignore[attr-defined]
        self._sql: str = compiled.string
        self._names: Sequence[str] | None = compiled.positiontup
        self._constants: dict[str, Any] = compiled.params

    def execute(
        self, connection: Connection, parameters: Mapping[str, object]
    ) -> CursorResult[Any]:
        """Execute it with these parameters."""
        return connection.exec_driver_sql(self._sql, self._given(parameters))

    def execute_many(
        self, connection: Connection, parameters: Sequence[Mapping[str, object]]
    ) -> CursorResult[Any]:
        """Execute it once for each of these parameters."""
        return connection.exec_driver_sql(self._sql, [self._given(one) for one in parameters])

    def _given(self, parameters: Mapping[str, object]) -> Any:
        given = {**self._constants, **parameters}
        return given if self._names is None else tuple([given[name] for name in self._names])


class RowUpdates:
    """Updates rows of `table` by their id.

    Keeps one statement for each set of columns that is written together: building one takes
    SQLAlchemy longer than the database takes to execute it.
    """

    def __init__(self, database: Database, table: Table) -> None:
        self._database = database
        self._table = table
        self._statements: dict[_Shape, Prepared] = {}

    def write(
        self,
        connection: Connection,
        row_id: int,
        values: Mapping[str, object],
        **guard: object,
    ) -> bool:
        """Write `values` to the row with this id; return False if there is none.

        `guard`: parameters of the further conditions that a subclass has (`_conditions`).
        """
        expressions = {name: v for name, v in values.items() if isinstance(v, ColumnElement)}
        given = {name: v for name, v in values.items() if name not in expressions}
        shape = tuple((name, isinstance(value, FromNow)) for name, value in given.items())
        parameters: dict[str, object] = {
            f"new_{name}": value.seconds if isinstance(value, FromNow) else value
            for name, value in given.items()
        }
        parameters |= {"row_id": row_id, **guard} | self._database.given_now()
        if expressions:
            statement = self._build(shape).values(expressions)
            return connection.execute(statement, parameters).rowcount > 0
        prepared = self._statements.get(shape)
        if prepared is None:
            prepared = self._statements[shape] = Prepared(self._database, self._build(shape))
        return prepared.execute(connection, parameters).rowcount > 0

    def _conditions(self) -> tuple[ColumnElement[bool], ...]:
        return (self._table.c.id == bindparam("row_id"),)

    def _build(self, shape: _Shape) -> Update:
        now = self._database.present()
        return (
            update(self._table)
            .where(*self._conditions())
            .values(
                {
                    name: now + bindparam(f"new_{name}", type_=Float(53))
                    if from_now
                    else bindparam(f"new_{name}", type_=self._table.c[name].type)
                    for name, from_now in shape
                }
            )
        )
