"""Turn the texts of Slack and Plain into HTML that escapes everything it does not make itself."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup, escape

_TOKEN = re.compile(
    r"```\n?(?P<fence>.*?)\n?```"
    r"|`(?P<code>[^`\n]+)`"
    r"|<(?P<angle>[^<>\n]+)>"
    r"|(?<![\w:]):(?P<emoji>[a-z0-9_+'-]+(?:::skin-tone-[2-6])?):"
    r"|(?<![\w*])\*(?P<bold>[^\s*](?:[^*\n]*[^\s*])?)\*(?![\w*])"
    r"|(?<![\w_])_(?P<italic>[^\s_](?:[^_\n]*[^\s_])?)_(?![\w_])"
    r"|(?<![\w~])~(?P<strike>[^\s~](?:[^~\n]*[^\s~])?)~(?![\w~])",
    re.DOTALL,
)
_MRKDWN_TAGS = {"bold": "strong", "italic": "em", "strike": "s", "code": "code"}
_DATE = re.compile(r"!date\^(?P<at>\d+)\^(?P<form>[^^|]*)(?:\^[^|]*)?(?:\|(?P<else>.*))?")
_DATE_FORMS = {
    "date_num": "%Y-%m-%d",
    "date_slash": "%d/%m/%Y",
    "date_short": "%b %-d, %Y",
    "date_short_pretty": "%b %-d, %Y",
    "date_long": "%A, %B %-d, %Y",
    "date_long_pretty": "%A, %B %-d, %Y",
    "date_pretty": "%B %-d, %Y",
    "date": "%B %-d, %Y",
    "time": "%H:%M",
    "time_secs": "%H:%M:%S",
}
"""https://docs.slack.dev/messaging/formatting-message-text#date-formatting"""


_REF = re.compile(r"\b(?:T|PB)-\d+\b")
_UNITS = (
    ("year", 31_536_000),
    ("month", 2_592_000),
    ("day", 86_400),
    ("hour", 3_600),
    ("minute", 60),
)


@dataclass(frozen=True)
class SlackText:
    """`names` maps "@U…", "#C…" and "!subteam^S…" to what is read, `anchor` makes a link.

    `clock` is what "ago" is counted from, in Unix seconds.
    """

    names: Callable[[str], str]
    anchor: Callable[[str, Markup], Markup]
    clock: Callable[[], float] = time.time

    def mrkdwn(self, text: str) -> Markup:
        """https://docs.slack.dev/messaging/formatting-message-text"""
        parts = []
        for quoted, lines in groupby(text.split("\n"), _is_quote):
            run = [re.sub("^&gt; ?", "", line) if quoted else line for line in lines]
            shown = Markup("").join(self._inline("\n".join(run)))
            parts.append(Markup("<blockquote>{}</blockquote>").format(shown) if quoted else shown)
        return Markup("").join(parts)

    def rich(self, block: Mapping[str, Any]) -> Markup:
        """https://docs.slack.dev/reference/block-kit/blocks/rich-text-block"""
        return Markup("").join(self._group(element) for element in block.get("elements", ()))

    def _inline(self, text: str) -> Iterator[Markup]:
        at = 0
        for found in _TOKEN.finditer(text):
            yield _plain(text[at : found.start()])
            at = found.end()
            yield self._token(found)
        yield _plain(text[at:])

    def _token(self, found: re.Match[str]) -> Markup:
        of = found.lastgroup or ""
        inside = found[of]
        if of == "fence":
            return Markup("<pre>{}</pre>").format(_unescaped(inside))
        if of == "angle":
            return self._angle(inside)
        if of == "emoji":
            return shown_emoji(inside)
        shown = _plain(inside) if of == "code" else Markup("").join(self._inline(inside))
        return _tagged(_MRKDWN_TAGS[of], shown)

    def _angle(self, inside: str) -> Markup:
        if date := _DATE.fullmatch(inside):
            return Markup("<time>{}</time>").format(_date(date, self.clock()))
        target, _, words = inside.partition("|")
        if target[0] in "@#!":
            name = self.names(target) or _unescaped(words)
            return Markup('<span class="mention">{}</span>').format(name)
        return self.anchor(_unescaped(target), _plain(words or target.removeprefix("mailto:")))

    def _group(self, group: Mapping[str, Any]) -> Markup:
        elements = group.get("elements", ())
        if group["type"] == "rich_text_list":
            items = Markup("").join(_tagged("li", self._spans(one)) for one in elements)
            return _tagged("ol" if group.get("style") == "ordered" else "ul", items)
        tag = {"rich_text_preformatted": "pre", "rich_text_quote": "blockquote"}
        return _tagged(tag.get(group["type"], "p"), self._spans(group))

    def _spans(self, group: Mapping[str, Any]) -> Markup:
        return Markup("").join(self._span(element) for element in group.get("elements", ()))

    def _span(self, element: Mapping[str, Any]) -> Markup:
        match element["type"]:
            case "text":
                shown = escape(element["text"])
            case "link":
                words = escape(element.get("text") or element["url"])
                shown = self.anchor(element["url"], words)
            case "emoji":
                shown = shown_emoji(element["name"])
            case kind:
                shown = Markup('<span class="mention">{}</span>').format(
                    self.names(_mentioned(kind, element))
                )
        for style, tag in _MRKDWN_TAGS.items():
            if element.get("style", {}).get(style):
                shown = _tagged(tag, shown)
        return shown


def shown_emoji(name: str) -> Markup:
    found = character(name)
    if found is None:
        return Markup('<span class="emoji-name">:{}:</span>').format(name)
    return Markup(
        '<span class="emoji" role="img" aria-label="{0}" title=":{0}:">{1}</span>'
    ).format(name.replace("_", " "), found)


def _mentioned(kind: str, element: Mapping[str, Any]) -> str:
    if kind == "broadcast":
        return f"!{element.get('range', 'here')}"
    sign = {"user": "@", "channel": "#", "usergroup": "!subteam^"}.get(kind, "")
    return f"{sign}{element.get(f'{kind}_id', kind)}"


def _is_quote(line: str) -> bool:
    return line.startswith("&gt;")


def _date(found: re.Match[str], now: float) -> str:
    moment = datetime.fromtimestamp(int(found["at"])).astimezone()

    def part(token: re.Match[str]) -> str:
        if token[1] == "ago":
            return _ago(now - int(found["at"]))
        return moment.strftime(_DATE_FORMS.get(token[1], "%Y-%m-%d %H:%M"))

    return re.sub(r"\{(\w+)\}", part, _unescaped(found["form"]))


def _ago(seconds: float) -> str:
    """Return "3 minutes ago" and the like."""
    for unit, length in _UNITS:
        if (count := int(seconds // length)) > 0:
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return "just now"


def _tagged(tag: str, shown: Markup) -> Markup:
    return Markup(f"<{tag}>{{}}</{tag}>").format(shown)  # noqa: S704 — the tags are ours


def _plain(text: str) -> Markup:
    return whole_refs(_unescaped(text))


def whole_refs(text: str) -> Markup:
    """Return the text escaped; a ref such as T-12 or PB-3 does not break at its hyphen."""
    return Markup(_REF.sub(r'<span class="ref">\g<0></span>', str(escape(text))))  # noqa: S704


def _unescaped(text: str) -> str:
    """Undo Slack's escapes, of which there are three."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


# https://www.plain.com/docs/api-reference/ui-components/text
_PARSER = MarkdownIt("commonmark").disable(["backticks", "html_inline", "newline", "image"])
_BLANK_LINES = re.compile(r"(\n(?:[^\S\n]*\n)+)")
_MARKDOWN_TAGS = {"strong_open": "<strong>", "em_open": "<em>"}
_ENDS = {"strong_close": "</strong>", "em_close": "</em>"}


def markdown(text: str, anchor: Callable[[str, Markup], Markup]) -> Markup:
    """Return Markdown as HTML; line ends stay, and no block rule is on."""
    parts = []
    for index, part in enumerate(_BLANK_LINES.split(text)):
        if index % 2 or not part:
            parts.append(escape(part))
        else:
            [inline] = _PARSER.parseInline(part)
            parts.append(_shown(inline.children or [], anchor))
    return Markup("").join(parts)


def _shown(tokens: list[Token], anchor: Callable[[str, Markup], Markup]) -> Markup:
    """Return the tokens as HTML; `anchor` makes each link."""
    stack: list[list[Markup]] = [[]]
    urls: list[str] = []
    for token in tokens:
        if token.type == "link_open":
            urls.append(str(token.attrs["href"]))
            stack.append([])
        elif token.type == "link_close":
            inside = Markup("").join(stack.pop())
            stack[-1].append(anchor(urls.pop(), inside))
        else:
            tag = _MARKDOWN_TAGS.get(token.type) or _ENDS.get(token.type)
            line = "\n" if token.type in ("softbreak", "hardbreak") else token.content
            stack[-1].append(Markup(tag) if tag else escape(line))  # noqa: S704 — of the tables
    return Markup("").join(stack[0])


PICKED = ("ticket", "bug", "+1", "eyes", "white_check_mark", "tada")
"""Those that can be reacted with, in this order."""

_CHARACTERS = {
    "+1": "👍",
    "thumbsup": "👍",
    "-1": "👎",
    "bug": "🐛",
    "bulb": "💡",
    "eyes": "👀",
    "fire": "🔥",
    "heart": "❤️",
    "hourglass_flowing_sand": "⏳",
    "incoming_envelope": "📨",
    "link": "🔗",
    "memo": "📝",
    "no_entry_sign": "🚫",
    "paperclip": "📎",
    "pray": "🙏",
    "question": "❓",
    "rocket": "🚀",
    "rotating_light": "🚨",
    "smile": "😄",
    "tada": "🎉",
    "ticket": "🎫",
    "warning": "⚠️",
    "wave": "👋",
    "white_check_mark": "✅",
    "x": "❌",
}


def character(name: str) -> str | None:
    """Return the character of an emoji, without skin tone; None for an unknown name."""
    return _CHARACTERS.get(name.partition("::")[0])
