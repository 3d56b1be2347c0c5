"""Parse Block Kit's elements, which are inside of blocks: buttons, menus, images, texts.

https://docs.slack.dev/reference/block-kit/block-elements
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain

from bot.core.text.plaintext import whole
from bot.core.text.richtext import Date, Inline, Link, Mention, Paragraph, Style, Text
from bot.slack.fields import Json, integer, is_id, mapping, maps, string
from bot.slack.text import mrkdwn
from bot.slack.text.files import shown_address, without_token

IMAGES = frozenset({"image"})
_BUTTONS = frozenset({"button", "workflow_button", "icon_button", "feedback_buttons", "url"})
_CHOICES = frozenset({"checkboxes", "radio_buttons"})
_MENUS = frozenset(
    f"{many}{of}_select"
    for many in ("", "multi_")
    for of in ("static", "external", "users", "conversations", "channels")
)
_PICKERS = frozenset({"datepicker", "timepicker", "datetimepicker"})
_INPUTS = frozenset(
    {"plain_text_input", "email_text_input", "url_text_input", "number_input", "file_input"}
)
ELEMENTS = IMAGES | _BUTTONS | _CHOICES | _MENUS | _PICKERS | _INPUTS | {"overflow", "plain_text"}
"""Types that `element` accepts."""


def element(json: Json) -> tuple[Inline, ...]:
    """Return what one element shows outside of Slack: its link, and what is chosen in it."""
    kind = string(json, "type")
    if kind == "plain_text":
        return plain(string(json, "text"))
    if kind in IMAGES:
        return image(json)
    if kind in _BUTTONS:
        return _button(json)
    if kind == "overflow":
        return spaced(" · ", filter(None, map(_button, maps(json.get("options")))))
    if kind in _CHOICES:
        return spaced("\n", _choices(json))
    return spaced(", ", _chosen(json))


def image(json: Json) -> tuple[Inline, ...]:
    """Return the image's title, else its description, as a link to the image.

    A file of Slack's is copied with the message's files.
    """
    label = label_of(json.get("title")) or label_of(json.get("alt_text"))
    stored = string(mapping(json.get("slack_file")), "url")
    url = string(json, "image_url") or (without_token(stored) if stored else None)
    if url:
        return (Link(shown_address(mrkdwn.unescape(url)), label),)
    return (Text(label),) if label else ()


def label_of(value: object) -> str | None:
    """Return the words of a text object or a string, without markup."""
    text = value if isinstance(value, str) else mapping(value).get("text")
    return mrkdwn.unescape(whole(text)) if isinstance(text, str) and text.strip() else None


def words_of(value: object) -> tuple[Inline, ...]:
    """Return the inlines of a text object or a string."""
    if isinstance(value, str):
        return plain(value)
    json = mapping(value)
    text = string(json, "text")
    return marked(text) if json.get("type") == "mrkdwn" else plain(text)


def _button(json: Json) -> tuple[Inline, ...]:
    trigger = mapping(mapping(json.get("workflow")).get("trigger"))
    url = string(json, "url") or string(trigger, "url")
    return (Link(mrkdwn.unescape(url), label_of(json.get("text"))),) if url else ()


def _choices(json: Json) -> Iterator[tuple[Inline, ...]]:
    """Yield every option with a mark if it is chosen: all of them are visible."""
    initial = [*maps(json.get("initial_options")), mapping(json.get("initial_option"))]
    chosen = {string(option, "value") for option in initial}
    for option in maps(json.get("options")):
        mark = Text("☑ " if string(option, "value") in chosen - {None} else "☐ ")
        described = words_of(option.get("description"))
        words = spaced(" ", filter(None, [words_of(option.get("text")), described]))
        if words:
            yield (mark, *words)


def _chosen(json: Json) -> Iterator[tuple[Inline, ...]]:
    for option in chain([mapping(json.get("initial_option"))], maps(json.get("initial_options"))):
        if words := words_of(option.get("text")):
            yield words
    for key in ("initial_date", "initial_time", "initial_value"):
        if text := plain(string(json, key)):
            yield text
    at = integer(json, "initial_date_time")
    if at is not None:
        yield (Date(at),)
    yield from _named(json)


def _named(json: Json) -> Iterator[tuple[Inline, ...]]:
    """Yield the people and channels that are chosen."""
    for of in ("user", "channel", "conversation"):
        many = json.get(f"initial_{of}s")
        ids = [json.get(f"initial_{of}"), *(many if isinstance(many, list) else ())]
        for id_ in filter(is_id, ids):
            yield (Mention("user" if id_.startswith(("U", "W")) else "channel", id_),)


def marked(text: str | None) -> tuple[Inline, ...]:
    """Return the inlines of a mrkdwn text."""
    return mrkdwn.inline(text) if text else ()


def plain(text: str | None) -> tuple[Text, ...]:
    """Return a text without markup, in which Slack escapes &, < and >."""
    return (Text(mrkdwn.unescape(text)),) if text and text.strip() else ()


def bold(children: Iterable[Inline]) -> tuple[Inline, ...]:
    """Return the children in bold."""
    return tuple(map(_bolder, children))


def _bolder(child: Inline) -> Inline:
    if isinstance(child, Text | Link | Mention):
        return replace(child, style=replace(child.style, bold=True))
    return child


def spaced(space: str, parts: Iterable[tuple[Inline, ...]]) -> tuple[Inline, ...]:
    """Return `parts` with `space` between them."""
    kept: list[Inline] = []
    for index, part in enumerate(parts):
        kept += [Text(space), *part] if index else part
    return tuple(kept)


def note(text: str) -> Paragraph:
    """Return a note by the bridge, such as one on what it could not quote."""
    return Paragraph((Text(f"({text})", Style(italic=True)),), aside=True)
