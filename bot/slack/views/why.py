"""The modal that tells why a message did or did not become a ticket.

https://docs.slack.dev/reference/views/modal-views
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from bot.core.directory import Profile
from bot.core.linkers import Answerer
from bot.core.why import Explanation
from bot.flows.admission import named
from bot.slack.views.answer import Answer
from bot.slack.words import refusals
from bot.slack.words import why as words
from bot.slack.words.marks import shorten

CALLBACK_ID = "plain_why"

_SECTION_LENGTH = 3000
_LIST_BYTES = 40_000
"""Of one list: the view may have 250,000 bytes and a hundred blocks. Two sections that follow each
other hold more than one section's text, so that these make 27 at most.
https://docs.slack.dev/reference/methods/views.open#errors"""


def looking() -> dict[str, Any]:
    """What is shown at once, while the answer is looked for."""
    return _view([_section(words.LOOKING)])


def explanation(
    explained: Explanation, bot: str | None = None, answerer: Answerer | None = None
) -> dict[str, Any]:
    """The first reason, then every decision; `bot` and `answerer` as `words.why.told` has them."""
    told = words.told(explained, bot, answerer)
    blocks = [_section(shorten(told.first, _SECTION_LENGTH))]
    for heading, lines in told.lists:
        blocks += [{"type": "divider"}, _section(f"*{heading}*"), *_list(lines)]
    note = {"type": "mrkdwn", "text": words.AS_OF_NOW, "verbatim": True}
    return _view([*blocks, {"type": "context", "elements": [note]}], words.title(explained))


def not_explained() -> dict[str, Any]:
    """It took too long."""
    return _view([_section(words.NOT_EXPLAINED)])


def strangers() -> dict[str, Any]:
    """For people of other companies."""
    return _view([_section(words.STRANGERS)])


def nothing_to_see(viewer: Profile) -> dict[str, Any]:
    """For who may not ask, and is told nothing of a ticket."""
    return _view([_section(refusals.nothing_to_see(named(viewer)))])


def not_opened() -> Answer:
    """The answer where the modal did not open."""
    return Answer(words.NOT_OPENED)


def _list(lines: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The lines in as few sections as hold them, cut where that is too many."""
    portions: list[str] = []
    room, left = _LIST_BYTES, len(lines)
    for line in (f"• {shorten(line, _SECTION_LENGTH - 2)}" for line in lines):
        room -= len(json.dumps(line))
        if room < 0:
            break
        if portions and len(portions[-1]) + 1 + len(line) <= _SECTION_LENGTH:
            portions[-1] += f"\n{line}"
        else:
            portions.append(line)
        left -= 1
    yield from map(_section, portions)
    if left:
        yield _section(words.more(left))


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def _view(blocks: list[dict[str, Any]], title: str = words.TITLE) -> dict[str, Any]:
    return {
        "type": "modal",
        "callback_id": CALLBACK_ID,
        "title": {"type": "plain_text", "text": title, "emoji": False},
        "close": {"type": "plain_text", "text": words.CLOSE, "emoji": False},
        "blocks": blocks,
    }
