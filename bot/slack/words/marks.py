"""Texts of others made harmless in mrkdwn, and what several surfaces say."""

from __future__ import annotations

from bot.core.model import Ticket

OPEN_IN_PLAIN = "Open in Plain"


def escape(text: str) -> str:
    """`text` as Slack shows it literally: no link, no mention.

    https://docs.slack.dev/messaging/formatting-message-text#escaping
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def code(text: str) -> str:
    """`text` in code style, on one line."""
    return f"`{escape(' '.join(text.replace('`', ' ').split()))}`"


def unescape(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def shorten(text: str, longest: int = 1000) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def link(ticket: Ticket) -> str:
    """The ticket, with the way there."""
    return f"{escape(ticket.ref)} · <{target(ticket)}|{OPEN_IN_PLAIN}>"


def target(ticket: Ticket) -> str:
    """The ticket's address, as it stands in a link."""
    return escape(ticket.url).replace("|", "%7C")
