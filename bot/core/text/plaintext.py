"""Plain text: clean it, measure it as Plain does, and cut it where a reader would."""

from __future__ import annotations

import re
import unicodedata

ELLIPSIS = "…"

_LINE_ENDS = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_ZERO_WIDTH_JOINER = "\u200d"
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_LONGEST_CLUSTER = 32


def clean(text: str) -> str:
    """Return `text` with uniform line ends, no control characters, and encodable as UTF-8."""
    return _CONTROLS.sub("", _LINE_ENDS.sub("\n", whole(text)))


def whole(text: str) -> str:
    """Return `text` encodable as UTF-8: half a surrogate pair, as a cut through an emoji leaves it,
    becomes U+FFFD."""
    if _SURROGATES.search(text):
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def one_line(text: str) -> str:
    """Return `text` on one line: every run of white space becomes one space."""
    return " ".join(clean(text).split())


def units(text: str) -> int:
    """Return the length in UTF-16 units, which JavaScript (and so Plain) calls characters."""
    return len(text) + sum(character > "\uffff" for character in text)


def prefix(text: str, limit: int) -> int:
    """Return how many of `text`'s characters fit into `limit` UTF-16 units."""
    if units(text[:limit]) <= limit:
        return min(len(text), limit)
    used = 0
    for index, character in enumerate(text):
        used += 2 if character > "\uffff" else 1
        if used > limit:
            return index
    return len(text)


def boundary(text: str, most: int) -> int:
    """Return where to cut `text` so that at most `most` (1 or more) characters come before the cut.

    After a line where that leaves no less than half, else after a word, else between two
    characters, if possible not inside what is shown as one.
    """
    if most >= len(text):
        return len(text)
    line = text.rfind("\n", 0, most) + 1
    if line > most // 2:
        return line
    if text[most].isspace():
        return most
    word = next((end for end in range(most, 0, -1) if text[end - 1].isspace()), 0)
    return word or _between_clusters(text, most)


def shorten(text: str, limit: int) -> str:
    """Return `text` in at most `limit` UTF-16 units, cut at a word if possible, with an …"""
    if units(text) <= limit:
        return text
    most = prefix(text, limit - 1)
    end = boundary(text, most) if most else 0
    if end <= most // 2:
        end = _between_clusters(text, most)
    return text[:end].rstrip() + ELLIPSIS


def chunks(text: str, limit: int) -> tuple[str, ...]:
    """Return `text` in pieces of at most `limit` (2 or more) UTF-16 units; joined, they are `text`.

    Pieces of nothing but white space are left out: Plain takes no empty text.
    """
    found = []
    while text:
        end = boundary(text, prefix(text, limit))
        found.append(text[:end])
        text = text[end:]
    return tuple(piece for piece in found if piece.strip())


def _between_clusters(text: str, most: int) -> int:
    """Return the last cut up to `most` that splits no emoji or accented letter, else `most`."""
    lowest = max(0, most - _LONGEST_CLUSTER)
    return next((end for end in range(most, lowest, -1) if not _belongs(text, end)), most)


def _belongs(text: str, index: int) -> bool:
    """Return True if the character at `index` is shown as part of the one before it."""
    if index >= len(text):
        return False
    character = text[index]
    return (
        unicodedata.category(character).startswith("M")
        or _ZERO_WIDTH_JOINER in (character, text[index - 1])
        or ord(character) in _SKIN_TONES
    )
