"""The migrations: one line of them, and what they make is what the code expects."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from bot.store import migrating
from bot.store.database import Database
from bot.store.indexes import metadata


def test_there_is_one_head() -> None:
    assert len(ScriptDirectory.from_config(migrating.config()).get_heads()) == 1


def test_the_migrations_make_what_the_models_say(database: Database) -> None:
    with database.reading() as connection:
        opts = {"compare_type": True, "version_table": migrating.VERSION_TABLE}
        context = MigrationContext.configure(connection, opts=opts)
        assert compare_metadata(context, metadata) == []
        # Alembic compares no partial indexes: their conditions are looked at here.
        made = {index["name"] for index in inspect(connection).get_indexes("escalation")}
    assert made == {index.name for index in metadata.tables["escalation"].indexes}


def test_partial_indexes_are_partial(database: Database) -> None:
    with database.reading() as connection:
        indexes = {index["name"]: index for index in inspect(connection).get_indexes("escalation")}
    wanted = "sqlite_where" if database.is_sqlite else "postgresql_where"
    for name in ("ix_escalation_due", "ix_escalation_refused_requester"):
        assert wanted in indexes[name]["dialect_options"]


def test_a_fresh_database_is_not_at_head_until_it_was_migrated(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'fresh.db'}")
    assert not migrating.is_at_head(database)
    migrating.migrate(database)
    assert migrating.is_at_head(database)
    migrating.migrate(database)  # a second time changes nothing
    database.close()


def test_the_way_back_leaves_nothing(
    tmp_path: Path, postgres_template: Callable[[str], str]
) -> None:
    from alembic import command

    database = Database(f"sqlite:///{tmp_path / 'fresh.db'}")
    migrating.migrate(database)
    command.downgrade(migrating.config(database), "base")
    with database.reading() as connection:
        assert inspect(connection).get_table_names() == [migrating.VERSION_TABLE]
    database.close()
