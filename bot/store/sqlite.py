"""Create and open the SQLite file, and notice if it is removed or replaced while it is open."""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from typing import Any

import structlog
from sqlalchemy import URL, Connection, Engine, create_engine, event

from bot.core.faults import TryLater

BUSY_SECONDS = 1.5
"""Limit for a statement's wait for another writer; below the two seconds that a listener has."""

OWNER_ONLY = 0o600

log = structlog.get_logger("bot.store")


class DatabaseFile:
    """The ledger's file, by its path and its inode.

    An open file outlives its name: what is written after somebody removed or replaced it is lost
    when the process ends.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._opened: tuple[int, int] | None = None
        self._has_wal = False
        self._complained = False

    def create(self) -> None:
        """Make the file readable and writable by its owner alone, if there is none yet.

        SQLite gives -wal and -shm the mode of the file itself.
        https://www.sqlite.org/src/file?name=src/os_unix.c (findCreateFileMode)
        """
        with suppress(OSError):  # it is there, or SQLite will say why it cannot be made
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, OWNER_ONLY))

    def opened(self, *, journal: str) -> None:
        """Note which file was opened; `journal` is the mode that it is in."""
        if self._opened is None:
            self._opened = self._found()
            self._has_wal = journal == "wal"

    def closed(self) -> None:
        """Forget it: the next connection may open another file."""
        self._opened, self._complained = None, False

    def check(self, *, connected: bool = False) -> None:
        """Raise TryLater if the path does not lead to the file that is open.

        `connected`: whether a connection is known to be open, so that there has to be a -wal.
        What is wrong is logged when it begins, and when it is over.
        """
        if self._opened is None:
            return
        wrong = self._wrong(connected=connected)
        if wrong is None:
            if self._complained:
                self._complained = False
                log.info("database_file_back", file=self.path)
            return
        if not self._complained:
            self._complained = True
            log.error(
                "database_file_gone",
                file=self.path,
                what=wrong,
                meaning="nothing is recorded and nothing delivered until it is back",
                fix="put the same file back, or restart the bridge to go on with what is there",
            )
        raise TryLater("database_file_gone")

    def _wrong(self, *, connected: bool) -> str | None:
        found = self._found()
        if found is None:
            return "the SQLite file was removed while the bridge runs"
        if found != self._opened:
            return "the SQLite file was replaced while the bridge runs"
        if connected and self._has_wal and not os.path.exists(f"{self.path}-wal"):  # noqa: PTH110 — hot path
            return "the SQLite file's -wal was removed while the bridge runs"
        return None

    def _found(self) -> tuple[int, int] | None:
        """Return the device and the inode that the path leads to."""
        try:
            found = os.stat(self.path)  # noqa: PTH116 — hot path
        except OSError:
            return None
        return found.st_dev, found.st_ino


def file_of(url: URL) -> DatabaseFile | None:
    """Return the file that the URL names; None where it names memory, or a URI of SQLite's."""
    name = url.database
    if not name or name == ":memory:" or name.startswith("file:"):
        return None
    return DatabaseFile(name)


def engine(url: URL, file: DatabaseFile | None) -> Engine:
    """Return the engine of a SQLite database; `file` is notified when it is opened."""
    made = create_engine(
        url,
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        pool_timeout=BUSY_SECONDS,
        hide_parameters=True,
    )

    if file is not None:

        @event.listens_for(made, "do_connect")
        def _create(_dialect: Any, _record: Any, _arguments: Any, _options: Any) -> None:
            # Once it was open, a missing file is an accident: an empty one would hide it.
            try:
                file.check()
            except TryLater as fault:
                raise sqlite3.OperationalError(str(fault)) from fault
            file.create()

    @event.listens_for(made, "connect")
    def _pragmas(connection: Any, _record: Any) -> None:
        # The driver's own transactions begin too late for a writer that reads first:
        # https://docs.sqlalchemy.org/en/21/dialects/sqlite.html
        connection.isolation_level = None
        (journal,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        if file is not None:
            file.opened(journal=journal)

    @event.listens_for(made, "begin")
    def _begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if options.get("isolation_level") == "AUTOCOMMIT":
            return
        patience = options.get("patience", int(BUSY_SECONDS * 1000))
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {patience:d}")
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return made
