"""Reads Markdown as Plain's text component does, with a parser that is not the bridge's.

Plain renders bold, italic and links and nothing else, so markdown-it-py parses each paragraph with
CommonMark's inline rules for these: emphasis, links, autolinks, escapes, entities (and images,
which would swallow a link). No block rule is on: `> `, `#`, `1. `, fences and leading spaces are
text. Code spans and raw HTML are text too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

_PARSER = MarkdownIt("commonmark").disable(["backticks", "html_inline", "newline"])
_BLANK_LINES = re.compile(r"(\n(?:[^\S\n]*\n)+|\n\s*\Z)")


@dataclass(frozen=True)
class Seen:
    """One character as a reader sees it."""

    text: str
    bold: bool = False
    italic: bool = False
    url: str | None = None


def read(markdown: str) -> list[Seen]:
    """The characters that a reader sees."""
    found: list[Seen] = []
    for index, part in enumerate(_BLANK_LINES.split(markdown)):
        if index % 2:
            found += map(Seen, part)
        elif part:
            [inline] = _PARSER.parseInline(part)
            found += _seen(inline.children or [])
    return found


def shown(markdown: str) -> str:
    """The text that a reader sees."""
    return "".join(seen.text for seen in read(markdown))


def _seen(tokens: list[Token]) -> list[Seen]:
    found: list[Seen] = []
    bold = italic = 0
    url: str | None = None
    for token in tokens:
        bold += {"strong_open": 1, "strong_close": -1}.get(token.type, 0)
        italic += {"em_open": 1, "em_close": -1}.get(token.type, 0)
        if token.type == "link_open":
            url = str(token.attrs["href"])
        elif token.type == "link_close":
            url = None
        elif token.type == "text":
            found += [Seen(one, bool(bold), bool(italic), url) for one in token.content]
        elif token.type not in {"strong_open", "strong_close", "em_open", "em_close"}:
            raise AssertionError(f"not in Plain's subset: {token.type}")
    return found
