"""`plain-bridge explain` against a local Slack and a real database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.core.faults import Reason, Rejection
from bot.core.refs import MessageRef, message_key
from bot.store.database import Database
from tests.cli.conftest import Run
from tests.cli.prepared import MissedReactions
from tests.nouns import TICKET
from tests.store.rows import a_request, a_ticket


def about(missed: MissedReactions, ts: str) -> dict[str, Any]:
    """A request about this message, in this workspace."""
    ref = MessageRef(missed.support, ts)
    key = message_key(missed.slack.team, ref)
    return {"ref": ref, "team": missed.slack.team, "columns": {"key": key}}


def test_the_first_reason_and_then_every_decision(run: Run, missed: MissedReactions) -> None:
    missed.start()
    ts = missed.lost()
    result = run("explain", missed.slack.permalink(missed.support, ts))
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].startswith("The reaction :ticket: matches a rule, but no event was received:")
    assert lines[0].endswith("finds the reaction; you don't need to do anything.")
    assert lines[1:] == [
        "",
        "What the bridge has recorded",
        "  - Nothing: no ticket was requested, neither with a matching reaction nor from the menu.",
        "",
        "Reactions on the message",
        (
            f"  - :ticket: by 1 person: rule 1 matches it. {missed.ada} can create tickets. "
            "No event was received."
        ),
        "",
        "Rules, in the order they're checked",
        "  - Rule 1 (:ticket: in every channel): matches :ticket:.",
        "",
        (
            "Rules and reactions are shown as they are now. "
            "Reactions that match no rule aren't recorded."
        ),
    ]


def test_a_link_with_a_segment_before_archives_is_read(run: Run, missed: MissedReactions) -> None:
    missed.start()
    link = missed.slack.permalink(missed.support, missed.lost())
    result = run("explain", link.replace("/archives/", "/x-p12-34-56/archives/"))
    assert result.exit_code == 0
    assert result.stdout.startswith("The reaction :ticket: matches")


def test_a_ticket_is_told_with_its_times_in_utc(run: Run, missed: MissedReactions) -> None:
    ts = missed.lost()
    a_request(missed.database, 1, "created", **about(missed, ts))
    said = run("explain", missed.slack.permalink(missed.support, ts)).stdout
    assert said.startswith(f"There is a ticket: T-1 · Open in Plain ({TICKET.url}).\n")
    assert "  - PB-1: requested by U0ASKER on 20" in said
    assert " UTC by reacting with :ticket:." in said
    assert "<" not in said


def test_each_request_is_told_and_the_ticket_once(run: Run, missed: MissedReactions) -> None:
    ts = missed.lost()
    guest = Rejection(Reason.NOT_ALLOWED, user_kind="guest")
    of = about(missed, ts)
    a_request(missed.database, 1, "rejected", reason=guest, submitter="U0GUEST", **of)
    ticket_id = a_ticket(missed.database)
    for state, user in (("created", "U0ADA"), ("joined", "U0BEN")):
        a_request(missed.database, 1, state, ticket_id=ticket_id, submitter=user, **of)
    said = run("explain", missed.slack.permalink(missed.support, ts)).stdout
    assert said.startswith(f"There is a ticket: T-1 · Open in Plain ({TICKET.url}).\n")
    recorded = [line for line in said.splitlines() if line.startswith("  - PB-")]
    assert [line.split(": requested by ")[1].split()[0] for line in recorded] == [
        *("U0GUEST", "U0ADA", "U0BEN")
    ]
    assert ": guests can't create tickets here." in recorded[0]
    assert f"Created T-1 · Open in Plain ({TICKET.url}) on 20" in recorded[1]
    assert "The message already had T-1 on 20" in recorded[2]
    assert sum(TICKET.url in line for line in recorded) == 1


def test_a_ticket_that_is_gone(run: Run, missed: MissedReactions) -> None:
    ts = missed.lost()
    gone = a_ticket(missed.database, 1, "gone")
    a_request(missed.database, 1, "created", ticket_id=gone, **about(missed, ts))
    said = run("explain", missed.slack.permalink(missed.support, ts)).stdout
    assert said.startswith("Its ticket T-1 was deleted in Plain. To create a new one, react with")


def test_a_reply_by_its_own_link(run: Run, missed: MissedReactions) -> None:
    root = missed.lost()
    reply = missed.do(missed.slack.post(missed.ben, missed.support, "Still", thread_ts=root))
    link = missed.slack.permalink(missed.support, reply)
    assert "thread_ts" in link
    assert "nobody requested one" in run("explain", link).stdout


def test_a_message_that_is_gone(run: Run, missed: MissedReactions) -> None:
    ts = missed.lost()
    link = missed.slack.permalink(missed.support, ts)
    missed.do(missed.slack.delete(missed.ben, missed.support, ts))
    assert run("explain", link).stdout.splitlines()[0] == (
        "No ticket was created, and the message no longer exists: it was deleted in Slack. "
        "Or the link is wrong: copy it again from the message's … menu."
    )


def test_what_is_on_hold_says_whom_to_ask(run: Run, missed: MissedReactions, folder: Path) -> None:
    (folder / "plain-bridge.toml").write_text('[identity]\nlinkers = ["U7"]')
    ts = missed.lost()
    nobody = Rejection(Reason.NO_CUSTOMER, requester="U9", requester_name="Nemo")
    a_request(missed.database, 1, "on_hold", reason=nobody, **about(missed, ts))
    said = run("explain", missed.slack.permalink(missed.support, ts)).stdout
    assert said.startswith("On hold: we don't know which Plain customer Nemo is. Ask U7 to")
    assert "or whoever runs the bridge to run plain-bridge people link U9 CUSTOMER" in said
    assert "On hold since 20" in said
    assert ": we don't know which Plain customer Nemo is." in said
    assert "no_customer" not in said


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ("hello", "this is not a link to a Slack message"),
        ("", "this is not a link to a Slack message"),
        ("https://sandbox.slack.com/archives/C1", "this is not a link to a Slack message"),
        ("https://[/archives/C1/p1700000001000100", "this is not a link to a Slack message"),
        (
            "https://other.slack.com/archives/C1/p1700000001000100",
            "the link points to other.slack.com, but the bridge works in sandbox.slack.com",
        ),
        (
            "/archives/C1/p1700000001000100",
            "the link points to no workspace, but the bridge works in sandbox.slack.com",
        ),
    ],
)
def test_what_is_no_link_of_this_workspace(
    run: Run, missed: MissedReactions, link: str, words: str
) -> None:
    result = run("explain", link)
    assert (result.exit_code, result.stdout) == (1, "")
    assert words in result.stderr


def test_without_a_token_it_says_what_is_missing(
    run: Run, bridge_database: Database, folder: Path
) -> None:
    result = run("explain", "https://sandbox.slack.com/archives/C1/p1700000001000100")
    assert result.exit_code == 1
    assert "SLACK_BOT_TOKEN is not set" in result.stderr
