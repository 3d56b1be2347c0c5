"""Check that a PostgreSQL server can hold the ledger: encoding, and a session per connection."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from bot.core.faults import TryLater
from bot.store import postgres
from bot.store.database import Database

_PROBES = 3
"""Connections that are compared; PgBouncer may run as several processes behind one address."""

_LOOKS = 2


class Unsuitable(Exception):
    """The bridge cannot use the database as it is: `what` is wrong, and how to `fix` it."""

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(f"{what}: {fix}")
        self.what = what
        self.fix = fix


def check(database: Database) -> None:
    """Raise Unsuitable if the bridge cannot work on this server; on SQLite there is no such case.

    TryLater where it cannot be reached.
    """
    if database.is_sqlite:
        return
    try:
        with database.reading() as connection:
            _check_encoding(connection)
    except TryLater as fault:
        # PgBouncer's words in its statement mode, where not even a transaction can be begun.
        if "pooling mode" in str(getattr(fault.__cause__, "orig", "")):
            raise _pooler() from None
        raise
    if _shares_sessions(database):
        raise _pooler()


def connections_allowed(database: Database) -> int | None:
    """Return how many connections the role, its database or the server allows; None on SQLite."""
    if database.is_sqlite:
        return None
    with database.reading() as connection:
        # https://www.postgresql.org/docs/current/sql-alterrole.html: -1 is no limit.
        limits: Sequence[int] = connection.execute(
            text(
                "SELECT rolconnlimit, (SELECT datconnlimit FROM pg_catalog.pg_database "
                "WHERE datname = current_database()), current_setting('max_connections')::integer "
                "FROM pg_catalog.pg_roles WHERE rolname = current_user"
            )
        ).one()
    return min(limit for limit in limits if limit >= 0)


def too_few_connections(allowed: int) -> Unsuitable | None:
    """Return what is wrong where the bridge may not open as many connections as it needs."""
    if allowed >= postgres.PER_PROCESS:
        return None
    return Unsuitable(
        f"only {allowed} connections are allowed, and each `run` or `worker` needs "
        f"{postgres.PER_PROCESS}",
        "raise the CONNECTION LIMIT of the role or of the database",
    )


def _check_encoding(connection: Connection) -> None:
    """Raise Unsuitable for an encoding in which not all text can be stored.

    https://www.postgresql.org/docs/current/multibyte.html
    """
    encoding = connection.scalar(text("SHOW server_encoding"))
    if encoding == "UTF8":
        return
    name = connection.scalar(text("SELECT current_database()"))
    raise Unsuitable(
        f"the database {name} has the encoding {encoding}, in which not everything can be stored "
        "that people write",
        "create one with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0, and name it in "
        "DATABASE_URL",
    )


def _pooler() -> Unsuitable:
    """Return the error for a transaction pooler.

    https://www.pgbouncer.org/features.html lists what is lost in transaction pooling.
    """
    return Unsuitable(
        "DATABASE_URL leads to a pooler that hands out single transactions, and the bridge's "
        "locks, notices and time limits need a session",
        "connect to PostgreSQL itself, or set pool_mode = session for this database in PgBouncer",
    )


def _shares_sessions(database: Database) -> bool:
    """Return whether connections share the server's sessions, or change them.

    Those of a transaction pooler do: an idle one gives each transaction the server connection that
    was used last, a busy one, or one that takes them in turn, gives any.
    """
    owner: dict[int, int] = {}
    with ExitStack() as stack:
        for number in range(_PROBES):
            try:
                connection = stack.enter_context(database.reading())
                for _ in range(_LOOKS):
                    session = connection.scalar(text("SELECT pg_backend_pid()"))
                    if owner.setdefault(session, number) != number:
                        return True
            except (DBAPIError, TryLater):  # no more connections are available: it cannot be tested
                return False
            if len(owner) != number + 1:
                return True
    return False
