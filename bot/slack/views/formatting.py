"""Format text for Slack: escape others' texts, and write people, channels, moments and emoji as
Slack shows them.

https://docs.slack.dev/messaging/formatting-message-text
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from bot.core.model import Ticket
from bot.slack.text.mrkdwn import unescape
from bot.slack.views.kit import OPEN_IN_PLAIN

BRIDGE = "@plain-bridge"
"""The bot's name if its user id is unknown."""

_ID = re.compile(r"[A-Z0-9]{1,30}")
_TOKEN = re.compile(r"<([^<>]*)>")
_BOLD = re.compile(r"(?<![\w*])\*(\S(?:[^*\n]*\S)?)\*(?![\w*])")
_EMOJI = re.compile(r"[^\s:<>&`*|]{1,100}(?:::skin-tone-[2-6])?")

# Others' texts


def escape(text: str) -> str:
    """Return `text` as Slack shows it literally: no link, no mention.

    https://docs.slack.dev/messaging/formatting-message-text#escaping
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def code(text: str) -> str:
    """Return `text` in code style, on one line."""
    return f"`{escape(' '.join(text.replace('`', ' ').split()))}`"


def shorten(text: str, longest: int = 1000) -> str:
    """Return `text` cut to so many characters, the last of them an ellipsis then."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


# Tickets, people, channels, moments, emoji


def link(ticket: Ticket) -> str:
    """Return the ticket's ref with a link to it in Plain."""
    return f"{escape(ticket.ref)} · <{target(ticket.url)}|{OPEN_IN_PLAIN}>"


def target(url: str) -> str:
    """Return the address as it is written inside a link."""
    return escape(url).replace("|", "%7C")


def person(user: str) -> str:
    """Return a mention, which in a view or an ephemeral message notifies nobody."""
    return f"<@{user}>" if _ID.fullmatch(user) else code(user)


def bridge(bot: str | None) -> str:
    """Return a mention of the bot, which shows its name whatever it is called."""
    return person(bot) if bot else BRIDGE


def channel(name: str) -> str:
    """Return a channel by its id or "#name"; Slack shows an id's name only to who may see it."""
    return f"<#{name}>" if _ID.fullmatch(name) else escape(name)


def moment(seconds: float) -> str:
    """Return a moment (Unix seconds) in the reader's time zone.

    https://docs.slack.dev/messaging/formatting-message-text#date-formatting
    """
    return _date(seconds, "{date_short}, {time}")


def ago(seconds: float) -> str:
    """Return how long ago a moment (Unix seconds) is; Slack keeps it up to date."""
    return _date(seconds, "{ago}")


def _date(seconds: float, form: str) -> str:
    otherwise = datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"<!date^{int(seconds)}^{form}|{otherwise}>"


def emoji(name: str) -> str:
    """Return an emoji; a name that could be anything else in code style."""
    return f":{name}:" if _EMOJI.fullmatch(name) else code(f":{name}:")


def emojis(names: Sequence[str], last: str = "or") -> str:
    """Return several emoji as a list in a sentence."""
    return listed([emoji(name) for name in names], last)


def listed(names: Sequence[str], last: str) -> str:
    """Return "a, b `last` c"; empty without names."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} {last} {names[-1]}"


# Terminals


def flat(mrkdwn: str) -> str:
    """Return one of our sentences for a terminal: no tokens, no bold, no escapes."""
    return unescape(_BOLD.sub(r"\1", _TOKEN.sub(_read, mrkdwn)).replace("`", ""))


def _read(token: re.Match[str]) -> str:
    what, _, shown = token[1].partition("|")
    if what.startswith("!"):
        return shown or what[1:]
    if what.startswith(("@", "#")):
        return what[1:]
    return f"{shown} ({what})" if shown else what
