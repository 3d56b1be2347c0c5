"""Words and addresses in JSON of which nobody knows what it is.

Slack adds kinds of blocks and elements without notice. What is in them is quoted all the same.
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
"""Fields whose texts nobody reads; what is nested in them may be read."""
_LEFT_OUT = frozenset(
    {"confirm", "placeholder", "fallback", "accessibility_label", "column_settings", "metadata"}
    | {"dispatch_action_config", "event_payload", "file", "slack_file", "slack_icon", "categories"}
)
"""Fields that are left out with all that is in them: files are named elsewhere, a chart's
categories are its points' labels once more, and the others do nothing outside of Slack."""
_END = re.compile(r".*_(?:id|ids|ts|type|width|height|bytes|token|secret|hash|size)")
_ADDRESS = re.compile(r"(?:https?://|mailto:|tel:)\S+", re.IGNORECASE)


def is_technical(key: str, value: object) -> bool:
    """Return whether the field holds nothing that people read."""
    if isinstance(value, Mapping | list):
        return key in _LEFT_OUT
    return key in _TECHNICAL or key in _LEFT_OUT or _END.fullmatch(key) is not None


def loose(text: str, style: Style = PLAIN) -> tuple[Inline, ...]:
    """Return a text that may be an address and nothing else."""
    text = whole(text)
    if _ADDRESS.fullmatch(text.strip()):
        return (Link(shown_address(mrkdwn.unescape(text.strip())), None, style),)
    return (Text(mrkdwn.unescape(text), style),) if text.strip() else ()


def loose_words(value: object, style: Style, depth: int = 0) -> Iterator[tuple[Inline, ...]]:
    """Yield every text in `value`, but for those in technical fields."""
    if isinstance(value, str):
        if found := loose(value, style):
            yield found
    elif depth > _DEEPEST:
        yield (Text("(more is nested here than can be quoted)"),)
    elif isinstance(value, list):
        for one in value:
            yield from loose_words(one, style, depth + 1)
    elif isinstance(value, Mapping):
        for one in _readable(value):
            yield from loose_words(one, style, depth + 1)


def _readable(json: Json) -> Iterator[object]:
    for key, value in json.items():
        if not is_technical(key, value):
            yield value
