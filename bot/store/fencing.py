"""Writes to a row that a worker holds; whoever lost its lease writes nothing."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Float, bindparam, update
from sqlalchemy.sql.dml import Update
from sqlalchemy.sql.expression import ColumnElement

from bot.core.faults import LeaseLost
from bot.store.claims import Claim
from bot.store.database import Database
from bot.store.schema import escalation as table

_Shape = tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True)
class FromNow:
    """A moment so many seconds from now, by the ledger's clock."""

    seconds: float = 0.0


class Fenced:
    """One statement for each set of columns that is written together: to build one takes
    SQLAlchemy longer than it takes the database to execute it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._statements: dict[_Shape, Update] = {}

    def write(self, connection: Connection, claim: Claim, **values: object) -> None:
        """Write to the row, unless its lease ran out or another worker has it: LeaseLost."""
        expressions = {name: v for name, v in values.items() if isinstance(v, ColumnElement)}
        given = {name: v for name, v in values.items() if name not in expressions}
        shape = tuple((name, isinstance(value, FromNow)) for name, value in given.items())
        statement = self._statements.get(shape)
        if statement is None:
            statement = self._statements[shape] = self._build(shape)
        if expressions:
            statement = statement.values(expressions)
        parameters: dict[str, object] = {
            f"new_{name}": value.seconds if isinstance(value, FromNow) else value
            for name, value in given.items()
        }
        parameters |= {"row_id": claim.id, "row_token": claim.token}
        present = self._database.fixed_now()
        if present is not None:
            parameters["present"] = present
        if connection.execute(statement, parameters).rowcount == 0:
            raise LeaseLost

    def _build(self, shape: _Shape) -> Update:
        now = self._database.present()
        return (
            update(table)
            .where(
                table.c.id == bindparam("row_id"),
                table.c.token == bindparam("row_token"),
                table.c.lease_until > now,
            )
            .values(
                {
                    name: now + bindparam(f"new_{name}", type_=Float(53))
                    if from_now
                    else bindparam(f"new_{name}", type_=table.c[name].type)
                    for name, from_now in shape
                }
            )
        )
