"""Parse Block Kit's blocks into core's nodes, except `rich_text`.

A block's type only decides the order of its fields: every field that holds words or an address is
quoted, also those of types and names that are unknown today.
https://docs.slack.dev/reference/block-kit/blocks
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain

from bot.core.text import links
from bot.core.text.plaintext import whole
from bot.core.text.richtext import (
    Block,
    Inline,
    Items,
    Link,
    Paragraph,
    Text,
    says_something,
)
from bot.slack.fields import Json, lists, mapping, maps, string
from bot.slack.text import markdown as markdown_text
from bot.slack.text import mrkdwn
from bot.slack.text.elements import (
    ELEMENTS,
    IMAGES,
    bold,
    element,
    image,
    label_of,
    note,
    plain,
    spaced,
)
from bot.slack.text.rich_text import rich_text
from bot.slack.text.unknown import is_technical, text_or_link

_DEEPEST = 16
"""Levels of nesting that are quoted; a note says that there is more."""

_ORDER: Mapping[str, tuple[str, ...]] = {
    "alert": ("text",),
    "auth_provider": ("name", "description", "connected_identity", "connected_context"),
    "card": ("title", "subtitle", "icon", "hero_image", "body", "actions"),
    "carousel": ("elements",),
    "container": ("rich_text_title", "title", "subtitle", "icon", "child_blocks"),
    "data_visualization": ("title", "chart"),
    "input": ("label", "hint", "element"),
    "plan": ("title", "tasks"),
    "section": ("text", "fields", "accessory"),
    "task_card": ("title", "details", "output", "sources"),
    "video": ("title", "author_name", "description", "provider_name", "video_url"),
}
"""The fields of a type in the order in which Slack shows them; others follow."""

_SILENT = frozenset(
    {"actions", "carousel", "context", "context_actions", "divider", "header", "input", "markdown"}
    | {"rich_text", "section", "table", "data_table"}
)
"""Types that need no note if they hold no words."""

_HEADINGS = frozenset({"title", "rich_text_title", "name", "caption"})
_ADDRESSES = {
    "title": ("title_url", "title_link"),
    "author_name": ("author_link", "author_url"),
    "name": ("join_url", "url"),
}
"""The fields that hold the address of a field's words."""
_BLOCKS = frozenset({"blocks", "child_blocks"})
_NUMBERS = frozenset({"value", "text", "number", "label"})


def blocks(values: object) -> Iterator[Block]:
    """Yield what a message's or an attachment's blocks show."""
    for block in maps(values):
        yield from _block(block, 0)


def _block(block: Json, depth: int) -> Iterator[Block]:
    """Yield what one block shows, or a note with its type if none of it can be quoted."""
    kind = string(block, "type") or ""
    found = list(_shown(block, kind, depth))
    if not says_something(found):
        fallback = plain(string(block, "fallback"))
        found = [Paragraph(fallback)] if fallback and kind not in _SILENT else []
    if found or kind in _SILENT:
        yield from found
    elif kind in ("file", "image") and _has_file(block):
        return  # it is named among the files
    else:
        named = f"A block of type “{kind}”" if kind else "A block of an unknown type"
        yield note(f"{named} can't be quoted.")


def _shown(block: Json, kind: str, depth: int) -> Iterator[Block]:
    special = _SPECIAL.get(kind)
    if special is not None:
        yield from special(block, depth)
    else:
        yield from _fields(block, depth)


def _thing(value: object, depth: int) -> Iterator[Block]:
    """Yield what any JSON value shows."""
    if depth > _DEEPEST:
        yield note("More is nested here than can be quoted.")
    elif isinstance(value, str):
        yield from paragraph(text_or_link(value))
    elif isinstance(value, list):
        yield from _together(list(_thing(one, depth + 1)) for one in value)
    elif isinstance(value, Mapping):
        yield from _mapping(value, depth)


def _mapping(json: Json, depth: int) -> Iterator[Block]:
    kind = string(json, "type") or ""
    if kind in ELEMENTS:
        yield from paragraph(element(json))
    elif kind == "mrkdwn":
        yield from mrkdwn.parse(string(json, "text") or "")
    elif kind in _SPECIAL or kind in _ORDER:
        yield from _block(json, depth + 1)
    elif "task_id" in json:  # a plan's tasks come without their type
        yield from _task(json, depth + 1)
    elif _is_point(json):
        label, value = string(json, "label"), json.get("value")
        yield from paragraph(plain(f"{label}: {value}"))
    else:
        yield from _fields(json, depth + 1)


def _is_point(json: Json) -> bool:
    """Return whether it is a data point of a chart."""
    value = json.get("value")
    return isinstance(value, int | float) and set(json) <= {"label", "value", "type"}


def _fields(json: Json, depth: int) -> Iterator[Block]:
    """Yield the fields: first those in `_ORDER`, then the others."""
    first = _ORDER.get(string(json, "type") or "", ())
    others = (key for key in json if key not in first and not is_technical(key, json[key]))
    linked: set[str] = set()
    for key in chain((key for key in first if key in json), others):
        if key in linked or (key == "alt_text" and label_of(json.get("title"))):
            continue
        url = next((one for one in _ADDRESSES.get(key, ()) if _is_address(json.get(one))), None)
        value = json[key]
        words = label_of(value)
        if url is not None and words:
            linked.add(url)
            yield Paragraph(bold([Link(whole(str(json[url])), words)]))
        else:
            yield from _field(key, value, depth)


def _field(key: str, value: object, depth: int) -> Iterator[Block]:
    if key in _NUMBERS and isinstance(value, int | float) and not isinstance(value, bool):
        yield from paragraph(plain(str(value)))
    elif key == "rows":
        yield from _table({"rows": value}, depth)
    elif key in _BLOCKS and depth < _DEEPEST:
        yield from chain.from_iterable(_block(block, depth + 1) for block in maps(value))
    elif key in _HEADINGS:
        yield from (_bolder(block) for block in _thing(value, depth))
    else:
        yield from _thing(value, depth)


def _is_address(value: object) -> bool:
    return isinstance(value, str) and links.safe(value)


def _together(parts: Iterable[list[Block]]) -> Iterator[Block]:
    """Yield the parts; consecutive short ones become one paragraph of lines."""
    lines: list[tuple[Inline, ...]] = []
    for part in parts:
        only = part[0] if len(part) == 1 else None
        if isinstance(only, Paragraph) and not only.aside:
            lines.append(only.children)
            continue
        yield from paragraph(spaced("\n", lines))
        lines = []
        yield from part
    yield from paragraph(spaced("\n", lines))


def _bolder(block: Block) -> Block:
    if isinstance(block, Paragraph):
        return replace(block, children=bold(block.children))
    return block


# Types that are more than a sequence of their fields


def _rich(block: Json, _: int) -> Iterator[Block]:
    yield from rich_text(block)


def _header(block: Json, depth: int) -> Iterator[Block]:
    yield from map(_bolder, _thing(block.get("text"), depth))


def _markdown(block: Json, _: int) -> Iterator[Block]:
    yield from markdown_text.parse(string(block, "text") or "")


def _context(block: Json, depth: int) -> Iterator[Block]:
    """Yield images and words on one line."""
    yield from _beside(" ", block, depth)


def _actions(block: Json, depth: int) -> Iterator[Block]:
    yield from _beside(" · ", block, depth)


def _beside(space: str, block: Json, depth: int) -> Iterator[Block]:
    parts = [_flat(_thing(one, depth + 1)) for one in maps(block.get("elements"))]
    yield from paragraph(spaced(space, [part for part in parts if part]))


def _image(block: Json, _: int) -> Iterator[Block]:
    yield from paragraph(image(block))


def _call(block: Json, _: int) -> Iterator[Block]:
    """Yield the call's name and its link. Slack nests it in an object by version."""
    for call in map(mapping, mapping(block.get("call")).values()):
        name, url = string(call, "name"), string(call, "join_url")
        shown: tuple[Inline, ...] = (Link(url, name),) if url else plain(name)
        yield from paragraph(bold(spaced(" · ", filter(None, [shown, plain(_number(call))]))))


def _number(call: Json) -> str | None:
    number = string(call, "display_id")
    return f"Meeting {number}" if number else None


def _task(block: Json, depth: int) -> Iterator[Block]:
    """Yield the task with its status, which Slack shows as a symbol."""
    title = label_of(block.get("title")) or "Task"
    status = string(block, "status")
    state = plain(f" · {status.replace('_', ' ')}") if status else ()
    yield Paragraph((*bold([Text(title)]), *state))
    yield from _fields({key: block[key] for key in block if key != "title"}, depth)


def _file(block: Json, depth: int) -> Iterator[Block]:
    """Yield nothing of a file that is among the message's files."""
    if not _has_file(block):
        yield from _fields({k: v for k, v in block.items() if k != "external_id"}, depth)


def _has_file(block: Json) -> bool:
    return any(string(one, "id") for one in files_in([block]))


def _table(block: Json, depth: int) -> Iterator[Block]:
    """Yield a line for each row. https://docs.slack.dev/reference/block-kit/blocks/table-block"""
    yield from paragraph(bold(plain(string(block, "caption"))))
    rows = [[_cell(cell, depth) for cell in row] for row in lists(block.get("rows"))]
    if says_something(Paragraph(cell) for row in rows for cell in row):
        yield from paragraph(spaced("\n", [spaced(" | ", row) for row in rows]))


def _cell(cell: object, depth: int) -> tuple[Inline, ...]:
    json = mapping(cell)
    if string(json, "type") in ("raw_text", "raw_number"):
        text, value = string(json, "text"), json.get("value")
        return plain(text or ("" if value is None else str(value)))
    return _flat(_thing(cell, depth + 1))


def _flat(found: Iterable[Block]) -> tuple[Inline, ...]:
    """Return the blocks as one line; a list's items keep their bullets."""
    parts: list[tuple[Inline, ...]] = []
    for block in found:
        if isinstance(block, Items):
            for number, item in enumerate(block.items, start=block.start):
                parts.append((Text(f"{number}. " if block.ordered else "• "), *item))
        elif block.children:
            parts.append(block.children)
    return tuple(map(_on_one_line, spaced(" / ", parts)))


def _on_one_line(child: Inline) -> Inline:
    if isinstance(child, Text) and "\n" in child.text:
        return Text(" ".join(child.text.split("\n")), child.style)
    return child


_SPECIAL: Mapping[str, Callable[[Json, int], Iterator[Block]]] = {
    "rich_text": _rich,
    "header": _header,
    "markdown": _markdown,
    "context": _context,
    "actions": _actions,
    "context_actions": _actions,
    "image": _image,
    "call": _call,
    "file": _file,
    "table": _table,
    "task_card": _task,
    "data_table": _table,
}


def files_in(value: object, depth: int = 0) -> Iterator[Json]:
    """Yield the file objects, or their stubs, that blocks hold: of file blocks and images."""
    if depth > _DEEPEST:
        return
    if isinstance(value, list):
        for one in value:
            yield from files_in(one, depth + 1)
    elif isinstance(value, Mapping):
        kind = string(value, "type")
        if kind == "file":
            yield mapping(value.get("file")) or {"id": value.get("file_id")}
        elif kind in IMAGES and "slack_file" in value:
            yield mapping(value.get("slack_file"))
        else:
            for one in value.values():
                yield from files_in(one, depth + 1)


def paragraph(children: tuple[Inline, ...]) -> Iterator[Paragraph]:
    """Yield the children as a paragraph, if there are any."""
    if children:
        yield Paragraph(children)
