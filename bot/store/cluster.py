"""Coordinate the processes that share a database: the leader, wake-ups, and SQLite's lock."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from bot.core.faults import TryLater
from bot.store.database import WAKE_CHANNEL, Database
from bot.store.sqlite import DatabaseFile

if TYPE_CHECKING:
    import psycopg


TRY_SECONDS = 5.0
"""Interval at which the others try to become the leader, and after which a silent connection of
the leader is tested."""

RECONNECT_SECONDS = 2.0
"""The longest pause before a new connection."""

_LOCK = 0x706C_6169_6E62_7264
"""The advisory lock's number; PostgreSQL keeps one set of them for each database."""

Work = Callable[[], Coroutine[Any, Any, None]]


def _nobody() -> None:
    """Do nothing: there is nobody to wake."""


async def lead(
    database: Database,
    *works: Work,
    wake: Callable[[], None] = _nobody,
    every: float = TRY_SECONDS,
) -> None:
    """Run `works` concurrently while this process is the leader; until cancelled.

    `wake` is called whenever another process may have left work, whoever is the leader.

    On SQLite the one process that works on the database is always the leader. On PostgreSQL it is
    the holder of an advisory lock, which is bound to a connection of its own (it needs a session:
    not a transaction pooler). The same connection listens. A process that loses it stops its works
    within `every` seconds, while another may have begun already: they must be safe to run twice.
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
    """Listen, wait to become the leader, then work; return when the connection is gone."""
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
            is_leader = False
            while True:
                if not is_leader and await _is_taken(connection, every):
                    is_leader = True
                    for work in works:
                        group.create_task(work())
                # This notices at once that a connection ended, unless its other side is just gone.
                async for _ in connection.notifies(timeout=every):
                    wake()
                if is_leader:
                    async with asyncio.timeout(max(every, 5.0)):
                        await connection.execute("SELECT 1")
    except* (psycopg.Error, TimeoutError):
        pass


async def _is_taken(connection: psycopg.AsyncConnection[Any], every: float) -> bool:
    """Return whether this connection holds the lock now."""
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
    """Call `wake` whenever another process may have left work in SQLite; until cancelled.

    Notices and logs within POLL_SECONDS that the file was removed or replaced.
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
                version = None  # the worker will have the same fault
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
    """Lock the SQLite database for this process; do nothing on PostgreSQL, which many may share.

    The lock is an open transaction on a file next to the database: the operating system ends it
    with the process, however that dies. Raises AlreadyRunning at once.
    """
    name = database.url.database
    if not database.is_sqlite or not name or name == ":memory:":
        yield
        return
    DatabaseFile(f"{name}-lock").create()
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
