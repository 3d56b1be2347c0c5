"""The release before goes on recording while 0005 runs: nothing that it acknowledged is lost."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator

import pytest
from alembic import command
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from bot.core.faults import TryLater
from bot.store import migrating
from bot.store.database import Database
from tests.store import former
from tests.store.conftest import NewDatabase

WRITERS = 4
BEFORE = 40
"""Requests that are recorded before the migration begins."""


class Writer(threading.Thread):
    """A replica of the release before, which records until the database refuses it for good."""

    def __init__(self, url: str, numbers: Iterator[int], recorded: Callable[[], None]) -> None:
        super().__init__()
        self.acknowledged: list[int] = []
        self.refused = False
        self._database = Database(url)
        self._numbers = numbers
        self._recorded = recorded

    def run(self) -> None:
        while not self.refused:
            number = next(self._numbers)
            try:
                with self._database.writing(1.8) as connection:
                    former.insert(connection, **former.row(number, due=0.0))
            except (DBAPIError, TryLater) as error:
                self.refused = _is_without_table(error)
            else:
                self.acknowledged.append(number)
                self._recorded()
        self._database.close()


def _is_without_table(error: BaseException) -> bool:
    """Return whether the table is gone; the database may also have been busy."""
    said = str(error.__cause__ or error)
    return "no such table" in said or "does not exist" in said


def keys(database: Database, query: str) -> list[int]:
    with database.reading() as connection:
        return sorted(connection.scalars(text(query)))


def test_what_was_acknowledged_meanwhile_is_a_request_with_a_job(former_ledger: Database) -> None:
    url = former_ledger.url.render_as_string(hide_password=False)
    enough, count = threading.Event(), itertools.count(1)

    def recorded() -> None:
        if next(count) == BEFORE:
            enough.set()

    numbers = itertools.count(1)
    writers = [Writer(url, numbers, recorded) for _ in range(WRITERS)]
    for writer in writers:
        writer.start()
    assert enough.wait(60)
    migrating.migrate(former_ledger)
    for writer in writers:
        writer.join(60)
    assert all(writer.refused for writer in writers)
    acknowledged = sorted(number for writer in writers for number in writer.acknowledged)
    assert len(acknowledged) >= BEFORE
    assert keys(former_ledger, "SELECT id FROM request") == acknowledged
    assert keys(former_ledger, "SELECT key FROM job WHERE kind = 'decide'") == acknowledged


def test_one_that_is_not_committed_yet_is_waited_for(
    new_postgres: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, beside = (Database(url) for url in [new_postgres()] * 2)
    command.upgrade(migrating.config(database), "0004")
    tried = threading.Event()
    monkeypatch.setattr(migrating, "sleep", lambda _seconds: tried.set())
    now = threading.Thread(target=migrating.migrate, args=(database,))
    with beside.engine.begin() as connection:
        former.insert(connection, **former.row(1, due=0.0))
        now.start()
        assert tried.wait(60)
        assert not migrating.is_at_head(database)
    now.join(60)
    assert keys(database, "SELECT id FROM request") == [1]
    with pytest.raises(DBAPIError), beside.engine.begin() as connection:
        former.insert(connection, **former.row(2, due=0.0))
    beside.close()
    database.close()


def test_an_interrupted_copy_leaves_the_ledger_as_it_was(
    former_ledger: Database,
) -> None:
    """All of it is one transaction: a migration that dies at its end has done nothing."""
    former.put(former_ledger, former.row(1, due=0.0))
    with pytest.MonkeyPatch.context() as failing:
        failing.setattr("alembic.operations.Operations.rename_table", _die)
        with pytest.raises(RuntimeError):
            migrating.migrate(former_ledger)
    assert migrating.revision(former_ledger) == "0004"
    assert keys(former_ledger, "SELECT id FROM escalation") == [1]
    migrating.migrate(former_ledger)
    assert keys(former_ledger, "SELECT id FROM request") == [1]


def _die(*_arguments: object, **_named: object) -> None:
    raise RuntimeError
