"""A database that is kept from being written to."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from tests.ways.stage import Stage


@contextmanager
def locked(on: Stage) -> Iterator[None]:
    """Another process holds the database's write lock for longer than Slack waits."""
    with closing(sqlite3.connect(str(on.database.url.database), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")
