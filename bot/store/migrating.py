"""Migrate a database to the schema that this release needs, and check whether it has it.

Alembic is imported only if there is something to migrate: the import costs start-up time and
memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import Connection, delete, inspect, select, text
from sqlalchemy.exc import DBAPIError

from bot.store import postgres
from bot.store.database import Database, as_fault, is_conflicting
from bot.store.postgres import LIMIT_LOCK_WAIT
from bot.store.schema import memory, metadata
from bot.store.suitable import Unsuitable

if TYPE_CHECKING:
    from alembic.config import Config

VERSION_TABLE = "plain_bridge_version"
"""Ours by name: other programs in the same database may use Alembic, too."""

_FORMER_TABLE = "alembic_version"

_FORMER_LEDGER = "escalation"
"""The table that every release had whose version was noted there."""

_LOCK = 0x706C_6169_6E62_7265
"""The advisory lock's number; the number below it is that of `cluster.lead`."""

_COPIED = "escalation_until_0005"
"""The former ledger, from 0005 on, which copied it: nothing reads or writes it any more."""

_COPIED_AT = "migrated.0005"
"""The key under which 0005 noted when that was."""

KEPT_SECONDS = 86400.0
"""The former ledger is kept for this long, so that a wrong copy can be looked into."""

_PORTION = 1000

TURN_SECONDS = 0.5
RETRY_SECONDS = 1.0
"""The pause after a table was in use: whoever waited behind the attempt goes first."""

PATIENCE_SECONDS = 600.0

log = structlog.get_logger("bot.store")

_REVISION = re.compile(r'^(down_)?revision = "(\w+)"$', re.MULTILINE)


def scripts() -> Path:
    """Return the folder of the migrations: in the package in a wheel, next to it in a checkout."""
    package = Path(str(files("bot")))
    inside = package / "migrations"
    return inside if inside.is_dir() else package.parent / "migrations"


def config(database: Database | None = None) -> Config:
    """Return Alembic's configuration, built in code: a wheel has no alembic.ini."""
    from alembic.config import Config

    built = Config()
    built.set_main_option("script_location", str(scripts()).replace("%", "%%"))
    built.set_main_option("path_separator", "os")
    built.attributes["database"] = database
    return built


@cache
def head() -> str:
    """Return the revision that this release needs: the one that no other migration follows."""
    (last,) = _named()[""] - _named()["down_"]
    return last


def _revisions() -> set[str]:
    return _named()[""]


@cache
def _named() -> dict[str, set[str]]:
    """Return the revisions of the migrations, and those that they follow."""
    found: dict[str, set[str]] = {"": set(), "down_": set()}
    for script in (scripts() / "versions").glob("*.py"):
        for which, name in _REVISION.findall(script.read_text("utf-8")):
            found[which].add(name)
    return found


def revision(database: Database) -> str | None:
    """Return the database's revision; None if it has no ledger yet."""
    with database.reading() as connection:
        found = _versions(connection, VERSION_TABLE)
        if found is None and _is_former(connection):
            found = _versions(connection, _FORMER_TABLE)
    return found[0] if found else None


def is_at_head(database: Database) -> bool:
    """Return whether the database has the schema that this release needs."""
    with database.reading() as connection:
        return _versions(connection, VERSION_TABLE) == [head()]


def check_columns(database: Database) -> None:
    """Raise Unsuitable if a database that says it is at head lacks columns of the schema.

    A ledger of an unreleased version may: a revision was changed after it had run there.
    """
    missing = []
    with database.reading() as connection:
        for table in metadata.sorted_tables:
            try:
                none = text(f"SELECT * FROM {table.name} LIMIT 0")  # noqa: S608
                there = connection.execute(none).keys()
            except DBAPIError as error:
                if not _is_missing_table(error):
                    raise
                missing.append(table.name)
                continue
            wanted = (column.name for column in table.columns)
            missing += [f"{table.name}.{name}" for name in wanted if name not in there]
    if missing:
        raise Unsuitable(
            f"the database is said to be at {head()}, but has no {', '.join(missing)}; "
            "an unreleased version made it",
            "begin with an empty database, or restore a backup of a released version",
        )


def _is_missing_table(error: DBAPIError) -> bool:
    if getattr(error.orig, "sqlstate", None) == "42P01":
        return True
    return "no such table" in str(error.orig)  # SQLite has no code for it


def migrate(database: Database) -> None:
    """Bring the database to this release's schema; nothing to do where it is there.

    On PostgreSQL several may do so at once, and bridges of the release before go on meanwhile; but
    0005 locks them out.
    Raises Unsuitable where it cannot be done, TryLater where the database cannot be reached.
    """
    if is_at_head(database):
        return
    with as_fault(), connected(database) as connection:
        if not database.is_sqlite:
            _wait_for_turn(connection)
            _upgrade_patiently(database, connection)
            return
        _upgrade(database, connection)


def drop_former(database: Database, after: float = KEPT_SECONDS) -> bool:
    """Drop the former ledger if it was copied `after` seconds ago; return whether it was there.

    It holds texts, which must not outlast their time: `forget` drops it at once. Raises TryLater.
    """
    copied = (memory.c.name == _COPIED_AT) & (memory.c.updated_at <= database.now() - after)
    with database.reading() as connection:
        if connection.execute(select(memory.c.name).where(copied)).first() is None:
            return False
    if database.is_sqlite:
        _empty_former(database)
    with database.writing() as connection:
        connection.execute(text(f"DROP TABLE IF EXISTS {_COPIED}"))
        connection.execute(delete(memory).where(memory.c.name == _COPIED_AT))
    return True


def _empty_former(database: Database) -> None:
    """Delete its rows in portions: SQLite visits each page of a table that is dropped, and a
    million rows would keep writers waiting for seconds."""
    some = f"SELECT id FROM {_COPIED} LIMIT {_PORTION}"  # noqa: S608 — our own table
    deleting = text(f"DELETE FROM {_COPIED} WHERE id IN ({some})")  # noqa: S608
    rows = _PORTION
    while rows:
        with database.writing() as connection:
            rows = connection.execute(deleting).rowcount


@contextmanager
def connected(database: Database) -> Iterator[Connection]:
    """Yield a connection to migrate with; on SQLite one transaction, committed at the end."""
    if database.is_sqlite:
        with database.engine.begin() as connection:
            yield connection
        return
    engine = postgres.migrating_engine(database.url)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _wait_for_turn(connection: Connection) -> None:
    """Hold the lock of all that migrate this database until the connection is closed.

    It is asked for again and again, not waited for: an index that is built concurrently waits for
    every statement that is under way, and would wait for one that waits for it.
    """
    waits = False
    while not connection.scalar(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": _LOCK}):
        connection.rollback()
        if not waits:
            log.warning("migration_waiting", cause="another one is under way")
            waits = True
        sleep(TURN_SECONDS)
    connection.rollback()


def _upgrade_patiently(database: Database, connection: Connection) -> None:
    """Upgrade; where a table is in use, try again and again, and let its users go first."""
    until = monotonic() + PATIENCE_SECONDS
    waits = False
    while True:
        try:
            connection.execute(text(LIMIT_LOCK_WAIT))
            connection.commit()
            _upgrade(database, connection)
        except DBAPIError as error:
            connection.rollback()
            if not is_conflicting(error):
                raise
            if monotonic() > until:
                raise Unsuitable(
                    f"a table was in use for {PATIENCE_SECONDS / 60:.0f} minutes, so that it could "
                    "not be changed; what was done so far stays, and the bridge goes on",
                    "see which long transaction holds it (a backup, an open psql), and run "
                    "`plain-bridge migrate` again",
                ) from error
            if not waits:
                log.warning("migration_waiting", cause="a table is in use")
                waits = True
            sleep(RETRY_SECONDS)
        else:
            return


def _upgrade(database: Database, connection: Connection) -> None:
    from alembic import command

    if _versions(connection, VERSION_TABLE) is None:
        _take_over(connection)
        _check_no_others_tables(connection)
    if not database.is_sqlite:
        connection.commit()
    built = config(database)
    built.attributes["connection"] = connection
    command.upgrade(built, "head")


def _take_over(connection: Connection) -> None:
    """Go on from the version that was noted under Alembic's own name, if that is ours."""
    if not _is_former(connection):
        return
    # Not renamed: its constraint would keep its name, and another program may want it.
    create = f"CREATE TABLE {VERSION_TABLE} (version_num VARCHAR(32) NOT NULL, CONSTRAINT "
    connection.execute(text(f"{create}{VERSION_TABLE}_pkc PRIMARY KEY (version_num))"))
    connection.execute(
        text(f"INSERT INTO {VERSION_TABLE} SELECT version_num FROM {_FORMER_TABLE}")  # noqa: S608
    )
    connection.execute(text(f"DROP TABLE {_FORMER_TABLE}"))


def _check_no_others_tables(connection: Connection) -> None:
    """Raise Unsuitable if tables that we would make are there: they are another program's."""
    if _versions(connection, VERSION_TABLE):
        return
    theirs = set(metadata.tables) & set(inspect(connection).get_table_names())
    if theirs:
        raise Unsuitable(
            f"the database has tables of another program with the names that the bridge needs: "
            f"{', '.join(sorted(theirs))}",
            "give the bridge a database or a schema of its own",
        )


def _versions(connection: Connection, table: str) -> list[str] | None:
    """Return the revisions that a version table names; None where there is no such table."""
    if not inspect(connection).has_table(table):
        return None
    return list(connection.scalars(text(f"SELECT version_num FROM {table}")))  # noqa: S608


def _is_former(connection: Connection) -> bool:
    """Return whether a version table under Alembic's own name is ours, from before it had one."""
    inspector = inspect(connection)
    if not inspector.has_table(_FORMER_TABLE) or not _may_read(connection, _FORMER_TABLE):
        return False
    found = _versions(connection, _FORMER_TABLE)
    if found is None or len(found) != 1 or found[0] not in _revisions():
        return False
    if not inspector.has_table(_FORMER_LEDGER):
        return False
    columns = {column["name"] for column in inspector.get_columns(_FORMER_LEDGER)}
    return {"key", "generation", "conversation_key"} <= columns


def _may_read(connection: Connection, table: str) -> bool:
    if connection.dialect.name == "sqlite":
        return True
    asked = text("SELECT has_table_privilege(to_regclass(:name), 'SELECT')")
    return bool(connection.scalar(asked, {"name": table}))
