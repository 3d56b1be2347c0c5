"""Open connections to PostgreSQL: how many, and with which session settings."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, NullPool, create_engine, event, text

from bot.store.sqlite import BUSY_SECONDS

POOLED = 3
"""Connections for transactions. They are short, and a role may have few connections."""

PER_PROCESS = POOLED + 1
"""The most connections that one `run` or `worker` holds: see `cluster.lead` for the other one."""

LIMIT_LOCK_WAIT = "SET lock_timeout = 300"
"""For what changes tables (milliseconds): whoever wants to use one waits behind it."""

_EVERYWHERE = {
    "client_encoding": "UTF8",
    # The statements are written for it: they lock what they read first.
    "default_transaction_isolation": "read committed",
}
_AT_WORK = _EVERYWHERE | {
    "lock_timeout": str(int(BUSY_SECONDS * 1000)),
    # A process that is suspended, or whose host is gone, in the middle of a transaction must not
    # hold its rows for longer than its lease.
    "statement_timeout": "5000",
    "idle_in_transaction_session_timeout": "5000",
}
_MIGRATING = _EVERYWHERE | {
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
}


def engine(url: Any) -> Engine:
    """Return the engine of a bridge at work."""
    return _engine(
        url,
        _AT_WORK,
        pool_size=POOLED,
        max_overflow=0,
        pool_timeout=BUSY_SECONDS,
        pool_pre_ping=True,
    )


def migrating_engine(url: Any) -> Engine:
    """Return an engine whose statements may take as long as they need."""
    return _engine(url, _MIGRATING, poolclass=NullPool)


def limit_lock_wait(connection: Connection, seconds: float) -> None:
    """Let the statements of this transaction wait `seconds` for a lock, and no longer."""
    connection.execute(text(f"SET LOCAL lock_timeout = {max(1, int(seconds * 1000))}"))


def _engine(url: Any, session: dict[str, str], **how: Any) -> Engine:
    made = create_engine(
        url,
        connect_args={"connect_timeout": 2, "tcp_user_timeout": 2000},
        hide_parameters=True,
        **how,
    )
    # https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADMIN-SET
    values = ", ".join(f"set_config('{name}', '{value}', false)" for name, value in session.items())

    # Not as `options` of the start-up packet: PgBouncer refuses those
    # (https://www.pgbouncer.org/config.html#ignore_startup_parameters), and they would take the
    # place of the operator's own, a search_path for one. Before SQLAlchemy looks at the server,
    # for it cannot read the answers of one that has no encoding.
    @event.listens_for(made, "do_connect")
    def _connect(dialect: Any, _record: Any, arguments: Any, options: Any) -> Any:
        connection = dialect.connect(*arguments, **options)
        try:
            connection.autocommit = True
            connection.execute(f"SELECT {values}")
            connection.autocommit = False
        except BaseException:
            connection.close()
            raise
        return connection

    return made
