"""The answers to `/plain-ticket mine` and `/plain-ticket rules`."""

from __future__ import annotations

from collections.abc import Sequence

from bot.core.model import Rule
from bot.core.record import Record
from bot.slack.views.answer import Answer
from bot.slack.words import rules as in_words
from bot.slack.words import tickets


def mine(records: Sequence[Record], permalinks: Sequence[str | None], *, more: bool) -> Answer:
    """One's own tickets, each with the link to its message; `more`: there are older ones."""
    return Answer(tickets.mine(records, permalinks, more=more))


def mine_away() -> Answer:
    """The same, where the records cannot be read."""
    return Answer(tickets.AWAY)


def rules(configured: Sequence[Rule]) -> Answer:
    """The rules in words."""
    return Answer(in_words.rules(configured))
