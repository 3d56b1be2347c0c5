"""The text and the files of a Slack message, from Slack's JSON to core's nodes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain

from bot.core.model import File
from bot.core.richtext import Block, Inline, Items, Link, Mention, Paragraph, Quote, Style, Text
from bot.slack import mrkdwn
from bot.slack.fields import Json, integer, lists, mapping, maps, string
from bot.slack.rich import rich_text

_DEEPEST = 3
"""Messages forwarded inside forwarded messages, beyond which nothing is read."""
_BOLD = Style(bold=True)
_TOKENS = frozenset({"pub_secret", "t", "token"})


def blocks_of(message: Mapping[str, object]) -> tuple[Block, ...]:
    """What the message says, from the best of what Slack sent; never raises.

    Its `rich_text` blocks, else its `text`, else its other blocks and its attachments. A message
    that it forwards is part of it in any case. Whatever else the JSON holds is passed over.
    """
    return tuple(_message(message, 0))


def plain_blocks(text: str) -> tuple[Block, ...]:
    """What a slash command's text says; `should_escape` makes names and links tokens in it.

    https://docs.slack.dev/interactivity/implementing-slash-commands#creating_commands
    """
    return mrkdwn.parse(text)


def files_of(message: Mapping[str, object]) -> tuple[File, ...]:
    """The files of the message. Slack can withhold all but the id (`file_access`)."""
    return tuple(chain.from_iterable(map(_file, maps(message.get("files")))))


def file_of(file: Mapping[str, object]) -> File | None:
    """Slack's file object; None for what has no id.

    https://docs.slack.dev/reference/objects/file-object
    """
    id_, size = string(file, "id"), integer(file, "size")
    if not id_:
        return None
    address = string(file, "url_private_download") or string(file, "url_private")
    return File(
        id=id_,
        name=string(file, "name") or string(file, "title"),
        mimetype=string(file, "mimetype"),
        size=size if size is not None and size >= 0 else None,
        link=string(file, "permalink"),
        mode=string(file, "mode"),
        download=_without_token(address) if address else None,
        external=file.get("is_external") is True,
        withheld=string(file, "file_access") == "check_file_info",
    )


def _file(file: Json) -> Iterator[File]:
    found = file_of(file)
    if found is not None:
        yield found


def _without_token(address: str) -> str:
    """The address without the tokens that Slack puts into some: the bot's own opens it."""
    bare, mark, query = address.partition("?")
    kept = [pair for pair in query.split("&") if pair.partition("=")[0] not in _TOKENS]
    return f"{bare}?{'&'.join(kept)}" if mark and any(kept) else bare


def _message(message: Json, depth: int) -> Iterator[Block]:
    blocks, attachments = list(maps(message.get("blocks"))), list(maps(message.get("attachments")))
    own = list(chain.from_iterable(rich_text(one) for one in blocks if _is_rich(one)))
    own = own or list(mrkdwn.parse(string(message, "text") or ""))
    if own:
        yield from own
        attachments = [one for one in attachments if one.get("is_share") is True]
    else:
        yield from chain.from_iterable(map(_other, blocks))
    if depth < _DEEPEST:
        yield from chain.from_iterable(_attachment(one, depth + 1) for one in attachments)


def _is_rich(block: Json) -> bool:
    return block.get("type") == "rich_text"


def _other(block: Json) -> Iterator[Block]:
    """A block that is not rich text. https://docs.slack.dev/reference/block-kit/blocks"""
    match block.get("type"):
        case "rich_text":
            yield from rich_text(block)
        case "section":
            yield from _paragraph(_words(block.get("text")))
            yield from chain.from_iterable(_paragraph(_words(f)) for f in maps(block.get("fields")))
        case "header":
            yield from _paragraph(_bold(_words(block.get("text"))))
        case "context":
            elements = [_words(one) for one in maps(block.get("elements"))]
            yield from _paragraph(_spaced(" ", elements))
        case "image" | "video":
            yield from _paragraph(_words(block.get("title")) or _plain(string(block, "alt_text")))
        case "markdown":
            yield from _paragraph(_plain(string(block, "text")))
        case "table":
            yield from _paragraph(_spaced("\n", map(_row, lists(block.get("rows")))))


def _row(row: list[object]) -> tuple[Inline, ...]:
    return _spaced(" | ", map(_cell, maps(row)))


def _cell(cell: Json) -> tuple[Inline, ...]:
    """What a table's cell says. https://docs.slack.dev/reference/block-kit/blocks/table-block"""
    if not _is_rich(cell):
        return _plain(string(cell, "text"))
    parts = (part.children for part in rich_text(cell) if not isinstance(part, Items))
    return tuple(chain.from_iterable(parts))


def _attachment(attachment: Json, depth: int) -> Iterator[Block]:
    """https://docs.slack.dev/legacy/legacy-messaging/legacy-secondary-message-attachments"""
    shared = attachment.get("is_share") is True
    content = list(_forwarded(attachment, depth)) or list(_content(attachment))
    if not content:
        yield from _paragraph(_plain(string(attachment, "fallback")))
        return
    yield from _paragraph(_mrkdwn(string(attachment, "pretext")))
    yield from _paragraph(_bold(_plain(string(attachment, "author_name"))))
    yield from map(_quoted, content) if shared else content
    yield from _paragraph(_mrkdwn(string(attachment, "footer")))


def _forwarded(attachment: Json, depth: int) -> Iterator[Block]:
    """The messages that the attachment carries whole."""
    for carried in maps(attachment.get("message_blocks")):
        yield from _message(mapping(carried.get("message")), depth)


def _content(attachment: Json) -> Iterator[Block]:
    title, url = string(attachment, "title"), string(attachment, "title_link")
    if title and url:
        words = mrkdwn.unescape(title)
        yield Paragraph((Link(url, words, _BOLD),))
    else:
        yield from _paragraph(_bold(_mrkdwn(title)))
    yield from mrkdwn.parse(string(attachment, "text") or "")
    for field in maps(attachment.get("fields")):
        name, value = _bold(_plain(string(field, "title"))), _mrkdwn(string(field, "value"))
        yield from _paragraph(_spaced("\n", [part for part in (name, value) if part]))
    yield from chain.from_iterable(map(_other, maps(attachment.get("blocks"))))


def _quoted(block: Block) -> Block:
    return replace(block, quoted=True) if isinstance(block, Items) else Quote(block.children)


def _words(value: object) -> tuple[Inline, ...]:
    """A text object: mrkdwn or plain; of an image in a context, its description."""
    thing = mapping(value)
    if thing.get("type") == "mrkdwn":
        return _mrkdwn(string(thing, "text"))
    return _plain(string(thing, "text") or string(thing, "alt_text"))


def _mrkdwn(text: str | None) -> tuple[Inline, ...]:
    return mrkdwn.inline(text) if text else ()


def _plain(text: str | None) -> tuple[Inline, ...]:
    return (Text(mrkdwn.unescape(text)),) if text else ()


def _bold(children: tuple[Inline, ...]) -> tuple[Inline, ...]:
    return tuple(map(_bolder, children))


def _bolder(child: Inline) -> Inline:
    if isinstance(child, Text | Link | Mention):
        return replace(child, style=replace(child.style, bold=True))
    return child


def _spaced(space: str, parts: Iterable[tuple[Inline, ...]]) -> tuple[Inline, ...]:
    """`parts` with `space` between them."""
    kept: list[Inline] = []
    for index, part in enumerate(parts):
        kept += [Text(space), *part] if index else part
    return tuple(kept)


def _paragraph(children: tuple[Inline, ...]) -> Iterator[Paragraph]:
    if children:
        yield Paragraph(children)
