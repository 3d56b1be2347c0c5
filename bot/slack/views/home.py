"""Build the app's Home tab.

https://docs.slack.dev/surfaces/app-home
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from bot.core.home import Home, HomeTicket, OwnHome, WaitingPerson
from bot.core.model import Rule
from bot.core.record import Record
from bot.slack.views import commands, link, rules, tickets
from bot.slack.views.formatting import ago, code, person, shorten
from bot.slack.views.kit import (
    SECTION_LENGTH,
    Block,
    Button,
    View,
    actions,
    context,
    divider,
    header,
    section,
)
from bot.slack.views.undo import undo_button

MORE_ACTION = "home_more"
NEWEST_ACTION = "home_newest"

Permalink = Callable[[Record], str | None]

_SECTIONS = 20
"""The most sections that rules fill: the view may have a hundred blocks."""


TICKETS = "My tickets"
"""Plain text."""
NONE = (
    "You haven't requested a ticket yet. See below how to create one; your tickets will appear "
    "here with their status."
)
NO_OLDER = "There are no older tickets."
OLDER = "Older tickets"
"""Plain text."""
NEWEST = "Newest tickets"
"""Plain text."""
UNDO_LASTS = (
    "You can undo a ticket for ten minutes after it was created, unless someone has acted on it in "
    "Plain or another message was added to it."
)
NOT_ALLOWED = "You can't create tickets here. Ask someone who can."

WAITING = "People to link"
"""Plain text."""
WAITING_WHY = (
    "We don't know which Plain customers these people are. Their requests are on hold and resume "
    "once they're linked."
)
NOBODY_WAITS = "No requests are on hold."
MORE_WAIT = "There are more. They'll appear here once these are linked."

HOW = "How to create a Plain ticket"
"""Plain text."""
FOREIGN = (
    "Plain Bridge belongs to another company's workspace. People there can create a support ticket "
    "from a message; ask one of them."
)


def home(shown: Home, configured: Sequence[Rule], permalink: Permalink) -> View:
    """Return the view; `configured` are the rules, `permalink` links to a record's message."""
    if isinstance(shown, OwnHome):
        blocks = [*_tickets(shown, permalink), *_waiting(shown), *_how(shown, configured)]
    else:
        blocks = [section(FOREIGN)]
    return {"type": "home", "blocks": blocks}


def _tickets(shown: OwnHome, permalink: Permalink) -> Iterator[Block]:
    if not shown.may_ask:
        return
    yield header(TICKETS)
    if not shown.tickets:
        yield section(NO_OLDER if shown.newer else NONE)
    for one in shown.tickets:
        yield _ticket(one, permalink(one.record))
    buttons = []
    if shown.newer:
        buttons.append(Button(NEWEST_ACTION, NEWEST, NEWEST))
    if shown.older is not None:
        buttons.append(Button(MORE_ACTION, OLDER, OLDER, value=str(shown.older)))
    if buttons:
        yield actions(buttons)
    if shown.waiting is None and any(one.record.is_on_hold for one in shown.tickets):
        yield context(link.resumes(shown.answerer))
    if any(one.undoable for one in shown.tickets):
        yield context(UNDO_LASTS)


def _ticket(one: HomeTicket, permalink: str | None) -> Block:
    said = section(shorten(tickets.line(one.record, permalink), SECTION_LENGTH))
    if not one.undoable or one.record.ticket is None:
        return said
    return said | {"accessory": undo_button(one.record.ticket, one.record.reference).element}


def _waiting(shown: OwnHome) -> Iterator[Block]:
    if shown.waiting is None:
        return
    yield divider()
    yield header(WAITING)
    yield section(WAITING_WHY if shown.waiting else NOBODY_WAITS)
    for one in shown.waiting:
        yield section(_waits(one)) | {"accessory": _link(one).element}
    if shown.more_waiting:
        yield context(MORE_WAIT)


def _link(one: WaitingPerson) -> Button:
    return link.button(one.user, one.reference)


def _how(shown: OwnHome, configured: Sequence[Rule]) -> Iterator[Block]:
    yield divider()
    yield header(HOW)
    if not shown.may_ask:
        yield section(NOT_ALLOWED)
        return
    emoji = dict.fromkeys(name for rule in configured for name in rule.emoji)
    yield section(shorten(commands.ways(tuple(emoji)), SECTION_LENGTH))
    for portion in _portions(rules.all_of(configured))[:_SECTIONS]:
        yield section(portion)


def _portions(text: str) -> list[str]:
    """Return the lines of a text in as few portions as hold them."""
    portions = [""]
    for line in text.split("\n"):
        longer = f"{portions[-1]}\n{shorten(line, SECTION_LENGTH)}".strip()
        if len(longer) <= SECTION_LENGTH:
            portions[-1] = longer
        else:
            portions.append(shorten(line, SECTION_LENGTH))
    return portions


def _waits(waiting: WaitingPerson) -> str:
    """Return a person whose requests are on hold, as a line."""
    return (
        f"{person(waiting.user)} ({code(waiting.user)}) · {ago(waiting.since)} · "
        f"{code(waiting.reference)}"
    )
