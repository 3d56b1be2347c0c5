"""The version table is ours by name, and what it says is compared with what is there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest
from alembic import command
from sqlalchemy import inspect, text

from bot import build
from bot.store import migrating
from bot.store.database import Database
from bot.store.requests import Requests
from bot.store.suitable import Unsuitable
from tests.nouns import escalation

LANDED = {
    "0001_main_job.py": "5599dcfd2178165761ab4eb98b84b43aa4f293b0286eea89fd15fb3840df6114",
    "0002_doubles.py": "46a87eff15bb91fad0f3c01c367d465d92389e4c8d119b2e549d424e5f2ef39f",
    "0003_rates.py": "f005c843cb7f3bf1d8a784f8edac99874b5f2b208e7c801294d98e5568d2d9ae",
    "0004_surfaces.py": "d8ff92d6c47a41a83508477ee833e0dd63d135b181b0c383d60ce424045a65b0",
    "0005_jobs.py": "0359c7185bab054efc7d3a21dfeb40065626f7e965080f42f0b2b93be173caea",
}
"""The SHA-256 of each revision that may have run somewhere. What is wrong in one is mended by the
next; to a table that it has made already, no other text of it ever comes."""


@pytest.fixture
def empty(empty_url: str) -> Iterator[Database]:
    database = Database(empty_url)
    yield database
    database.close()


def run(database: Database, *statements: str) -> None:
    with database.engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def tables(database: Database) -> set[str]:
    with database.reading() as connection:
        return set(inspect(connection).get_table_names())


def under_alembics_name(database: Database) -> None:
    """Note the version where unreleased versions did."""
    run(
        database,
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
        "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))",
        "INSERT INTO alembic_version SELECT version_num FROM plain_bridge_version",
        "DROP TABLE plain_bridge_version",
    )


def test_landed_revisions_stay_as_they_are() -> None:
    versions = sorted((migrating.scripts() / "versions").glob("*.py"))
    assert {one.name: hashlib.sha256(one.read_bytes()).hexdigest() for one in versions} == LANDED


def test_a_ledger_with_alembics_own_version_table_is_taken_over(empty: Database) -> None:
    command.upgrade(migrating.config(empty), "0002")
    under_alembics_name(empty)
    assert migrating.revision(empty) == "0002"
    assert not migrating.is_at_head(empty)
    migrating.migrate(empty)
    assert migrating.is_at_head(empty)
    assert "alembic_version" not in tables(empty)
    assert Requests(empty).record(escalation()).fresh


def test_the_last_one_that_may_have_that_name_is_taken_over_too(empty: Database) -> None:
    command.upgrade(migrating.config(empty), "0004")
    under_alembics_name(empty)
    migrating.migrate(empty)
    assert migrating.is_at_head(empty)
    assert "alembic_version" not in tables(empty)


@pytest.mark.parametrize("theirs", ["9f3c2a71d0be", "0004", "0005"])
def test_another_programs_version_table_is_left_alone(empty: Database, theirs: str) -> None:
    """`migrate` ended in a traceback, or believed that it was done."""
    run(
        empty,
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)",
        f"INSERT INTO alembic_version VALUES ('{theirs}')",  # noqa: S608
    )
    assert migrating.revision(empty) is None
    migrating.migrate(empty)
    assert migrating.is_at_head(empty)
    with empty.reading() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == theirs
    assert Requests(empty).record(escalation()).fresh


def test_another_programs_tables_with_our_names_are_told_in_words(empty: Database) -> None:
    run(empty, "CREATE TABLE person (id INTEGER)")
    with pytest.raises(Unsuitable, match="person: give the bridge a database or a schema of"):
        migrating.migrate(empty)
    assert tables(empty) == {"person"}


def test_a_ledger_that_lacks_columns_is_told_in_words_at_the_start(database: Database) -> None:
    """As an unreleased revision made it: `/readyz` said ready, and every event was answered 500."""
    run(
        database,
        "ALTER TABLE request DROP COLUMN created_at",
        "ALTER TABLE request DROP COLUMN delay_told_at",
        "DROP TABLE draft",
    )
    with pytest.raises(Unsuitable, match=r"no draft, request.created_at, request.delay_told_at"):
        build.prepare(database)


def test_the_columns_of_a_whole_ledger_are_all_there(database: Database) -> None:
    build.prepare(database)
    migrating.check_columns(database)
