"""Tells a worker that another process committed work: a poll on SQLite, a notice on PostgreSQL."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable

from bot.store.engine import WAKE_CHANNEL, Database

POLL_SECONDS = 0.5
RECONNECT_SECONDS = 2.0


async def watch(database: Database, wake: Callable[[], None]) -> None:
    """Call `wake` whenever another process may have left work; runs until it is cancelled."""
    if database.is_sqlite:
        await _watch_sqlite(database, wake)
    else:
        await _watch_postgres(database, wake)


async def _watch_sqlite(database: Database, wake: Callable[[], None]) -> None:
    # The number changes with every commit by another connection, and asking for it reads a
    # page of shared memory only: https://www.sqlite.org/pragma.html#pragma_data_version
    connection = sqlite3.connect(database.url.database or "", timeout=0, isolation_level=None)
    try:
        seen = None
        while True:
            try:
                (version,) = connection.execute("PRAGMA data_version").fetchone()
            except sqlite3.OperationalError:
                version = None  # the worker will meet the same trouble, and say so
            if version != seen:
                seen = version
                wake()
            await asyncio.sleep(POLL_SECONDS)
    finally:
        connection.close()


async def _watch_postgres(database: Database, wake: Callable[[], None]) -> None:
    import psycopg

    address = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(
                address, autocommit=True, connect_timeout=5
            ) as connection:
                await connection.execute(f"LISTEN {WAKE_CHANNEL}")
                wake()  # what was committed before we listened
                async for _ in connection.notifies():
                    wake()
        except psycopg.OperationalError:
            await asyncio.sleep(RECONNECT_SECONDS)
