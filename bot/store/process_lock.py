"""Sees to it that one process at a time works on a SQLite database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from bot.store.database import Database
from bot.store.sqlite import LedgerFile


class AlreadyRunning(Exception):
    """Another `run` or `worker` has this database."""


@contextmanager
def only_one(database: Database) -> Iterator[None]:
    """Hold the database for this process; on PostgreSQL, which many may share, do nothing.

    The lock is an open transaction on a file beside the database: the operating system ends
    it with the process, however that dies. Raises AlreadyRunning, at once.
    """
    name = database.url.database
    if not database.is_sqlite or not name or name == ":memory:":
        yield
        return
    LedgerFile(f"{name}-lock").create()
    with closing(sqlite3.connect(f"{name}-lock", timeout=0, isolation_level=None)) as lock:
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            raise AlreadyRunning(
                f"another `plain-bridge run` or `worker` is using {name}: stop it first, "
                "or share a PostgreSQL database (DATABASE_URL) between several"
            ) from None
        yield
