"""Plain's text component as HTML: "bold, italic, and links" of Markdown, nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup, escape

# https://www.plain.com/docs/api-reference/ui-components/text
_PARSER = MarkdownIt("commonmark").disable(["backticks", "html_inline", "newline", "image"])
_BLANK_LINES = re.compile(r"(\n(?:[^\S\n]*\n)+)")
_TAGS = {"strong_open": "<strong>", "em_open": "<em>"}
_ENDS = {"strong_close": "</strong>", "em_close": "</em>"}


def markdown(text: str, anchor: Callable[[str, Markup], Markup]) -> Markup:
    """Line ends stay as they are: the page shows them. No block rule is on."""
    parts = []
    for index, part in enumerate(_BLANK_LINES.split(text)):
        if index % 2 or not part:
            parts.append(escape(part))
        else:
            [inline] = _PARSER.parseInline(part)
            parts.append(_shown(inline.children or [], anchor))
    return Markup("").join(parts)


def _shown(tokens: list[Token], anchor: Callable[[str, Markup], Markup]) -> Markup:
    """The tokens, with each link made by `anchor` of what stands in it."""
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
            tag = _TAGS.get(token.type) or _ENDS.get(token.type)
            line = "\n" if token.type in ("softbreak", "hardbreak") else token.content
            stack[-1].append(Markup(tag) if tag else escape(line))  # noqa: S704 — of the tables
    return Markup("").join(stack[0])
