"""Migrations of PostgreSQL: several at once, interrupted, and beside bridges that are at work."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Engine, event, inspect, text

from bot.store import migrating, postgres, suitable
from bot.store.database import Database
from tests.store import former
from tests.store.conftest import NewDatabase


@pytest.fixture
def empty(new_postgres: NewDatabase) -> Iterator[Database]:
    database = Database(new_postgres())
    yield database
    database.close()


def upgrade(database: Database, revision: str) -> None:
    command.upgrade(migrating.config(database), revision)


@contextmanager
def table_in_use(database: Database) -> Iterator[None]:
    """Another transaction has read the table and is not over yet."""
    with database.engine.connect() as connection:
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        connection.execute(text("SELECT count(*) FROM escalation"))
        yield


@pytest.mark.parametrize("start", ["base", "0001"])
def test_three_replicas_that_migrate_at_once_all_end_well(
    empty: Database, start: str, tmp_path: Path
) -> None:
    """Two of three ended with a UniqueViolation or a DuplicateColumn."""
    if start != "base":
        upgrade(empty, start)
    url = empty.url.set(drivername="postgresql").render_as_string(hide_password=False)
    environ = {**os.environ, "DATABASE_URL": url}
    replicas = [
        subprocess.Popen(
            [sys.executable, "-m", "bot", "migrate"],
            cwd=tmp_path,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    said = [replica.communicate(timeout=120) for replica in replicas]
    assert [replica.returncode for replica in replicas] == [0, 0, 0], said
    assert all("Traceback" not in err for _, err in said)
    assert migrating.is_at_head(empty)
    migrating.check_columns(empty)


def test_a_migration_may_take_as_long_as_it_needs(empty: Database) -> None:
    """It was cancelled at the 5 s of the bridge's own connections, again and again."""
    engine = postgres.migrating_engine(empty.url)
    with engine.connect() as connection:
        assert connection.scalar(text("SHOW statement_timeout")) == "0"
        assert connection.scalar(text("SHOW idle_in_transaction_session_timeout")) == "0"
    engine.dispose()


def test_a_revision_holds_its_table_only_while_it_adds_columns(empty: Database) -> None:
    """All of it was one transaction: nothing could be recorded while five indexes were built."""
    upgrade(empty, "0001")
    ran: list[tuple[str, bool]] = []

    def note(connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        is_alone = connection.connection.dbapi_connection.autocommit
        ran.append((" ".join(statement.split()), is_alone))

    event.listen(Engine, "before_cursor_execute", note)
    upgrade(empty, "0004")
    event.remove(Engine, "before_cursor_execute", note)
    built = [one for one in ran if " INDEX " in one[0] and "escalation" in one[0]]
    assert len(built) == 7
    assert all("CONCURRENTLY" in statement and is_alone for statement, is_alone in built)
    # A transaction that added columns ended before anything else was done.
    added = [n for n, (statement, _) in enumerate(ran) if statement.startswith("ALTER TABLE")]
    after = [ran[n + 1] for n in added if n + 1 not in added]
    assert all(is_alone for _, is_alone in after)


def test_an_index_that_an_interrupted_run_left_invalid_is_built_anew(empty: Database) -> None:
    upgrade(empty, "0003")
    with empty.engine.begin() as connection:
        # As far as an interrupted run comes: the columns, one index, half of another one.
        connection.execute(text("ALTER TABLE escalation ADD COLUMN evidence TEXT"))
        connection.execute(text("CREATE INDEX ix_escalation_asker ON escalation (asker, id)"))
        connection.execute(
            text("CREATE INDEX ix_escalation_parked ON escalation (id) WHERE state = 'parked'")
        )
        connection.execute(
            text(
                "UPDATE pg_index SET indisvalid = false "
                "WHERE indexrelid = 'ix_escalation_parked'::regclass"
            )
        )
    upgrade(empty, "0004")
    with empty.reading() as connection:
        invalid = connection.scalar(text("SELECT count(*) FROM pg_index WHERE NOT indisvalid"))
        names = {index["name"] for index in inspect(connection).get_indexes("escalation")}
    assert invalid == 0
    assert {"ix_escalation_asker", "ix_escalation_parked", "ix_escalation_undoing"} <= names
    migrating.migrate(empty)
    migrating.check_columns(empty)


def test_a_table_that_is_in_use_is_waited_for_and_records_go_on(
    empty: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gave up after 1.5 s, in which nothing could be recorded."""
    upgrade(empty, "0003")
    tried = threading.Event()
    monkeypatch.setattr(migrating, "sleep", lambda _seconds: tried.set())
    migrating_now = threading.Thread(target=migrating.migrate, args=(empty,))
    beside = Database(empty.url.render_as_string(hide_password=False))
    with table_in_use(empty):
        migrating_now.start()
        assert tried.wait(30)
        for number in range(20):
            with beside.writing() as connection:
                former.insert(connection, **former.row(number + 1, due=0.0))
        assert not migrating.is_at_head(empty)
    migrating_now.join(60)
    assert migrating.is_at_head(empty)
    with empty.reading() as connection:
        assert connection.scalar(text("SELECT count(*) FROM request")) == 20
    beside.close()


def test_a_table_that_stays_in_use_is_told_in_words(
    empty: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrating, "PATIENCE_SECONDS", 0.0)
    upgrade(empty, "0001")
    with table_in_use(empty), pytest.raises(suitable.Unsuitable, match="run `plain-bridge migrate"):
        migrating.migrate(empty)
    migrating.migrate(empty)
    assert migrating.is_at_head(empty)
