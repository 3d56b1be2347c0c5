"""The migrations: one line of them, and what they make is what the code expects."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from bot.store import migrating
from bot.store.database import Database
from bot.store.indexes import metadata

LAST_WITH_A_WAY_BACK = "0004"


def test_there_is_one_head() -> None:
    assert len(ScriptDirectory.from_config(migrating.config()).get_heads()) == 1


def test_the_migrations_make_what_the_models_say(database: Database) -> None:
    with database.reading() as connection:
        opts = {"compare_type": True, "version_table": migrating.VERSION_TABLE}
        context = MigrationContext.configure(connection, opts=opts)
        assert compare_metadata(context, metadata) == []


@pytest.mark.parametrize("table", [table.name for table in metadata.sorted_tables])
def test_the_indexes_are_those_of_the_models(database: Database, table: str) -> None:
    """Alembic compares no partial indexes."""
    condition = "sqlite_where" if database.is_sqlite else "postgresql_where"
    with database.reading() as connection:
        made = inspect(connection).get_indexes(table)
    found = {(one["name"], one["unique"], condition in one["dialect_options"]) for one in made}
    assert found == {
        (one.name, one.unique, one.dialect_kwargs.get(condition) is not None)
        for one in metadata.tables[table].indexes
    }


def test_a_fresh_database_is_not_at_head_until_it_was_migrated(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'fresh.db'}")
    assert not migrating.is_at_head(database)
    migrating.migrate(database)
    assert migrating.is_at_head(database)
    migrating.migrate(database)  # a second time changes nothing
    database.close()


def test_the_way_back_leaves_nothing(tmp_path: Path) -> None:
    from alembic import command

    database = Database(f"sqlite:///{tmp_path / 'fresh.db'}")
    command.upgrade(migrating.config(database), LAST_WITH_A_WAY_BACK)
    command.downgrade(migrating.config(database), "base")
    with database.reading() as connection:
        assert inspect(connection).get_table_names() == [migrating.VERSION_TABLE]
    database.close()
