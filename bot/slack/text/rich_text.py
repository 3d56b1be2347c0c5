"""Parse Slack's `rich_text` blocks into core's nodes.

https://docs.slack.dev/reference/block-kit/blocks/rich-text-block
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from typing import Literal

from bot.core.text.plaintext import whole
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
    Preformatted,
    Quote,
    Style,
    Text,
    says_something,
)
from bot.slack.fields import Json, integer, is_id, mapping, maps, string
from bot.slack.text.unknown import all_texts

_DEEPEST_INDENT = 8
_LARGEST_NUMBER = 1_000_000
_HIGHEST_CODE_POINT = 0x10FFFF
_LONGEST_SEQUENCE = 16

_DEEPEST = 16
"""Levels of nesting that are quoted; a note says that there is more."""
_WORDS = ("text", "title", "name", "label", "value", "fallback")
"""Fields that may hold the words of an element of an unknown type, the best first."""


def rich_text(block: Json) -> Iterator[Block]:
    """Yield the nodes of one `rich_text` block."""
    # The last number of the ordered lists above, by depth: Slack sends a list that continues
    # after a nested one as a list of its own.
    counted: dict[int, int] = {}
    for element in maps(block.get("elements")):
        if element.get("type") == "rich_text_list":
            yield _list(element, counted)
        else:
            counted.clear()
            yield from _leaf(element)


def _leaf(element: Json) -> Iterator[Block]:
    children = _children(element)
    bordered = bool(integer(element, "border"))
    match element.get("type"):
        case "rich_text_quote":
            yield Quote(children)
        case "rich_text_preformatted":
            code = Preformatted(children)
            yield quoted(code) if bordered else code
        case "rich_text_section" if children:
            yield Quote(children) if bordered else Paragraph(children)
        case "rich_text_section":
            return
        case _:
            yield Paragraph(tuple(_inline(element, 0)))


def quoted(block: Block) -> Block:
    """Return the block as a quotation."""
    match block:
        case Items():
            return replace(block, quoted=True)
        case Preformatted(children) if says_something([block]):
            return Quote((Text("```\n"), *children, Text("\n```")))
        case Preformatted(children):
            return Quote(children)
        case Paragraph(children, aside):
            return Quote(children, aside)
        case _:
            return block


def _list(element: Json, counted: dict[int, int]) -> Items:
    indent = min(max(integer(element, "indent") or 0, 0), _DEEPEST_INDENT)
    ordered = element.get("style") == "ordered"
    items = tuple(_item(item) for item in maps(element.get("elements")))
    offset = integer(element, "offset")
    if offset is None or not 0 <= offset <= _LARGEST_NUMBER:
        offset = counted.get(indent, 0)
    for deeper in [depth for depth in counted if depth >= indent]:
        del counted[deeper]
    if ordered:
        counted[indent] = offset + len(items)
    return Items(
        items,
        ordered=ordered,
        indent=indent,
        start=offset + 1 if ordered else 1,
        quoted=bool(integer(element, "border")),
    )


def _item(item: Json) -> tuple[Inline, ...]:
    return _children(item) if isinstance(item.get("elements"), list) else tuple(_inline(item, 0))


def _children(element: Json, depth: int = 0) -> tuple[Inline, ...]:
    return tuple(chain.from_iterable(_inline(one, depth) for one in maps(element.get("elements"))))


def _inline(element: Json, depth: int) -> Iterator[Inline]:
    """Yield one element of a section."""
    style = _style(element)
    match element.get("type"):
        case "text":
            yield from _text(element.get("text"), style)
        case "link":
            yield from _link(element, style)
        case "user" | "channel" | "usergroup" as of:
            yield from _mention(element, of, style)
        case "emoji":
            yield from _emoji(element)
        case "date":
            yield from _date(element)
        case "broadcast":
            yield Broadcast(string(element, "range") or "channel")
        case "color":
            yield from _text(element.get("value"), style)
        case kind:
            yield from _unknown(element, kind, style, depth)


def _unknown(element: Json, kind: object, style: Style, depth: int) -> Iterator[Inline]:
    """Yield the words, the address and the elements of an unknown type, else its name.

    Slack's own clients write mentions of lists, canvases, files and more, which the reference
    does not list.
    """
    if depth >= _DEEPEST:
        yield Text("(more is nested here than can be quoted)")
        return
    best = next((key for key in _WORDS if string(element, key)), None)
    words, url = string(element, best) if best else None, string(element, "url")
    found: tuple[Inline, ...] = (Link(url, words, style),) if url else tuple(_text(words, style))
    found += _children(element, depth + 1)
    used = {*_WORDS, "url", "elements", "style"}
    rest = {key: value for key, value in element.items() if key not in used}
    for part in all_texts(rest, style):
        found += (Text(" "), *part) if found else part
    if found:
        yield from found
    elif isinstance(kind, str) and not kind.startswith("rich_text_"):
        yield Text(f"[{whole(kind)}]", style)


def _text(text: object, style: Style) -> Iterator[Text]:
    if isinstance(text, str) and text:
        yield Text(whole(text), style)


def _style(element: Json) -> Style:
    style = mapping(element.get("style"))
    return Style(
        bold=style.get("bold") is True,
        italic=style.get("italic") is True,
        strike=style.get("strike") is True,
        code=style.get("code") is True,
    )


def _link(element: Json, style: Style) -> Iterator[Inline]:
    url, text = string(element, "url"), string(element, "text")
    if url:
        yield Link(url, text, style)
    else:
        yield from _text(text, style)


def _mention(
    element: Json, of: Literal["user", "channel", "usergroup"], style: Style
) -> Iterator[Inline]:
    id_ = string(element, f"{of}_id")
    if is_id(id_):
        yield Mention(of, id_, style=style)
    else:
        yield from _text(id_, style)  # nothing to look up


def _emoji(element: Json) -> Iterator[Emoji]:
    name, code = string(element, "name"), string(element, "unicode")
    text = _characters(code) if code else None
    if name or text:
        yield Emoji(name or "emoji", text)


def _characters(code: str) -> str | None:
    """Return the characters of code points such as "1f44d-1f3fb"; None if one is invalid."""
    try:
        points = [int(part, 16) for part in code.split("-")]
    except ValueError:
        return None
    if len(points) > _LONGEST_SEQUENCE or not all(map(_is_character, points)):
        return None
    return "".join(map(chr, points))


def _is_character(point: int) -> bool:
    return 0x20 <= point <= _HIGHEST_CODE_POINT and not 0xD800 <= point <= 0xDFFF


def _date(element: Json) -> Iterator[Inline]:
    at, fallback = integer(element, "timestamp"), string(element, "fallback")
    if at is not None:
        yield Date(at, fallback, string(element, "url"))
    elif fallback:
        yield Text(fallback)
