"""One's own tickets, a line each: how each stands, how old it is, and the ways to it."""

from __future__ import annotations

from collections.abc import Sequence

from bot.core.record import Record, State
from bot.slack.words import reasons
from bot.slack.words.marks import code, escape, link
from bot.slack.words.tokens import ago

HEADING = "*My tickets*"
NONE = "You have not asked for a ticket yet."
MORE_AT_HOME = "Older ones are in the Home tab of this app."
AWAY = (
    "Your tickets cannot be looked up just now, because the bridge cannot read its records. "
    "Nothing is lost; try again in a minute."
)


def mine(records: Sequence[Record], permalinks: Sequence[str | None], *, more: bool) -> str:
    """The answer to `/plain-ticket mine`; `more`: there are older ones."""
    if not records:
        return f"{HEADING}\n{NONE}"
    lines = [f"• {line(one, at)}" for one, at in zip(records, permalinks, strict=True)]
    return "\n".join([HEADING, *lines, *([MORE_AT_HOME] if more else [])])


def line(record: Record, permalink: str | None) -> str:
    """One ticket. `permalink` leads to its message in Slack, where there is one."""
    message = f"<{escape(permalink).replace('|', '%7C')}|message>" if permalink else None
    age = ago(record.asked_at)
    told = [stands(record), age, message, code(record.reference)]
    return " · ".join(part for part in told if part)


def stands(record: Record) -> str:
    """How it stands, with the way to its ticket."""
    shown = link(record.ticket) if record.ticket else "a ticket"
    match record.state:
        case State.CREATED:
            return f"Created: {shown}"
        case State.ADDED:
            return f"Added to {shown}"
        case State.WAITING:
            return "On its way"
        case State.UNDONE:
            return f"Undone: {escape(record.ticket.ref)}" if record.ticket else "Undone"
        case State.REFUSED | State.PARKED:
            stands = "On hold" if record.is_on_hold else "No ticket"
            return f"{stands}: {escape(reasons.reason(record.reason, record.data))}"
        case State.UNWANTED:
            return "Not asked for"
