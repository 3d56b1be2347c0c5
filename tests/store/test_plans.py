"""The query plans with very many settled rows: no statement looks at all of them."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, event, text

from bot.core.faults import Reason, Rejection
from bot.core.model import PostedAnswer, Ticket
from bot.core.refs import MessageRef, message_key
from bot.store.customer_links import CustomerLink, CustomerLinks
from bot.store.database import Database
from bot.store.delay_notices import DelayNotices
from bot.store.deliveries import Ledger
from bot.store.records import Records, backlog
from bot.store.requests import Requests
from bot.store.retention import Retention
from bot.store.undo import Undos, hold
from tests.nouns import TEAM, escalation, ts
from tests.postgres import TEMPLATE, execute
from tests.store.settled import settle_many

ROWS = 20_000
WAITING = 5


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def grown(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Iterator[Database]:
    """A database with many settled rows and a few that wait or were refused."""
    if request.param == "sqlite":
        path = tmp_path_factory.mktemp("plans") / "grown.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        url = f"sqlite:///{path}"
    else:
        url_of: Callable[[str], str] = request.getfixturevalue("postgres_template")
        name = f"plans_{os.getpid()}"
        _create(url_of("postgres"), name)
        url = url_of(name)
    database = Database(url)
    settle_many(database, ROWS)
    ledger = Ledger(database)
    for number in range(WAITING):  # each in a channel of its own, so that none holds another
        ref = MessageRef(f"C1{number}", ts(number))
        asked = escalation(ref=ref, channel=ref.channel, request=f"Ev-{number}")
        ledger.record(replace(asked, key=message_key(TEAM, ref)))
    (claim,) = ledger.claim("one", 1)
    ledger.settle(claim, Rejection(Reason.NO_CUSTOMER, requester="U0NEW"))
    if not database.is_sqlite:  # which nobody tells how its rows are spread, nor do we
        with database.writing() as connection:
            connection.execute(text("ANALYZE"))
    yield database
    database.close()


@pytest.fixture
def plans(grown: Database) -> Iterator[list[str]]:
    """The plans of all statements on the table from here on, each as one text.

    What waits is free and due, whatever another test did with it.
    """
    Ledger(grown).free_all()
    with grown.writing() as connection:
        connection.execute(text("UPDATE escalation SET due = 1 WHERE due IS NOT NULL"))
    seen: list[str] = []

    def explain(
        connection: Connection, cursor: Any, statement: str, parameters: Any, *_: Any
    ) -> None:
        if "escalation" not in statement or statement.startswith("EXPLAIN"):
            return
        how = "EXPLAIN QUERY PLAN" if grown.is_sqlite else "EXPLAIN"
        cursor.execute(f"{how} {statement}", parameters)
        seen.append("\n".join(" ".join(map(str, row)) for row in cursor.fetchall()))

    event.listen(grown.engine, "before_cursor_execute", explain)
    yield seen
    event.remove(grown.engine, "before_cursor_execute", explain)


_SCANS = (
    r"SCAN escalation\w*(?! USING (?:COVERING )?INDEX ix_escalation_(?:due|parked)).*",
    r"SEARCH escalation\w* USING INTEGER PRIMARY KEY \(rowid[<>].*",
    r"Seq Scan on escalation.*",
    r"Index Cond: \(id [<>].*",
)


def scans(plan: str) -> list[str]:
    """The lines of a plan that look at the whole table, or at all rows before or after one."""
    return [line for scan in _SCANS for line in re.findall(scan, plan)]


def check(plans: Sequence[str], *indexes: str) -> None:
    """Every statement used an index, and these were among them."""
    assert plans
    for plan in plans:
        assert not scans(plan), plan
    for index in indexes:
        assert any(index in plan for plan in plans), plans


def test_a_scan_is_seen(grown: Database, plans: list[str]) -> None:
    with grown.reading() as connection:
        connection.execute(text("SELECT count(*) FROM escalation WHERE cause = 'x'"))
    assert [len(scans(plan)) for plan in plans] == [1]


def test_claiming(grown: Database, plans: list[str]) -> None:
    ledger = Ledger(grown)
    assert ledger.claim("two", 1)  # less than is due: from now on the half-way come first
    assert ledger.claim("two", 1)
    check(plans, "ix_escalation_due", "ix_escalation_half_way")


def test_when_the_next_row_is_due(grown: Database, plans: list[str]) -> None:
    Ledger(grown).next_due()
    check(plans, "ix_escalation_due")


def test_what_an_asking_meets(grown: Database, plans: list[str]) -> None:
    asked = replace(escalation(), key="T0001:C0001:1500000777.000100")
    recorded = Ledger(grown).record(replace(asked, trigger=replace(asked.trigger, request="Ev-x")))
    assert recorded.remark is not None
    assert len(plans) == 2
    check(plans[1:], "uq_escalation_key_generation")


def test_the_ticket_of_a_message_and_which_keys_are_known(
    grown: Database, plans: list[str]
) -> None:
    ledger = Ledger(grown)
    assert ledger.ticket_of("T0001:C0001:1500000777.000100") is not None
    ledger.known([f"T0001:C0001:{1500000000 + number}.000100" for number in range(100)])
    check(plans, "uq_escalation_key_generation")


def test_a_delivery(grown: Database, plans: list[str]) -> None:
    ledger = Ledger(grown)
    (claim,) = ledger.claim("three", 1)
    plans.clear()
    ledger.conversation(claim, "T0001:C0001:1500000778.000100")
    check(plans, "uq_escalation_conversation_key")
    ledger.is_hopeless(claim)
    ledger.retry_later(claim, 0.0, "slack_timeout", failed=True, outcome_unknown=False)
    check(plans)


def test_ending_every_lease(grown: Database, plans: list[str]) -> None:
    Ledger(grown).free_all()
    check(plans, "ix_escalation_due")


def test_who_has_waited_long(grown: Database, plans: list[str]) -> None:
    DelayNotices(grown).take_late(TEAM, 0.0, 10)
    check(plans, "ix_escalation_due")


def test_undoing(grown: Database, plans: list[str]) -> None:
    undoing = Undos(grown)
    found = undoing.find_by_message("T0001:C0001:1500000779.000100")
    assert found is not None
    undoing.begin(found.id, "U0ASKER")
    undoing.unfinished(TEAM, 10)
    undoing.release(found.id)
    undoing.remember_answer(found.id, [PostedAnswer("C1", "1.000001")])
    undoing.stale_answers(TEAM, 10)
    undoing.just_expired(TEAM)
    undoing.forget_answer(found.id)
    check(
        plans,
        "uq_escalation_key_generation",
        "ix_escalation_thread_id",
        "ix_escalation_undoing",
        "ix_escalation_said_in",
        "ix_escalation_settled_at",
    )


def test_adding_to_a_ticket(grown: Database, plans: list[str]) -> None:
    with grown.writing() as connection:
        hold(connection, Ticket("th_none", "T-9", "https://plain.test"))
    check(plans, "ix_escalation_thread_id")


def test_erasing(grown: Database, plans: list[str]) -> None:
    retention = Retention(grown)
    retention.erase_addresses()
    retention.erase_texts(9.99)
    check(plans, "ix_escalation_settled_at", "ix_escalation_due")


def test_the_backlog_of_the_metrics(grown: Database, plans: list[str]) -> None:
    assert backlog(grown).waiting >= 1
    *rest, people = plans
    check(rest, "ix_escalation_due", "ix_escalation_parked")
    assert "ix_escalation_refused_requester" in people, people


def test_linking_a_person(grown: Database, plans: list[str]) -> None:
    assert CustomerLinks(grown).link([CustomerLink(TEAM, "U0NEW", "c_1")]) <= 1
    check(plans, "ix_escalation_refused_requester")


def test_who_waits_for_a_link(grown: Database, plans: list[str]) -> None:
    Records(grown).to_link(TEAM, 10)
    (plan,) = plans  # all of an index that holds nothing but refused rows
    assert "ix_escalation_refused_requester" in plan, plan
    plans.clear()
    Records(grown).by_reference(TEAM, "PB-7")
    check(plans)


def test_ones_own_tickets_and_those_of_a_message(grown: Database, plans: list[str]) -> None:
    tickets = Records(grown)
    assert len(tickets.of_submitter(TEAM, "U777")) == 20
    assert len(tickets.of_submitter(TEAM, "U777", 10_000, 5)) == 5
    check(plans, "ix_escalation_asker")
    plans.clear()
    assert len(tickets.generations("T0001:C0001:1500000777.000100")) == 1
    assert Requests(grown).ticket_of_conversation("T0001:C0001:1500000777.000100") is not None
    check(plans, "uq_escalation_key_generation", "uq_escalation_conversation_key")


def _create(url: str, name: str) -> None:
    execute(url, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
