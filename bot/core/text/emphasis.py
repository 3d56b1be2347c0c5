"""Bold and italic as CommonMark's delimiters, placed only where every parser reads them so.

The rules are those of https://spec.commonmark.org/0.31.2/#emphasis-and-strong-emphasis. Versions of
the specification differ in whether symbols (€, →, emoji) count as punctuation; what is written
here holds in both.
"""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum, auto
from functools import lru_cache
from typing import NamedTuple


class Role(Enum):
    """What a token is to the Markdown around it."""

    TEXT = auto()
    """To be read as it stands."""
    MARKER = auto()
    TARGET = auto()
    """A link's address."""


class Token(NamedTuple):
    text: str
    role: Role = Role.TEXT


class Piece(NamedTuple):
    """Text of one style, without line feeds. `marker` is what stands on both sides of it.

    A tuple: a hostile text has tens of thousands, and to make a dataclass takes twice as long.
    """

    text: str
    bold: bool = False
    italic: bool = False
    marker: str = ""

    @property
    def styled(self) -> bool:
        return self.bold or self.italic


def tokens(pieces: Sequence[Piece], before: str, after: str) -> Iterator[Token]:
    """Return the tokens of `pieces`, which stand between the characters `before` and `after`.

    A style is given up, for as few characters as can be, where CommonMark has no way to write it.
    """
    for piece in _valid(_marked(_trimmed(pieces)), before, after):
        if piece.marker:
            yield Token(piece.marker, Role.MARKER)
        yield Token(piece.text)
        if piece.marker:
            yield Token(piece.marker, Role.MARKER)


@lru_cache(maxsize=4096)
def can_open(delimiter: str, before: str, after: str) -> tuple[bool, bool]:
    """Return two booleans: `delimiter` (`*` or `_`) may begin emphasis by the old rule, the new."""
    old, new = (_opens(delimiter, before, after, symbols) for symbols in (False, True))
    return old, new


def can_close(delimiter: str, before: str, after: str) -> tuple[bool, bool]:
    """Return two booleans: `delimiter` may end emphasis by the old rule, by the new."""
    # The rules for the end are those for the beginning, read from right to left.
    return can_open(delimiter, after, before)


def _opens(delimiter: str, before: str, after: str, symbols: bool) -> bool:
    left = _flanks(before, after, symbols)
    if delimiter == "*":
        return left
    return left and (not _flanks(after, before, symbols) or _punctuation(before, symbols))


def _flanks(outer: str, inner: str, symbols: bool) -> bool:
    if inner.isspace():
        return False
    return not _punctuation(inner, symbols) or outer.isspace() or _punctuation(outer, symbols)


@lru_cache(maxsize=4096)
def _punctuation(character: str, symbols: bool) -> bool:
    kind = unicodedata.category(character)[0]
    return character in string.punctuation or kind == "P" or (symbols and kind == "S")


def _trimmed(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """Return `pieces` without white space at the edges of a style: no delimiter may touch it."""
    for piece in _merged(pieces):
        text = piece.text.strip() if piece.styled else ""
        if len(text) == len(piece.text) or not piece.styled:
            yield piece
        elif not text:
            yield Piece(piece.text)
        else:
            start = piece.text.index(text)
            yield Piece(piece.text[:start])
            yield piece._replace(text=text)
            yield Piece(piece.text[start + len(text) :])


def _merged(pieces: Iterable[Piece]) -> list[Piece]:
    """Join adjacent pieces of one style, and leave out empty ones."""
    merged: list[Piece] = []
    current: list[Piece] = []
    for piece in pieces:
        if not piece.text:
            continue
        if current and (piece.bold, piece.italic) != (current[0].bold, current[0].italic):
            merged.append(_joined(current))
            current = []
        current.append(piece)
    return [*merged, _joined(current)] if current else merged


def _joined(alike: Sequence[Piece]) -> Piece:
    if len(alike) == 1:
        return alike[0]
    return Piece("".join(piece.text for piece in alike), alike[0].bold, alike[0].italic)


def _marked(pieces: Iterator[Piece]) -> list[Piece]:
    """Return each styled piece with its marker; two that touch get different characters."""
    merged = _merged(pieces)
    simple = [
        piece._replace(italic=False) if piece.bold and _touches(merged, index) else piece
        for index, piece in enumerate(merged)
    ]
    return [
        piece._replace(marker=_marker(piece)) if piece.styled else piece
        for piece in _merged(simple)
    ]


def _touches(pieces: Sequence[Piece], index: int) -> bool:
    neighbours = (*pieces[max(0, index - 1) : index], *pieces[index + 1 : index + 2])
    return any(piece.styled for piece in neighbours)


def _marker(piece: Piece) -> str:
    """`**` and `_` as in Plain's documentation; both at once only where nothing styled touches."""
    if piece.bold and piece.italic:
        return "***"
    return "**" * piece.bold + "_" * piece.italic


def _valid(pieces: list[Piece], before: str, after: str) -> list[Piece]:
    """Return `pieces` with every marker that would not be read as one moved inwards or given up."""
    while True:
        better: list[Piece] = []
        for index, piece in enumerate(pieces):
            previous = pieces[index - 1] if index else None
            following = pieces[index + 1] if index + 1 < len(pieces) else None
            left = (previous.marker or previous.text)[-1] if previous else before
            right = (following.marker or following.text)[0] if following else after
            alone = not (previous and previous.marker) and not (following and following.marker)
            better += _held(piece, left, right, alone) if piece.marker else [piece]
        if better == pieces:
            return pieces
        pieces = better


def _held(piece: Piece, left: str, right: str, alone: bool) -> list[Piece]:
    """Return `piece` if its marker works between `left` and `right`, else the nearest that may."""
    text, delimiter = piece.text, piece.marker[0]
    opens = all(can_open(delimiter, left, text[0]))
    closes = all(can_close(delimiter, text[-1], right))
    if opens and closes:
        return [piece]
    if delimiter == "_" and alone:
        return [piece._replace(marker="*")]
    start = 0 if opens else _edge(text)
    end = len(text) if closes else len(text) - _edge(text[::-1])
    if start >= end or end - start == len(text):
        return [Piece(text)]
    parts = (Piece(text[:start]), piece._replace(text=text[start:end]), Piece(text[end:]))
    return [part for part in parts if part.text]


def _edge(text: str) -> int:
    """Return how many marks that are neither letters, digits nor white space `text` begins with."""
    return next(
        (index for index, char in enumerate(text) if not _punctuation(char, True)), len(text)
    )
