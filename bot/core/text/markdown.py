"""Render runs of styled text as Markdown for Plain's text component, in pieces that fit.

Plain renders "bold, italic, and links" only (https://www.plain.com/docs/api-reference/ui-components/text).
What is written here is read alike by every CommonMark parser that has those three; whether Plain
reads a backslash as an escape is unknown, so one is written only where there is no other way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from bot.core.text import emphasis
from bot.core.text.emphasis import Role, Token
from bot.core.text.escapes import escaped, needs_escape
from bot.core.text.plaintext import boundary, units

SMALLEST_LIMIT = 2
"""UTF-16 units: a character outside the basic plane takes two."""

_AUTOLINK = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,31}:[^<>\x00-\x20]*")
_UNSAFE_IN_DESTINATION = re.compile(r"[\s<>\\`\x00-\x20\x7f]")
_ENTITY = re.compile(r"&(#?\w{1,32});")
_DEEPEST_PARENTHESES = 3
_GUESSES = 5


@dataclass(frozen=True, slots=True)
class StyledRun:
    """Text of one style. `mark`: not the author's own, such as a list's bullet."""

    text: str
    bold: bool = False
    italic: bool = False
    url: str | None = None
    mark: bool = False


def text_of(runs: Iterable[StyledRun]) -> str:
    """Return the text that a reader sees."""
    return "".join(run.text for run in runs)


def split(runs: Sequence[StyledRun], limit: int) -> tuple[str, ...]:
    """Return the Markdown of `runs` in complete pieces of 1 to `limit` UTF-16 units.

    Cut after a line or a word where that can be. Pieces without anything to see are left out.
    """
    if limit < SMALLEST_LIMIT:
        raise ValueError(f"a piece needs room for {SMALLEST_LIMIT} units")
    rest, found, end = tuple(runs), [], limit
    while text := text_of(rest):
        end, piece = _piece(rest, text, limit, guess=end)
        found.append(piece)
        rest = _after(rest, end)
    return tuple(piece for piece in found if piece.strip())


def render(runs: Iterable[StyledRun]) -> str:
    """Return the Markdown of `runs`."""
    lines = list(_lines(runs))
    done = []
    for blank, paragraph in groupby(lines, key=lambda line: not text_of(line).strip()):
        if blank:
            done += [text_of(line) for line in paragraph]
        else:
            done.append(_paragraph(list(paragraph)))
    return "\n".join(done)


def _paragraph(lines: Sequence[Sequence[StyledRun]]) -> str:
    tokens: list[Token] = []
    for line in lines:
        if tokens:
            tokens.append(Token("\n"))
        tokens += _line(line)
    return escaped(tokens)


def _line(line: Sequence[StyledRun]) -> list[Token]:
    """Return the tokens of one line; a link's style goes inside the link."""
    if not any(run.bold or run.italic or run.url for run in line):
        return [Token(text_of(line))]
    groups = [(url, list(runs)) for url, runs in groupby(line, key=lambda run: run.url)]
    tokens: list[Token] = []
    for index, (url, runs) in enumerate(groups):
        styled = [emphasis.Piece(run.text, bold=run.bold, italic=run.italic) for run in runs]
        if url is None:
            before = ")" if index else "\n"
            after = "[" if index + 1 < len(groups) else "\n"
            tokens += emphasis.tokens(styled, before, after)
        else:
            tokens += _link(url, styled)
    return tokens


def _link(url: str, styled: Sequence[emphasis.Piece]) -> list[Token]:
    label = "".join(piece.text for piece in styled)
    if label == url and _AUTOLINK.fullmatch(url) and needs_escape(label):
        return [Token("<", Role.MARKER), Token(url, Role.TARGET), Token(">", Role.MARKER)]
    return [
        Token("[", Role.MARKER),
        *emphasis.tokens(styled, "[", "]"),
        Token("](", Role.MARKER),
        Token(_destination(url), Role.TARGET),
        Token(")", Role.MARKER),
    ]


def _destination(url: str) -> str:
    """Return `url` so that it ends where the link ends; percent-encoding needs no escape."""
    url = _UNSAFE_IN_DESTINATION.sub(_percent, url)
    url = _ENTITY.sub(r"&\1%3B", url)
    if not _balanced(url):
        url = url.replace("(", "%28").replace(")", "%29")
    return url


def _percent(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode())


def _balanced(url: str) -> bool:
    depth = 0
    for character in url:
        depth += (character == "(") - (character == ")")
        if not 0 <= depth <= _DEEPEST_PARENTHESES:
            return False
    return depth == 0


def _lines(runs: Iterable[StyledRun]) -> Iterator[list[StyledRun]]:
    """Return the runs of each line, without the line feeds."""
    line: list[StyledRun] = []
    for run in runs:
        if "\n" not in run.text:
            line += [run] if run.text else []
            continue
        first, *others = run.text.split("\n")
        if first:
            line.append(replace(run, text=first))
        for other in others:
            yield line
            line = [replace(run, text=other)] if other else []
    yield line


def _piece(runs: Sequence[StyledRun], text: str, limit: int, guess: int) -> tuple[int, str]:
    """Return how many characters of `text` go into the next piece, and its Markdown."""
    most = _most(runs, min(len(text), limit), limit, guess)
    end = boundary(text, most) if most else 0
    while end:
        piece = render(_before(runs, end))
        if units(piece) <= limit:
            return end, piece
        end -= 1  # a shorter text can need an escape that a longer one does not
    # Not even one character fits together with its style or its link.
    return 1, render([StyledRun(text[0])])


def _most(runs: Sequence[StyledRun], high: int, limit: int, guess: int) -> int:
    """Return nearly how many characters, of at most `high`, fit; 0 if none does.

    To render is what takes time: each guess is drawn from how long the last ones became, and a
    fiftieth of the limit may stay unused.
    """
    slack = limit // 50
    fits = used = tries = 0
    over, needed = high + 1, 0
    while over - fits > 1 and not (fits and limit - used <= slack):
        guess, tries = min(max(guess, fits + 1), over - 1), tries + 1
        size = units(render(_before(runs, guess)))
        if size > limit:
            over, needed = guess, size
        else:
            fits, used = guess, size
        aim = limit - slack // 2
        if tries > _GUESSES:
            guess = (fits + over) // 2
        elif needed:
            guess = fits + (over - fits) * (aim - used) // (needed - used)
        else:
            guess = fits * aim // used
    return fits


def _before(runs: Iterable[StyledRun], end: int) -> tuple[StyledRun, ...]:
    kept = []
    for run in runs:
        if end <= 0:
            break
        kept.append(run if len(run.text) <= end else replace(run, text=run.text[:end]))
        end -= len(run.text)
    return tuple(kept)


def _after(runs: Iterable[StyledRun], start: int) -> tuple[StyledRun, ...]:
    kept = []
    for run in runs:
        if start <= 0:
            kept.append(run)
        elif start < len(run.text):
            kept.append(replace(run, text=run.text[start:]))
        start -= len(run.text)
    return tuple(kept)
