"""Escape with backslashes, only where a CommonMark parser would read more than text."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html.entities import html5

from bot.core.text.emphasis import Role, Token, can_close, can_open

_DELIMITERS = re.compile(r"\*+|_+")
_BRACKETS = re.compile(r"[\[\]]")
# Some parsers allow for a line feed before the end of an autolink.
_AUTOLINK = re.compile(
    r"<(?:[A-Za-z][A-Za-z0-9+.-]{1,31}:[^<>\x00-\x20]*"
    r"|[\w.!#$%&'*+/=?^`{|}~-]+@[A-Za-z0-9.-]+)\n?>",
)
_ENTITY = re.compile(r"&(?:#\d{1,7};|#[xX][0-9a-fA-F]{1,6};|[A-Za-z][A-Za-z0-9]{1,31};)")
_REFERENCE = re.compile(r"^[ \t>]*(\[)[^\[\]]+\]:", re.MULTILINE)
_BACKSLASH = re.compile(r"\\(?=[\n" + re.escape(string.punctuation) + "])")
_IMAGE = re.compile(r"!(?=\[)")
_NO_LINK_TARGET = re.compile(r"\(\s*[^\s<]\S*\s+[^\s\"'()]")
_LONGEST_LOOK = 2_500
_MASKED = "x"


def escaped(tokens: Sequence[Token]) -> str:
    """Return the Markdown of one paragraph: its tokens, with escapes where the text needs them."""
    text = "".join(token.text for token in tokens)
    found = _escapes(tokens, text)
    pieces, start = [], 0
    for index in sorted(found):
        pieces.append(text[start:index])
        start = index
    return "\\".join([*pieces, text[start:]])


def needs_escape(text: str) -> bool:
    """Return True if `text`, alone in a paragraph, would not be read literally."""
    return bool(_escapes([Token(text)], text))


def _escapes(tokens: Sequence[Token], text: str) -> set[int]:
    """Return the indices of `text`, the joined tokens, that need a backslash before them."""
    roles: list[Role] = []
    shown: list[str] = []
    for token in tokens:
        roles += [token.role] * len(token.text)
        # What a link's target holds is no delimiter and no bracket.
        shown.append(_MASKED * len(token.text) if token.role is Role.TARGET else token.text)
    outside = "".join(shown)
    found = {
        *_delimiters(outside, roles),
        *_brackets(outside, roles),
        *(match.start() for match in _AUTOLINK.finditer(text)),
        *(match.start() for match in _ENTITY.finditer(text) if _is_entity(match[0])),
        *(match.start(1) for match in _REFERENCE.finditer(outside)),
        *(match.start() for match in _BACKSLASH.finditer(outside)),
        *(match.start() for match in _IMAGE.finditer(outside) if roles[match.end()] is Role.MARKER),
    }
    return {index for index in found if roles[index] is Role.TEXT}


def _is_entity(found: str) -> bool:
    return found.startswith("&#") or found[1:] in html5


@dataclass(slots=True)
class _Delimiter:
    """A run of `*` or `_`. `escapes` are its indices if it is the author's, else there are none."""

    opens: bool
    closes: bool
    escapes: range


def _delimiters(text: str, roles: Sequence[Role]) -> Iterator[int]:
    """Return the author's `*` and `_` that could pair up with each other or with a marker."""
    for character in "*_":
        runs: list[_Delimiter] = []
        inside = False
        for match in _DELIMITERS.finditer(text):
            if match[0][0] != character:
                continue
            start, end = match.span()
            kind = roles[start]
            # Not a set of them: to hash an enumeration's member is slow.
            alike = end - start == 1 or all(role is kind for role in roles[start:end])
            before = text[start - 1] if start else "\n"
            after = text[end] if end < len(text) else "\n"
            opens = any(can_open(character, before, after))
            closes = any(can_close(character, before, after))
            if alike and kind is Role.TEXT:
                if not inside:
                    runs.append(_Delimiter(opens, closes, range(start, end)))
                elif opens or closes:
                    yield from range(start, end)
            elif alike and kind is Role.MARKER:
                # Its partner is settled; what it could do besides counts for the text around.
                runs.append(_Delimiter(opens and inside, closes and not inside, range(0)))
                inside = not inside
            else:
                yield from range(start, end)
                runs.append(_Delimiter(opens=True, closes=True, escapes=range(0)))
                inside ^= _markers(roles[start:end]) % 2 == 1
        yield from _partners(runs)


def _markers(roles: Sequence[Role]) -> int:
    """Return the number of markers among `roles`; adjacent ones count as one."""
    return sum(
        role is Role.MARKER and (index == 0 or roles[index - 1] is not Role.MARKER)
        for index, role in enumerate(roles)
    )


def _partners(runs: Sequence[_Delimiter]) -> Iterator[int]:
    """Return the indices of the runs that open or close emphasis with another one."""
    first = next((index for index, run in enumerate(runs) if run.opens), len(runs))
    last = next((index for index in range(len(runs) - 1, -1, -1) if runs[index].closes), -1)
    for index, run in enumerate(runs):
        if (run.opens and index < last) or (run.closes and index > first):
            yield from run.escapes


def _brackets(text: str, roles: Sequence[Role]) -> Iterator[int]:
    """Return the author's brackets that would make a link, or break one that is meant."""
    opened = 0
    words: list[int] | None = None
    for match in _BRACKETS.finditer(text):
        index = match.start()
        if roles[index] is Role.MARKER:
            if words is not None:
                yield from words if _breaks(text, words) else ()
            words = [] if words is None else None
        elif words is not None:
            words.append(index)
        elif match[0] == "[":
            opened += 1
        elif opened and _may_be_target(text, index + 1):
            # Escaped, it closes nothing: what is open before it may be closed later.
            yield index
        elif opened:
            opened -= 1


def _breaks(text: str, brackets: Sequence[int]) -> bool:
    """Return True if these brackets, inside a link's words, are unbalanced or a link themselves."""
    depth = 0
    for index in brackets:
        depth += 1 if text[index] == "[" else -1
        if depth < 0 or text.startswith("](", index):
            return True
    return depth > 0


def _may_be_target(text: str, start: int) -> bool:
    """Return True if a link's target may begin at `start`; a few false positives are accepted."""
    if not text.startswith("(", start):
        return False
    end = text.find(")", start)
    if end < 0:
        return False
    target = text[start : min(end, start + _LONGEST_LOOK)]
    return _NO_LINK_TARGET.match(target) is None
