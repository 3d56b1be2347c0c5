"""The bridge's ledger, read from outside: its SQLite file, opened for reading only.

This is a wire of its own. The page shares no code with the bridge, so it names the table and the
columns that it needs: `escalation` with `id`, `key`, `generation`, `via`, `state` (waiting,
created, added, refused, parked, undone, unwanted), `attempts`, `cause` (why the last attempt was
put off), `due` (Unix seconds; NULL: nothing left to do), `thread_ref`, `reason` and `reason_data`
(JSON: texts by name). Columns that are added later do not disturb it.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

_ROWS = """
SELECT id, key, generation, via, state, attempts, cause, due, thread_ref, reason, reason_data
FROM escalation ORDER BY id DESC LIMIT 8
"""
_COUNTS = """
SELECT state, reason, instr(coalesce(reason_data, ''), '"requester"') > 0, count(*)
FROM escalation GROUP BY 1, 2, 3
"""
_ALWAYS_COUNTED = ("waiting", "created", "on hold")
_COUNTED = (*_ALWAYS_COUNTED, "added", "refused", "undone", "unwanted", "parked")


@dataclass(frozen=True)
class Row:
    """One escalation; `due_in` in seconds, None where nothing is left to do."""

    id: int
    key: str
    generation: int
    via: str
    state: str
    attempts: int
    cause: str | None
    due_in: float | None
    ticket: str | None
    reason: str | None
    data: Mapping[str, str] = field(default_factory=dict)

    @property
    def stands(self) -> str:
        """Return how it stands, as `plain-bridge ledger list` calls it."""
        return _stands(self.state, self.reason, "requester" in self.data)

    @property
    def waits(self) -> bool:
        return self.state == "waiting"

    @property
    def external_id(self) -> str:
        """Return the `externalId` of the row's thread in Plain."""
        return self.key if self.generation == 1 else f"{self.key}:{self.generation}"


@dataclass(frozen=True)
class Reading:
    """The newest rows, and how many there are in each state."""

    rows: tuple[Row, ...] = ()
    counts: Mapping[str, int] = field(default_factory=lambda: _counted(()))


class Ledger:
    """Nothing is there until the bridge has made its database."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def version(self) -> int:
        """Another number whenever somebody else has committed something.

        https://www.sqlite.org/pragma.html#pragma_data_version
        """
        with suppress(sqlite3.Error):
            if (connection := self._open()) is not None:
                return int(connection.execute("PRAGMA data_version").fetchone()[0])
        return 0

    def read(self) -> Reading:
        with suppress(sqlite3.Error):
            if (connection := self._open()) is not None:
                now = time.time()
                rows = tuple(_row(found, now) for found in connection.execute(_ROWS))
                return Reading(rows, _counted(connection.execute(_COUNTS).fetchall()))
        return Reading()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection | None:
        if self._connection is None and self._path.exists():
            address = f"{self._path.resolve().as_uri()}?mode=ro"
            self._connection = sqlite3.connect(address, uri=True, timeout=0.2, isolation_level=None)
        return self._connection


def _row(found: tuple[object, ...], now: float) -> Row:
    id_, key, generation, via, state, attempts, cause, due, ticket, reason, data = found
    return Row(
        id=int(str(id_)),
        key=str(key),
        generation=int(str(generation)),
        via=str(via),
        state=str(state),
        attempts=int(str(attempts)),
        cause=None if cause is None else str(cause),
        due_in=None if due is None else max(0.0, float(str(due)) - now),
        ticket=None if ticket is None else str(ticket),
        reason=None if reason is None else str(reason),
        data={} if data is None else json.loads(str(data)),
    )


def _stands(state: str, reason: str | None, about_a_person: bool) -> str:
    """Return the state in words: what waits for somebody to link a person is on hold."""
    linking = reason == "no_customer" or (reason == "broken_link" and about_a_person)
    return "on hold" if state == "refused" and linking else state


def _counted(found: Iterable[tuple[str, str | None, int, int]]) -> dict[str, int]:
    """Return the counts by state; the states that are rare only where there are any."""
    counts: dict[str, int] = Counter()
    for state, reason, about_a_person, count in found:
        counts[_stands(state, reason, bool(about_a_person))] += count
    known = {name: counts.pop(name, 0) for name in _COUNTED}
    return {
        name: count
        for name, count in {**known, **counts}.items()
        if count or name in _ALWAYS_COUNTED
    }
