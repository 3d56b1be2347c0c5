"""A ledger with very many settled requests, made out of one."""

from __future__ import annotations

from sqlalchemy import Table, text

from bot.store.database import Database
from bot.store.schema import request, ticket, ticket_message
from tests.store.rows import a_request

DAYS = 10.0
"""Over how many days they were settled; younger than what is erased."""

_KEY = "'T0001:C0001:' || CAST(1500000000 + n.i AS TEXT) || '.000100'"
_REQUEST = {
    "id": "n.i",
    "key": _KEY,
    "slack_id": "'Ev' || CAST(n.i AS TEXT)",
    "act": "'act' || CAST(n.i AS TEXT)",
    "channel": "'C' || CAST(n.i % 50 AS TEXT)",
    "submitter": "'U' || CAST(n.i % 1000 AS TEXT)",
    "requester": "'U' || CAST(n.i % 2000 AS TEXT)",
    "ticket_id": "n.i",
    "reply_to": "NULL",
    "settled_at": "settled_at - :length + :length * n.i / :count",
}
_TICKET = {
    "id": "n.i",
    "key": _KEY,
    "conversation_key": _KEY,
    "request_id": "n.i",
    "thread_id": "'th_' || CAST(n.i AS TEXT)",
    "thread_ref": "'T-' || CAST(n.i AS TEXT)",
}
_MESSAGE = {"ticket_id": "n.i", "key": _KEY}


def settle_many(database: Database, count: int) -> None:
    """Fill an empty ledger with `count` requests, each with a ticket."""
    a_request(database, 1, "created")
    _multiply(database, ticket, _TICKET, count)
    _multiply(database, ticket_message, _MESSAGE, count)
    _multiply(database, request, _REQUEST, count)


def _multiply(database: Database, table: Table, own: dict[str, str], count: int) -> None:
    """Copy the only row of `table` until there are `count`, with `own` values (SQL by column)."""
    names = [column.name for column in table.columns]
    values = ", ".join(own.get(name, f"{table.name}.{name}") for name in names)
    with database.writing(within=300.0) as connection:
        connection.execute(
            text(
                f"INSERT INTO {table.name} ({', '.join(names)}) "  # noqa: S608 — our own columns
                "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < :count)"
                f" SELECT {values} FROM {table.name}, n"
            ),
            {"count": count, "length": DAYS * 86400.0},
        )
        if not database.is_sqlite and "id" in names:
            set_next = f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), :count)"
            connection.execute(text(set_next), {"count": count})
