"""Looks whether the bot is in the channels that rules name: elsewhere it hears no reaction."""

from __future__ import annotations

from collections.abc import Sequence

from bot.cli.checks import Check, skip
from bot.cli.checks.refusals import failed, lacking
from bot.core.faults import Fault, TryLater
from bot.core.model import Rule
from bot.core.workspace import Channel
from bot.slack.history import SlackHistory

NAME = "Slack channels"
PAGES = 20
"""The most pages of 200 channels that are read."""


async def check(rules: Sequence[Rule], history: SlackHistory) -> Check:
    """Red where a rule names a channel, by id or #name, that the bot is not in."""
    named = list(dict.fromkeys(channel for rule in rules for channel in rule.channels))
    wanted = [channel for channel in named if not channel.startswith("D")]
    if not wanted:
        return skip(NAME, "no rule names a channel; reactions count wherever the bot is invited")
    try:
        joined = await _joined(history)
    except Fault as fault:
        return lacking(NAME, fault) or failed(NAME, fault, "try later")
    absent = [name for name in wanted if not any(_is(one, name) for one in joined)]
    if not absent:
        return Check(NAME, True, f"the bot is in all {len(wanted)} that rules name")
    fix = "invite it there (/invite @plain-bridge), or correct the rule"
    return Check(NAME, False, f"the bot is not in {', '.join(absent)}", fix)


async def _joined(history: SlackHistory) -> list[Channel]:
    found: list[Channel] = []
    cursor = None
    for _ in range(PAGES):
        page = await history.channels(cursor)
        found += page.items
        cursor = page.cursor
        if cursor is None:
            return found
    raise TryLater("slack_endless_pages")


def _is(channel: Channel, wanted: str) -> bool:
    name = (channel.name or "").lower()
    return wanted == channel.id or (bool(name) and wanted.lower() == f"#{name}")
