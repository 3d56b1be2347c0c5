"""`plain-bridge ledger` on a real database."""

from __future__ import annotations

import json
import re
import time
from datetime import datetime

import pytest

from bot.core.faults import Reason, Rejection
from bot.core.refs import MessageRef
from bot.store.customer_links import CustomerLink, CustomerLinks
from bot.store.database import Database
from bot.store.requests import Requests
from tests.cli.conftest import Run
from tests.cli.prepared import MissedReactions
from tests.nouns import TICKET
from tests.store.rows import a_request, a_ticket, change_request, change_ticket

NO_BOT = Rejection(Reason.NOT_IN_CHANNEL, channel="C0001")
NOBODY = Rejection(Reason.NO_CUSTOMER, requester="U9", requester_name="Gwen Hall")


@pytest.fixture
def three(bridge_database: Database) -> Database:
    """One created, one rejected, one waiting: PB-1, PB-2, PB-3."""
    a_request(bridge_database, 1, "created")
    a_request(bridge_database, 2, "rejected", reason=NO_BOT)
    a_request(bridge_database, 3)
    return bridge_database


def test_list(run: Run, three: Database) -> None:
    header, *rows = run("ledger", "list").stdout.splitlines()
    columns = ["Reference", "State", "Requested", "Via", "Channel", "By", "Ticket", "Reason"]
    assert re.split(r"\s{2,}", header.strip()) == columns
    assert [row.split()[:2] for row in rows] == [
        ["PB-3", "waiting"],
        ["PB-2", "rejected"],
        ["PB-1", "created"],
    ]
    assert rows[1].endswith("the bridge isn't in the channel")
    assert re.split(r"\s{2,}", rows[2].strip())[-3:] == ["C0001", "U0ASKER", "T-1"]


def test_what_waits_for_a_link_is_on_hold(run: Run, bridge_database: Database) -> None:
    a_request(bridge_database, 1, "on_hold", reason=NOBODY)
    CustomerLinks(bridge_database).link([CustomerLink("T0001", "U0ASKER", "c_1", name="Ann Asker")])
    row = run("ledger", "list").stdout.splitlines()[1]
    assert re.split(r"\s{2,}", row.strip()) == [
        "PB-1",
        "on hold",
        re.split(r"\s{2,}", row)[2],
        "reaction",
        "C0001",
        "Ann Asker",
        "we don't know which Plain customer Gwen Hall is",
    ]
    shown = run("ledger", "show", "PB-1").stdout
    assert "on hold" in shown
    assert "we don't know which Plain customer Gwen Hall is (no_customer)" in shown
    (listed,) = json.loads(run("ledger", "list", "--json").stdout)
    assert (listed["state"], listed["reason"]) == ("on-hold", "no_customer")


def test_what_is_on_hold_can_be_listed_alone(run: Run, bridge_database: Database) -> None:
    a_request(bridge_database, 1, "on_hold", reason=NOBODY)
    a_request(bridge_database, 2, "rejected", reason=NO_BOT)
    assert references(run, "--state", "on-hold") == ["PB-1"]
    assert references(run, "--state", "rejected") == ["PB-2"]


def test_the_former_names_of_states_are_still_taken(run: Run, bridge_database: Database) -> None:
    a_request(bridge_database, 1, "rejected", reason=NO_BOT)
    a_request(bridge_database, 2, "ignored", reason="no_rule")
    assert references(run, "--state", "refused") == ["PB-1"]
    assert references(run, "--state", "unwanted") == ["PB-2"]


def test_requests_of_several_people_for_one_message(run: Run, bridge_database: Database) -> None:
    ticket_id = a_ticket(bridge_database)
    a_request(bridge_database, 1, "created", ticket_id=ticket_id)
    a_request(bridge_database, 1, "joined", ticket_id=ticket_id, submitter="U0OTHER")
    listed = [row.split() for row in run("ledger", "list").stdout.splitlines()[1:]]
    assert [row[:2] + row[-2:] for row in listed] == [
        ["PB-2", "joined", "U0OTHER", "T-1"],
        ["PB-1", "created", "U0ASKER", "T-1"],
    ]
    shown = json.loads(run("ledger", "show", "T-1", "--json").stdout)
    assert [(one["submitter"], one["opened"]) for one in shown] == [
        ("U0ASKER", True),
        ("U0OTHER", False),
    ]


def references(run: Run, *arguments: str) -> list[str]:
    listed = json.loads(run("ledger", "list", "--json", *arguments).stdout)
    return [one["reference"] for one in listed]


def test_list_of_a_time_a_user_and_a_channel(run: Run, bridge_database: Database) -> None:
    for number, (submitter, channel) in enumerate([("U1", "C1"), ("U2", "C1"), ("U2", "C2")], 1):
        ref = MessageRef(channel, f"170000000{number}.000100")
        a_request(bridge_database, number, ref=ref, channel=channel, submitter=submitter)
    change_request(bridge_database, 1, created_at=time.time() - 8 * 86400)
    assert references(run, "--user", "U2") == ["PB-3", "PB-2"]
    assert references(run, "--channel", "C1") == ["PB-2", "PB-1"]
    assert references(run, "--since", "7d") == ["PB-3", "PB-2"]
    assert references(run, "--since", "2w", "--user", "U2", "--channel", "C1") == ["PB-2"]
    assert run("ledger", "list", "--user", "U9").stdout == "No matching requests.\n"
    assert "U9x is not a Slack user id" in run("ledger", "list", "--user", "U9x").stderr
    assert "such as 24h or 7d" in run("ledger", "list", "--since", "soon").stderr


def test_channels_by_name(run: Run, missed: MissedReactions) -> None:
    for number, channel in enumerate([missed.support, "C9"], 1):
        ref = MessageRef(channel, f"170000000{number}.000100")
        a_request(missed.database, number, ref=ref)
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
    change_ticket(three, 1, state="undoing", undone_by="U0LINKER", undone_at=time.time())
    assert "Undone" not in run("ledger", "show", "PB-1").stdout  # not yet
    change_ticket(three, 1, state="undone", conversation_key=None)
    pairs = dict(line.split("  ", 1) for line in run("ledger", "show", "PB-1").stdout.splitlines())
    assert pairs["State"].strip() == "undone"
    assert pairs["Undone by"].strip() == "U0LINKER"
    assert pairs["Undone"].strip()
    (listed,) = json.loads(run("ledger", "list", "--json", "--state", "undone").stdout)
    assert (listed["reference"], listed["undone_by"]) == ("PB-1", "U0LINKER")
    exported = [json.loads(line) for line in run("ledger", "export").stdout.splitlines()]
    assert exported[0]["undone_at"] is not None
    assert "PB-1 is undone: only requests that" in run("ledger", "retry", "PB-1").stderr


# The conversation of a ticket that was deleted in Plain


def test_a_conversation_is_freed_by_hand(run: Run, three: Database) -> None:
    freed = run("ledger", "free", "PB-1")
    assert freed.stdout == ("T-1 is gone: the next request in its Slack thread opens a new one.\n")
    shown = run("ledger", "show", "PB-1").stdout
    pairs = dict(line.split("  ", 1) for line in shown.splitlines())
    assert pairs["State"].strip() == "gone"
    assert pairs["Reason"].strip() == "the ticket was deleted in Plain"
    assert "the ticket was deleted in Plain" in run("ledger", "list").stdout
    assert references(run, "--state", "gone") == ["PB-1"]
    key = "T0001:C0001:1700000001.000100"
    assert Requests(three).ticket_of_conversation(key) is None


def test_a_ticket_of_several_requests_is_freed_once(run: Run, bridge_database: Database) -> None:
    ticket_id = a_ticket(bridge_database)
    for number, state in enumerate(("created", "added", "joined"), 1):
        a_request(bridge_database, number, state, ticket_id=ticket_id)
    assert run("ledger", "free", "T-1").stdout.count("T-1 is gone") == 1
    assert references(run, "--state", "gone") == ["PB-3", "PB-2", "PB-1"]


def test_what_cannot_be_freed_says_why(run: Run, three: Database) -> None:
    a_request(three, 4, "created", ticket_id=a_ticket(three, 4, "undoing"))
    a_request(three, 5, "created", ticket_id=a_ticket(three, 5, "undone"))
    failed = run("ledger", "free", "PB-1", "PB-2", "PB-3", "PB-4", "PB-5", "PB-9", "--json")
    assert failed.exit_code == 1
    assert [one["reference"] for one in json.loads(failed.stdout)] == ["PB-1"]
    assert failed.stderr.splitlines() == [
        "PB-2 is rejected: it has no ticket",
        "PB-3 is waiting: it has no ticket",
        "PB-4 is being undone: try again in a minute",
        "PB-5 is undone: its Slack thread is free already",
        "PB-9 is not in the ledger",
    ]


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
        "PB-1 is created: only requests that were rejected, are parked or on hold can be retried",
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
        (("list", "--state", "done"), "done is not a state: use one of waiting, on-hold, created"),
    ],
)
def test_what_cannot_be_done_is_said(
    run: Run, three: Database, arguments: tuple[str, ...], words: str
) -> None:
    result = run("ledger", *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(words)
