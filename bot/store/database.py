"""Open SQLite or PostgreSQL behind one interface, and run transactions on it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from sqlalchemy import Connection, Float, bindparam, func, literal, make_url, text
from sqlalchemy.exc import DatabaseError, DBAPIError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.sql.expression import ColumnElement

from bot import failpoints
from bot.core.faults import Fault, TryLater
from bot.failpoints import Failpoint
from bot.store import postgres, sqlite
from bot.store.sqlite import BUSY_SECONDS

WAKE_CHANNEL = "plain_bridge"
_NOTIFY = text(f"NOTIFY {WAKE_CHANNEL}")

_CONFLICTS = frozenset({"40001", "40P01", "55P03"})
"""Serialization failure, deadlock, lock timeout.
https://www.postgresql.org/docs/current/errcodes-appendix.html"""


class Database:
    """One database, opened lazily; its transactions fail only with `TryLater`.

    `clock` replaces the database's own clock in tests; None takes the clock that all replicas
    share: PostgreSQL's, or this machine's for SQLite, which only one machine opens.
    """

    def __init__(self, url: str, clock: Callable[[], float] | None = None) -> None:
        self.url = make_url(_with_driver(url))
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.file = sqlite.file_of(self.url) if self.is_sqlite else None
        self.engine = (
            sqlite.engine(self.url, self.file) if self.is_sqlite else postgres.engine(self.url)
        )
        self._clock = clock or (time.time if self.is_sqlite else None)
        # SQLite has one writer; taking turns here avoids the sleeps of its busy handler.
        self._turn = threading.Lock()
        self.insert = _insert_of(self.url.get_backend_name())

    def now(self) -> ColumnElement[float]:
        """Return the present moment (Unix seconds) as part of a statement."""
        if self._clock is not None:
            return literal(self._clock(), Float(53))
        return func.extract("epoch", func.clock_timestamp()).cast(Float(53))

    def present(self) -> ColumnElement[float]:
        """Return the same for a statement that is built once, and executed with `given_now`."""
        if self._clock is None:
            return self.now()
        return bindparam("present", type_=Float(53))

    def given_now(self) -> dict[str, object]:
        """Return the parameter that `present` takes; none if the database tells the time."""
        return {} if self._clock is None else {"present": self._clock()}

    @contextmanager
    def writing(
        self,
        within: float | None = None,
        *,
        wake: bool = False,
        lock_seconds: float | None = None,
    ) -> Iterator[Connection]:
        """Yield a transaction that writes; commit at the end, or roll back after `within` seconds.

        `wake`: it may hold work for the workers of other processes. (On SQLite they see every
        commit; see `cluster.watch`.) `lock_seconds`: the longest wait for a lock on PostgreSQL, in
        place of BUSY_SECONDS.
        """
        until = time.monotonic() + (BUSY_SECONDS if within is None else within)
        with as_fault(), self._turn_until(until) as patience, self.engine.connect() as opened:
            connection = opened.execution_options(patience=patience)
            with connection.begin():
                if self.file is not None:
                    self.file.check(connected=True)
                if lock_seconds is not None and not self.is_sqlite:
                    postgres.limit_lock_wait(connection, lock_seconds)
                yield connection
                if wake and not self.is_sqlite:
                    connection.execute(_NOTIFY)
                if within is not None and time.monotonic() > until:
                    raise TryLater("database_slow")
                failpoints.hit(Failpoint.BEFORE_COMMIT)
            failpoints.hit(Failpoint.AFTER_COMMIT)

    @contextmanager
    def _turn_until(self, until: float) -> Iterator[int | None]:
        """Wait for this process's turn to write to SQLite.

        Yield how many milliseconds are left to wait for other processes; None on PostgreSQL, which
        has no such turns.
        """
        if not self.is_sqlite:
            yield None
            return
        if not self._turn.acquire(timeout=max(0.0, until - time.monotonic())):
            raise TryLater("database_busy")
        try:
            yield max(0, int((until - time.monotonic()) * 1000))
        finally:
            self._turn.release()

    def in_turn(self, connection: Connection, what: str) -> None:
        """Keep every other transaction of any replica from doing `what` until this one ends.

        Two that read at the same moment would not see what the other one writes. On SQLite writers
        take turns anyway.
        """
        if not self.is_sqlite:
            connection.execute(
                text("SELECT pg_advisory_xact_lock(hashtext(:what))"), {"what": f"bridge.{what}"}
            )

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Yield a connection for statements that only read."""
        self.check_file()
        with as_fault(), self.engine.connect() as connection:
            autocommit = connection.execution_options(isolation_level="AUTOCOMMIT")
            yield autocommit

    def check_file(self) -> None:
        """Raise TryLater if the SQLite file is not the one that this process opened."""
        if self.file is not None:
            self.file.check()

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()
        if self.file is not None:
            self.file.closed()


def is_conflict(fault: Fault) -> bool:
    """Return whether the transaction conflicted with another one, and may succeed if repeated.

    A deadlock, a serialization failure, or a lock that was not free in time.
    """
    return is_conflicting(fault.__cause__)


def is_conflicting(error: BaseException | None) -> bool:
    """Return the same for an exception of the driver."""
    return getattr(getattr(error, "orig", None), "sqlstate", None) in _CONFLICTS


@contextmanager
def as_fault() -> Iterator[None]:
    """Raise TryLater instead of the driver's exception if the database cannot be used now."""
    try:
        yield
    except PoolTimeoutError as error:
        raise TryLater("database_busy") from error
    except (OperationalError, InternalError) as error:
        if isinstance(cause := getattr(error.orig, "__cause__", None), TryLater):
            raise TryLater(cause.cause) from error  # the file is gone: `sqlite.engine`
        # InternalError: PostgreSQL while it takes no writes, as during a failover.
        raise TryLater("database") from error
    except DBAPIError as error:
        # All that SQLite says about a damaged file.
        if error.connection_invalidated or type(error) is DatabaseError:
            raise TryLater("database") from error
        raise  # a constraint or a statement of ours: a bug


def _with_driver(url: str) -> str:
    for scheme in ("postgresql://", "postgres://"):
        if url.startswith(scheme):
            return "postgresql+psycopg://" + url.removeprefix(scheme)
    return url


def _insert_of(engine: str) -> Callable[[Any], Any]:
    """Return the engine's own INSERT, with ON CONFLICT; the other engine is not imported."""
    return import_module(f"sqlalchemy.dialects.{engine}").insert  # type: ignore[no-any-return]
