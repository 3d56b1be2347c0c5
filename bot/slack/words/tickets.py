"""One's own tickets, a line each: how each stands, how old it is, and the ways to it."""

from __future__ import annotations

from collections.abc import Sequence

from bot.core.faults import Reason
from bot.core.record import Record, State
from bot.slack.words.marks import code, escape, link
from bot.slack.words.tokens import ago

HEADING = "*My tickets*"
NONE = "You have not asked for a ticket yet."
MORE_AT_HOME = "Older ones are in the Home tab of this app."
AWAY = (
    "Your tickets cannot be looked up just now, because the bridge cannot read its records. "
    "Nothing is lost; try again in a minute."
)

_WHY: dict[str, str] = {
    Reason.NO_CUSTOMER: "nobody has said which Plain customer the requester is",
    Reason.BROKEN_LINK: "Plain does not know the customer",
    Reason.NOT_ALLOWED: "you may not ask for tickets here",
    Reason.NOT_IN_CHANNEL: "the bridge is not in the channel",
    Reason.CHANNEL_NOT_FOUND: "the bridge cannot see the channel",
    Reason.MESSAGE_NOT_FOUND: "the message is gone",
    Reason.EMPTY: "the message has neither text nor files",
    Reason.CUSTOMER_IS_SPAM: "the customer is marked as spam in Plain",
    Reason.GAVE_UP: "it failed for hours; ask for it again",
}
_NOT_SET_UP = "the bridge or its rules have to be corrected"
"""Every other reason: whoever runs the bridge reads it whole in the ledger."""


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
            return f"No ticket: {_WHY.get(record.reason or '', _NOT_SET_UP)}"
        case State.UNWANTED:
            return "Not asked for"
