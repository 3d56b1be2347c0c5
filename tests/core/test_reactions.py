"""What the reactions under a message ask for, and which rule is which."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core.directory import Channel
from bot.core.model import Priority, Rule
from bot.core.reactions import PostedMessage, Reaction, identity, requested, rules_in_channel
from bot.core.refs import MessageRef
from bot.core.routing import bare_emoji

BUG = Rule(("bug", "beetle"), ("#support",))
HERE = Rule(("ticket",), ("C2",))
TICKET = Rule(("ticket",))
SUPPORT, OTHER = Channel("C1", "support"), Channel("C2", "other")


def given(*emoji: str) -> PostedMessage:
    return PostedMessage(
        MessageRef("C1", "1700000001.000100"), tuple(Reaction(e, ("U1",), 1) for e in emoji)
    )


@pytest.mark.parametrize(
    ("emoji", "channel", "expected"),
    [
        ((), SUPPORT, []),
        (("eyes",), SUPPORT, []),
        (("eyes", "ticket"), SUPPORT, [("ticket", 2)]),
        (("ticket",), OTHER, [("ticket", 1)]),
        (("ticket", "beetle"), SUPPORT, [("ticket", 2), ("beetle", 0)]),
        (("bug",), OTHER, []),
        (("bug",), Channel("C1"), []),
        (("bug",), Channel("C1", "Support"), [("bug", 0)]),
        (("bug::skin-tone-3",), SUPPORT, [("bug::skin-tone-3", 0)]),
    ],
    ids=[
        "no reactions",
        "nobody's",
        "one of two",
        "by id, before the rule for all",
        "two rules, in the order of the reactions",
        "in another channel",
        "in a channel without a name",
        "a name in other letters",
        "with a skin tone",
    ],
)
def test_asked(emoji: tuple[str, ...], channel: Channel, expected: list[tuple[str, int]]) -> None:
    found = requested((BUG, HERE, TICKET), given(*emoji), channel)
    assert [(one.reaction.emoji, one.rule) for one in found] == expected


@pytest.mark.parametrize("under", ["+1", "thumbsup", "thumbsup::skin-tone-3"])
@pytest.mark.parametrize("written", ["+1", "thumbsup"])
def test_a_rule_takes_an_emoji_under_each_of_its_names(under: str, written: str) -> None:
    (found,) = requested((Rule((bare_emoji(written),)),), given(under), SUPPORT)
    assert found.rule == 0


def test_counting() -> None:
    assert rules_in_channel((BUG, HERE, TICKET), SUPPORT) == (BUG, TICKET)
    assert rules_in_channel((BUG, HERE), Channel("C3", "lobby")) == ()


@pytest.mark.parametrize(
    ("rule", "is_same"),
    [
        (replace(BUG, priority=Priority.URGENT, labels=("Bug",), customer="c_1"), True),
        (Rule(("beetle", "bug"), ("#support",)), True),
        (Rule(("bug",), ("#support",)), False),
        (Rule(("bug", "beetle")), False),
        (Rule(("bug", "beetle"), ("#support", "C2")), False),
    ],
    ids=["other wishes", "another order", "fewer emoji", "everywhere", "more channels"],
)
def test_identity(rule: Rule, is_same: bool) -> None:
    assert (identity(rule) == identity(BUG)) is is_same


def test_partial() -> None:
    assert Reaction("ticket", ("U1",), 2).is_partial
    assert not Reaction("ticket", ("U1", "U2"), 2).is_partial
