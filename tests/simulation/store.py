"""One real SQLite ledger, emptied for each world: opening one anew would cost more than a day."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.store import migrating
from bot.store.customer_links import CustomerLinks
from bot.store.database import Database
from bot.store.deliveries import Ledger
from bot.store.drafts import Drafts
from bot.store.records import Records


class Store:
    """The database and everything over it. `clock` is the present world's."""

    def __init__(self, folder: Path) -> None:
        path = folder / "simulation.db"
        self.clock: Callable[[], float] = time.time
        self.database = Database(f"sqlite:///{path}", lambda: self.clock())
        migrating.migrate(self.database)
        self.ledger = Ledger(self.database)
        self.people = CustomerLinks(self.database)
        self.drafts = Drafts(self.database)
        self.history = Records(self.database)
        # Looks at the tables without the code under test.
        self._raw = sqlite3.connect(path, isolation_level=None)
        self._raw.row_factory = sqlite3.Row
        self._tables = [
            name
            for (name,) in self._raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if name != migrating.VERSION_TABLE
        ]

    def begin(self, clock: Callable[[], float]) -> None:
        """Empty the tables for a new world; ids count from 1 again."""
        self.clock = clock
        for table in self._tables:
            self._raw.execute(f"DELETE FROM {table}")  # noqa: S608 — the schema's own names

    def rows(self, condition: str = "1", *values: object) -> list[sqlite3.Row]:
        """Escalations, oldest first."""
        statement = f"SELECT * FROM escalation WHERE {condition} ORDER BY id"  # noqa: S608
        return self._raw.execute(statement, values).fetchall()

    def has_open(self) -> bool:
        """Whether any row wants a worker, now or later."""
        return self._any("due IS NOT NULL")

    def has_untold(self, seconds: float) -> bool:
        """Whether anybody has waited for so long and was not told that it takes longer."""
        asked_before = self.clock() - seconds
        return self._any("due > 0 AND queued_told_at IS NULL AND asked_at <= ?", asked_before)

    def has_doubts(self) -> bool:
        """Whether any thread is to be looked for once more now."""
        return self._any("verify_at <= ?", self.clock())

    def has_due(self) -> bool:
        """Whether any row could be claimed now."""
        now = self.clock()
        return self._any("due <= ? AND (lease_until IS NULL OR lease_until <= ?)", now, now)

    def _any(self, condition: str, *values: object) -> bool:
        found = self._raw.execute(
            f"SELECT 1 FROM escalation WHERE {condition} LIMIT 1",  # noqa: S608
            values,
        )
        return found.fetchone() is not None

    def close(self) -> None:
        self._raw.close()
        self.database.close()


@contextmanager
def opened() -> Iterator[Store]:
    """A store in a folder of its own; in memory where the system has such a place, for here
    only processes die, never the machine."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(
        prefix="simulation-", dir=memory if memory.is_dir() else None
    ) as folder:
        store = Store(Path(folder))
        try:
            yield store
        finally:
            store.close()
