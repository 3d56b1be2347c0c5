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
from bot.store.drafts import Drafts
from bot.store.jobs import Kind
from bot.store.records import Records
from bot.store.retention import Retention
from bot.store.tickets import Ledger

LATER = (Kind.EDIT, Kind.DUPLICATE)
"""The kinds of jobs that wait for a moment of their own, minutes after all else is done."""

_DECISIONS = """
SELECT request.*, job.id AS job_id, job.token, job.lease_until, job.order_key
FROM job JOIN request ON request.id = job.key WHERE job.kind = 'decide' AND {}
"""

_DUE = "due <= ? AND (lease_until IS NULL OR lease_until <= ?)"
_HELD_BACK = """
SELECT 1 FROM job AS other WHERE other.token IS NOT NULL AND (
    (other.order_key = job.order_key AND other.id <> job.id)
    OR (job.kind = 'decide' AND other.channel = job.channel AND other.id < job.id
        AND other.lease_until > ? AND other.token NOT LIKE ?)
)
"""
_UNTOLD = """
SELECT 1 FROM job JOIN request ON request.id = job.key WHERE kind = 'decide'
AND delay_told_at IS NULL AND job.created_at <= ? AND NOT EXISTS (
    SELECT 1 FROM job AS notice WHERE notice.kind = 'delay' AND notice.key = job.key
) LIMIT 1
"""


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
        self.retention = Retention(self.database)
        # Looks at the tables without the code under test.
        self.raw = sqlite3.connect(path, isolation_level=None)
        self.raw.row_factory = sqlite3.Row
        self._tables = [
            name
            for (name,) in self.raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if name != migrating.VERSION_TABLE
        ]

    def begin(self, clock: Callable[[], float]) -> None:
        """Empty the tables for a new world; ids count from 1 again."""
        self.clock = clock
        for table in self._tables:
            self.raw.execute(f"DELETE FROM {table}")  # noqa: S608 — the schema's own names

    # What there is

    def requests(self, condition: str = "1", *values: object) -> list[sqlite3.Row]:
        """Return the requests that meet `condition`, the oldest first."""
        return self._rows(f"SELECT * FROM request WHERE {condition} ORDER BY id", values)  # noqa: S608

    def tickets(self) -> list[sqlite3.Row]:
        """Return all tickets, the oldest first."""
        return self._rows("SELECT * FROM ticket ORDER BY id", ())

    def jobs(self, condition: str = "1", *values: object) -> list[sqlite3.Row]:
        """Return the jobs that meet `condition`, the oldest first."""
        return self._rows(f"SELECT * FROM job WHERE {condition} ORDER BY id", values)  # noqa: S608

    def decisions(self, condition: str, *values: object) -> list[sqlite3.Row]:
        """Return the requests that are to be decided, each with its job."""
        return self._rows(_DECISIONS.format(condition), values)

    def leased_twice(self) -> list[str]:
        """Return the order keys of which more than one job is leased."""
        found = self._rows(
            "SELECT order_key FROM job WHERE token IS NOT NULL AND order_key IS NOT NULL "
            "GROUP BY order_key HAVING count(*) > 1",
            (),
        )
        return [row["order_key"] for row in found]

    # What is due

    def has_open(self) -> bool:
        """Return whether there is any job, now or later."""
        return self._any("job", "1")

    def has_unfinished(self) -> bool:
        """Return whether there is a job other than those that wait for their moment."""
        return self._any("job", "kind NOT IN (?, ?) OR due <= ?", *LATER, self.clock())

    def has_untold(self, seconds: float) -> bool:
        """Return whether anybody waits for so long, and nobody plans to tell them."""
        found = self.raw.execute(_UNTOLD, (self.clock() - seconds,))
        return found.fetchone() is not None

    def has_due(self) -> bool:
        """Return whether any job is due now that nobody has."""
        now = self.clock()
        return self._any("job", _DUE, now, now)

    def has_claimable(self, worker: str) -> bool:
        """Return whether any of these is not held back: by another one of its order key, or by an
        earlier one of its channel that another worker has."""
        now = self.clock()
        given = (now, now, now, f"{worker}:%")
        return self._any("job", f"{_DUE} AND NOT EXISTS ({_HELD_BACK})", *given)

    def _any(self, table: str, condition: str, *values: object) -> bool:
        found = self.raw.execute(
            f"SELECT 1 FROM {table} WHERE {condition} LIMIT 1",  # noqa: S608
            values,
        )
        return found.fetchone() is not None

    def _rows(self, statement: str, values: tuple[object, ...]) -> list[sqlite3.Row]:
        return self.raw.execute(statement, values).fetchall()

    def close(self) -> None:
        self.raw.close()
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
