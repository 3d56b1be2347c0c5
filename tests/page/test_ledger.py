"""The page's sight of the ledger: a wire to the bridge's own tables, read only."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from bot.cli.ledger import STATES
from bot.core.faults import Reason, Rejection
from bot.core.record import State
from bot.sandbox.page import ledger
from bot.sandbox.page.ledger import LedgerFile
from bot.slack.views import rejections
from bot.store.database import Database
from bot.store.jobs import Kind
from bot.store.records import Records
from bot.store.rejections import to_data
from tests.store.rows import a_request, a_ticket, change_job, change_request

GUEST = Rejection(Reason.NOT_ALLOWED, user_kind="guest")
NOBODY = Rejection(Reason.NO_CUSTOMER, requester="U1", requester_name="Gwen Hall")
NAMELESS = Rejection(Reason.NO_CUSTOMER, requester="U1")
UNCONFIRMED = replace(NOBODY, address_unconfirmed=True)
BROKEN = Rejection(Reason.BROKEN_LINK, requester="U1", customer="c_1")
IN_THE_SETTINGS = Rejection(Reason.BROKEN_LINK, customer="c_1")


def opened(sqlite_url: str) -> LedgerFile:
    return LedgerFile(Path(sqlite_url.removeprefix("sqlite:///")))


def test_requests_are_counted_and_told(sqlite_url: str) -> None:
    read = opened(sqlite_url)
    assert read.read().rows == ()
    before = read.version()
    database = Database(sqlite_url)
    a_request(database, 1)
    a_request(database, 2)
    change_job(database, Kind.DECIDE, 2, due=9e12, attempts=2, cause="plain_timeout")
    a_request(database, 3, "created")
    a_request(database, 4, "rejected", reason=GUEST)
    a_request(database, 5, "on_hold", reason=NOBODY)
    database.close()
    assert read.version() != before
    reading = read.read()
    assert reading.counts == {"waiting": 2, "created": 1, "on hold": 1, "rejected": 1}
    on_hold, rejected, created, retried, waiting = reading.rows
    assert [row.state for row in (on_hold, rejected)] == ["on hold", "rejected"]
    assert rejected.data == {"standing": "guest"}
    assert (created.ticket, created.attempts, created.due_in) == ("T-3", None, None)
    assert (retried.attempts, retried.cause, retried.due_in == 0) == (2, "plain_timeout", False)
    assert (waiting.attempts, waiting.cause, waiting.due_in) == (0, None, 0)
    read.close()


def test_a_request_has_the_ids_that_slack_and_plain_know(sqlite_url: str) -> None:
    read, database = opened(sqlite_url), Database(sqlite_url)
    a_request(database, 1, "created", request="Ev7")
    change_request(database, 1, external_id="T1:C1:1")
    database.close()
    (row,) = read.read().rows
    assert (row.slack_id, row.external_id) == ("Ev7", "T1:C1:1")
    read.close()


STORED = [
    *(("waiting", None), ("on_hold", None), ("rejected", None), ("parked", None)),
    *(("ignored", None), ("withdrawn", None)),
    *((state, ticket) for state in ("created", "added", "joined") for ticket in ("open", "gone")),
    *(("created", "undoing"), ("joined", "undone")),
]


@pytest.mark.parametrize(("state", "ticket"), STORED)
def test_the_state_is_that_of_the_command_line(
    sqlite_url: str, state: str, ticket: str | None
) -> None:
    read, database = opened(sqlite_url), Database(sqlite_url)
    a_request(database, 1, state, ticket_id=a_ticket(database, 1, ticket) if ticket else None)
    (record,) = Records(database).find("PB-1")
    database.close()
    (row,) = read.read().rows
    assert row.state == record.state.value.replace("-", " ")
    assert read.read().counts[row.state] == 1
    read.close()


def test_every_state_is_counted() -> None:
    assert set(ledger._COUNTED) == {state.replace("-", " ") for state in STATES}
    assert ledger._counted([]) == {"waiting": 0, "created": 0, "on hold": 0}
    assert ledger._counted([(State.GONE, 2)])["gone"] == 2


def test_every_reason_has_words() -> None:
    for code in (*Reason, "no_rule", "asked_by_a_bot", "forgotten", "form_submitted_again"):
        assert code in ledger._REASONS
        assert "_" not in ledger.reason(code, {})
    assert ledger.reason("not_allowed", {"standing": "guest"}) == (
        "guests can't create tickets here"
    )


CAUSES = ("plain_unreachable", "plain_http_503", "plain_timeout", "slack_timeout", "settling")


def test_a_cause_in_words() -> None:
    assert ledger.cause("plain_unreachable") == "Plain couldn't be reached"
    assert ledger.cause("plain_http_503") == "Plain returned an error"
    assert ledger.cause("something_new") == "something new"


def test_the_words_are_those_of_the_command_line() -> None:
    for code in ledger._REASONS:
        for rejection in (GUEST, NOBODY, NAMELESS, UNCONFIRMED, BROKEN, IN_THE_SETTINGS):
            known = replace(rejection, reason=Reason(code)) if code in set(Reason) else None
            data = {} if known is None else to_data(known)
            assert ledger.reason(code, data) == rejections.short(code, known)
    for code in CAUSES:
        assert ledger.cause(code) == rejections.cause(code)


def test_without_a_database_there_is_nothing(tmp_path: Path) -> None:
    read = LedgerFile(tmp_path / "none.db")
    assert (read.version(), read.read().rows) == (0, ())
    assert not (tmp_path / "none.db").exists()


def test_it_cannot_write(sqlite_url: str) -> None:
    read = LedgerFile(Path(sqlite_url.removeprefix("sqlite:///")))
    connection = read._open()
    assert connection is not None
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("DELETE FROM request")
    read.close()
