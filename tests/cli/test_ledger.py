"""`plain-bridge ledger` on a real database."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import update

from bot.core.faults import Reason, Rejection
from bot.core.model import Created
from bot.core.refs import MessageRef
from bot.store.customer_links import CustomerLink, CustomerLinks
from bot.store.database import Database
from bot.store.deliveries import Ledger
from bot.store.schema import escalation as table
from bot.store.undo import Undos
from tests.cli.conftest import Run
from tests.cli.prepared import MissedReactions
from tests.nouns import TICKET, escalation


@pytest.fixture
def three(bridge_database: Database) -> Database:
    """One created, one refused, one waiting: PB-1, PB-2, PB-3."""
    ledger = Ledger(bridge_database)
    for number in (1, 2, 3):
        ledger.record(escalation(number))
    first, second = ledger.claim("w", 2)
    ledger.settle(first, Created(TICKET))
    ledger.settle(second, Rejection(Reason.NOT_IN_CHANNEL, channel="C0001"))
    return bridge_database


def test_list(run: Run, three: Database) -> None:
    header, *rows = run("ledger", "list").stdout.splitlines()
    columns = ["Reference", "State", "Requested", "Via", "Channel", "By", "Ticket", "Reason"]
    assert re.split(r"\s{2,}", header.strip()) == columns
    assert [row.split()[:2] for row in rows] == [
        ["PB-3", "waiting"],
        ["PB-2", "refused"],
        ["PB-1", "created"],
    ]
    assert rows[1].endswith("the bridge isn't in the channel")
    assert re.split(r"\s{2,}", rows[2].strip())[-3:] == ["C0001", "U0ASKER", "T-1"]


def test_what_waits_for_a_link_is_on_hold(run: Run, bridge_database: Database) -> None:
    ledger = Ledger(bridge_database)
    ledger.record(escalation(1))
    (claim,) = ledger.claim("w", 1)
    ledger.settle(claim, Rejection(Reason.NO_CUSTOMER, requester="U9"))
    CustomerLinks(bridge_database).link([CustomerLink("T0001", "U0ASKER", "c_1", name="Ann Asker")])
    row = run("ledger", "list").stdout.splitlines()[1]
    assert re.split(r"\s{2,}", row.strip()) == [
        "PB-1",
        "on hold",
        re.split(r"\s{2,}", row)[2],
        "reaction",
        "C0001",
        "Ann Asker",
        "the requester's Plain customer isn't known",
    ]
    shown = run("ledger", "show", "PB-1").stdout
    assert "on hold" in shown
    assert "the requester's Plain customer isn't known (no_customer)" in shown
    (listed,) = json.loads(run("ledger", "list", "--json").stdout)
    assert (listed["state"], listed["reason"]) == ("refused", "no_customer")


def test_what_is_on_hold_can_be_listed_alone(run: Run, bridge_database: Database) -> None:
    ledger = Ledger(bridge_database)
    for number, reason in enumerate((Reason.NO_CUSTOMER, Reason.NOT_IN_CHANNEL), 1):
        ledger.record(escalation(number))
        (claim,) = ledger.claim("w", 1)
        ledger.settle(claim, Rejection(reason, requester="U9"))
    assert references(run, "--state", "on-hold") == ["PB-1"]
    assert references(run, "--state", "refused") == ["PB-2", "PB-1"]


def references(run: Run, *arguments: str) -> list[str]:
    listed = json.loads(run("ledger", "list", "--json", *arguments).stdout)
    return [one["reference"] for one in listed]


def test_list_of_a_time_a_user_and_a_channel(run: Run, bridge_database: Database) -> None:
    ledger = Ledger(bridge_database)
    for number, (submitter, channel) in enumerate([("U1", "C1"), ("U2", "C1"), ("U2", "C2")], 1):
        asked = escalation(number, ref=MessageRef(channel, f"170000000{number}.000100"))
        ledger.record(replace(asked, trigger=replace(asked.trigger, submitter=submitter)))
    with bridge_database.writing() as connection:
        old = update(table).where(table.c.id == 1).values(asked_at=table.c.asked_at - 8 * 86400)
        connection.execute(old)
    assert references(run, "--user", "U2") == ["PB-3", "PB-2"]
    assert references(run, "--channel", "C1") == ["PB-2", "PB-1"]
    assert references(run, "--since", "7d") == ["PB-3", "PB-2"]
    assert references(run, "--since", "2w", "--user", "U2", "--channel", "C1") == ["PB-2"]
    assert run("ledger", "list", "--user", "U9").stdout == "No matching requests.\n"
    assert "U9x is not a Slack user id" in run("ledger", "list", "--user", "U9x").stderr
    assert "such as 24h or 7d" in run("ledger", "list", "--since", "soon").stderr


def test_channels_by_name(run: Run, missed: MissedReactions) -> None:
    ledger = Ledger(missed.database)
    for number, channel in enumerate([missed.support, "C9"], 1):
        ledger.record(escalation(number, ref=MessageRef(channel, f"170000000{number}.000100")))
    listed = run("ledger", "list", "--names").stdout.splitlines()
    assert [row.split()[5] for row in listed[1:]] == ["C9", "#support"]
    assert references(run, "--channel", "#support") == ["PB-1"]
    lost = run("ledger", "list", "--channel", "#nope")
    assert lost.stderr == "the bot is not in a channel #nope: use its id (C…)\n"


def test_list_some_as_json(run: Run, three: Database) -> None:
    listed = json.loads(run("ledger", "list", "--json", "--limit", "2").stdout)
    assert [one["reference"] for one in listed] == ["PB-3", "PB-2"]
    listed = json.loads(run("ledger", "list", "--json", "--state", "created").stdout)
    assert [one["thread_ref"] for one in listed] == ["T-1"]


def test_list_of_nothing(run: Run, bridge_database: Database) -> None:
    assert run("ledger", "list").stdout == "No requests yet.\n"
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
    undoing = Undos(three)
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
    assert "is undone: only refused or parked requests" in run("ledger", "retry", "PB-1").stderr


def test_show_as_json(run: Run, three: Database) -> None:
    (shown,) = json.loads(run("ledger", "show", "PB-2", "--json").stdout)
    assert shown["reason"] == "not_in_channel"
    assert shown["reason_data"] == {"channel": "C0001"}


def test_no_texts_are_shown(run: Run, three: Database) -> None:
    everything = run("ledger", "export").stdout + run("ledger", "show", "PB-1").stdout
    assert "Title" not in everything
    assert "The export fails" not in everything


def test_retry(run: Run, three: Database) -> None:
    assert run("ledger", "retry", "PB-2").stdout == "PB-2 will be retried.\n"
    (shown,) = json.loads(run("ledger", "show", "PB-2", "--json").stdout)
    assert shown["state"] == "waiting"


def test_retry_does_what_it_can_and_says_the_rest(run: Run, three: Database) -> None:
    retried = run("ledger", "retry", "PB-1", "PB-2", "PB-9", "--json")
    assert retried.exit_code == 1
    assert [one["reference"] for one in json.loads(retried.stdout)] == ["PB-2"]
    assert retried.stderr.splitlines() == [
        "PB-1 is created: only refused or parked requests can be retried",
        "PB-9 is not in the ledger",
    ]


def test_export_is_json_lines_oldest_first(run: Run, three: Database) -> None:
    lines = [json.loads(line) for line in run("ledger", "export").stdout.splitlines()]
    assert [line["reference"] for line in lines] == ["PB-1", "PB-2", "PB-3"]


def test_times_for_scripts_are_iso_8601(run: Run, three: Database) -> None:
    exported = json.loads(run("ledger", "export").stdout.splitlines()[0])
    listed = json.loads(run("ledger", "list", "--json").stdout)[-1]
    (shown,) = json.loads(run("ledger", "show", "PB-1", "--json").stdout)
    assert exported == listed == shown
    settled = datetime.fromisoformat(exported["settled_at"])
    assert settled >= datetime.fromisoformat(exported["created_at"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", exported["settled_at"])
    assert exported["undone_at"] is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("show", "PB-9"), "PB-9 is not in the ledger\n"),
        (("show", "PB-" + "9" * 30), "PB-" + "9" * 30 + " is not in the ledger"),
        (("list", "--state", "done"), "done is not a state: use one of waiting, created, added"),
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
        "Erased U0ASKER: 3 requests, 0 links, 0 open forms. Their tickets in Plain are unchanged.\n"
    )
    exported = run("ledger", "export").stdout
    assert "U0ASKER" not in exported
    assert exported.count('"key"') == 3
    again = json.loads(run("ledger", "forget", "--user", "U0ASKER", "--yes", "--json").stdout)
    assert again == {"people": 0, "escalations": 0, "drafts": 0}


def test_forget_wants_a_user_id(run: Run, three: Database) -> None:
    assert "is not a Slack user id" in run("ledger", "forget", "--user", "ada", "--yes").stderr
