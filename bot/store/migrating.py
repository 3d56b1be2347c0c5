"""Brings a database to the schema that this release needs, and tells whether it is there."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from bot.store.engine import Database


def scripts() -> Path:
    """The folder of the migrations: inside the package in a wheel, beside it in a checkout."""
    package = Path(str(files("bot")))
    inside = package / "migrations"
    return inside if inside.is_dir() else package.parent / "migrations"


def config(database: Database | None = None) -> Config:
    """Alembic's configuration, built in code: a wheel has no alembic.ini."""
    built = Config()
    built.set_main_option("script_location", str(scripts()).replace("%", "%%"))
    built.set_main_option("path_separator", "os")
    built.attributes["database"] = database
    return built


def head() -> str:
    """The revision that this release needs."""
    found = ScriptDirectory.from_config(config()).get_current_head()
    if found is None:
        raise RuntimeError(f"no migrations in {scripts()}")
    return found


def revision(database: Database) -> str | None:
    """The revision that the database is at; None for an empty one."""
    with database.reading() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def is_at_head(database: Database) -> bool:
    """Whether the database has the schema that this release needs."""
    return revision(database) == head()


def migrate(database: Database) -> None:
    """Bring the database to this release's schema; nothing to do where it is there."""
    command.upgrade(config(database), "head")
