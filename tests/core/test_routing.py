"""Rules: which may apply, which does, and which never can."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core import routing
from bot.core.directory import Channel
from bot.core.model import ReplyTo, Rule, Trigger, Via
from bot.core.refs import MessageRef

TICKET = Rule(emoji=("ticket",))
TICKET_HERE = Rule(emoji=("ticket",), channels=("C1",))
TICKET_NAMED = Rule(emoji=("ticket",), channels=("#support",))
TICKET_BOTH = Rule(emoji=("ticket",), channels=("C9", "#support"))
BUG = Rule(emoji=("bug", "beetle"))


def reaction(emoji: str | None, channel: str = "C1") -> Trigger:
    ref = MessageRef(channel, "1599529504.000400")
    return Trigger(
        via=Via.REACTION,
        team="T1",
        submitter="U1",
        request="Ev1",
        reply_to=ReplyTo(user="U1", asked_at=1599529505.0),
        channel=channel,
        ref=ref,
        emoji=emoji,
    )


@pytest.mark.parametrize(
    ("written", "bare"),
    [
        ("ticket", "ticket"),
        (":ticket:", "ticket"),
        (" :Ticket: ", "ticket"),
        ("thumbsup::skin-tone-2", "+1"),
        (":+1::skin-tone-6:", "+1"),
        ("-1", "-1"),
        ("thumbsdown", "-1"),
        ("ENVELOPE", "email"),
        ("uk", "gb"),
        ("flag-gb", "gb"),
        (":チケット:", "チケット"),
        ("::", ""),
    ],
)
def test_bare_emoji(written: str, bare: str) -> None:
    assert routing.bare_emoji(written) == bare


@pytest.mark.parametrize(
    ("name", "rules", "emoji", "expected"),
    [
        ("no rules", [], "ticket", []),
        ("no rule names it", [BUG], "ticket", []),
        ("no reaction at all", [TICKET], None, []),
        ("everywhere", [BUG, TICKET], "ticket", [TICKET]),
        ("second name of a list", [BUG], "beetle", [BUG]),
        ("with a skin tone", [TICKET], "ticket::skin-tone-3", [TICKET]),
        ("by id", [TICKET_HERE], "ticket", [TICKET_HERE]),
        ("another id", [Rule(emoji=("ticket",), channels=("C2",))], "ticket", []),
        ("a name may be this one", [TICKET_NAMED], "ticket", [TICKET_NAMED]),
        ("ids and names", [TICKET_BOTH], "ticket", [TICKET_BOTH]),
        (
            "up to the first sure one",
            [BUG, TICKET_NAMED, TICKET_HERE, TICKET],
            "ticket",
            [TICKET_NAMED, TICKET_HERE],
        ),
    ],
)
def test_candidates(name: str, rules: list[Rule], emoji: str | None, expected: list[Rule]) -> None:
    assert routing.candidates(rules, reaction(emoji)) == tuple(expected)


@pytest.mark.parametrize(
    ("name", "rules", "channel", "expected"),
    [
        ("nothing", [], Channel("C1"), None),
        ("everywhere", [TICKET], Channel("C1"), TICKET),
        ("by name", [TICKET_NAMED, TICKET], Channel("C1", "support"), TICKET_NAMED),
        ("another name", [TICKET_NAMED, TICKET], Channel("C1", "supporters"), TICKET),
        ("unreadable name", [TICKET_NAMED, TICKET], Channel("C1"), TICKET),
        ("only another name", [TICKET_NAMED], Channel("C1", "random"), None),
        ("by id, whatever its name", [TICKET_BOTH], Channel("C9", "random"), TICKET_BOTH),
        ("a direct message", [TICKET_NAMED], Channel("D1", direct=True), None),
    ],
)
def test_applying(name: str, rules: list[Rule], channel: Channel, expected: Rule | None) -> None:
    assert routing.applicable(rules, channel) is expected


@pytest.mark.parametrize(
    ("name", "rules", "expected"),
    [
        ("one rule", [TICKET], []),
        ("twice the same", [TICKET, TICKET], [(1, (0,))]),
        ("a narrow rule after the wide one", [TICKET, TICKET_HERE], [(1, (0,))]),
        ("the wide rule after a narrow one", [TICKET_HERE, TICKET], []),
        ("another emoji", [TICKET, BUG], []),
        ("one emoji of two is free", [Rule(emoji=("bug",)), BUG], []),
        (
            "two rules take one emoji each",
            [Rule(emoji=("bug",)), Rule(emoji=("beetle",)), BUG],
            [(2, (0, 1))],
        ),
        (
            "two rules take one channel each",
            [TICKET_HERE, TICKET_NAMED, Rule(emoji=("ticket",), channels=("C1", "#support"))],
            [(2, (0, 1))],
        ),
        ("a name and an id may differ", [TICKET_NAMED, TICKET_HERE], []),
        ("two dead ones", [TICKET, TICKET_HERE, TICKET_NAMED], [(1, (0,)), (2, (0,))]),
    ],
)
def test_dead(name: str, rules: list[Rule], expected: list[tuple[int, tuple[int, ...]]]) -> None:
    assert [(death.index, death.because) for death in routing.unreachable(rules)] == expected


EMOJI = st.sampled_from(["a", "b", "c"])
IDS = ("C1", "C2")
NAMES: dict[str, Literal["one", "two"]] = {"C1": "one", "C2": "two"}
RULES = st.lists(
    st.builds(
        Rule,
        emoji=st.lists(EMOJI, min_size=1, max_size=2).map(tuple),
        channels=st.lists(st.sampled_from([*IDS, "#one", "#two", "#three"]), max_size=2).map(tuple),
        tenant=st.uuids().map(str),  # so that no two rules are equal
    ),
    max_size=6,
)


def _first(rules: list[Rule], emoji: str, channel: Channel) -> Rule | None:
    """What the sentence in the documentation says, all at once."""
    for rule in rules:
        here = (
            not rule.channels or channel.id in rule.channels or f"#{channel.name}" in rule.channels
        )
        if emoji in rule.emoji and here:
            return rule
    return None


@given(rules=RULES, emoji=EMOJI, channel=st.sampled_from(IDS))
def test_two_steps_choose_what_one_would(rules: list[Rule], emoji: str, channel: str) -> None:
    known = Channel(channel, NAMES[channel])
    candidates = routing.candidates(rules, reaction(emoji, channel))
    assert routing.applicable(candidates, known) == _first(rules, emoji, known)


@given(rules=RULES, emoji=EMOJI, channel=st.sampled_from(IDS))
def test_the_dead_never_apply(rules: list[Rule], emoji: str, channel: str) -> None:
    applied = _first(rules, emoji, Channel(channel, NAMES[channel]))
    assert all(rules[death.index] != applied for death in routing.unreachable(rules))
