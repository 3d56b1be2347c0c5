"""Parse Slack's mrkdwn, the markup of a message's `text`, into core's nodes.

https://docs.slack.dev/messaging/formatting-message-text
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

from bot.core.text.plaintext import clean
from bot.core.text.richtext import (
    PLAIN,
    Block,
    Broadcast,
    Date,
    Emoji,
    Inline,
    Link,
    Mention,
    Paragraph,
    Preformatted,
    Quote,
    Style,
    Text,
)
from bot.slack.fields import is_id

_FENCE = "```"
_REST_IS_QUOTED = "&gt;&gt;&gt;"
_QUOTED = re.compile(r"(?:&gt;|>)[ ]?")
_BROADCASTS = ("here", "channel", "everyone", "group")

# A character that cleaned text never holds replaces tokens and code, so that no style begins
# inside of one.
_HELD = "\x00"
_ATOM = re.compile(r"<(?P<token>[^<>\n]+)>|`(?P<code>[^`\n]+)`")
_STYLED = re.compile(
    r"(?<![\w*])\*(?P<bold>[^\s*](?:[^*\n]*[^\s*])?)\*(?![\w*])"
    r"|(?<![\w_])_(?P<italic>[^\s_](?:[^_\n]*[^\s_])?)_(?![\w_])"
    r"|(?<![\w~])~(?P<strike>[^\s~](?:[^~\n]*[^\s~])?)~(?![\w~])"
    rf"|(?P<held>{_HELD})"
    r"|:(?P<emoji>[a-z0-9_+'-]{1,100})(?:::skin-tone-[2-6])?:"
)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_DATE = re.compile(r"!date\^(-?\d{1,15})\^[^^|]*(?:\^([^|]*))?")


def parse(text: str) -> tuple[Block, ...]:
    """Return the blocks of a mrkdwn text, in which &, < and > are entities."""
    blocks: list[Block] = []
    parts = clean(text).split(_FENCE)
    for index, part in enumerate(parts):
        # Every other part is between two fences; the last one only if its fence is closed.
        fenced = index % 2 == 1
        if fenced and index + 1 < len(parts):
            blocks.append(Preformatted(_unstyled(part.removeprefix("\n"))))
        elif fenced:
            blocks += _lines(_FENCE + part)
        elif part.strip():
            blocks += _lines(part.removeprefix("\n") if index else part)
    return tuple(blocks)


def _lines(text: str) -> Iterator[Block]:
    """Yield paragraphs and quotes, distinguished line by line."""
    run: list[str] = []
    quoting = everything = False
    for line in text.split("\n"):
        if not everything and line.startswith(_REST_IS_QUOTED):
            everything, line = True, f"&gt;{line.removeprefix(_REST_IS_QUOTED)}"
        mark = _QUOTED.match(line)
        quoted = everything or mark is not None
        if quoted != quoting and run:
            yield _block(run, quoting)
            run = []
        quoting = quoted
        run.append(line[mark.end() :] if mark else line)
    yield _block(run, quoting)


def _block(lines: list[str], quoted: bool) -> Block:
    children = inline("\n".join(lines))
    return Quote(children) if quoted else Paragraph(children)


def inline(text: str, style: Style = PLAIN) -> tuple[Inline, ...]:
    """Return the inlines of a mrkdwn text that is no block: an item, a field, a title."""
    text = clean(text)
    atoms = _ATOM.finditer(text)
    return tuple(_styled(_ATOM.sub(_HELD, text), atoms, style))


def _unstyled(text: str) -> tuple[Inline, ...]:
    """Return the inlines of preformatted text, which has tokens but no styles."""
    found: list[Inline] = []
    start = 0
    for match in _ATOM.finditer(text):
        if match["token"] is None:
            continue
        found += [*_text(text[start : match.start()], PLAIN), _token(match["token"], PLAIN)]
        start = match.end()
    return (*found, *_text(text[start:], PLAIN))


def _styled(text: str, atoms: Iterator[re.Match[str]], style: Style) -> Iterator[Inline]:
    start = 0
    for match in _STYLED.finditer(text):
        yield from _text(text[start : match.start()], style)
        start = match.end()
        kind, inner = match.lastgroup, match[match.lastgroup or 0]
        if kind == "held":
            yield from _atom(next(atoms), style)
        elif kind == "emoji":
            yield Emoji(inner)
        else:
            yield from _styled(inner, atoms, replace(style, **{str(kind): True}))
    yield from _text(text[start:], style)


def _atom(match: re.Match[str], style: Style) -> Iterator[Inline]:
    if match["token"] is not None:
        yield _token(match["token"], style)
        return
    coded = replace(style, code=True)
    for part in _unstyled(match["code"]):
        yield replace(part, style=coded) if isinstance(part, Text | Link | Mention) else part


def _text(text: str, style: Style) -> Iterator[Text]:
    if text:
        yield Text(unescape(text), style)


def unescape(text: str) -> str:
    """Replace Slack's three entities; `&amp;` last, or `&amp;lt;` would be replaced twice."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _token(token: str, style: Style) -> Inline:
    """Return the inline of a token, which is what was between < and >."""
    target, _, label = token.partition("|")
    words = unescape(label).strip() or None
    mention = _mention(target, words, style)
    if mention:
        return mention
    if target.startswith("!date^"):
        return _date(target, words, style)
    if target.startswith("!"):
        name = target[1:].partition("^")[0]
        return Broadcast(name) if name in _BROADCASTS else Text(words or f"<{token}>", style)
    if _SCHEME.match(target):
        return Link(unescape(target), words, style)
    return Text(unescape(f"<{token}>"), style)


def _mention(target: str, words: str | None, style: Style) -> Mention | None:
    kinds: tuple[tuple[str, Literal["user", "channel", "usergroup"]], ...] = (
        ("@", "user"),
        ("#", "channel"),
        ("!subteam^", "usergroup"),
    )
    for mark, of in kinds:
        name = target.removeprefix(mark)
        if target.startswith(mark) and name.isalnum() and is_id(name):
            return Mention(of, name, words.lstrip("@#") or None if words else None, style)
    return None


def _date(target: str, words: str | None, style: Style) -> Inline:
    match = _DATE.fullmatch(target)
    if match is None:
        return Text(words or "", style)
    return Date(int(match[1]), words, unescape(match[2]) if match[2] else None)
