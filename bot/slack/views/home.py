"""The app's Home tab.

https://docs.slack.dev/surfaces/app-home
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from bot.core.home import Home, HomeTicket, OwnHome, WaitingPerson
from bot.core.model import Rule
from bot.core.record import Record
from bot.slack.views.answer import Button, undo_button
from bot.slack.views.link import ACTION as LINK_ACTION
from bot.slack.words import answers, link, rules, tickets
from bot.slack.words import home as words
from bot.slack.words.marks import shorten

MORE_ACTION = "home_more"
NEWEST_ACTION = "home_newest"

Block = dict[str, Any]
Permalink = Callable[[Record], str | None]

_SECTION_LENGTH = 3000
_SECTIONS = 20
"""Of the rules, at most: the view may have a hundred blocks."""


def home(shown: Home, configured: Sequence[Rule], permalink: Permalink) -> dict[str, Any]:
    """The view; `configured` are the rules, `permalink` gives the link to a record's message."""
    if isinstance(shown, OwnHome):
        blocks = [*_tickets(shown, permalink), *_waiting(shown), *_how(shown, configured)]
    else:
        blocks = [_section(words.FOREIGN)]
    return {"type": "home", "blocks": blocks}


def _tickets(shown: OwnHome, permalink: Permalink) -> Iterator[Block]:
    if not shown.may_ask:
        return
    yield _header(words.TICKETS)
    if not shown.tickets:
        yield _section(words.NO_OLDER if shown.newer else words.NONE)
    for one in shown.tickets:
        yield _ticket(one, permalink(one.record))
    buttons = []
    if shown.newer:
        buttons.append(Button(NEWEST_ACTION, words.NEWEST, words.NEWEST))
    if shown.older is not None:
        buttons.append(Button(MORE_ACTION, words.OLDER, words.OLDER, value=str(shown.older)))
    if buttons:
        yield {"type": "actions", "elements": [button.element for button in buttons]}
    if any(one.undoable for one in shown.tickets):
        yield _context(words.UNDO_LASTS)


def _ticket(one: HomeTicket, permalink: str | None) -> Block:
    said = _section(shorten(tickets.line(one.record, permalink), _SECTION_LENGTH))
    if not one.undoable or one.record.ticket is None:
        return said
    return said | {"accessory": undo_button(one.record.ticket, one.record.reference).element}


def _waiting(shown: OwnHome) -> Iterator[Block]:
    if shown.waiting is None:
        return
    yield {"type": "divider"}
    yield _header(words.WAITING)
    yield _section(words.WAITING_WHY if shown.waiting else words.NOBODY_WAITS)
    for one in shown.waiting:
        yield _section(words.waits(one)) | {"accessory": _link(one).element}
    if shown.more_waiting:
        yield _context(words.MORE_WAIT)


def _link(one: WaitingPerson) -> Button:
    return Button(LINK_ACTION, link.BUTTON, link.button_label(one.user), value=one.reference)


def _how(shown: OwnHome, configured: Sequence[Rule]) -> Iterator[Block]:
    yield {"type": "divider"}
    yield _header(words.HOW)
    if not shown.may_ask:
        yield _section(words.NOT_ALLOWED)
        return
    emoji = dict.fromkeys(name for rule in configured for name in rule.emoji)
    yield _section(shorten(answers.ways(tuple(emoji)), _SECTION_LENGTH))
    for portion in _portions(rules.rules(configured))[:_SECTIONS]:
        yield _section(portion)


def _portions(text: str) -> list[str]:
    """The lines of a text, in as few sections as hold them."""
    portions = [""]
    for line in text.split("\n"):
        longer = f"{portions[-1]}\n{shorten(line, _SECTION_LENGTH)}".strip()
        if len(longer) <= _SECTION_LENGTH:
            portions[-1] = longer
        else:
            portions.append(shorten(line, _SECTION_LENGTH))
    return portions


def _header(text: str) -> Block:
    return {"type": "header", "text": {"type": "plain_text", "text": text, "emoji": False}}


def _section(text: str) -> Block:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def _context(text: str) -> Block:
    said = {"type": "mrkdwn", "text": text, "verbatim": True}
    return {"type": "context", "elements": [said]}
