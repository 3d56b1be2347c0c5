"""Elects one process of those that share a database, for work that comes round again; and tells
every one of them when another left work."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from bot.core.faults import TryLater
from bot.store.database import WAKE_CHANNEL, Database
from bot.store.sqlite import LedgerFile

if TYPE_CHECKING:
    import psycopg


TRY_SECONDS = 5.0
"""How often those that are not elected ask whether the place is free, and how long the elected
one's connection may be silent before it is tried."""

RECONNECT_SECONDS = 2.0
"""The pause before a new connection, at most."""

_LOCK = 0x706C_6169_6E62_7264
"""The advisory lock's number; PostgreSQL keeps one set of them for each database."""

Work = Callable[[], Coroutine[Any, Any, None]]


def _nobody() -> None:
    """There is nobody to wake."""


async def lead(
    database: Database,
    *works: Work,
    wake: Callable[[], None] = _nobody,
    every: float = TRY_SECONDS,
) -> None:
    """Do `works`, all at once, whenever this process is the elected one; until cancelled.

    `wake` is called whenever another process may have left work, elected or not.

    On SQLite the one process that works on the database is always elected. On PostgreSQL it is
    the holder of an advisory lock, which stands and falls with a connection of its own (it needs
    a session: not a pooler that hands out transactions). The same connection listens. Who loses it
    stops its works within `every` seconds, in which another may have begun: they must bear that.
    https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
    https://www.postgresql.org/docs/current/sql-listen.html
    """
    if database.is_sqlite:
        await _all((partial(watch, database, wake), *works))
        return
    while True:
        await _lead_while_connected(database, works, wake, every)
        await asyncio.sleep(min(every, RECONNECT_SECONDS))


async def _lead_while_connected(
    database: Database, works: tuple[Work, ...], wake: Callable[[], None], every: float
) -> None:
    """Listen, wait to be elected, then work; returns when the connection is gone."""
    import psycopg

    address = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        async with (
            await psycopg.AsyncConnection.connect(
                address, autocommit=True, connect_timeout=5
            ) as connection,
            asyncio.TaskGroup() as group,
        ):
            await connection.execute(f"LISTEN {WAKE_CHANNEL}")
            wake()  # what was committed before we listened
            elected = False
            while True:
                if not elected and await _is_taken(connection, every):
                    elected = True
                    for work in works:
                        group.create_task(work())
                # This sees a connection end at once, unless its other side is simply not there.
                async for _ in connection.notifies(timeout=every):
                    wake()
                if elected:
                    async with asyncio.timeout(max(every, 5.0)):
                        await connection.execute("SELECT 1")
    except* (psycopg.Error, TimeoutError):
        pass


async def _is_taken(connection: psycopg.AsyncConnection[Any], every: float) -> bool:
    """Whether the lock is this connection's now."""
    async with asyncio.timeout(max(every, 5.0)):
        answer = await connection.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK,))
        row = await answer.fetchone()
    return bool(row and row[0])


async def _all(works: tuple[Work, ...]) -> None:
    async with asyncio.TaskGroup() as group:
        for work in works:
            group.create_task(work())


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
