"""Runs the migrations in one transaction of the bridge's own database."""

from __future__ import annotations

from alembic import context

from bot.store.engine import Database
from bot.store.indexes import metadata

database: Database | None = context.config.attributes.get("database")
if database is None:
    raise SystemExit("run the migrations with `plain-bridge migrate`")

with database.engine.begin() as connection:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=database.is_sqlite,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()
