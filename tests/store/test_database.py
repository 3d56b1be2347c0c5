"""Transactions: on time or not at all; one process; the others' commits are noticed."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from bot.core.faults import TryLater
from bot.store.cluster import AlreadyRunning, lead, only_one
from bot.store.customer_links import CustomerLink, CustomerLinks
from bot.store.database import Database
from bot.store.records import Records
from bot.store.tickets import Ledger
from tests.nouns import escalation


def test_a_record_that_comes_too_late_is_not_committed(database: Database) -> None:
    with pytest.raises(TryLater, match="database_slow"):
        Ledger(database).record(escalation(), within=0.0)
    assert Records(database).newest(10) == []


def test_a_postgresql_that_takes_no_writes_is_a_fault_not_a_bug(database_url: str) -> None:
    """As during a failover: the doors answered 400, and commands were not given back."""
    database = Database(database_url)
    if database.is_sqlite:
        pytest.skip("SQLite says so with an OperationalError")
    with database.reading() as connection:
        name = database.url.database
        connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = on"))
    database.close()
    with pytest.raises(TryLater, match="database"):
        Ledger(database).record(escalation())
    database.close()


def test_a_damaged_file_is_a_fault_not_a_bug(tmp_path: Path) -> None:
    (tmp_path / "bridge.db").write_bytes(b"not what it should be " * 50)
    database = Database(f"sqlite:///{tmp_path}/bridge.db")
    with pytest.raises(TryLater, match="database"):
        Ledger(database).record(escalation())
    database.close()


def test_a_locked_database_is_a_fault_not_a_hang(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    with closing(sqlite3.connect(str(database.url.database), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(TryLater, match="database"):
            Ledger(database).record(escalation())
        other.execute("ROLLBACK")
    assert Ledger(database).record(escalation()).fresh
    database.close()


def test_a_writer_waits_for_its_turn_no_longer_than_it_may(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    with database.writing(), pytest.raises(TryLater, match="database_busy"):
        Ledger(database).record(escalation(), within=0.1)
    database.close()


def test_a_database_that_is_gone_is_a_fault() -> None:
    database = Database("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(TryLater, match="database"):
        Ledger(database).record(escalation())
    database.close()


def test_sqlite_is_durable_and_does_not_block_readers(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    with database.writing() as connection:
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
        assert connection.scalar(text("PRAGMA synchronous")) == 2
    database.close()


def test_a_second_process_on_one_sqlite_file_is_told_so(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    holder = (
        "import sys, time\n"
        "from bot.store.database import Database\n"
        "from bot.store.cluster import only_one\n"
        f"with only_one(Database({sqlite_url!r})):\n"
        "    print('held', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", holder], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(AlreadyRunning, match="stop it first"), only_one(database):
            pass
    finally:
        process.kill()
        process.communicate()
    with only_one(database):
        pass  # the lock died with its process
    database.close()


def test_several_processes_share_postgresql(database: Database) -> None:
    if database.is_sqlite:
        pytest.skip("SQLite is one process's")
    with only_one(database), only_one(database):
        pass


async def test_work_left_by_another_process_is_noticed(database_url: str) -> None:
    database, other = Database(database_url), Database(database_url)
    woken = asyncio.Event()
    watching = asyncio.create_task(lead(database, wake=woken.set))
    await asyncio.wait_for(woken.wait(), 5)  # once at the start, for what is there already
    woken.clear()
    before = time.monotonic()
    await asyncio.to_thread(Ledger(other).record, escalation())
    await asyncio.wait_for(woken.wait(), 5)
    assert time.monotonic() - before < 2
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    database.close()
    other.close()


async def test_a_link_by_another_process_is_noticed(database_url: str) -> None:
    database, other = Database(database_url), Database(database_url)
    woken = asyncio.Event()
    watching = asyncio.create_task(lead(database, wake=woken.set))
    await asyncio.wait_for(woken.wait(), 5)
    woken.clear()
    await asyncio.to_thread(CustomerLinks(other).link, [CustomerLink("T1", "U1", "c_1")])
    await asyncio.wait_for(woken.wait(), 5)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    database.close()
    other.close()


async def test_the_watch_goes_on_after_the_server_dropped_it(database_url: str) -> None:
    database = Database(database_url)
    if database.is_sqlite:
        pytest.skip("SQLite has no server")
    woken = asyncio.Event()
    watching = asyncio.create_task(lead(database, wake=woken.set))
    await asyncio.wait_for(woken.wait(), 5)
    woken.clear()
    with database.writing() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    await asyncio.wait_for(woken.wait(), 10)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    database.close()


def test_the_lock_is_named_beside_the_database(sqlite_url: str, tmp_path: Path) -> None:
    database = Database(sqlite_url)
    with only_one(database):
        assert (tmp_path / "bridge.db-lock").exists()
    database.close()
