"""Cut a formatted text that is too long to render whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.core.text.richtext import (
    Block,
    Broadcast,
    Date,
    Emoji,
    Inline,
    Items,
    Link,
    Mention,
    Paragraph,
    Style,
    Text,
)

LONGEST_MESSAGE = 100_000
"""Characters of one message. Slack cuts a `text` at 40,000; blocks and attachments may hold more.

https://docs.slack.dev/reference/methods/chat.postMessage#truncating
"""

GOES_ON = Paragraph((Text("(The message goes on in Slack.)", Style(italic=True)),))
"""Replaces what was cut."""

_LIGHTEST = 3

_NAME = 20
"""Characters that a mention counts for, whatever its name."""


def bounded(blocks: Sequence[Block], most: int = LONGEST_MESSAGE) -> tuple[Block, ...]:
    """Return `blocks`, or their beginning with a note that the rest is in Slack."""
    kept, is_cut = _beginning(blocks, most)
    return (*kept, GOES_ON) if is_cut else kept


def extended(
    blocks: Sequence[Block], more: Sequence[Block], most: int = LONGEST_MESSAGE
) -> tuple[Block, ...]:
    """Return `blocks`, which may have been cut before, with `more` behind them, as `bounded`."""
    was_cut = tuple(blocks[-1:]) == (GOES_ON,)
    kept, is_cut = _beginning((*(blocks[:-1] if was_cut else blocks), *more), most)
    return (*kept, GOES_ON) if is_cut or was_cut else kept


def beginning(blocks: Sequence[Block], most: int) -> tuple[Block, ...]:
    """Return the first `most` characters or so of `blocks`; of white space alone a whole inline
    counts for one.

    A text is cut at white space where it has any, so that no part of a secret stays behind that
    its form would not be recognized by.
    """
    return _beginning(blocks, most)[0]


def weight(blocks: Sequence[Block]) -> int:
    """Return how many characters the text has; an inline counts for three at least."""
    return sum(
        max(_LIGHTEST, _length(child))
        for block in blocks
        for children in (block.items if isinstance(block, Items) else (block.children,))
        for child in children
    )


def _beginning(blocks: Sequence[Block], most: int) -> tuple[tuple[Block, ...], bool]:
    kept: list[Block] = []
    left = most
    for block in blocks:
        if isinstance(block, Items):
            items: list[tuple[Inline, ...]] = []
            for item in block.items:
                part, left = _first(item, left)
                items.append(part)
                if left < 0:
                    return (*kept, replace(block, items=tuple(items))), True
            kept.append(block)
        else:
            part, left = _first(block.children, left)
            if left < 0:
                return (*kept, replace(block, children=part)), True
            kept.append(block)
    return tuple(kept), False


def _first(children: Sequence[Inline], left: int) -> tuple[tuple[Inline, ...], int]:
    """Return the children for which there is room, and how much is left; below 0 if some had
    none."""
    for index, child in enumerate(children):
        length = _length(child)
        if length > left:
            cut = _cut(child, left) if isinstance(child, Text) else None
            return (*children[:index], *([cut] if cut else [])), -1
        left -= length
    return tuple(children), left


def _cut(child: Text, most: int) -> Text | None:
    start = len(child.text) - len(child.text.lstrip())
    text = child.text[: start + most]
    words = text.rsplit(None, 1)
    # Without any white space it is cut where the room ends.
    text = words[0] if len(words) > 1 else text
    return replace(child, text=text) if text.strip() else None


def _length(child: Inline) -> int:
    match child:
        case Text(text):
            return max(1, len(text.strip()))
        case Link(url, text):
            return len(text or url) + len(url)
        case Mention() | Broadcast() | Emoji() | Date():
            return _NAME
