"""The rules in words: which reaction makes which ticket, and where."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from bot.core.model import Priority, Rule
from bot.slack.words.form import PRIORITIES
from bot.slack.words.marks import code, escape, shorten
from bot.slack.words.tokens import channel, emojis

_LONGEST = 20_000
"""Characters of all rules together: what a message, or the Home, has room for."""
_MOST_NAMED = 8
"""Emoji, channels or labels of one rule that are named; the others are counted."""

NO_RULES = (
    "No reaction makes a ticket here. Open a message's `…` menu and choose *Create Plain ticket*."
)
HEADING = "*Reactions that make a Plain ticket*"
FIRST_WINS = "The first rule that fits counts. One message makes one ticket."


def rules(rules: Sequence[Rule]) -> str:
    """All rules, in the order in which they are looked at."""
    if not rules:
        return NO_RULES
    told = [f"{number}. {rule(one)}" for number, one in enumerate(rules, 1)]
    sums = accumulate(len(line) for line in told)
    shown = [line for line, length in zip(told, sums, strict=True) if length <= _LONGEST]
    left = len(told) - len(shown)
    return "\n".join([HEADING, *shown, *([more(left)] if left else []), FIRST_WINS])


def more(count: int) -> str:
    """Below rules that are too many to show."""
    return f"…and {count} more. Whoever runs the bridge can tell them."


def rule(rule: Rule) -> str:
    """What one rule takes, and what it makes of it. No address is named."""
    makes = effect(rule)
    return f"{takes(rule)}{f': {makes}' if makes else ''}"


def takes(rule: Rule) -> str:
    """What a rule takes: emoji, and where."""
    names = rule.emoji[:_MOST_NAMED]
    more = len(rule.emoji) - len(names)
    shown = f"{emojis(names)}{f' or {more} more' if more else ''}"
    if not rule.channels:
        return f"{shown} in every channel"
    return f"{shown} in {_some([channel(shorten(one, 80)) for one in rule.channels])}"


def effect(rule: Rule) -> str:
    """What a rule adds to the ticket; empty where it adds nothing."""
    told = []
    if rule.priority is not Priority.NORMAL:
        told.append(f"priority {PRIORITIES[rule.priority].lower()}")
    if rule.labels:
        named = _some([_label(label) for label in rule.labels])
        told.append(f"{'label' if len(rule.labels) == 1 else 'labels'} {named}")
    if rule.tenant is not None:
        told.append(f"tenant {escape(shorten(rule.tenant, 80))}")
    if rule.assignee is not None:
        told.append("assigned to an agent")
    if rule.customer is not None:
        told.append("always for the same customer")
    return ", ".join(told)


def _label(label: str) -> str:
    """Labels are named as the rule names them: by name, or by Plain's id."""
    return code(label) if label.startswith("lt_") else f"“{escape(shorten(label, 80))}”"


def _some(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return f"{', '.join(names[:_MOST_NAMED])}{f' and {more} more' if more > 0 else ''}"
