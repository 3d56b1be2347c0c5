"""List a person's requests, a line each: what came of it, its age and links."""

from __future__ import annotations

from collections.abc import Sequence

from bot.core.identity import Answerer
from bot.core.record import Record, State
from bot.slack.views import rejections
from bot.slack.views.formatting import ago, code, escape, link, target
from bot.slack.views.kit import Answer
from bot.slack.views.link import resumes

HEADING = "*My tickets*"
NONE = "You haven't requested a ticket yet."
MORE_AT_HOME = "Older tickets are in this app's Home tab."
AWAY = (
    "Your tickets can't be shown right now: the bridge can't read its records. "
    "Nothing is lost; try again in a minute."
)


def mine(
    records: Sequence[Record],
    permalinks: Sequence[str | None],
    answerer: Answerer,
    *,
    more: bool,
) -> Answer:
    """Return the answer to `/plain-ticket mine`, each ticket with the link to its message.

    `answerer` tells who can link people; `more`: there are older tickets.
    """
    if not records:
        return Answer(f"{HEADING}\n{NONE}")
    lines = [f"• {line(one, at)}" for one, at in zip(records, permalinks, strict=True)]
    if any(one.is_on_hold for one in records):
        lines.append(resumes(answerer))
    return Answer("\n".join([HEADING, *lines, *([MORE_AT_HOME] if more else [])]))


def away() -> Answer:
    """Return the answer to `/plain-ticket mine` while the records cannot be read."""
    return Answer(AWAY)


def line(record: Record, permalink: str | None) -> str:
    """Return one ticket as a line; `permalink` leads to its message in Slack, if it has one."""
    message = f"<{target(permalink)}|message>" if permalink else None
    parts = [state(record), ago(record.created_at), message, code(record.reference)]
    return " · ".join(part for part in parts if part)


def state(record: Record) -> str:
    """Return what came of a request, with a link to its ticket."""
    shown = link(record.ticket) if record.ticket else "a ticket"
    bare = f": {escape(record.ticket.ref)}" if record.ticket else ""
    match record.state:
        case State.CREATED:
            return f"Created: {shown}"
        case State.ADDED:
            return f"Added to {shown}"
        case State.JOINED:
            return f"{shown} · already had a ticket" if record.ticket else "Already had a ticket"
        case State.WAITING:
            return "In progress"
        case State.UNDONE:
            return f"Undone{bare}"
        case State.GONE:
            return f"Deleted in Plain{bare}"
        case State.ON_HOLD:
            return f"On hold: {escape(rejections.short(record.reason, record.rejection))}"
        case State.REJECTED | State.PARKED:
            return f"No ticket: {escape(rejections.short(record.reason, record.rejection))}"
        case State.IGNORED:
            return "Ignored"
