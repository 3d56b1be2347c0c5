"""Parse Slack's file objects: what the bridge needs of a file, and the words in it.

https://docs.slack.dev/reference/objects/file-object
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import replace

from bot.core.model import File
from bot.core.text.richtext import (
    Block,
    Inline,
    Link,
    Paragraph,
    Preformatted,
    Quote,
    Style,
    Text,
)
from bot.slack.fields import Json, integer, mapping, maps, string

_TOKENS = frozenset({"pub_secret", "t", "token"})
_DOCUMENTS = frozenset({"canvas", "docs", "list", "post", "quip", "space"})
_SLACKS_FILES = re.compile(
    r"https?://(?:[\w-]+\.)*(?:files\.slack(?:-gov)?|slack-files(?:-gov)?)\.com[/:]", re.IGNORECASE
)
_TAG = re.compile(r"<[^<>]*>")
_BREAK = re.compile(r"<(?:br|/p|/li|/h[1-6]|/div|/tr)\b[^<>]*>", re.IGNORECASE)
_NOT_A_WORD = re.compile(r"[\W_]+")


def file_of(file: Json) -> File | None:
    """Return Slack's file object as core's File, with the words that Slack shows of it.

    None if it has no id.
    """
    id_, size = string(file, "id"), integer(file, "size")
    if not id_:
        return None
    address = string(file, "url_private_download") or string(file, "url_private")
    name, title = _names(file)
    return File(
        id=id_,
        name=name,
        mimetype=string(file, "mimetype"),
        size=size if size is not None and size >= 0 else None,
        link=string(file, "permalink"),
        mode=string(file, "mode"),
        download=without_token(address) if address else None,
        external=file.get("is_external") is True,
        withheld=string(file, "file_access") == "check_file_info",
        title=title,
        words=tuple(words_of(file)),
    )


def without_token(address: str) -> str:
    """Return the address without Slack's tokens in it: the bot's own token opens it."""
    bare, mark, query = address.partition("?")
    kept = [pair for pair in query.split("&") if pair.partition("=")[0] not in _TOKENS]
    return f"{bare}?{'&'.join(kept)}" if mark and any(kept) else bare


def shown_address(address: str) -> str:
    """Return an address for a ticket: without tokens if it is Slack's."""
    return without_token(address) if _SLACKS_FILES.match(address) else address


def words_of(file: Json) -> Iterator[Block]:
    """Yield the words that Slack shows of a file: a mail, a transcript, a snippet, a comment."""
    if _is(file, "email"):
        yield from _mail(file)
    elif string(file, "preview"):
        yield from _preview(file)
    yield from _transcript(file)
    comment = string(mapping(file.get("initial_comment")), "comment")
    if comment:
        yield Paragraph((Text(comment),))


def _names(file: Json) -> tuple[str | None, str | None]:
    """Return the name, and the title if it is a different one."""
    name, title = string(file, "name"), string(file, "title")
    if title and (name is None or _is(file, "email") or any(_is(file, of) for of in _DOCUMENTS)):
        return title, None
    if (
        not name
        or not title
        or _compared(title) in (_compared(name), _compared(name.rpartition(".")[0]))
    ):
        return name, None
    return name, title


def _compared(name: str) -> str:
    """Return `name` as it is compared: Slack writes "Invoice 4711" as "Invoice_4711"."""
    return _NOT_A_WORD.sub("", name).casefold()


def _is(file: Json, of: str) -> bool:
    return of in (string(file, "mode"), string(file, "filetype"))


def _mail(file: Json) -> Iterator[Block]:
    for name, key in (("From", "from"), ("To", "to"), ("Cc", "cc")):
        people = [one for one in map(_person, maps(file.get(key))) if one]
        if people:
            spaced = [child for person in people for child in (Text(", "), *person)]
            yield Paragraph((Text(f"{name}: "), *spaced[1:]), aside=True)
    subject = string(file, "subject") or string(file, "title")
    if subject:
        yield Paragraph((Text(subject, Style(bold=True)),))
    text = string(file, "plain_text") or string(file, "preview_plain_text")
    if text:
        yield Paragraph((Text(text),))
    yield from _rest(file)
    for one in maps(file.get("attachments")):
        named, url = string(one, "filename") or string(one, "name"), string(one, "url")
        linked: Inline = (
            Link(shown_address(url), named) if url else Text(named or "a file without a name")
        )
        yield Paragraph((Text("With the mail: "), linked), aside=True)


def _person(person: Json) -> tuple[Inline, ...]:
    address = string(person, "address")
    name = string(person, "name") or string(person, "original")
    if not address:
        return ()
    linked = Link(f"mailto:{address}")
    return (Text(f"{name} ("), linked, Text(")")) if name and name != address else (linked,)


def _preview(file: Json) -> Iterator[Block]:
    """Yield the beginning of a snippet, or the words of a post or canvas, which comes as HTML."""
    preview = string(file, "preview") or ""
    if any(_is(file, of) for of in _DOCUMENTS):
        plain = html.unescape(_TAG.sub("", _BREAK.sub("\n", preview))).strip()
        if plain:
            yield Paragraph((Text(plain),))
    else:
        yield Preformatted((Text(preview),))
    yield from _rest(file)


def _transcript(file: Json) -> Iterator[Block]:
    """Yield Slack's transcript of a clip."""
    preview = mapping(mapping(file.get("transcription")).get("preview"))
    content = string(preview, "content")
    if content:
        yield Paragraph((Text("Transcript:"),), aside=True)
        yield Quote((Text(content),))
        if preview.get("has_more") is True:
            yield _more()


def _rest(file: Json) -> Iterator[Block]:
    if file.get("preview_is_truncated") is True or (integer(file, "lines_more") or 0) > 0:
        yield _more()


def _more() -> Paragraph:
    return Paragraph((Text("(The rest is in the file.)", Style(italic=True)),), aside=True)


def without_words(file: File) -> File:
    """Return the file without its words, which are in the message's blocks."""
    return replace(file, words=())
