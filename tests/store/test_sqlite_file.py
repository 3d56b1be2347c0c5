"""The SQLite file: its owner's alone, and the one that was opened."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from sqlalchemy.exc import OperationalError

from bot.core.faults import TryLater
from bot.store import migrating
from bot.store.cluster import only_one, watch
from bot.store.database import Database
from bot.store.records import Records
from bot.store.requests import Requests
from tests.nouns import escalation


@pytest.fixture
def file(sqlite_url: str) -> Path:
    return Path(sqlite_url.removeprefix("sqlite:///"))


@pytest.fixture
def opened(sqlite_url: str) -> Iterator[Database]:
    """A database that is open, with a row in it."""
    database = Database(sqlite_url)
    Requests(database).record(escalation(1))
    yield database
    database.close()


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_the_file_and_those_beside_it_are_their_owners_alone(tmp_path: Path, umask: int) -> None:
    """It was readable by everybody: names, addresses, the texts of thirty days."""
    before = os.umask(umask)
    try:
        database = Database(f"sqlite:///{tmp_path}/bridge.db")
        with only_one(database):
            migrating.migrate(database)
            Requests(database).record(escalation())
            modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in tmp_path.iterdir()}
        database.close()
    finally:
        os.umask(before)
    assert {"bridge.db", "bridge.db-wal", "bridge.db-shm", "bridge.db-lock"} <= modes.keys()
    assert set(modes.values()) == {0o600}


def test_a_file_that_is_there_keeps_its_mode(file: Path, sqlite_url: str) -> None:
    file.chmod(0o640)
    database = Database(sqlite_url)
    Requests(database).record(escalation())
    database.close()
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_nothing_is_recorded_in_a_file_that_was_removed(opened: Database, file: Path) -> None:
    file.unlink()
    with structlog.testing.capture_logs() as lines:
        for _ in range(3):
            with pytest.raises(TryLater, match="database_file_gone"):
                Requests(opened).record(escalation(2))
        with pytest.raises(TryLater, match="database_file_gone"):
            Records(opened).newest(1)
    (line,) = lines
    assert line["log_level"] == "error"
    assert "removed" in line["what"]
    assert "restart" in line["fix"]
    assert not file.exists()


def test_nor_in_one_that_was_replaced(opened: Database, file: Path) -> None:
    other = file.with_name("backup.db")
    shutil.copy(file, other)
    other.replace(file)
    with structlog.testing.capture_logs() as lines, pytest.raises(TryLater):
        Requests(opened).record(escalation(2))
    assert "replaced" in lines[0]["what"]


def test_nor_in_one_whose_log_was_removed(opened: Database, file: Path) -> None:
    """What is written to a removed -wal is gone with the process."""
    file.with_name(f"{file.name}-wal").unlink()
    with structlog.testing.capture_logs() as lines, pytest.raises(TryLater):
        Requests(opened).record(escalation(2))
    assert "-wal was removed" in lines[0]["what"]


def test_a_new_connection_makes_no_empty_file(opened: Database, file: Path) -> None:
    pooled = opened.engine.raw_connection()  # so that the next one has to be made
    file.unlink()
    with pytest.raises(OperationalError, match="database_file_gone"):
        opened.engine.connect()
    with pytest.raises(TryLater, match="database_file_gone"), opened.reading():
        pass
    pooled.close()
    assert not file.exists()


def test_it_goes_on_when_the_same_file_is_back(opened: Database, file: Path) -> None:
    away = file.with_name("away.db")
    file.rename(away)
    with structlog.testing.capture_logs() as lines:
        with pytest.raises(TryLater):
            Requests(opened).record(escalation(2))
        away.rename(file)
        assert Requests(opened).record(escalation(2)).fresh
    assert [line["event"] for line in lines] == ["database_file_gone", "database_file_back"]


def test_after_it_was_closed_another_file_may_be_opened(opened: Database, file: Path) -> None:
    other = file.with_name("backup.db")
    opened.close()
    shutil.copy(file, other)
    other.replace(file)
    assert Requests(opened).record(escalation(2)).fresh


async def test_it_is_noticed_while_nobody_asks(opened: Database, file: Path) -> None:
    watching = asyncio.create_task(watch(opened, lambda: None))
    with structlog.testing.capture_logs() as lines:
        await asyncio.sleep(0)
        await asyncio.to_thread(file.unlink)
        async with asyncio.timeout(20):
            while not lines:  # noqa: ASYNC110 — a log has no event
                await asyncio.sleep(0.05)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    assert lines[0]["event"] == "database_file_gone"
