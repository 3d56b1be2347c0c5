"""List the rules: which reaction creates which ticket, and where."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from bot.core.model import Priority, Rule
from bot.slack.views.form import PRIORITIES
from bot.slack.views.formatting import channel, code, emojis, escape, shorten
from bot.slack.views.kit import Answer

_LONGEST = 20_000
"""Characters of all rules together, for which a message and the Home have room."""
_MOST_NAMED = 8
"""The most emoji, channels or labels of one rule that are named; the others are counted."""

NO_RULES = (
    "No reaction creates a ticket here. Open a message's `…` menu and choose *Create Plain ticket*."
)
HEADING = "*Reactions that create a Plain ticket*"
FIRST_WINS = "The first matching rule applies. Each message creates one ticket."


def answer(rules: Sequence[Rule]) -> Answer:
    """Return the answer to `/plain-ticket rules`."""
    return Answer(all_of(rules))


def all_of(rules: Sequence[Rule]) -> str:
    """Return all rules, in the order in which they are checked."""
    if not rules:
        return NO_RULES
    lines = [f"{number}. {rule(one)}" for number, one in enumerate(rules, 1)]
    sums = accumulate(len(line) for line in lines)
    shown = [line for line, length in zip(lines, sums, strict=True) if length <= _LONGEST]
    left = len(lines) - len(shown)
    return "\n".join([HEADING, *shown, *([more(left)] if left else []), FIRST_WINS])


def more(count: int) -> str:
    """Return the line below rules that are too many to show."""
    return f"…and {count} more. Whoever runs the bridge can list them."


def rule(rule: Rule) -> str:
    """Return what one rule matches, and what it adds to the ticket; no address is named."""
    makes = effect(rule)
    return f"{matches(rule)}{f': {makes}' if makes else ''}"


def matches(rule: Rule) -> str:
    """Return what a rule matches: emoji, and where."""
    names = rule.emoji[:_MOST_NAMED]
    more = len(rule.emoji) - len(names)
    shown = f"{emojis(names)}{f' or {more} more' if more else ''}"
    if not rule.channels:
        return f"{shown} in every channel"
    return f"{shown} in {_some([channel(shorten(one, 80)) for one in rule.channels])}"


def effect(rule: Rule) -> str:
    """Return what a rule adds to the ticket; empty if it adds nothing."""
    parts = []
    if rule.priority is not Priority.NORMAL:
        parts.append(f"priority {PRIORITIES[rule.priority].lower()}")
    if rule.labels:
        named = _some([_label(label) for label in rule.labels])
        parts.append(f"{'label' if len(rule.labels) == 1 else 'labels'} {named}")
    if rule.tenant is not None:
        parts.append(f"tenant {escape(shorten(rule.tenant, 80))}")
    if rule.assignee is not None:
        parts.append("assigned to an agent")
    if rule.customer is not None:
        parts.append("always for the same customer")
    return ", ".join(parts)


def _label(label: str) -> str:
    """Return a label as the rule has it: its name, or Plain's id."""
    return code(label) if label.startswith("lt_") else f"“{escape(shorten(label, 80))}”"


def _some(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return f"{', '.join(names[:_MOST_NAMED])}{f' and {more} more' if more > 0 else ''}"
