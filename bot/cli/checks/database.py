"""Looks at the database: reachable, at this release's schema, writable; and what it holds."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from bot import telemetry
from bot.cli import opening
from bot.cli.checks import Check, doors, ledger, timed
from bot.cli.console import CommandFailed
from bot.core.faults import Fault
from bot.settings import Settings
from bot.store import migrating, suitable
from bot.store.database import Database
from bot.store.postgres import PER_PROCESS
from bot.store.schema import memory
from bot.store.suitable import Unsuitable


class _Undone(Exception):
    """Takes back what was written to see whether it can be."""


def examine(settings: Settings) -> list[Check]:
    """The checks, in order; the first that fails is the last."""
    try:
        database = opening.connect(settings)
    except CommandFailed as error:
        return [Check("database", False, str(error), "install what is missing")]
    try:
        return list(timed(_examine(database, settings)))
    finally:
        database.close()


def _examine(database: Database, settings: Settings) -> Iterator[Check]:
    name = database.url.render_as_string(hide_password=True)
    if (file := opening.missing_file(database)) is not None:
        yield _unmade(file)
        return
    try:
        suitable.check(database)
        revision = migrating.revision(database)
        allowed = suitable.connections_allowed(database)
    except Unsuitable as wrong:
        yield Check("database", False, wrong.what, wrong.fix)
        return
    except (Fault, DBAPIError) as error:
        yield Check("database", False, f"{name}: {_why(error)}", _fix(database))
        return
    yield Check("database", True, f"{name}{_exposed(database)}")
    if allowed is not None:
        yield _connections(allowed)
    if revision != migrating.head():
        yield _not_at_head(database, revision)
        return
    try:
        migrating.check_columns(database)
    except Unsuitable as wrong:
        yield Check("database schema", False, wrong.what, wrong.fix)
        return
    yield Check("database schema", True, f"at {revision}")
    try:
        _write_nothing(database)
    except (Fault, DBAPIError) as error:  # PostgreSQL's "permission denied" is no outage
        fix = "give the bridge's user the right to write, and see whether the disk is full"
        yield Check("database writable", False, _why(error), fix)
        return
    yield Check("database writable", True, "a write was tried and taken back")
    yield from ledger.examine(database)
    yield from doors.examine(database, settings)


def _connections(allowed: int) -> Check:
    wrong = suitable.too_few_connections(allowed)
    if wrong is not None:
        return Check("database connections", False, wrong.what, wrong.fix)
    each = f"each `run` or `worker` needs {PER_PROCESS}, and a command one"
    return Check("database connections", True, f"{allowed} are allowed; {each}")


def _exposed(database: Database) -> str:
    """Whether others on this machine may read the SQLite file; it is made for its owner alone."""
    if database.file is None:
        return ""
    mode = stat.S_IMODE(Path(database.file.path).stat().st_mode)
    return f" (others may read it: chmod 600 {database.file.path})" if mode & 0o044 else ""


def _unmade(file: Path) -> Check:
    folder = file.absolute().parent
    if folder.is_dir() and os.access(folder, os.W_OK):
        return Check("database", True, f"{file} is not there yet; the first run makes it")
    fix = f"make {folder} a folder that the bridge's user may write to, or change DATABASE_URL"
    return Check("database", False, f"{file} cannot be made", fix)


def _not_at_head(database: Database, revision: str | None) -> Check:
    at, head = revision or "no schema", migrating.head()
    if database.is_sqlite:
        return Check("database schema", True, f"at {at}; the next run brings it to {head}")
    detail = f"at {at}, this release needs {head}"
    return Check("database schema", False, detail, "run `plain-bridge migrate`")


def _write_nothing(database: Database) -> None:
    try:
        with database.writing() as connection:
            connection.execute(
                database.insert(memory).values(
                    name="doctor", value="null", updated_at=database.now()
                )
            )
            raise _Undone
    except _Undone:
        return


def _why(error: Exception) -> str:
    raised = error.__cause__ if isinstance(error, Fault) else error
    why = str(getattr(raised, "orig", None) or error)
    return telemetry.masked(" ".join(why.split()))


def _fix(database: Database) -> str:
    if database.is_sqlite:
        return "see whether DATABASE_URL names the bridge's file, and who may write to its folder"
    return "see whether PostgreSQL runs, and whether DATABASE_URL is right"
