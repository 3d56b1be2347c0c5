"""One of several processes does what comes round again; another takes over when it is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial

import pytest
from sqlalchemy import text

from bot.store.cluster import lead
from bot.store.database import Database

SOON = 0.05


@dataclass
class Works:
    """Who is at work now, by name, and how often each began."""

    now: set[str] = field(default_factory=set)
    begun: list[str] = field(default_factory=list)

    async def do(self, name: str) -> None:
        self.begun.append(name)
        self.now.add(name)
        try:
            await asyncio.Event().wait()
        finally:
            self.now.discard(name)


@asynccontextmanager
async def candidate(
    url: str, works: Works, *names: str, every: float = SOON
) -> AsyncIterator[None]:
    """A process that would lead."""
    database = Database(url)
    doing = [partial(works.do, name) for name in names]
    task = asyncio.create_task(lead(database, *doing, every=every))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        database.close()


async def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 — any condition, not one that is announced
            await asyncio.sleep(0.01)


@pytest.fixture
def postgres(database_url: str) -> str:
    if database_url.startswith("sqlite"):
        pytest.skip("on SQLite there is one process")
    return database_url


async def test_all_works_are_done_at_once(database_url: str) -> None:
    works = Works()
    async with candidate(database_url, works, "sweep", "look"):
        await until(lambda: works.now == {"sweep", "look"})
    assert works.now == set()


async def test_one_of_two_works_and_the_other_takes_over(postgres: str) -> None:
    works = Works()
    async with candidate(postgres, works, "first"):
        await until(lambda: works.now)
        async with candidate(postgres, works, "second"):
            await asyncio.sleep(10 * SOON)
            assert works.now == {"first"}
            async with candidate(postgres, works, "third"):
                pass
            assert works.begun == ["first"]
    async with candidate(postgres, works, "second"):
        await until(lambda: works.now == {"second"})


async def test_a_second_takes_over_when_the_firsts_connection_dies(postgres: str) -> None:
    works = Works()
    database = Database(postgres)
    async with candidate(postgres, works, "first", every=60.0):
        await until(lambda: works.now == {"first"})
        async with candidate(postgres, works, "second"):
            await asyncio.to_thread(_cut_holder, database)
            await until(lambda: works.now == {"second"})
        assert works.begun == ["first", "second"]
    database.close()


async def test_the_other_works_once_the_first_ended(postgres: str) -> None:
    works = Works()
    async with candidate(postgres, works, "second"):
        await until(lambda: works.now == {"second"})
    assert works.now == set()
    async with candidate(postgres, works, "first"):
        await until(lambda: works.now == {"first"})


async def test_the_database_need_not_be_there_yet() -> None:
    works = Works()
    async with candidate("postgresql://nobody@127.0.0.1:1/none", works, "first"):
        await asyncio.sleep(3 * SOON)
    assert works.begun == []


def _cut_holder(database: Database) -> None:
    """End the connection that holds the lock, as the server may."""
    with database.writing() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(l.pid) FROM pg_locks l "
                "JOIN pg_database d ON d.oid = l.database "
                "WHERE l.locktype = 'advisory' AND l.granted AND d.datname = current_database()"
            )
        )
