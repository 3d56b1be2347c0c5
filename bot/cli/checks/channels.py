"""Looks whether the bot is in the channels that rules name: elsewhere it hears no reaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from bot.cli.checks import Check, places, skip
from bot.cli.checks.refusals import failed, lacking
from bot.core.directory import Channel
from bot.core.faults import Fault, Refused, TryLater
from bot.flows.history import Page
from bot.settings import Settings
from bot.slack.history import SlackHistory

NAME = "Slack channels"
PAGES = 20
"""The most pages of channels that are read."""


async def check(settings: Settings, history: SlackHistory) -> Check:
    """Red where a rule names a channel, by id or #name, that the bot is not in."""
    named = list(dict.fromkeys(channel for rule in settings.rules for channel in rule.channels))
    wanted = [channel for channel in named if not channel.startswith("D")]
    if not wanted:
        return skip(NAME, "no rule names a channel; reactions count wherever the bot is invited")
    try:
        here = await joined(history)
    except Fault as fault:
        return lacking(NAME, fault) or failed(NAME, fault, "try later")
    absent = [name for name in wanted if not any(_is(one, name) for one in here)]
    if not absent:
        return Check(NAME, True, f"the bot is in all {len(wanted)} that rules name")
    return await _absent(settings, history, absent, here)


async def _absent(
    settings: Settings, history: SlackHistory, absent: Sequence[str], here: Sequence[Channel]
) -> Check:
    """What is wrong with each: the bot is not in it, or no such channel can be seen."""
    try:
        public = await _all(history.public_channels)
    except (TryLater, Refused):  # then nobody knows what there is
        public = None
    names = [f"#{one.name}" for one in (*here, *(public or ())) if one.name]
    there, unseen = [], []
    for name in absent:
        place = places.of(settings, "channels", name)
        if public is None or any(_is(one, name) for one in public):
            there.append(places.told(name, place))
        else:
            like = places.did_you_mean(name, names) if name.startswith("#") else None
            unseen.append(places.told(name, place, like))
    details, fixes = [], []
    if there:
        details.append(f"the bot is not in {', '.join(there)}")
        fixes.append("invite it there (/invite @plain-bridge), or correct the rule")
    if unseen:
        details.append(f"there is no public channel {', '.join(unseen)}")
        fixes.append("correct the name in the rule; if the channel is private, invite the bot")
    return Check(NAME, False, "; ".join(details), "; ".join(fixes))


async def joined(history: SlackHistory) -> list[Channel]:
    """Return the channels that the bot is in. Raises TryLater and Refused."""
    return await _all(history.channels)


async def _all(read: Callable[[str | None], Awaitable[Page[Channel]]]) -> list[Channel]:
    found: list[Channel] = []
    cursor = None
    for _ in range(PAGES):
        page = await read(cursor)
        found += page.items
        cursor = page.cursor
        if cursor is None:
            return found
    raise TryLater("slack_endless_pages")


def _is(channel: Channel, wanted: str) -> bool:
    name = (channel.name or "").lower()
    return wanted == channel.id or (bool(name) and wanted.lower() == f"#{name}")
