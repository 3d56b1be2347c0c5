"""Fixtures of the flows' tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bot.core.model import Created
from bot.store.database import Database
from tests.conftest import Clock
from tests.flows.settling import settled
from tests.flows.undoing import UndoBench
from tests.nouns import TICKET


@pytest.fixture
def sqlite(sqlite_url: str, clock: Clock) -> Iterator[Database]:
    """A SQLite database whose clock the test moves."""
    database = Database(sqlite_url, clock)
    yield database
    database.close()


@pytest.fixture
def undo_bench(sqlite: Database, clock: Clock) -> UndoBench:
    """A ledger whose only row has just got its ticket."""
    settled(sqlite, Created(TICKET))
    return UndoBench(sqlite, clock)
