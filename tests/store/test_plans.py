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
from bot.core.model import PostedAnswer
from bot.core.record import State
from bot.store.backlog import backlog, count_unlinked, ledger_stats
from bot.store.claims import Claim, load
from bot.store.customer_links import CustomerLink, CustomerLinks
from bot.store.database import Database
from bot.store.delay_notices import DelayNotices
from bot.store.edits import Edits
from bot.store.jobs import Jobs, Kind
from bot.store.records import Records
from bot.store.requests import Requests
from bot.store.tickets import Ledger
from bot.store.undo import Undos
from tests.nouns import TEAM, escalation
from tests.postgres import TEMPLATE, execute
from tests.store.rows import a_job, a_request
from tests.store.settled import settle_many

ROWS = 20_000
WAITING = 5
NOBODY = Rejection(Reason.NO_CUSTOMER, requester="U0NEW")
KEY = "T0001:C0001:1500000777.000100"
"""The key of the 777th message, which has its ticket."""


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def grown(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Iterator[Database]:
    """A database with many settled requests and a few that wait or are on hold."""
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
    for number in range(WAITING):
        a_request(database, 100 + number)
    a_request(database, 200, "on_hold", reason=NOBODY)
    a_request(database, 201, "parked", reason=Rejection(Reason.GAVE_UP))
    if not database.is_sqlite:  # which nobody tells how its rows are spread, nor do we
        with database.writing() as connection:
            connection.execute(text("ANALYZE"))
    yield database
    database.close()


@pytest.fixture
def plans(grown: Database) -> Iterator[list[str]]:
    """The plans of all statements from here on that read requests or tickets, each as one text.

    What waits is free and due, whatever another test did with it.
    """
    with grown.writing() as connection:
        connection.execute(text("UPDATE job SET due = 1, token = NULL, lease_until = NULL"))
    seen: list[str] = []

    def explain(
        connection: Connection, cursor: Any, statement: str, parameters: Any, *_: Any
    ) -> None:
        if not re.search(r"\b(request|ticket)\b", statement) or statement.startswith("EXPLAIN"):
            return
        how = "EXPLAIN QUERY PLAN" if grown.is_sqlite else "EXPLAIN"
        cursor.execute(f"{how} {statement}", parameters)
        seen.append("\n".join(" ".join(map(str, row)) for row in cursor.fetchall()))

    event.listen(grown.engine, "before_cursor_execute", explain)
    yield seen
    event.remove(grown.engine, "before_cursor_execute", explain)


_SCANS = (
    r"SCAN (?:request|ticket)\w*(?! USING (?:COVERING )?INDEX ix_request_(?:on_hold|parked)).*",
    r"SEARCH (?:request|ticket)\w* USING INTEGER PRIMARY KEY \(rowid[<>].*",
    r"Seq Scan on (?:request|ticket).*",
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
        connection.execute(text("SELECT count(*) FROM request WHERE reason = 'x'"))
    assert [len(scans(plan)) for plan in plans] == [1]


# Requests and their delivery


def test_a_request_that_was_made_before(grown: Database, plans: list[str]) -> None:
    """Heard again, and made again; its insert is explained too."""
    (again,) = Records(grown).find("PB-777")
    plans.clear()
    asked = escalation(submitter=again.submitter, request="Ev777")
    Ledger(grown).record(replace(asked, key=again.key))
    check(plans[1:], "uq_request_slack_id")


def test_the_ticket_of_a_message_and_which_keys_are_known(
    grown: Database, plans: list[str]
) -> None:
    requests = Requests(grown)
    assert requests.ticket_of(KEY) is not None
    assert requests.ticket_of_conversation(KEY) is not None
    requests.known([f"T0001:C0001:{1500000000 + number}.000100" for number in range(100)])
    check(plans, "ix_ticket_message_key", "uq_ticket_conversation_key", "ix_request_key")


def claimed(grown: Database) -> Claim:
    (claim,) = load(grown, Ledger(grown).claim("one", 1))
    return claim


def test_a_delivery(grown: Database, plans: list[str]) -> None:
    ledger = Ledger(grown)
    claim = claimed(grown)
    ledger.conversation(claim, KEY)
    ledger.retry_later(claim, 0.0, "slack_timeout", failed=True, outcome_unknown=False)
    check(plans, "uq_ticket_conversation_key")


def test_a_ticket_that_is_gone(grown: Database, plans: list[str]) -> None:
    Ledger(grown).free("th_none")
    check(plans, "ix_ticket_thread_id")


def test_who_has_waited_long(grown: Database, plans: list[str]) -> None:
    jobs = Jobs(grown)
    assert DelayNotices(jobs).plan(TEAM, 0.0, 10) > 0
    (notice, *_) = jobs.claim("one", 0, 10)
    DelayNotices(jobs).take(notice)
    check(plans)
    with grown.writing() as connection:
        connection.execute(text("DELETE FROM job WHERE kind = 'delay'"))


def test_edits_and_expired_undos(grown: Database, plans: list[str]) -> None:
    jobs = Jobs(grown)
    Edits(jobs).remember(777, [PostedAnswer("C1", "1.000001")])
    Edits(jobs).find(777)
    Edits(jobs).forget(777)
    Undos(jobs).just_expired(TEAM)
    check(plans, "ix_request_settled_at")


# Reading


def test_the_backlog_of_the_metrics(grown: Database, plans: list[str]) -> None:
    assert backlog(grown).waiting >= 1
    check(plans, "ix_request_parked", "ix_request_on_hold")


def test_what_doctor_reads(grown: Database, plans: list[str]) -> None:
    assert count_unlinked(grown).people == 1
    check(plans, "ix_request_on_hold")
    plans.clear()
    ledger_stats(grown)  # the newest, from the end of the table
    assert all("SORT" not in plan.upper() and "Seq Scan" not in plan for plan in plans)


def test_who_waits_for_a_link(grown: Database, plans: list[str]) -> None:
    assert len(Records(grown).to_link(TEAM, 10)) == 1
    check(plans, "ix_request_on_hold")


def test_linking_a_person(grown: Database, plans: list[str]) -> None:
    assert CustomerLinks(grown).link([CustomerLink("T0OTHER", "U0NEW", "c_1")], team="T9") == 0
    check(plans, "ix_request_on_hold")


def test_ones_own_requests_and_those_of_a_message(grown: Database, plans: list[str]) -> None:
    records = Records(grown)
    assert len(records.of_submitter(TEAM, "U777")) == 20
    assert len(records.of_submitter(TEAM, "U777", 10_000, 5)) == 5
    check(plans, "ix_request_submitter")
    plans.clear()
    assert len(records.of_message(KEY)) == 1
    check(plans, "ix_request_key")


def test_a_request_by_name(grown: Database, plans: list[str]) -> None:
    """With the job that is due for it, and the look for a duplicate of its ticket."""
    records = Records(grown)
    a_job(grown, Kind.DUPLICATE, 777)
    plans.clear()
    assert records.by_reference(TEAM, "PB-777") is not None
    assert records.request(TEAM, "PB-777") is not None
    for name in ("PB-777", KEY, "T-777"):
        (found,) = records.find(name)
        assert found.verify_at is not None
    check(plans, "ix_request_key", "ix_ticket_thread_ref", "ix_request_ticket_id")
    with grown.writing() as connection:
        connection.execute(text("DELETE FROM job WHERE kind = 'duplicate'"))


def test_retrying_by_name(grown: Database, plans: list[str]) -> None:
    for name in ("PB-777", KEY, "T-777"):
        assert Records(grown).retry(name) == []
    check(plans, "ix_request_key", "ix_ticket_thread_ref", "ix_request_ticket_id")


@pytest.mark.parametrize("state", [State.WAITING, State.ON_HOLD, State.PARKED])
def test_lists_of_what_needs_somebody(grown: Database, plans: list[str], state: State) -> None:
    """However long ago it was requested: nothing that is settled is looked at."""
    assert Records(grown).newest(20, state)
    check(plans)


def _create(url: str, name: str) -> None:
    execute(url, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
