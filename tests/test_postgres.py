"""The databases that tests use one after the other are each as if new."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy import make_url

from tests import postgres

INSERT = "INSERT INTO memory (name, value, updated_at) VALUES ('a', '1', 0)"


def seen(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM memory").fetchone()
    assert row is not None
    return int(row[0])


def test_what_a_test_left_is_gone(postgres_pool: postgres.Pool) -> None:
    with postgres_pool.database() as first:
        postgres.execute(first, INSERT)
        postgres.execute(first, "SELECT nextval('request_id_seq')")
        assert seen(first) == 1
    with postgres_pool.database() as second:
        assert second == first
        assert seen(second) == 0
        with psycopg.connect(second) as connection:
            assert connection.execute("SELECT nextval('request_id_seq')").fetchone() == (1,)


def test_a_connection_that_a_test_left_open_holds_nothing_up(postgres_pool: postgres.Pool) -> None:
    with postgres_pool.database() as first:
        left = psycopg.connect(first)
        left.execute(INSERT)
    with postgres_pool.database() as second:
        assert second == first
        assert seen(second) == 0
    with pytest.raises(psycopg.Error):
        left.execute("SELECT 1")
    left.close()


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE memory ADD COLUMN more text",
        "DROP INDEX ix_request_submitter",
        "UPDATE plain_bridge_version SET version_num = '0001'",
        "DROP TABLE plain_bridge_version",
        "ANALYZE memory",
    ],
)
def test_a_database_that_a_test_changed_is_not_used_again(
    postgres_pool: postgres.Pool, change: str
) -> None:
    with postgres_pool.database() as first:
        postgres.execute(first, change)
    with postgres_pool.database() as second:
        assert second != first


def test_settings_of_a_database_go_with_it(postgres_pool: postgres.Pool) -> None:
    with postgres_pool.database() as first:
        name = make_url(first).database
        postgres.execute(first, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    with postgres_pool.database() as second:
        postgres.execute(second, INSERT)
