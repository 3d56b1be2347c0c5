"""PostgreSQL as people have it: poolers, encodings, isolation levels, few connections, schemas."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from bot import build
from bot.cli.doctor import database as checks
from bot.core.faults import TryLater
from bot.settings import load
from bot.store import migrating, postgres, suitable
from bot.store.cluster import lead
from bot.store.database import Database
from bot.store.executor import Executor
from bot.store.requests import GroupCommit, Requests
from bot.store.suitable import Unsuitable
from tests.crash.databases import execute
from tests.nouns import escalation
from tests.store.bouncer import Bounced
from tests.store.conftest import NewDatabase

TRANSACTION_POOLER = "pooler that hands out single transactions"


@pytest.fixture
def migrated(new_postgres: NewDatabase) -> str:
    url = new_postgres()
    database = Database(url)
    migrating.migrate(database)
    database.close()
    return url


@pytest.fixture
def opened() -> Iterator[Callable[[str], Database]]:
    """Open a database for as long as the test lasts."""
    all_of_them: list[Database] = []

    def open_(url: str) -> Database:
        all_of_them.append(Database(url))
        return all_of_them[-1]

    yield open_
    for database in all_of_them:
        database.close()


Opened = Callable[[str], Database]


def doctor(url: str, folder: Path) -> list[str]:
    """What `doctor` says of the database, a line per failed check."""
    settings = load({"DATABASE_URL": url}, folder)
    return [f"{one.detail} → {one.fix}" for one in checks.examine(settings) if not one.ok]


def migrate(url: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bot", "migrate"],
        cwd=folder,
        env={**os.environ, "DATABASE_URL": url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def goes_both_ways(database: Database) -> None:
    """Record, notice what another recorded, and lead."""
    woken, leads = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        leads.set()
        await asyncio.Event().wait()

    leading = asyncio.create_task(lead(database, work, wake=woken.set))
    threads = Executor(4)
    try:
        async with asyncio.timeout(20):
            await woken.wait()
            await leads.wait()
            woken.clear()
            group = GroupCommit(Requests(database), threads)
            asked = [group.record(escalation(number), within=20.0) for number in range(20)]
            assert all(one.fresh for one in await asyncio.gather(*asked))
            await woken.wait()
    finally:
        leading.cancel()
        await asyncio.gather(leading, return_exceptions=True)
        threads.close()


# Poolers


async def test_a_session_pooler_serves_everything(
    new_postgres: NewDatabase, bounced: Bounced, opened: Opened, tmp_path: Path
) -> None:
    """It refused the connection: "unsupported startup parameter in options"."""
    url = bounced(new_postgres(), pool_mode="session")
    assert migrate(url, tmp_path).returncode == 0
    database = opened(url)
    build.prepare(database)
    await goes_both_ways(database)
    with database.reading() as connection:
        assert connection.scalar(text("SHOW statement_timeout")) == "5s"
    assert doctor(url, tmp_path) == []


@pytest.mark.parametrize(
    "settings",
    [
        {"pool_mode": "transaction"},
        {"pool_mode": "transaction", "default_pool_size": 1},
        {"pool_mode": "transaction", "server_round_robin": 1, "min_pool_size": 3},
        {"pool_mode": "statement"},
    ],
    ids=["transaction", "one-server", "round-robin", "statement"],
)
def test_a_transaction_pooler_is_refused_in_words(
    migrated: str,
    bounced: Bounced,
    opened: Opened,
    tmp_path: Path,
    settings: dict[str, str | int],
) -> None:
    url = bounced(migrated, **settings)
    with pytest.raises(Unsuitable, match=TRANSACTION_POOLER):
        build.prepare(opened(url))
    (said,) = doctor(url, tmp_path)
    assert TRANSACTION_POOLER in said
    assert "pool_mode = session" in said
    tried = migrate(url, tmp_path)
    assert tried.returncode == 1
    assert TRANSACTION_POOLER in " ".join(tried.stderr.split())
    assert "Traceback" not in tried.stderr


def test_a_transaction_pooler_is_found_while_others_use_it(
    migrated: str, bounced: Bounced, opened: Opened
) -> None:
    url = bounced(migrated, pool_mode="transaction")
    busy = opened(url)
    with busy.engine.connect() as one, busy.engine.connect() as other:
        for connection in (one, other):  # each holds a server connection, in a transaction
            connection.execute(text("SELECT 1"))
        with pytest.raises(Unsuitable, match=TRANSACTION_POOLER):
            suitable.check(opened(url))


def test_postgresql_itself_is_no_pooler(migrated: str, opened: Opened, tmp_path: Path) -> None:
    suitable.check(opened(migrated))
    assert doctor(migrated, tmp_path) == []


# Encodings


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_an_encoding_that_cannot_hold_everything_is_refused_in_words(
    new_postgres: NewDatabase, opened: Opened, tmp_path: Path, encoding: str
) -> None:
    """LATIN1 took an emoji with a 200 and never delivered it; SQL_ASCII ended in a traceback."""
    url = new_postgres(
        f"ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' LOCALE_PROVIDER libc TEMPLATE template0"
    )
    with pytest.raises(Unsuitable, match=f"encoding {encoding}"):
        build.prepare(opened(url))
    (said,) = doctor(url, tmp_path)
    assert f"has the encoding {encoding}" in said
    assert "ENCODING 'UTF8'" in said
    tried = migrate(url, tmp_path)
    assert tried.returncode == 1
    assert f"has the encoding {encoding}" in " ".join(tried.stderr.split())
    assert "Traceback" not in tried.stderr


# Settings of the operator's


async def test_the_isolation_is_ours_whatever_the_default(migrated: str, opened: Opened) -> None:
    """With serializable most first tries were answered 500."""
    database = opened(migrated)
    execute(
        migrated,
        f"ALTER DATABASE {database.url.database} SET default_transaction_isolation = serializable",
    )
    for transaction in (database.writing, database.reading):
        with transaction() as connection:
            assert connection.scalar(text("SHOW transaction_isolation")) == "read committed"
    await goes_both_ways(database)


@pytest.mark.parametrize("where", ["in the URL", "of the role"])
async def test_the_search_path_of_the_operator_is_kept(
    new_postgres: NewDatabase, opened: Opened, where: str
) -> None:
    """It was overwritten in silence: the ledger lay in public."""
    url = new_postgres()
    execute(url, "CREATE SCHEMA bridge")
    if where == "in the URL":
        url += "&options=-csearch_path%3Dbridge"
    else:
        name = Database(url).url.database
        execute(url, f"ALTER DATABASE {name} SET search_path = bridge")
    database = opened(url)
    migrating.migrate(database)
    with database.reading() as connection:
        found = connection.scalars(
            text("SELECT schemaname FROM pg_tables WHERE tablename IN ('request', :version)"),
            {"version": migrating.VERSION_TABLE},
        )
        assert list(found) == ["bridge", "bridge"]
    await goes_both_ways(database)


# Few connections


@pytest.fixture
def limited(migrated: str) -> Iterator[Callable[[int], str]]:
    """The same database for a role that may have so many connections."""
    role = f"few_{os.getpid()}"

    def limit(connections: int) -> str:
        execute(migrated, f"CREATE ROLE {role} LOGIN CONNECTION LIMIT {connections}")
        execute(migrated, f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}")
        execute(migrated, f"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {role}")
        return migrated.replace("postgres:@", f"{role}:@", 1)

    yield limit
    execute(migrated, f"DROP OWNED BY {role}")
    execute(migrated, f"DROP ROLE {role}")


async def test_a_role_with_five_connections_is_enough_beside_a_command(
    limited: Callable[[int], str], opened: Opened, tmp_path: Path
) -> None:
    """It starved for minutes: a process opened up to seventeen."""
    url = limited(5)
    database = opened(url)
    build.prepare(database)
    leading = asyncio.create_task(lead(database))
    threads = Executor()
    try:
        group = GroupCommit(Requests(database), threads)
        for turn in range(10):
            recording = [
                group.record(escalation(100 * turn + number), within=20.0) for number in range(20)
            ]
            reading = [threads(migrating.is_at_head, database) for _ in range(40)]
            assert all(one.fresh for one in await asyncio.gather(*recording))
            assert all(await asyncio.gather(*reading))
        assert await asyncio.to_thread(doctor, url, tmp_path) == []
    finally:
        leading.cancel()
        await asyncio.gather(leading, return_exceptions=True)
        threads.close()


def test_too_few_connections_are_named_by_doctor(
    limited: Callable[[int], str], tmp_path: Path
) -> None:
    (said,) = doctor(limited(postgres.PER_PROCESS - 1), tmp_path)
    assert "only 3 connections are allowed" in said
    assert "CONNECTION LIMIT" in said


def test_a_server_that_is_away_is_a_fault_not_unsuitable(opened: Opened) -> None:
    with pytest.raises(TryLater):
        suitable.check(opened("postgresql://nobody@127.0.0.1:1/none"))
