"""Migrate a large ledger on PostgreSQL while requests are recorded beside it:

    python -m bench.migrating [--rows 1000000] [--start 0003] [--database URL]

Says how long the migration took, and how long each record took before and during it. A record that
takes longer than 1.8 s is one that Slack is not told 200 for.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from alembic import command
from sqlalchemy import Connection, inspect, text

from bench.backlog import postgres
from bench.ground import opened
from bot.core.faults import Fault
from bot.flows.intake import RECORD_SECONDS
from bot.store import migrating
from bot.store.database import Database
from bot.store.requests import Requests
from tests.nouns import escalation

BETWEEN_SECONDS = 0.005
BEFORE_SECONDS = 5.0

_VALUES = {
    "key": "'T0001:C0001:' || (1500000000 + i) || '.000100'",
    "conversation_key": "'T0001:C0001:' || (1500000000 + i) || '.000100'",
    "generation": "1",
    "via": "'reaction'",
    "team": "'T0001'",
    "channel": "'C' || i % 50",
    "submitter": "'U' || i % 1000",
    "requester": "'U' || i % 2000",
    "request": "'Ev' || i",
    "trigger": "repeat('x', 400)",
    "state": "'created'",
    "answer": "'said'",
    "attempts": "1",
    "answer_attempts": "1",
    "strikes": "0",
    "customer": "'c_' || i % 2000",
    "thread_id": "'th_' || i",
    "thread_ref": "'T-' || i",
    "created_at": "1700000000 + i",
    "asked_at": "1700000000 + i",
    "settled_at": "1700000000 + i",
}


@dataclass
class Records:
    """Seconds that each record took, and how many failed."""

    took: list[float] = field(default_factory=list)
    failed: int = 0

    def __str__(self) -> str:
        ordered = sorted(self.took)
        middle, most = (ordered[int(len(ordered) * part)] for part in (0.5, 0.99))
        return (
            f"{len(ordered)} records, {self.failed} failed, "
            f"median {middle * 1000:.1f} ms, 99 % {most * 1000:.0f} ms, "
            f"slowest {ordered[-1] * 1000:.0f} ms"
        )


def fill(connection: Connection, rows: int) -> None:
    """So many settled rows, of about 700 bytes each."""
    names = ", ".join(_VALUES)
    values = ", ".join(_VALUES.values())
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    connection.execute(
        text(
            f"INSERT INTO escalation ({names}) "  # noqa: S608 — our own columns
            f"SELECT {values} FROM generate_series(1, :rows) AS i"
        ),
        {"rows": rows},
    )


@contextmanager
def recording(database: Database, first: int) -> Iterator[Records]:
    """Record one request after the other while the context lasts."""
    found, ended = Records(), threading.Event()
    accepting = Requests(database)

    def record() -> None:
        number = first
        while not ended.wait(BETWEEN_SECONDS):
            began = time.perf_counter()
            try:
                accepting.record(escalation(number), within=RECORD_SECONDS)
            except Fault:
                found.failed += 1
            found.took.append(time.perf_counter() - began)
            number += 1

    thread = threading.Thread(target=record)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


def measure(database: Database, beside: Database, rows: int, start: str) -> None:
    command.upgrade(migrating.config(database), start)
    with database.engine.begin() as connection:
        fill(connection, rows)
        size = connection.scalar(text("SELECT pg_total_relation_size('escalation')"))
    print(f"{rows:,} rows, {(size or 0) / 2**30:.1f} GiB, at {start}", flush=True)
    with recording(beside, 1000) as before:
        time.sleep(BEFORE_SECONDS)
    print(f"before: {before}", flush=True)
    with recording(beside, 1_000_000) as during:
        began = time.perf_counter()
        migrating.migrate(database)
        took = time.perf_counter() - began
    print(f"during: {during}", flush=True)
    with database.reading() as connection:
        count = len(inspect(connection).get_indexes("escalation"))
    print(f"at {migrating.revision(database)} after {took:.1f} s, {count} indexes")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.migrating", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--start", default="0003", help="the revision to begin with")
    parser.add_argument("--database", help="an empty PostgreSQL database, in place of an own one")
    given = parser.parse_args()
    with postgres(given.database) as url, opened(url) as database, opened(url) as beside:
        measure(database, beside, given.rows, given.start)


if __name__ == "__main__":
    main()
