"""`plain-bridge rules test`: the rules against reactions of a file, and under a message."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bot.cli.rules import TriedReaction, Verdict, judge
from bot.core.directory import Channel
from bot.core.model import Rule
from tests.cli.conftest import Run
from tests.cli.prepared import LocalServices

RULES = """\
[[rule]]
emoji = "fire"
channels = ["#incidents"]
priority = "urgent"
labels = ["Incident"]
tenant = "acme"

[[rule]]
emoji = "fire"
channels = ["C0SUPPORT"]

[[rule]]
emoji = "ticket"
"""

BY_NAME = Rule(emoji=("fire",), channels=("#incidents",))
BY_ID = Rule(emoji=("fire",), channels=("C1",))
EVERYWHERE = Rule(emoji=("fire", "ticket"))


@pytest.mark.parametrize(
    ("channel", "emoji", "verdict"),
    [
        (Channel("C1"), "fire", Verdict((1, 2), False)),
        (Channel("C2"), "fire", Verdict((1, 3), False)),
        (Channel("C2"), "ticket", Verdict((3,), True)),
        (Channel("C2"), "Fire::skin-tone-2", Verdict((1, 3), False)),
        (Channel("C2"), "eyes", Verdict((), True)),
        (Channel("C1", "incidents"), "fire", Verdict((1,), True)),
        (Channel("C1", "support"), "fire", Verdict((2,), True)),
        (Channel("#incidents", "incidents"), "fire", Verdict((1,), True)),
        (Channel("#support", "support"), "fire", Verdict((3,), True)),
    ],
    ids=str,
)
def test_judge(channel: Channel, emoji: str, verdict: Verdict) -> None:
    rules = (BY_NAME, BY_ID, EVERYWHERE)
    assert judge(rules, TriedReaction(channel, emoji)) == verdict


def test_a_name_that_is_not_known_may_mean_no_rule() -> None:
    assert judge((BY_NAME,), TriedReaction(Channel("C9"), "fire")) == Verdict((1,), False)


@pytest.fixture
def rules(folder: Path) -> Path:
    (folder / "plain-bridge.toml").write_text(RULES)
    return folder


EVENT = {
    "type": "reaction_added",
    "user": "U0ASKER",
    "reaction": "fire",
    "item": {"type": "message", "channel": "C0SUPPORT", "ts": "1700000001.000100"},
    "event_ts": "1700000002.000100",
}

FORMS: list[Any] = [
    {"channel": "#Incidents", "emoji": ":fire:", "user": "U1"},
    [{"channel": "C0OTHER", "emoji": "ticket"}, {"channel": "C0OTHER", "emoji": "eyes"}],
    EVENT,
    {"type": "event_callback", "team_id": "T1", "event": EVENT},
]


def test_every_form_of_a_file(run: Run, rules: Path) -> None:
    found = []
    for form in FORMS:
        (rules / "given.json").write_text(json.dumps(form))
        result = run("rules", "test", "given.json", "--json")
        assert result.exit_code == 0, result.stderr
        found += json.loads(result.stdout)
    assert [
        (one["channel"], [rule["number"] for rule in one["rules"]], one["sure"]) for one in found
    ] == [
        ("#incidents", [1], True),
        ("C0OTHER", [3], True),
        ("C0OTHER", [], True),
        ("C0SUPPORT", [1, 2], False),
        ("C0SUPPORT", [1, 2], False),
    ]
    assert found[0]["user"] == "U1"
    assert found[0]["rules"][0]["tenant"] == "acme"


def test_lines_of_standard_input_in_words(run: Run, rules: Path) -> None:
    lines = "\n".join(json.dumps(form) for form in (FORMS[0], *FORMS[1], EVENT))
    result = run("rules", "test", "-", input=lines)
    assert result.exit_code == 0
    header, *rows = (" ".join(row.split()) for row in result.stdout.splitlines())
    assert header == "Channel Emoji By Rule Priority Labels More"
    assert rows == [
        "#incidents :fire: U1 1 urgent Incident tenant acme",
        "C0OTHER :ticket: 3 normal",
        "C0OTHER :eyes: none",
        "C0SUPPORT :fire: U0ASKER 1 if it is #incidents, else 2, else none",
    ]


def test_under_a_message_of_slack(run: Run, rules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with LocalServices() as world:
        for name, value in world.variables.items():
            monkeypatch.setenv(name, value)
        slack = world.slack
        ada = slack.add_user("Ada")
        incidents = slack.add_channel("incidents", members=(ada,))
        ts = world.do(slack.post(ada, incidents, "It burns"))
        for emoji in ("fire", "eyes"):
            world.do(slack.react(ada, incidents, ts, emoji))
        result = run("rules", "test", slack.permalink(incidents, ts), "--json")
        assert result.exit_code == 0, result.stderr
        found = json.loads(result.stdout)
        assert [(one["emoji"], one["user"], len(one["rules"])) for one in found] == [
            ("fire", ada, 1),
            ("eyes", ada, 0),
        ]
        assert found[0]["channel_name"] == "incidents"
        bare = world.do(slack.post(ada, incidents, "Nothing here"))
        said = run("rules", "test", slack.permalink(incidents, bare))
        assert said.stdout == "No reactions.\n"
        assert world.plain.threads == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("nowhere.json", "nowhere.json is neither a link to a Slack message"),
        ("{", "is not JSON: write"),
        ("[1]", "reaction 1: write"),
        ('{"channel": "C1"}', "reaction 1: write"),
    ],
)
def test_what_is_no_reaction(run: Run, rules: Path, given: str, words: str) -> None:
    if given != "nowhere.json":
        (rules / "given.json").write_text(given)
    name = given if given == "nowhere.json" else "given.json"
    result = run("rules", "test", name)
    assert result.exit_code == 1
    assert words in result.stderr
