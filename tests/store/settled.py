"""A ledger with very many settled rows, made out of one."""

from __future__ import annotations

import time

from sqlalchemy import text

from bot.core.model import Created
from bot.store.database import Database
from bot.store.deliveries import Ledger
from bot.store.kv import KeyValueStore
from bot.store.schema import escalation as table
from tests.nouns import TICKET, escalation, message

DAYS = 10.0
"""Over how many days the rows were settled; younger than what is erased."""

_OWN = {
    "id": "n.i",
    "key": "'T0001:C0001:' || CAST(1500000000 + n.i AS TEXT) || '.000100'",
    "conversation_key": "'T0001:C0001:' || CAST(1500000000 + n.i AS TEXT) || '.000100'",
    "request": "'Ev' || CAST(n.i AS TEXT)",
    "channel": "'C' || CAST(n.i % 50 AS TEXT)",
    "asker": "'U' || CAST(n.i % 1000 AS TEXT)",
    "requester": "'U' || CAST(n.i % 2000 AS TEXT)",
    "reply_to": "NULL",
    "settled_at": "settled_at - :length + :length * n.i / :count",
    "thread_id": "'th_' || CAST(n.i AS TEXT)",
    "verify_at": "NULL",
}


def settle_many(database: Database, count: int) -> None:
    """Fill an empty ledger with `count` rows that came to a good end."""
    ledger = Ledger(database)
    ledger.record(escalation())
    (claim,) = ledger.claim("one", 1)
    ledger.freeze(
        claim,
        conversation_key=claim.external_id,
        customer="c_1",
        requester="U0AUTHOR",
        message=message(),
        person=None,
    )
    ledger.settle(claim, Created(TICKET))
    names = [column.name for column in table.columns]
    values = ", ".join(_OWN.get(name, f"escalation.{name}") for name in names)
    with database.writing(within=300.0) as connection:
        connection.execute(
            text(
                f"INSERT INTO escalation ({', '.join(names)}) "  # noqa: S608 — our own columns
                "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < :count)"
                f" SELECT {values} FROM escalation, n WHERE escalation.id = 1"
            ),
            {"count": count, "length": DAYS * 86400.0},
        )
        if not database.is_sqlite:
            connection.execute(
                text("SELECT setval(pg_get_serial_sequence('escalation', 'id'), :count)"),
                {"count": count},
            )
    # Their addresses are erased already.
    KeyValueStore(database, float).keep("retention.addresses", time.time() - 1800.0)
