"""Databases that are not as the bridge would make them."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator

import pytest
from alembic import command

from bot.store import migrating
from bot.store.database import Database
from tests.conftest import Clock
from tests.crash.databases import execute
from tests.store.bouncer import bounced

__all__ = ["bounced"]

_NUMBERS = itertools.count(1)

NewDatabase = Callable[..., str]


@pytest.fixture
def new_postgres(postgres_url: Callable[[str], str]) -> Iterator[NewDatabase]:
    """Make an empty PostgreSQL database, with options of CREATE DATABASE; return its URL."""
    made: list[str] = []

    def make(options: str = "") -> str:
        name = f"odd_{os.getpid()}_{next(_NUMBERS)}"
        execute(postgres_url("postgres"), f"CREATE DATABASE {name} {options}")
        made.append(name)
        return postgres_url(name)

    yield make
    for name in made:
        execute(postgres_url("postgres"), f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: object) -> str:
    """The URL of a database without tables, on each engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/empty.db"
    return str(request.getfixturevalue("new_postgres")())


@pytest.fixture
def former_ledger(empty_url: str, clock: Clock) -> Iterator[Database]:
    """A ledger of the release before."""
    database = Database(empty_url, clock)
    command.upgrade(migrating.config(database), "0004")
    yield database
    database.close()
