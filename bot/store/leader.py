"""Elects one process of those that share a database, for work that comes round again; and tells
every one of them when another left work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any

from bot.store.database import WAKE_CHANNEL, Database
from bot.store.notify import watch

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
