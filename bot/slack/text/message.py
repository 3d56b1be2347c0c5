"""Read Slack's message objects into core's `Message`: author, text and files.

Slack shows a message's blocks where it has any, else its `text`, and its attachments in any case.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from bot.core.model import UNNAMED_APP, File, Message
from bot.core.refs import MessageRef, is_ts
from bot.core.text.excerpt import GOES_ON, bounded
from bot.core.text.plaintext import one_line
from bot.core.text.richtext import (
    Block,
    Date,
    Inline,
    Link,
    Mention,
    Paragraph,
    Style,
    Text,
    own,
    says_something,
)
from bot.slack.fields import SLACKS_OWN_USERS, Json, integer, is_id, mapping, maps, string
from bot.slack.text import blocks as kit
from bot.slack.text import bounds, mrkdwn
from bot.slack.text.blocks import paragraph
from bot.slack.text.elements import bold, marked, note, plain, spaced
from bot.slack.text.files import file_of, shown_address, without_words, words_of
from bot.slack.text.rich_text import quoted

_DEEPEST = 3
"""Levels of forwarded messages that are quoted; a note names deeper ones."""

_PREVIEW = ("from_url", "original_url", "is_app_unfurl", "is_msg_unfurl")
"""Fields that only an attachment has that Slack made of a link."""

_SLACKS_OWN = frozenset(
    {
        "this content can't be displayed",
        "this message can't be displayed",
        "this message contains interactive elements",
        "[no preview available]",
        "no preview available",
    }
)
"""Slack's own texts for blocks without words, in lower case without the full stop."""

_NAMES: Mapping[str, str] = {
    "huddle_thread": "A huddle",
    "sh_room_created": "A huddle",
    "sh_room_shared": "A huddle",
    "sh_room_ended": "A huddle",
    "tombstone": "A deleted message",
    "ekm_access_denied": "A message that the company's own key management hides",
    "assistant_app_thread": "A conversation with an app",
    "reminder_add": "A reminder",
    "reminder_delete": "A reminder",
}
"""Names of messages that may hold no words, by `subtype`."""


def message_of(message: Mapping[str, Any], ref: MessageRef) -> Message:
    """Return Slack's message object as core's Message; `ref` is the message's place.

    A message with a `bot_id` can carry a user too: the app's bot user, or the person who posted
    through the app. What is beyond `LONGEST_MESSAGE` is left out, and a mark says so.
    https://docs.slack.dev/reference/events/message
    """
    message, is_cut = bounds.bounded(message)
    blocks = bounded(blocks_of(message))
    if is_cut and blocks[-1:] != (GOES_ON,):
        blocks = (*blocks, GOES_ON)
    user, thread_ts = message.get("user"), message.get("thread_ts")
    bot, made_up = _app(message)
    return Message(
        ref=ref,
        author=user if is_id(user) else None,
        blocks=blocks,
        thread_ts=thread_ts if is_ts(thread_ts) else None,
        bot=bot,
        files=files_of(message),
        made_up=made_up,
    )


def _app(message: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return the name of the app that posted the message, and the name that it made up for it.

    `username` is chosen by whoever posts; the app's own name is in `bot_profile`.
    https://docs.slack.dev/reference/methods/chat.postMessage#authorship
    """
    user = message.get("user")
    if isinstance(user, str) and user in SLACKS_OWN_USERS:
        return SLACKS_OWN_USERS[user], None
    if user and not message.get("bot_id") and message.get("subtype") != "bot_message":
        return None, None
    name, shown = string(mapping(message.get("bot_profile")), "name"), string(message, "username")
    return name or UNNAMED_APP, shown if shown != name else None


def blocks_of(message: Mapping[str, object]) -> tuple[Block, ...]:
    """Return all that Slack shows of the message; never raises.

    Its blocks, else its `text`; the words in its files; its attachments, forwarded messages among
    them. Previews of links are left out, unless there is nothing else. A message that cannot be
    quoted is named.
    """
    found = tuple(_message(message, 0))
    if says_something(found) or _has_files(message):
        return found
    named = Text(f"{_what(message)}. It can't be quoted.", Style(italic=True))
    return (Paragraph((named,), aside=True),)


def plain_blocks(text: str) -> tuple[Block, ...]:
    """Return the blocks of a slash command's text, in which names and links are tokens.

    The command's `should_escape` asks for them.

    https://docs.slack.dev/interactivity/implementing-slash-commands#creating_commands
    """
    return mrkdwn.parse(text)


def files_of(message: Mapping[str, object]) -> tuple[File, ...]:
    """Return the files of the message and of what it forwards, each once, its own first.

    Slack can withhold all but the id (`file_access`).
    """
    found: dict[str, File] = {}
    for file in filter(None, map(file_of, _files(message, 0))):
        known = found.get(file.id)
        if known is None or (known.download is None and file.download is not None):
            found[file.id] = without_words(file)
    return tuple(found.values())


def _files(message: Json, depth: int) -> Iterator[Json]:
    yield from _own_files(message)
    yield from kit.files_in(message.get("blocks"))
    for attachment in maps(message.get("attachments")):
        if _is_preview(attachment) or depth >= _DEEPEST:
            continue
        yield from maps(attachment.get("files"))
        yield from kit.files_in(attachment.get("blocks"))
        for carried in maps(attachment.get("message_blocks")):
            yield from _files(mapping(carried.get("message")), depth + 1)


def _own_files(message: Json) -> Iterator[Json]:
    yield from maps(message.get("files"))
    if isinstance(message.get("file"), Mapping):  # messages of before 2018 have one
        yield mapping(message.get("file"))


def _has_files(message: Json) -> bool:
    return any(string(file, "id") for file in _files(message, 0))


def _is_preview(attachment: Json) -> bool:
    """Return whether Slack made the attachment of a link; a forward has the same fields."""
    return attachment.get("is_share") is not True and any(map(attachment.get, _PREVIEW))


def _message(message: Json, depth: int) -> list[Block]:
    found = list(_said(message))
    room = string(mapping(message.get("room")), "name")
    found += paragraph(plain(f"Huddle: {room}" if room else None))
    found += chain.from_iterable(map(words_of, _own_files(message)))
    attachments = list(maps(message.get("attachments")))
    for attachment in attachments:
        if not _is_preview(attachment):
            found += _attachment(attachment, depth)
    if not says_something(found) and not _has_files(message):
        found += chain.from_iterable(_attachment(one, depth) for one in attachments)
    return found


def _said(message: Json) -> list[Block]:
    """Return what the blocks show, else the text, also if a block can only be named."""
    shown = list(kit.blocks(message.get("blocks")))
    if says_something(own(shown)):
        return shown
    text = string(message, "text") or string(mapping(message.get("comment")), "comment") or ""
    return [*([] if _is_slacks_own(text) else mrkdwn.parse(text)), *shown]


def _is_slacks_own(text: str) -> bool:
    return one_line(text).replace("\u2019", "'").rstrip(".").casefold() in _SLACKS_OWN


def _what(message: Json) -> str:
    subtype = string(message, "subtype") or ""
    if subtype in _NAMES:
        return _NAMES[subtype]
    if message.get("room"):
        return "A huddle"
    if any(block.get("type") == "call" for block in maps(message.get("blocks"))):
        return "A call"
    return f"A message of type “{subtype}”" if subtype else "A message without text"


def _attachment(attachment: Json, depth: int) -> Iterator[Block]:
    """Yield what a legacy attachment shows.

    https://docs.slack.dev/legacy/legacy-messaging/legacy-secondary-message-attachments
    """
    if depth >= _DEEPEST:
        yield note("More messages are forwarded inside of this one than can be quoted.")
        return
    shared = attachment.get("is_share") is True
    pretext = list(mrkdwn.parse(string(attachment, "pretext") or ""))
    author = list(_author(attachment, shared))
    body = list(_body(attachment, depth + 1))
    foot = list(_foot(attachment))
    if shared:
        known = _has_files({"attachments": [attachment]})
    else:
        known = says_something([*pretext, *author, *foot])
    if not says_something(own(body)) and not known:
        fallback = string(attachment, "fallback") or ""
        body = [*([] if _is_slacks_own(fallback) else paragraph(plain(fallback))), *body]
        body = body or [note("An attachment can't be quoted.")]
    yield from pretext
    yield from author
    yield from map(quoted, body) if shared else body
    yield from foot


def _author(attachment: Json, shared: bool) -> Iterator[Block]:
    """Yield the author; the names of a service and its user are joined."""
    name, subname = string(attachment, "author_name"), string(attachment, "author_subname")
    url, id_ = string(attachment, "author_link"), attachment.get("author_id")
    label = mrkdwn.unescape(name or subname or "")
    parts: list[tuple[Inline, ...]] = []
    if label:
        parts.append(bold([Link(url, label) if url else Text(label)]))
    elif shared and is_id(id_):
        parts.append(bold([Mention("user", id_)]))
    elif url:
        parts.append((Link(url),))
    if not shared:
        parts += [
            plain(one) for one in (string(attachment, "service_name"), subname) if one != name
        ]
    yield from _aside(parts)


def _aside(parts: list[tuple[Inline, ...]]) -> Iterator[Block]:
    seen = [part for part in dict.fromkeys(parts) if part]
    if seen:
        yield Paragraph(spaced(" · ", seen), aside=True)


def _foot(attachment: Json) -> Iterator[Block]:
    """Yield the source, the date, and the link."""
    ts = string(attachment, "ts") or str(integer(attachment, "ts") or "")
    at = ts.partition(".")[0]
    link = string(attachment, "from_url") or string(attachment, "original_url")
    if link == attachment.get("title_link"):
        link = None
    yield from _aside(
        [
            marked(string(attachment, "footer")),
            (Date(int(at)),) if at.isascii() and at.isdigit() and len(at) <= 12 else (),
            (Link(link, "View in Slack" if attachment.get("is_share") else None),) if link else (),
        ]
    )


def _body(attachment: Json, depth: int) -> Iterator[Block]:
    title, url = string(attachment, "title"), string(attachment, "title_link")
    if title:
        words = mrkdwn.unescape(title)
        yield Paragraph(bold([Link(url, words)] if url else marked(title)))
    elif url:
        yield Paragraph((Link(url),))
    carried = list(_carried(attachment, depth))
    shown = list(kit.blocks(attachment.get("blocks")))
    if not says_something(own(carried)):
        yield from mrkdwn.parse(string(attachment, "text") or "")
    yield from carried
    for field in maps(attachment.get("fields")):
        name, value = bold(plain(string(field, "title"))), marked(string(field, "value"))
        yield from paragraph(spaced("\n", [part for part in (name, value) if part]))
    if shown != carried:
        yield from shown
    yield from chain.from_iterable(map(words_of, _files_beside(attachment)))
    yield from _pictures(attachment)
    yield from kit.blocks([{"type": "actions", "elements": list(_actions(attachment))}])


def _carried(attachment: Json, depth: int) -> Iterator[Block]:
    """Yield the messages that the attachment carries whole."""
    for carried in maps(attachment.get("message_blocks")):
        yield from _message(mapping(carried.get("message")), depth)


def _files_beside(attachment: Json) -> Iterator[Json]:
    """Yield the attachment's files without those of the messages in it."""
    messages = (mapping(one.get("message")) for one in maps(attachment.get("message_blocks")))
    carried = {string(file, "id") for file in chain.from_iterable(map(_own_files, messages))}
    for file in maps(attachment.get("files")):
        if string(file, "id") not in carried:
            yield file


def _pictures(attachment: Json) -> Iterator[Block]:
    for key, label in (("image_url", "Image"), ("thumb_url", "Image"), ("video_url", "Video")):
        url = string(attachment, key)
        if url and (key != "thumb_url" or url != attachment.get("image_url")):
            yield Paragraph((Link(shown_address(mrkdwn.unescape(url)), label),))


def _actions(attachment: Json) -> Iterator[Json]:
    """Yield the legacy buttons, whose `text` is no text object."""
    for action in maps(attachment.get("actions")):
        if action.get("type", "button") == "button":
            yield {**action, "type": "button"}
