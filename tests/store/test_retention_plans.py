"""Erasing with very many requests that ended: no run looks at all of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, event, text

from bot.core.faults import Reason, Rejection
from bot.store.customer_links import CustomerLink, CustomerLinks
from bot.store.database import Database
from bot.store.retention import Retention
from bot.store.schema import request
from tests.conftest import Clock
from tests.nouns import TEAM
from tests.store.erasing import DAY, on_hold, recorded, settled

ROWS = 20_000

_OWN = {
    "id": "n.i",
    "slack_id": "'Grown' || CAST(n.i AS TEXT)",
    "act": "'act' || CAST(n.i AS TEXT)",
    "reply_to": "NULL",
    **dict.fromkeys(("message", "form", "rest", "files"), "NULL"),
}


@pytest.fixture
def grown(database: Database, clock: Clock) -> Database:
    """A database in which all but a few requests hold nothing any more."""
    settled(database)
    names = [column.name for column in request.columns]
    values = ", ".join(_OWN.get(name, f"request.{name}") for name in names)
    with database.writing(within=60.0) as connection:
        connection.execute(
            text(
                f"INSERT INTO request ({', '.join(names)}) "  # noqa: S608 — our own columns
                "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < :count)"
                f" SELECT {values} FROM request, n WHERE request.id = 1"
            ),
            {"count": ROWS},
        )
        if not database.is_sqlite:
            set_next = "SELECT setval(pg_get_serial_sequence('request', 'id'), :count)"
            connection.execute(text(set_next), {"count": ROWS})
    on_hold(database, 2)
    settled(database, 3, Rejection(Reason.EMPTY))
    recorded(database, 4)
    if not database.is_sqlite:  # which nobody tells how its rows are spread, nor do we
        with database.writing() as connection:
            connection.execute(text("ANALYZE"))
    clock.move(31 * DAY)
    return database


@pytest.fixture
def plans(grown: Database) -> Iterator[list[str]]:
    """The plans of all statements on requests from here on, each as one text."""
    seen: list[str] = []

    def explain(
        connection: Connection, cursor: Any, statement: str, parameters: Any, *_: Any
    ) -> None:
        if " request" not in statement or statement.startswith("EXPLAIN"):
            return
        how = "EXPLAIN QUERY PLAN" if grown.is_sqlite else "EXPLAIN"
        cursor.execute(f"{how} {statement}", parameters)
        seen.append("\n".join(" ".join(map(str, row)) for row in cursor.fetchall()))

    event.listen(grown.engine, "before_cursor_execute", explain)
    yield seen
    event.remove(grown.engine, "before_cursor_execute", explain)


_SCANS = r"SCAN request(?! USING (?:COVERING )?INDEX ix_request_on_hold)|Seq Scan on request"


def check(plans: list[str], *indexes: str) -> None:
    """No statement looked at all requests, and these indexes were among those used."""
    assert plans
    for plan in plans:
        assert not re.search(_SCANS, plan), plan
    for index in indexes:
        assert any(index in plan for plan in plans), plans


def test_texts(grown: Database, plans: list[str]) -> None:
    assert Retention(grown).erase_texts(30) == 1
    check(plans, "ix_request_texts")


def test_addresses(grown: Database, plans: list[str]) -> None:
    assert Retention(grown).erase_addresses() == 4
    check(plans, "ix_request_addresses")


def test_holds(grown: Database, plans: list[str]) -> None:
    assert Retention(grown).end_holds(30) == 1
    check(plans, "ix_request_on_hold")


def test_a_link(grown: Database, plans: list[str]) -> None:
    assert CustomerLinks(grown).link([CustomerLink(TEAM, "U0AUTHOR", "c_7")]) == 1
    check(plans, "ix_request_on_hold")
