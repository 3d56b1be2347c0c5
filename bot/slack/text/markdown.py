"""Parse the Markdown of a `markdown` block into core's nodes; other text stays as it was typed.

https://docs.slack.dev/reference/block-kit/blocks/markdown-block
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from bot.core.text.plaintext import clean
from bot.core.text.richtext import (
    PLAIN,
    Block,
    Inline,
    Items,
    Link,
    Paragraph,
    Preformatted,
    Quote,
    Style,
    Text,
)
from bot.slack.text import mrkdwn

_FENCE = "```"
_DEEPEST_INDENT = 8
_DEEPEST_STYLE = 4
_LARGEST_NUMBER = 1_000_000

_HEADING = re.compile(r" {0,3}#{1,6}[ \t]+(?P<words>.*?)[ \t]*#*")
_RULE = re.compile(r" {0,3}(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,}")
_QUOTED = re.compile(r" {0,3}(?:>|&gt;) ?")
_ITEM = re.compile(
    r"(?P<indent>[ \t]*)(?:[-*+]|(?P<number>\d{1,9})[.)])[ \t]+(?P<words>\S.*)", re.DOTALL
)
# No part of it matches in two ways, so that the time depends on the text's length alone.
_INLINE = re.compile(
    r"`(?P<code>[^`\n]++)`"
    r"|!?\[(?P<label>[^\[\]\n]*+)\]\((?P<url>(?:[^()\s]|\([^()\s]*+\))++)(?:[ ]\"[^\"\n]*+\")?\)"
    r"|(?P<token><[^<>\n]++>)"
    r"|\*\*(?P<bold>[^*\n]++(?:\*[^*\n]++\*[^*\n]*+)?)\*\*"
    r"|(?<!\w)__(?P<strong>[^_\n]++)__(?!\w)"
    r"|~~(?P<strike>[^~\n]++)~~"
    r"|\*(?P<italic>[^*\s](?:[^*\n]*+))\*"
    r"|(?<!\w)_(?P<slanted>[^_\s](?:[^_\n]*+))_(?!\w)"
)
_STYLES = {
    "bold": "bold",
    "strong": "bold",
    "strike": "strike",
    "italic": "italic",
    "slanted": "italic",
}


def parse(text: str) -> Iterator[Block]:
    """Yield the blocks of a Markdown text, in which &, < and > may be entities."""
    parts = clean(text).split(_FENCE)
    for index, part in enumerate(parts):
        fenced = index % 2 == 1
        if fenced and index + 1 < len(parts):
            yield Preformatted((Text(mrkdwn.unescape(_without_language(part))),))
        elif fenced:
            yield from _lines(_FENCE + part)
        elif part.strip():
            yield from _lines(part.removeprefix("\n") if index else part)


def _without_language(part: str) -> str:
    """Return the code without the name of its language, which Slack does not show."""
    first, feed, rest = part.partition("\n")
    return rest if feed and not re.search(r"\s", first.strip()) else part


def _lines(text: str) -> Iterator[Block]:
    """Yield headings, lists, quotes and paragraphs, distinguished line by line."""
    run: list[str] = []
    for line in text.split("\n"):
        special = _line(line)
        if special is None:
            run.append(line)
            continue
        if any(map(str.strip, run)):
            yield Paragraph(inline("\n".join(run).strip("\n")))
        run = []
        yield from special
    if any(map(str.strip, run)):
        yield Paragraph(inline("\n".join(run).strip("\n")))


def _line(line: str) -> tuple[Block, ...] | None:
    """Return the blocks of a line; None if it belongs to a paragraph."""
    if heading := _HEADING.fullmatch(line):
        return (Paragraph(inline(heading["words"], Style(bold=True))),)
    if _RULE.fullmatch(line):
        return ()
    if quoted := _QUOTED.match(line):
        return (Quote(inline(line[quoted.end() :])),)
    if item := _ITEM.fullmatch(line):
        spaces = len(item["indent"].expandtabs(4))
        number = item["number"]
        return (
            Items(
                (inline(item["words"]),),
                ordered=number is not None,
                indent=min(spaces // 2, _DEEPEST_INDENT),
                start=min(int(number), _LARGEST_NUMBER) if number else 1,
            ),
        )
    return None


def inline(text: str, style: Style = PLAIN, depth: int = 0) -> tuple[Inline, ...]:
    """Return the inlines of a Markdown text that is no block."""
    found: list[Inline] = []
    start = 0
    for match in _INLINE.finditer(text) if depth < _DEEPEST_STYLE else ():
        found += _text(text[start : match.start()], style)
        found += _markup(match, style, depth)
        start = match.end()
    return (*found, *_text(text[start:], style))


def _markup(match: re.Match[str], style: Style, depth: int) -> tuple[Inline, ...]:
    if match["code"] is not None:
        return tuple(_text(match["code"], replace(style, code=True)))
    if match["url"] is not None:
        label = mrkdwn.unescape(match["label"])
        return (Link(mrkdwn.unescape(match["url"]), label or None, style),)
    if match["token"] is not None:
        return mrkdwn.inline(match["token"], style)
    of = match.lastgroup or ""
    return inline(match[of], replace(style, **{_STYLES[of]: True}), depth + 1)


def _text(text: str, style: Style) -> Iterator[Text]:
    if text:
        yield Text(mrkdwn.unescape(text), style)
