"""`plain-bridge reconcile` against a local Slack and a real database."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.store.database import Database
from tests.cli.conftest import Run
from tests.cli.prepared import MissedReactions


def test_it_records_what_is_missing(run: Run, missed: MissedReactions) -> None:
    missed.start()
    ts = missed.lost()
    result = run("reconcile")
    header, row, summary, never = result.stdout.splitlines()
    assert result.exit_code == 0
    assert header.split()[:3] == ["Channel", "Posted", "Emoji"]
    assert row.split()[0] == "#support"
    assert row.split()[3:7] == [":ticket:", "1", missed.ada, "recorded"]
    assert row.split()[-1] == missed.slack.permalink(missed.support, ts)
    assert summary == (
        "Searched 1 channel: 1 message recorded. A running bridge will process them."
    )
    assert never.startswith("Direct messages are not searched")
    assert missed.rows() == [f"{missed.slack.team}:{missed.support}:{ts}"]
    again = run("reconcile")
    assert again.stdout.splitlines()[0] == "Searched 1 channel: nothing is missing."
    assert len(missed.rows()) == 1


def test_no_texts_are_shown(run: Run, missed: MissedReactions) -> None:
    missed.start()
    missed.lost()
    assert "export fails" not in run("reconcile").stdout


def test_before_the_first_start_nothing_is_old_enough(run: Run, missed: MissedReactions) -> None:
    missed.lost()
    result = run("reconcile")
    assert result.stdout.splitlines()[0] == (
        "Searched 1 channel: nothing is missing; 1 older than the rule, left alone."
    )
    assert missed.rows() == []


def test_a_dry_run_of_a_month(run: Run, missed: MissedReactions) -> None:
    first, known = missed.age(missed.lost(), 20), missed.lost()
    missed.age(missed.lost(), 40)
    missed.start()
    newest = missed.lost()
    before = dump(missed.database)
    result = run("reconcile", "--dry-run", "--since", "30d")
    assert result.exit_code == 0
    told, counts, last = result.stdout.split("\n\n")
    _, *rows = told.splitlines()
    assert [row.split()[-1].rpartition("/p")[2] for row in rows] == [
        ts.replace(".", "") for ts in (first, known, newest)
    ]
    assert all("would be processed" in row for row in rows)
    assert ["(older than the rule)" in row for row in rows] == [True, True, False]
    _, count = counts.splitlines()
    assert count.split() == ["1", ":ticket:", "in", "every", "channel", "3", "0"]
    assert last.splitlines()[0] == (
        "Searched 1 channel: 3 would be processed, 0 are in the ledger. 2 of them are older "
        "than the rule and left alone without --dry-run. Nothing was changed."
    )
    assert dump(missed.database) == before


def test_what_was_there_before_the_bot_is_left_alone(run: Run, missed: MissedReactions) -> None:
    missed.start()
    run("reconcile")
    new = missed.slack.add_channel("new", members=(missed.ada, missed.ben))
    missed.lost()
    missed.lost(new)
    told, _, last = run("reconcile", "--dry-run").stdout.split("\n\n")
    ours, earlier = told.splitlines()[1:]
    assert "would be processed (from before the bot joined)" in earlier
    assert "(" not in ours
    assert (
        "2 would be processed, 0 are in the ledger. 1 of them is from before the bot joined and "
        "left alone without --dry-run."
    ) in last
    (_, found) = json.loads(run("reconcile", "--dry-run", "--json").stdout)["findings"]
    assert (found["channel_since"], found["before_channel"]) == (None, True)
    assert run("reconcile").stdout.splitlines()[2] == (
        "Searched 2 channels: 1 message recorded; 1 from before the bot joined, left alone. "
        "A running bridge will process them."
    )
    assert len(missed.rows()) == 1


def test_a_dry_run_counts_per_rule(run: Run, missed: MissedReactions, folder: Path) -> None:
    missed.start()
    missed.lost()
    run("reconcile")
    rules = "\n".join(f'[[rule]]\nemoji = "{emoji}"' for emoji in ("eyes", "ticket", "bug"))
    (folder / "plain-bridge.toml").write_text(rules)
    missed.lost(emoji="bug")
    missed.lost(emoji="bug")
    counts = run("reconcile", "--dry-run").stdout.split("\n\n")[1].splitlines()
    assert [line.split()[0::6] for line in counts[1:]] == [["1", "0"], ["2", "1"], ["3", "0"]]
    assert [line.split()[5] for line in counts[1:]] == ["0", "0", "2"]
    said = json.loads(run("reconcile", "--dry-run", "--json").stdout)
    assert said["rules"] == [
        {"rule": 1, "escalated": 0, "in_ledger": 0},
        {"rule": 2, "escalated": 0, "in_ledger": 1},
        {"rule": 3, "escalated": 2, "in_ledger": 0},
    ]


def test_a_dry_run_before_there_is_a_database_makes_none(
    run: Run, missed: MissedReactions, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missed.lost()
    monkeypatch.setenv("DATABASE_URL", "sqlite:///new.db")
    result = run("reconcile", "--dry-run")
    assert result.exit_code == 0
    assert "would be processed (older than the rule)" in result.stdout
    assert "1 would be processed, 0 are in the ledger. All are older" in result.stdout
    assert not (folder / "new.db").exists()
    assert run("reconcile").exit_code == 1
    assert not (folder / "new.db").exists()


def test_as_json(run: Run, missed: MissedReactions) -> None:
    missed.start()
    ts = missed.lost()
    said = json.loads(run("reconcile", "--json", "--dry-run").stdout)
    (found,) = said.pop("findings")
    assert said == {
        "dry_run": True,
        "rules": [{"rule": 1, "escalated": 1, "in_ledger": 0}],
        "channels_looked_at": 1,
        "went_on": False,
        "calls": 3,
        "stopped": None,
        "not_looked_at": [],
        "unknown_channels": [],
    }
    assert found.pop("rule_since") == found.pop("channel_since") < found.pop("posted_at")
    assert found == {
        "verdict": "escalated",
        "before_rule": False,
        "before_channel": False,
        "channel": missed.support,
        "channel_name": "support",
        "ts": ts,
        "emoji": "ticket",
        "rule": 1,
        "asker": missed.ada,
        "permalink": missed.slack.permalink(missed.support, ts),
    }
    assert json.loads(run("reconcile", "--json").stdout)["findings"][0]["verdict"] == "escalated"
    assert len(missed.rows()) == 1


@pytest.mark.parametrize("name", ["#sales", "sales", "SALES"])
def test_one_channel(run: Run, missed: MissedReactions, name: str) -> None:
    missed.start()
    sales = missed.slack.add_channel("sales", members=(missed.ada, missed.ben))
    missed.lost()
    ts = missed.lost(sales)
    said = json.loads(run("reconcile", "--json", "--channel", name).stdout)
    assert [one["ts"] for one in said["findings"]] == [ts]


def test_a_channel_that_the_bot_is_not_in(run: Run, missed: MissedReactions) -> None:
    missed.start()
    ts = missed.lost()
    result = run("reconcile", "--channel", "#lobby", "--channel", missed.support)
    assert result.exit_code == 1
    assert result.stderr == (
        "the bot is not in a channel #lobby: invite it (/invite @plain-bridge), "
        "or correct the name\n"
    )
    assert "Searched 1 channel" in result.stdout
    assert [key.rpartition(":")[2] for key in missed.rows()] == [ts]


def test_only_channels_that_the_bot_is_not_in_are_an_error_alone(
    run: Run, missed: MissedReactions
) -> None:
    missed.start()
    result = run("reconcile", "--channel", "#nope", "--channel", "#lobby")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("the bot is not in a channel #nope, #lobby: invite it")


def test_what_it_did_not_come_to_is_said_and_comes_next(run: Run, missed: MissedReactions) -> None:
    missed.start()
    missed.slack.page_cap = 1
    for _ in range(14):
        missed.lost()
    first = run("reconcile", "--calls", "10").stdout.splitlines()
    assert first[-2] == (
        "Not searched completely: #support (call limit reached). Run the command again to continue."
    )
    second = run("reconcile", "--calls", "10").stdout.splitlines()
    assert second[-2].startswith("Searched 1 more channel: 6 messages recorded.")
    assert len(missed.rows()) == 14


def test_a_dry_run_that_stops_short_names_the_way_on(run: Run, missed: MissedReactions) -> None:
    missed.start()
    missed.slack.page_cap = 1
    for _ in range(14):
        missed.lost()
    said = run("reconcile", "--calls", "10", "--dry-run").stdout.splitlines()
    assert said[-2].endswith("Allow more calls: --calls 50")


def test_slack_asks_to_wait(run: Run, missed: MissedReactions) -> None:
    missed.start()
    missed.lost()
    missed.slack.fail("conversations.history", retry_after=30)
    said = run("reconcile").stdout.splitlines()
    assert "#support (Slack's rate limit)" in said[1]
    missed.slack.fail("users.conversations", retry_after=30)
    result = run("reconcile")
    assert result.exit_code == 1
    assert result.stderr == (
        "failed for now: Slack's rate limit was reached (slack_ratelimited); try again\n"
    )


@pytest.mark.parametrize("since", ["1", "h", "0d", "1y", "-1d", "99999999d", ""])
def test_an_age_that_is_none(run: Run, missed: MissedReactions, since: str) -> None:
    result = run("reconcile", "--since", since)
    assert result.exit_code == 1
    assert "such as 24h or 7d" in result.stderr


@pytest.mark.parametrize(("since", "count"), [("90m", 0), ("24h", 1), ("1w", 1)])
def test_ages(run: Run, missed: MissedReactions, since: str, count: int) -> None:
    missed.age(missed.lost(), 0.5)
    said = json.loads(run("reconcile", "--since", since, "--json").stdout)
    assert len(said["findings"]) == count


def test_it_needs_the_token(run: Run, bridge_database: Database) -> None:
    result = run("reconcile")
    assert result.exit_code == 1
    assert "SLACK_BOT_TOKEN is not set" in result.stderr


def dump(database: Database) -> list[tuple[object, ...]]:
    with database.reading() as connection:
        return [
            tuple(row)
            for table in ("request", "ticket", "job", "memory", "draft", "person")
            for row in connection.exec_driver_sql(f"SELECT * FROM {table}")  # noqa: S608
        ]
