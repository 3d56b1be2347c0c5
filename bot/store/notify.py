"""Tells a worker that another process committed work, on SQLite. On PostgreSQL the connection
that elects also listens: see `elected.py`."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable

from bot.core.faults import TryLater
from bot.store.database import Database

POLL_SECONDS = 0.5


async def watch(database: Database, wake: Callable[[], None]) -> None:
    """Call `wake` whenever another process may have left work; runs until it is cancelled.

    It also notices within POLL_SECONDS that the file was removed or replaced, and says so.
    """
    # The number changes with every commit by another connection, and asking for it reads a
    # page of shared memory only: https://www.sqlite.org/pragma.html#pragma_data_version
    connection = sqlite3.connect(database.url.database or "", timeout=0, isolation_level=None)
    try:
        seen = None
        while True:
            try:
                database.check_file()
                (version,) = connection.execute("PRAGMA data_version").fetchone()
            except (TryLater, sqlite3.OperationalError):
                version = None  # the worker will meet the same trouble
            if version != seen:
                seen = version
                wake()
            await asyncio.sleep(POLL_SECONDS)
    finally:
        connection.close()
