"""`plain-bridge ledger` on a real database."""

from __future__ import annotations

import json

import pytest

from bot.core.faults import Reason
from bot.core.model import Created, Turned
from bot.store.engine import Database
from bot.store.ledger import Ledger
from bot.store.undoing import Undoing
from tests.cli.conftest import Run
from tests.nouns import TICKET, escalation


@pytest.fixture
def three(bridge_database: Database) -> Database:
    """One created, one refused, one waiting: PB-1, PB-2, PB-3."""
    ledger = Ledger(bridge_database)
    for number in (1, 2, 3):
        ledger.record(escalation(number))
    first, second = ledger.claim("w", 2)
    ledger.settle(first, Created(TICKET))
    ledger.settle(second, Turned(Reason.NOT_IN_CHANNEL, {"channel": "C0001"}))
    return bridge_database


def test_list(run: Run, three: Database) -> None:
    header, *rows = run("ledger", "list").stdout.splitlines()
    assert header.split() == ["Reference", "State", "Asked", "Via", "Channel", "Ticket", "Why"]
    assert [row.split()[:2] for row in rows] == [
        ["PB-3", "waiting"],
        ["PB-2", "refused"],
        ["PB-1", "created"],
    ]
    assert rows[1].split()[-1] == "not_in_channel"
    assert rows[2].split()[-1] == "T-1"


def test_list_some_as_json(run: Run, three: Database) -> None:
    listed = json.loads(run("ledger", "list", "--json", "--limit", "2").stdout)
    assert [one["reference"] for one in listed] == ["PB-3", "PB-2"]
    listed = json.loads(run("ledger", "list", "--json", "--state", "created").stdout)
    assert [one["thread_ref"] for one in listed] == ["T-1"]


def test_list_of_nothing(run: Run, bridge_database: Database) -> None:
    assert run("ledger", "list").stdout == "Nothing there yet.\n"
    assert run("ledger", "list", "--json").stdout == "[]\n"


@pytest.mark.parametrize("name", ["PB-1", "pb-1", "1", "T-1", "T0001:C0001:1700000001.000100"])
def test_show(run: Run, three: Database, name: str) -> None:
    shown = run("ledger", "show", name).stdout
    pairs = dict(line.split("  ", 1) for line in shown.splitlines())
    assert pairs["Reference"].strip() == "PB-1"
    assert pairs["State"].strip() == "created"
    assert pairs["Link"].strip() == TICKET.url
    assert "Why" not in pairs


def test_show_why(run: Run, three: Database) -> None:
    shown = run("ledger", "show", "PB-2").stdout
    assert "not_in_channel" in shown
    assert "channel" in shown


def test_what_was_undone_says_by_whom(run: Run, three: Database) -> None:
    undoing = Undoing(three)
    undoing.begin(1, "U0LINKER")
    assert "Undone" not in run("ledger", "show", "PB-1").stdout  # not yet
    undoing.finish(1)
    pairs = dict(line.split("  ", 1) for line in run("ledger", "show", "PB-1").stdout.splitlines())
    assert pairs["State"].strip() == "undone"
    assert pairs["Undone by"].strip() == "U0LINKER"
    assert pairs["Undone"].strip()
    (listed,) = json.loads(run("ledger", "list", "--json", "--state", "undone").stdout)
    assert (listed["reference"], listed["undone_by"]) == ("PB-1", "U0LINKER")
    exported = [json.loads(line) for line in run("ledger", "export").stdout.splitlines()]
    assert exported[0]["undone_at"] is not None
    assert "is undone: only what is refused or parked" in run("ledger", "retry", "PB-1").stderr


def test_show_as_json(run: Run, three: Database) -> None:
    (shown,) = json.loads(run("ledger", "show", "PB-2", "--json").stdout)
    assert shown["reason"] == "not_in_channel"
    assert shown["reason_data"] == {"channel": "C0001"}


def test_no_texts_are_shown(run: Run, three: Database) -> None:
    everything = run("ledger", "export").stdout + run("ledger", "show", "PB-1").stdout
    assert "Title" not in everything
    assert "The export fails" not in everything


def test_retry(run: Run, three: Database) -> None:
    assert run("ledger", "retry", "PB-2").stdout == "PB-2 is tried again.\n"
    (shown,) = json.loads(run("ledger", "show", "PB-2", "--json").stdout)
    assert shown["state"] == "waiting"


def test_retry_does_what_it_can_and_says_the_rest(run: Run, three: Database) -> None:
    retried = run("ledger", "retry", "PB-1", "PB-2", "PB-9", "--json")
    assert retried.exit_code == 1
    assert [one["reference"] for one in json.loads(retried.stdout)] == ["PB-2"]
    assert retried.stderr.splitlines() == [
        "PB-1 is created: only what is refused or parked can be tried again",
        "the ledger has no PB-9",
    ]


def test_export_is_json_lines_oldest_first(run: Run, three: Database) -> None:
    lines = [json.loads(line) for line in run("ledger", "export").stdout.splitlines()]
    assert [line["reference"] for line in lines] == ["PB-1", "PB-2", "PB-3"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("show", "PB-9"), "the ledger has no PB-9\n"),
        (("show", "PB-" + "9" * 30), "the ledger has no PB-999"),
        (("list", "--state", "done"), "done is no state: it is one of waiting, created, added"),
    ],
)
def test_what_cannot_be_done_is_said(
    run: Run, three: Database, arguments: tuple[str, ...], words: str
) -> None:
    result = run("ledger", *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(words)


def test_forget_asks_first(run: Run, three: Database) -> None:
    asked = run("ledger", "forget", "--user", "U0ASKER", input="n\n")
    assert asked.exit_code == 1
    assert "nothing was erased" in asked.stderr
    assert "U0ASKER" in run("ledger", "export").stdout


def test_forget_erases_a_person_and_leaves_the_keys(run: Run, three: Database) -> None:
    done = run("ledger", "forget", "--user", "U0ASKER", "--yes")
    assert done.stdout == (
        "Erased U0ASKER: 3 escalations, 0 links, 0 open forms. "
        "Their tickets in Plain are as they were.\n"
    )
    exported = run("ledger", "export").stdout
    assert "U0ASKER" not in exported
    assert exported.count('"key"') == 3
    again = json.loads(run("ledger", "forget", "--user", "U0ASKER", "--yes", "--json").stdout)
    assert again == {"people": 0, "escalations": 0, "drafts": 0}


def test_forget_wants_a_user_id(run: Run, three: Database) -> None:
    assert "is no Slack user id" in run("ledger", "forget", "--user", "ada", "--yes").stderr
