"""Change a schema while bridges run, and resume where a change was interrupted.

On PostgreSQL the columns of a revision are added in a transaction of their own, since that locks
the table, and its indexes are built outside of any, which locks nobody out. So a revision may be
interrupted half-way, and each step checks whether it was done. On SQLite all of it is one
transaction.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from bot.store.postgres import LIMIT_LOCK_WAIT


def add_columns(table: str, *columns: sa.Column[Any]) -> None:
    """Add the columns that the table does not have."""
    if op.get_bind().dialect.name != "postgresql":
        for column in columns:
            op.add_column(table, column)
        return
    with op.get_context().autocommit_block():
        pass  # what came before is committed: it does not hold the lock below for longer
    for column in columns:
        op.add_column(table, column, if_not_exists=True)
    with op.get_context().autocommit_block():
        pass


def create_index(name: str, table: str, columns: list[str], where: str | None = None) -> None:
    """Build an index that is not unique, for the rows that meet `where`.

    https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY
    """
    condition = None if where is None else sa.text(where)
    if op.get_bind().dialect.name != "postgresql":
        op.create_index(name, table, columns, sqlite_where=condition)
        return
    with op.get_context().autocommit_block():
        # Waiting here keeps nobody from reading or writing, and a timeout leaves an index behind.
        op.execute("SET lock_timeout = 0")
        if _is_invalid(name):
            op.drop_index(name, table_name=table, postgresql_concurrently=True)
        op.create_index(
            name,
            table,
            columns,
            postgresql_where=condition,
            postgresql_concurrently=True,
            if_not_exists=True,
        )
        op.execute(LIMIT_LOCK_WAIT)


def _is_invalid(name: str) -> bool:
    """Return whether an index of that name was left half-built by a run that was interrupted."""
    found = op.get_bind().scalar(
        sa.text(
            "SELECT NOT indisvalid FROM pg_catalog.pg_index WHERE indexrelid = to_regclass(:name)"
        ),
        {"name": name},
    )
    return bool(found)
