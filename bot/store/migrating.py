"""Brings a database to the schema that this release needs, and tells whether it is there.

Alembic is imported where there is something to migrate only: to look whether there is takes a
bridge a part of its start, and its memory, that it can do without.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect, text

from bot.store.engine import Database

if TYPE_CHECKING:
    from alembic.config import Config

_REVISION = re.compile(r'^(down_)?revision = "(\w+)"$', re.MULTILINE)


def scripts() -> Path:
    """The folder of the migrations: inside the package in a wheel, beside it in a checkout."""
    package = Path(str(files("bot")))
    inside = package / "migrations"
    return inside if inside.is_dir() else package.parent / "migrations"


def config(database: Database | None = None) -> Config:
    """Alembic's configuration, built in code: a wheel has no alembic.ini."""
    from alembic.config import Config

    built = Config()
    built.set_main_option("script_location", str(scripts()).replace("%", "%%"))
    built.set_main_option("path_separator", "os")
    built.attributes["database"] = database
    return built


@cache
def head() -> str:
    """The revision that this release needs: the one that no other migration follows."""
    found: dict[str, set[str]] = {"": set(), "down_": set()}
    for script in (scripts() / "versions").glob("*.py"):
        for which, name in _REVISION.findall(script.read_text("utf-8")):
            found[which].add(name)
    (last,) = found[""] - found["down_"]
    return last


def revision(database: Database) -> str | None:
    """The revision that the database is at; None for an empty one."""
    with database.reading() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        at: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return at


def is_at_head(database: Database) -> bool:
    """Whether the database has the schema that this release needs."""
    return revision(database) == head()


def migrate(database: Database) -> None:
    """Bring the database to this release's schema; nothing to do where it is there."""
    if is_at_head(database):
        return
    from alembic import command

    command.upgrade(config(database), "head")
