"""The page's sight of the ledger: a wire to the bridge's own tables, read only."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import insert

from bot.cli.ledger import SHOWN_STATES, WORDS
from bot.core.faults import Reason, Rejection
from bot.sandbox.page import ledger
from bot.sandbox.page.ledger import LedgerFile
from bot.slack.views import rejections
from bot.store.database import Database
from bot.store.records import ON_HOLD, STATES
from bot.store.schema import escalation

SAID: dict[str, object] = {
    "generation": 1,
    "via": "reaction",
    "team": "T1",
    "asker": "U1",
    "request": "1",
    "trigger": "{}",
    "answer": "open",
    "answer_attempts": 0,
    "strikes": 0,
    "created_at": 1.0,
    "asked_at": 1.0,
}


def columns_read() -> set[str]:
    found = re.search(r"SELECT (.*?)\s+FROM escalation", ledger._ROWS, re.DOTALL)
    assert found is not None
    return {name.strip() for name in found[1].split(",")}


def test_the_columns_are_those_of_the_bridge() -> None:
    assert columns_read() <= {column.name for column in escalation.columns}


def test_rows_are_counted_and_told(sqlite_url: str) -> None:
    read = LedgerFile(Path(sqlite_url.removeprefix("sqlite:///")))
    assert read.read().rows == ()
    before = read.version()
    database = Database(sqlite_url)
    for number, (state, attempts, due, reason, data) in enumerate(
        [
            ("waiting", 0, 1.0, None, None),
            ("waiting", 2, 9e12, None, None),
            ("created", 1, None, None, None),
            ("refused", 1, None, "not_allowed", '{"standing":"guest"}'),
            ("refused", 1, None, "no_customer", '{"requester":"U1"}'),
            ("refused", 1, None, "broken_link", '{"requester":"U1","customer":"c_1"}'),
            ("refused", 1, None, "broken_link", '{"customer":"c_1"}'),
        ]
    ):
        values = SAID | {"key": f"T1:C1:{number}", "reason": reason, "reason_data": data}
        values |= {"state": state, "attempts": attempts, "due": due}
        with database.writing() as connection:
            connection.execute(insert(escalation).values(**values))
    database.close()
    assert read.version() != before
    reading = read.read()
    assert reading.counts == {"waiting": 2, "created": 1, "on hold": 2, "refused": 2}
    assert [row.shown_state for row in reading.rows] == [
        *("refused", "on hold", "on hold", "refused", "created", "waiting", "waiting")
    ]
    assert reading.rows[3].data == {"standing": "guest"}
    assert [row.due_in == 0 for row in reading.rows if row.waits] == [False, True]
    read.close()


def test_states_are_counted_as_the_command_line_calls_them() -> None:
    assert set(ledger._COUNTED) == {state.replace("-", " ") for state in SHOWN_STATES}
    stored = set(STATES) - {ON_HOLD}  # what is on hold is stored as refused
    every = ledger._counted([(state, None, 0, 1) for state in stored])
    assert {state for state, count in every.items() if count} == {
        WORDS.get(state, state) for state in stored
    }
    assert ledger._counted([]) == {"waiting": 0, "created": 0, "on hold": 0}


def test_every_reason_has_words() -> None:
    for code in (*Reason, "no_rule", "asked_by_a_bot"):
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
    data = {"standing": "guest"}
    guest = Rejection(Reason.NOT_ALLOWED, user_kind="guest")
    for code in ledger._REASONS:
        assert ledger.reason(code, data) == rejections.short(code, guest)
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
        connection.execute("DELETE FROM escalation")
    read.close()
