"""`plain-bridge explain` against a local Slack and a real database."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.core.faults import Reason, Rejection
from bot.core.model import Created
from bot.core.refs import MessageRef
from bot.store.database import Database
from bot.store.deliveries import Ledger
from tests.cli.conftest import Run
from tests.cli.prepared import MissedReactions
from tests.nouns import TICKET, escalation


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
    ledger, ref = Ledger(missed.database), MessageRef(missed.support, ts)
    asked = escalation(ref=ref, team=missed.slack.team)
    ledger.record(type(asked)(f"{missed.slack.team}:{missed.support}:{ts}", asked.trigger))
    (claim,) = ledger.claim("one", 1)
    ledger.settle(claim, Created(TICKET))
    said = run("explain", missed.slack.permalink(missed.support, ts)).stdout
    assert said.startswith(f"There is a ticket: T-1 · Open in Plain ({TICKET.url}).\n")
    assert "  - PB-1: requested by U0ASKER on 20" in said
    assert " UTC by reacting with :ticket:." in said
    assert "<" not in said


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
    ledger, ref = Ledger(missed.database), MessageRef(missed.support, ts)
    asked = escalation(ref=ref, team=missed.slack.team)
    ledger.record(type(asked)(f"{missed.slack.team}:{missed.support}:{ts}", asked.trigger))
    (claim,) = ledger.claim("one", 1)
    ledger.settle(claim, Rejection(Reason.NO_CUSTOMER, requester="U9", requester_name="Nemo"))
    said = run("explain", missed.slack.permalink(missed.support, ts)).stdout
    assert said.startswith("On hold: we don't know which Plain customer Nemo is. Ask U7 to")
    assert "or whoever runs the bridge to run plain-bridge people link U9 CUSTOMER" in said
    assert "On hold since 20" in said
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
