"""Migrate a large ledger of the release before, which goes on recording meanwhile:

    python -m bench.migrating [--rows 1000000] [--engine postgresql sqlite] [--database URL]

Says how long the migration took, and the standstill: from the last request that the release before
could commit to the moment when this one could. Ends with an error if a request that was committed
is not in the new tables.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from alembic import command
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from bench.ground import opened, postgres
from bot.core.faults import Fault
from bot.store import migrating
from bot.store.database import Database
from tests.store import former

START = "0004"
RECORD_SECONDS = 1.8
"""The limit of the release before for recording a request."""
WRITERS = 2
BETWEEN_SECONDS = 0.005
BEFORE_SECONDS = 5.0
FIRST_NUMBER = 1_000_000_000
"""The id of the first row that is written during the migration."""

# Of a thousand rows: 690 threads, 200 additions to them, 30 undone, 60 rejected (20 of them on
# hold), 19 ignored, 1 parked. Of the last 2,000, 600 wait, and 100 of these are half sent.
_STATE = """CASE
  WHEN i > :rows - 2000 AND i % 10 < 3 THEN 'waiting'
  WHEN i % 1000 < 690 THEN 'created' WHEN i % 1000 < 890 THEN 'added'
  WHEN i % 1000 < 920 THEN 'undone' WHEN i % 1000 < 980 THEN 'refused'
  WHEN i % 1000 < 999 THEN 'unwanted' ELSE 'parked'
END"""
_FILLING = """
INSERT INTO escalation (
  key, generation, conversation_key, via, team, channel, asker, requester, request, "trigger",
  message, reply_to, state, answer, due, attempts, answer_attempts, strikes, cause, customer,
  sent_at, thread_id, thread_ref, thread_url, reason, reason_data, created_at, asked_at, settled_at,
  undone_at, undone_by, evidence
)
SELECT
  key, 1, CASE WHEN state = 'created' OR is_half_sent THEN key END, 'reaction', 'T0001', channel,
  asker, requester, request, replace(replace(:trigger, :asker, asker), :key, key),
  CASE WHEN i > :rows - 50000 THEN :message END,
  CASE WHEN i > :rows - 1000 THEN :reply_to END,
  state, CASE WHEN state IN ('waiting', 'unwanted') THEN 'none' ELSE 'said' END,
  CASE WHEN state = 'waiting' THEN moment END, 1, 0, 0,
  CASE WHEN is_half_sent THEN 'plain_timeout' END,
  CASE WHEN has_thread OR is_half_sent THEN 'c_' || (i % 2000) END,
  CASE WHEN has_thread OR is_half_sent THEN moment END,
  CASE WHEN has_thread THEN 'th_' || thread END, CASE WHEN has_thread THEN 'T-' || thread END,
  CASE WHEN has_thread THEN 'https://app.plain.com/workspace/w_1/thread/th_' || thread END,
  CASE WHEN state <> 'refused' THEN NULL WHEN i % 3 = 0 THEN 'no_customer' ELSE 'not_allowed' END,
  CASE WHEN state = 'refused' THEN '{{"requester":"' || requester || '"}}' END,
  moment, moment, CASE WHEN state <> 'waiting' THEN moment END,
  CASE WHEN state = 'undone' THEN moment END, CASE WHEN state = 'undone' THEN asker END,
  CASE WHEN has_thread THEN 'link' END
FROM (
  SELECT i, state, 'T0001:C' || (i % 50) || ':' || (1500000000 + i) || '.000100' AS key,
    'C' || (i % 50) AS channel, 'U' || (i % 1000) AS asker, 'U' || (i % 2000) AS requester,
    'Ev' || i AS request, 1700000000.0 + i AS moment,
    state IN ('created', 'added', 'undone') AS has_thread,
    state = 'waiting' AND i % 20 = 0 AS is_half_sent,
    CASE WHEN state = 'added' THEN i - i % 1000 + 1 ELSE i END AS thread
  FROM (SELECT i, {state} AS state FROM {numbers}) AS numbered
) AS filled
"""
_NUMBERS = {
    "postgresql": "generate_series(1, :rows) AS i",
    "sqlite": (
        "(WITH RECURSIVE series(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM series "
        "WHERE i < :rows) SELECT i FROM series)"
    ),
}


def fill(connection: Connection, rows: int) -> None:
    """So many rows of the release before, most of them settled, of about 1 kB each."""
    engine, one = connection.dialect.name, former.row(1)
    if engine == "postgresql":
        connection.execute(text("SET LOCAL statement_timeout = 0"))
    connection.execute(
        text(_FILLING.format(state=_STATE, numbers=_NUMBERS[engine])),
        {
            "rows": rows,
            "trigger": one["trigger"],
            "asker": one["asker"],
            "key": one["key"],
            "reply_to": one["reply_to"],
            "message": '{"ref":null,"author":"U1","blocks":[]}',
        },
    )


@dataclass
class Records:
    """What a writer of the release before committed, and when (by `time.perf_counter`).

    `longest`: the longest wait of a request, in seconds; `failed`: how many could not be recorded.
    """

    committed: list[str] = field(default_factory=list)
    last: float = 0.0
    longest: float = 0.0
    failed: int = 0

    def __str__(self) -> str:
        return (
            f"{len(self.committed)} records, {self.failed} failed, "
            f"the longest took {self.longest * 1000:.0f} ms"
        )


def record(database: Database, numbers: Iterator[int], found: Records) -> None:
    """Record one request as the release before does."""
    columns = former.row(next(numbers), key=f"T0001:C0001:{next(numbers)}.000100")
    began = time.perf_counter()
    try:
        with database.writing(RECORD_SECONDS) as connection:
            former.insert(connection, **columns)
    except (Fault, DBAPIError):
        found.failed += 1
    else:
        found.last = time.perf_counter()
        found.committed.append(str(columns["key"]))
    found.longest = max(found.longest, time.perf_counter() - began)


@contextmanager
def recording(databases: list[Database], numbers: Iterator[int]) -> Iterator[list[Records]]:
    """Record requests in several threads while the context lasts."""
    ended = threading.Event()
    found = [Records() for _ in databases]

    def write(database: Database, its: Records) -> None:
        while not ended.wait(BETWEEN_SECONDS):
            record(database, numbers, its)

    threads = [
        threading.Thread(target=write, args=pair) for pair in zip(databases, found, strict=True)
    ]
    for thread in threads:
        thread.start()
    try:
        yield found
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def check(database: Database, committed: list[str]) -> None:
    """Exit if a request that was committed is in none of the new tables."""
    with database.reading() as connection:
        there = set(
            connection.scalars(
                text("SELECT key FROM request WHERE id >= :first"), {"first": FIRST_NUMBER}
            )
        )
        jobs = connection.scalar(
            text("SELECT count(*) FROM job WHERE kind = 'decide' AND key >= :first"),
            {"first": FIRST_NUMBER},
        )
    if there != set(committed) or jobs != len(committed):
        raise SystemExit(f"{len(committed)} committed, {len(there)} there, with {jobs} jobs")


def measure(url: str, rows: int) -> None:
    with opened(url) as database, opened(url) as one, opened(url) as other:
        command.upgrade(migrating.config(database), START)
        with database.engine.begin() as connection:
            fill(connection, rows)
        if not database.is_sqlite:
            with database.engine.connect() as connection:
                alone = connection.execution_options(isolation_level="AUTOCOMMIT")
                alone.execute(text("SET statement_timeout = 0"))
                alone.execute(text("VACUUM ANALYZE escalation"))
                alone.execute(text("SET statement_timeout = 5000"))
        numbers = itertools.count(FIRST_NUMBER)
        with recording([one, other], numbers) as before:
            time.sleep(BEFORE_SECONDS)
        print(f"{database.url.get_backend_name()}, {rows:,} rows at {START}", flush=True)
        for its in before:
            print(f"  before: {its}", flush=True)
        with recording([one, other], numbers) as during:
            began = time.perf_counter()
            migrating.migrate(database)
            ended = time.perf_counter()
        for its in during:
            print(f"  during: {its}", flush=True)
        check(database, [key for its in (*before, *during) for key in its.committed])
        last = max((its.last for its in during if its.committed), default=began)
        print(
            f"  at {migrating.revision(database)} after {ended - began:.1f} s, "
            f"a standstill of {ended - last:.1f} s",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.migrating", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--engine", nargs="+", default=["postgresql", "sqlite"])
    parser.add_argument("--database", help="an empty PostgreSQL database, in place of an own one")
    given = parser.parse_args()
    if "postgresql" in given.engine:
        with postgres(given.database) as url:
            measure(url, given.rows)
    if "sqlite" in given.engine:
        with tempfile.TemporaryDirectory(prefix="pb-bench-") as folder:
            measure(f"sqlite:///{folder}/bench.db", given.rows)


if __name__ == "__main__":
    main()
