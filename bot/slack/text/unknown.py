"""Find words and addresses in JSON of an unknown type.

Slack adds types of blocks and elements without notice. Their content is quoted all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from bot.core.text.plaintext import whole
from bot.core.text.richtext import PLAIN, Inline, Link, Style, Text
from bot.slack.fields import Json
from bot.slack.text import mrkdwn
from bot.slack.text.files import shown_address

_DEEPEST = 16

_TECHNICAL = frozenset(
    {"type", "id", "style", "color", "emoji", "verbatim", "level", "align", "width", "height"}
    | {"size", "status", "mode", "source", "format", "team", "enterprise", "user", "channel"}
    | {"mimetype", "filetype", "indent", "border", "offset", "range", "token"}
    | {"icon_url", "provider_icon_url", "thumbnail_url", "author_icon", "footer_icon"}
    | {"auth_url", "disconnect_url"}
)
"""Fields whose texts are for no reader; what is nested in them may be."""
_LEFT_OUT = frozenset(
    {"confirm", "placeholder", "fallback", "accessibility_label", "column_settings", "metadata"}
    | {"dispatch_action_config", "event_payload", "file", "slack_file", "slack_icon", "categories"}
)
"""Fields that are left out with everything in them: files are named elsewhere, a chart's
categories are its points' labels once more, and the others do nothing outside of Slack."""
_END = re.compile(r".*_(?:id|ids|ts|type|width|height|bytes|token|secret|hash|size)")
_ADDRESS = re.compile(r"(?:https?://|mailto:|tel:)\S+", re.IGNORECASE)


def is_technical(key: str, value: object) -> bool:
    """Return whether the field holds nothing for readers."""
    if isinstance(value, Mapping | list):
        return key in _LEFT_OUT
    return key in _TECHNICAL or key in _LEFT_OUT or _END.fullmatch(key) is not None


def text_or_link(text: str, style: Style = PLAIN) -> tuple[Inline, ...]:
    """Return the text, as a link if it is an address and nothing else."""
    text = whole(text)
    if _ADDRESS.fullmatch(text.strip()):
        return (Link(shown_address(mrkdwn.unescape(text.strip())), None, style),)
    return (Text(mrkdwn.unescape(text), style),) if text.strip() else ()


def all_texts(value: object, style: Style, depth: int = 0) -> Iterator[tuple[Inline, ...]]:
    """Yield every text in `value` except those in technical fields."""
    if isinstance(value, str):
        if found := text_or_link(value, style):
            yield found
    elif depth > _DEEPEST:
        yield (Text("(more is nested here than can be quoted)"),)
    elif isinstance(value, list):
        for one in value:
            yield from all_texts(one, style, depth + 1)
    elif isinstance(value, Mapping):
        for one in _readable(value):
            yield from all_texts(one, style, depth + 1)


def _readable(json: Json) -> Iterator[object]:
    for key, value in json.items():
        if not is_technical(key, value):
            yield value
