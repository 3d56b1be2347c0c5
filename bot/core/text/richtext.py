"""Define the nodes of a formatted text, and render them for Plain's text component."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Discriminator

from bot.core.text import links, markdown
from bot.core.text.markdown import StyledRun
from bot.core.text.plaintext import clean, one_line

if TYPE_CHECKING:
    from bot.core.directory import Names


@dataclass(frozen=True, slots=True)
class Style:
    bold: bool = False
    italic: bool = False
    strike: bool = False
    code: bool = False


PLAIN = Style()


@dataclass(frozen=True, slots=True)
class Text:
    text: str
    style: Style = PLAIN
    kind: Literal["text"] = "text"


@dataclass(frozen=True, slots=True)
class Link:
    url: str
    text: str | None = None
    style: Style = PLAIN
    kind: Literal["link"] = "link"


@dataclass(frozen=True, slots=True)
class Mention:
    """A user, channel or user group named by id; `label` is the name that came with it."""

    of: Literal["user", "channel", "usergroup"]
    id: str
    label: str | None = None
    style: Style = PLAIN
    kind: Literal["mention"] = "mention"


@dataclass(frozen=True, slots=True)
class Broadcast:
    """@here, @channel or @everyone."""

    range: str
    kind: Literal["broadcast"] = "broadcast"


@dataclass(frozen=True, slots=True)
class Emoji:
    """`name` without colons; `text` is the character(s) where Slack gave the code points."""

    name: str
    text: str | None = None
    kind: Literal["emoji"] = "emoji"


@dataclass(frozen=True, slots=True)
class Date:
    """A date token: `at` in Unix seconds, shown in UTC; `fallback` is Slack's own wording."""

    at: int
    fallback: str | None = None
    url: str | None = None
    kind: Literal["date"] = "date"


# By its `kind` a stored node is read as what it is, and not tried as each of them: a long message
# has tens of thousands.
Inline = Annotated[Text | Link | Mention | Broadcast | Emoji | Date, Discriminator("kind")]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Inlines that may hold line feeds; blank lines inside are kept.

    `aside`: not what the author says, but what surrounds it (who is forwarded, from where, what
    cannot be quoted). No ticket is named after one while there are words.
    """

    children: tuple[Inline, ...]
    aside: bool = False
    kind: Literal["paragraph"] = "paragraph"


@dataclass(frozen=True, slots=True)
class Quote:
    """A quotation of somebody else; `aside` as in `Paragraph`."""

    children: tuple[Inline, ...]
    aside: bool = False
    kind: Literal["quote"] = "quote"


@dataclass(frozen=True, slots=True)
class Preformatted:
    children: tuple[Inline, ...]
    kind: Literal["preformatted"] = "preformatted"


@dataclass(frozen=True, slots=True)
class Items:
    """One run of list items of one depth, as Slack sends nested lists: flat, with `indent`.

    `start` is the number of the first item (1 for a fresh ordered list).
    """

    items: tuple[tuple[Inline, ...], ...]
    ordered: bool = False
    indent: int = 0
    start: int = 1
    quoted: bool = False
    kind: Literal["items"] = "items"


Block = Annotated[Paragraph | Quote | Preformatted | Items, Discriminator("kind")]

_BULLET = "• "
_QUOTED = "> "
_FENCE = "```"
# No ordinary spaces: Markdown and HTML both drop those at the beginning of a line.
_SPACE = "\u00a0"
_INDENT = _SPACE * 4
_WITHOUT_NAME = {
    "user": "@unknown-user",
    "channel": "#private-channel",
    "usergroup": "@unknown-group",
}
_LONGEST_INDENT = 8

_Line = list[StyledRun]


def mentions(blocks: Iterable[Block]) -> tuple[Mention, ...]:
    """Return the mentions in the text, each once, in order."""
    found: dict[tuple[str, str], Mention] = {}
    for child in chain.from_iterable(_children(block) for block in blocks):
        if isinstance(child, Mention):
            found.setdefault((child.of, child.id), child)
    return tuple(found.values())


def own(blocks: Iterable[Block]) -> tuple[Block, ...]:
    """Return the blocks that are no asides."""
    return tuple(
        block for block in blocks if not (isinstance(block, Paragraph | Quote) and block.aside)
    )


def says_something(blocks: Iterable[Block]) -> bool:
    """Return whether a reader sees anything of `blocks`, white space aside."""
    return any(map(_is_visible, chain.from_iterable(map(_children, blocks))))


def pieces(blocks: Sequence[Block], names: Names, limit: int = 10_000) -> tuple[str, ...]:
    """Return the text for Plain's text component in pieces of 1 to `limit` (at least 2) units.

    Bold, italic and links are Markdown, all else is in a form to read. Nothing is lost; what is
    cut is cut after a line or a word, and a style or a link goes on in the next piece.
    """
    return markdown.split(runs(blocks, names), limit)


def visible(blocks: Sequence[Block], names: Names) -> str:
    """Return the text that a reader sees, with line feeds."""
    return markdown.text_of(runs(blocks, names))


def runs(blocks: Sequence[Block], names: Names, *, bare: bool = False) -> tuple[StyledRun, ...]:
    """Return the text as runs of one style, laid out in lines and without blank ones at its ends.

    `bare` leaves out what is not the author's: bullets, `> `, backticks, tildes.
    """
    lines: list[_Line] = []
    previous: Block | None = None
    for block in blocks:
        if not any(map(_is_seen, _block_lines(block, names, bare=True))):
            continue
        if isinstance(previous, Paragraph) and isinstance(block, Paragraph):
            lines.append([])
        lines += _block_lines(block, names, bare)
        previous = block
    while lines and not _is_seen(lines[0]):
        del lines[0]
    while lines and not _is_seen(lines[-1]):
        del lines[-1]
    return _joined(lines)


def _joined(lines: Iterable[_Line]) -> tuple[StyledRun, ...]:
    feed = StyledRun("\n", mark=True)
    return tuple(chain.from_iterable([*([feed] * (n > 0)), *line] for n, line in enumerate(lines)))


def _is_seen(line: _Line) -> bool:
    return bool(markdown.text_of(line).strip())


def _children(block: Block) -> Iterable[Inline]:
    return chain.from_iterable(block.items) if isinstance(block, Items) else block.children


def _is_visible(child: Inline) -> bool:
    match child:
        case Text():
            return bool(clean(child.text).strip())
        case Link():
            return bool(clean(child.url + (child.text or "")).strip())
        case _:
            return True


def _block_lines(block: Block, names: Names, bare: bool) -> Iterator[_Line]:
    if isinstance(block, Items):
        yield from _items(block, names, bare)
        return
    lines = _lines(block.children, names, bare)
    if bare or isinstance(block, Paragraph):
        yield from lines
    elif isinstance(block, Quote):
        yield from (_prefixed(line, _QUOTED) for line in lines)
    else:
        fence = [StyledRun(_FENCE, mark=True)]
        yield from [fence, *lines, fence]


def _items(block: Items, names: Names, bare: bool) -> Iterator[_Line]:
    outside = _QUOTED * block.quoted + _INDENT * min(max(block.indent, 0), _LONGEST_INDENT)
    for number, item in enumerate(block.items, start=block.start):
        marker = f"{number}. " if block.ordered else _BULLET
        for index, line in enumerate(_lines(item, names, bare)):
            hanging = marker if index == 0 else _SPACE * len(marker)
            yield line if bare else _prefixed(line, outside + hanging)


def _prefixed(line: _Line, prefix: str) -> _Line:
    return [StyledRun(prefix if line else prefix.rstrip(), mark=True), *line]


def _lines(children: Iterable[Inline], names: Names, bare: bool) -> list[_Line]:
    """Return the lines of `children`; a line feed at the very end begins no further line."""
    lines: list[_Line] = [[]]
    for run in _inline(children, names, bare):
        if "\n" not in run.text:
            lines[-1].append(run)
            continue
        first, *others = run.text.split("\n")
        lines[-1] += [replace(run, text=first)] if first else []
        lines += [[replace(run, text=other)] if other else [] for other in others]
    return lines if len(lines) == 1 or lines[-1] else lines[:-1]


def _inline(children: Iterable[Inline], names: Names, bare: bool) -> Iterator[StyledRun]:
    """Return the runs of `children`, with a mark wherever strike or code begins and ends."""
    current = PLAIN
    for child in children:
        shown = [run for run in _shown(child, names) if run.text]
        if not shown:
            continue
        style = child.style if isinstance(child, Text | Link | Mention) else PLAIN
        if not bare:
            yield from _marks(current, style)
        current = style
        if style.bold or style.italic:
            shown = [replace(run, bold=style.bold, italic=style.italic) for run in shown]
        yield from shown
    if not bare:
        yield from _marks(current, PLAIN)


def _marks(old: Style, new: Style) -> Iterator[StyledRun]:
    """Return the marks between two styles. Code goes inside strike: `~`a`~`."""
    restruck = old.strike != new.strike
    ends = "`" * (old.code and (restruck or not new.code)) + "~" * (restruck and old.strike)
    begins = "~" * (restruck and new.strike) + "`" * (new.code and (restruck or not old.code))
    if ends:
        yield StyledRun(ends, old.bold, old.italic, mark=True)
    if begins:
        yield StyledRun(begins, new.bold, new.italic, mark=True)


def _shown(child: Inline, names: Names) -> Iterator[StyledRun]:
    """Return the visible text of one inline, without its style."""
    match child:
        case Text():
            yield StyledRun(clean(child.text))
        case Link():
            yield from _link(child.url, child.text)
        case Mention():
            yield StyledRun(_name(child, names))
        case Broadcast():
            yield StyledRun(f"@{one_line(child.range) or 'channel'}")
        case Emoji():
            yield StyledRun(clean(child.text or "") or f":{one_line(child.name)}:")
        case Date():
            yield from _date(child)


def _link(url: str, text: str | None) -> Iterator[StyledRun]:
    """Return a link, or its label and address side by side if the label would hide the address."""
    url, label = clean(url).strip(), clean(text or "")
    if not links.safe(url):
        yield StyledRun(
            f"{label} ({url})" if url and label.strip() not in ("", url) else label or url
        )
    elif not label.strip():
        yield StyledRun(links.words(url), url=url)
    elif links.honest(label, url):
        yield StyledRun(label, url=url)
    else:
        yield from (StyledRun(f"{label} ("), StyledRun(links.words(url), url=url), StyledRun(")"))


def _name(mention: Mention, names: Names) -> str:
    known = {"user": names.users, "channel": names.channels, "usergroup": names.usergroups}
    name = one_line(known[mention.of].get(mention.id) or mention.label or "").lstrip("@#")
    return f"{_WITHOUT_NAME[mention.of][0]}{name}" if name else _WITHOUT_NAME[mention.of]


def _date(date: Date) -> Iterator[StyledRun]:
    try:
        text = f"{datetime.fromtimestamp(date.at, UTC):%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError, OSError):
        text = one_line(date.fallback or "") or str(date.at)
    if date.url:
        yield from _link(date.url, text)
    else:
        yield StyledRun(text)
