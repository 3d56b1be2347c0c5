"""Fixtures that the whole suite shares: both databases, real ones."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import text

from bot.store import migrating
from bot.store.database import Database
from tests import contracts, logs, postgres

SHARED_MEMORY = Path("/dev/shm")
NOBODY = Path(__file__).with_name("nobody.pem")
"""An authority whose key nobody has."""

# The same examples in every run, however slow the machine is; `--hypothesis-profile=search`
# looks for new ones.
_PATIENT: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("suite", derandomize=True, **_PATIENT)
settings.register_profile("search", **_PATIENT)
settings.load_profile("suite")


def pytest_configure(config: pytest.Config) -> None:
    contracts.folder(config)  # raises before anything runs
    if "PYTEST_DEBUG_TEMPROOT" not in os.environ and _in_memory(SHARED_MEMORY):
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(SHARED_MEMORY)
    # Every client of HTTP loads the system's authorities, which takes longer than many a test. Here
    # nothing is encrypted; should a test ever speak to a service, it will trust nobody.
    os.environ["SSL_CERT_FILE"] = str(NOBODY)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Three workers for two cores: tests of the whole bridge wait longer than they compute, and
    some of them cannot wait for long."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    return max(2, (os.cpu_count() or 1) * 3 // 2)


def _in_memory(folder: Path) -> bool:
    """Tell if temporary folders can lie in memory: there, a commit waits for no disk.

    Nothing here pulls the plug, so no test sees a difference; on a busy disk a single commit took
    seconds. Docker's /dev/shm is too small, and takes no programs.
    """
    if not os.access(folder, os.W_OK | os.X_OK):
        return False
    about = os.statvfs(folder)
    return about.f_bavail * about.f_frsize > 1 << 30 and not about.f_flag & os.ST_NOEXEC


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
def postgres_url() -> Iterator[postgres.UrlOf]:
    """A PostgreSQL server of the suite's own: the URL of a database by its name."""
    with postgres.server() as url_of:
        yield url_of


@pytest.fixture(scope="session")
def postgres_template(postgres_url: postgres.UrlOf) -> postgres.UrlOf:
    """The same server, with a migrated database to copy."""
    postgres.add_template(postgres_url)
    return postgres_url


@pytest.fixture(scope="session")
def postgres_pool(postgres_template: postgres.UrlOf) -> postgres.Pool:
    """Migrated, empty databases of that server to use."""
    return postgres.Pool(postgres_template)


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
    """An empty, migrated database on each engine."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_url")
        return
    pool: postgres.Pool = request.getfixturevalue("postgres_pool")
    with pool.database() as url:
        yield url


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
