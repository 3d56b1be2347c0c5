"""Runs the migrations of the bridge's own database.

On SQLite in one transaction; on PostgreSQL each in one of its own, or in several: see
`bot/store/altering.py`.
"""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from bot.store.database import Database
from bot.store.indexes import metadata
from bot.store.migrating import VERSION_TABLE, connected


def run(connection: Connection) -> None:
    is_sqlite = connection.dialect.name == "sqlite"
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=is_sqlite,
        compare_type=True,
        version_table=VERSION_TABLE,
        transaction_per_migration=not is_sqlite,
    )
    with context.begin_transaction():
        context.run_migrations()


def main() -> None:
    connection: Connection | None = context.config.attributes.get("connection")
    if connection is not None:
        run(connection)
        return
    database: Database | None = context.config.attributes.get("database")
    if database is None:
        raise SystemExit("run the migrations with `plain-bridge migrate`")
    with connected(database) as opened:
        run(opened)


main()
