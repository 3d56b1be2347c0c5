"""Read a TOML file with the line of every table and key."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Place = tuple[str | int, ...]
"""The path of a value: keys, and from 0 the number of a table in an array of tables."""

_BROKEN_LINE = re.compile(r"\s*\(at line (\d+), column \d+\)")


class Unreadable(Exception):
    """The file is not TOML, or cannot be read. `line` counts from 1, if it is known."""

    def __init__(self, text: str, line: int | None = None, words: str = "") -> None:
        super().__init__(text)
        self.line = line
        self.words = words


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file. `name` is for messages; `lines` are its lines, `places` where they count."""

    name: str
    data: dict[str, Any] = field(default_factory=dict)
    lines: tuple[str, ...] = ()
    places: dict[Place, int] = field(default_factory=dict)

    def line(self, place: Place) -> int | None:
        """Return the line number (from 1) of `place`, or of the nearest table around it."""
        for length in range(len(place), 0, -1):
            if place[:length] in self.places:
                return self.places[place[:length]]
        return None

    def words(self, line: int) -> str:
        """Return the text of the line, stripped."""
        return self.lines[line - 1].strip() if 0 < line <= len(self.lines) else ""


def read(path: Path, name: str) -> Document:
    """Return the file's data and lines. Raise Unreadable if there are none."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise Unreadable(f"cannot be read: {why}") from None
    return parse(text, name)


def parse(text: str, name: str) -> Document:
    """Parse a text as `read` does a file."""
    lines = tuple(text.splitlines())
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = _BROKEN_LINE.search(str(error))
        line = int(at[1]) if at else max(len(lines), 1)
        why = _BROKEN_LINE.sub("", str(error)).removesuffix(" (at end of document)")
        broken = Document(name, lines=lines).words(line)
        raise Unreadable(f"is not TOML: {_in_words(why)}", line, broken) from None
    except (ValueError, RecursionError):  # of numbers with thousands of digits, and of nesting
        raise Unreadable("is not TOML that Python reads: too long a number, or too deep") from None
    return Document(name, data, lines, _places(lines))


def _places(lines: tuple[str, ...]) -> dict[Place, int]:
    """Return the line of every table and key, found by parsing one statement at a time.

    A statement is the shortest run of lines that is TOML by itself, so that strings and arrays
    over several lines need no reader of their own here.
    """
    places: dict[Place, int] = {}
    tables: dict[Place, int] = {}
    table: Place = ()
    start = 0
    for end in range(1, len(lines) + 1):
        statement = _statement(lines[start:end])
        if statement is None:
            continue
        header = lines[start].lstrip()
        if header.startswith("["):
            table = _table(statement, tables, array=header.startswith("[["))
            for length in range(1, len(table) + 1):
                places.setdefault(table[:length], start + 1)
        else:
            for key in _leaves(statement):
                for length in range(1, len(key) + 1):
                    places.setdefault(table + key[:length], start + 1)
        start = end
    return places


def _statement(lines: tuple[str, ...]) -> dict[str, Any] | None:
    try:
        return tomllib.loads("\n".join(lines))
    except tomllib.TOMLDecodeError:
        return None


def _table(header: dict[str, Any], tables: dict[Place, int], *, array: bool) -> Place:
    """Return the place of the table that a header opens; `tables` counts those of each array."""
    place: Place = ()
    value: Any = header
    while value:
        key, value = next(iter(value.items()))
        place += (key,)
        if isinstance(value, list):
            value = value[0]
        elif place in tables:
            place += (tables[place] - 1,)
    if array:
        tables[place] = tables.get(place, 0) + 1
        place += (tables[place] - 1,)
    return place


def _leaves(statement: dict[str, Any]) -> list[Place]:
    found: list[Place] = []
    for key, value in statement.items():
        inner = _leaves(value) if isinstance(value, dict) else []
        found.extend((key, *rest) for rest in inner)
        if not inner:
            found.append((key,))
    return found


# Why a text is not TOML, for people who do not know its grammar

_MESSAGES: Sequence[tuple[str, str]] = (
    (
        r"""Illegal character '\\[nr]'|Unterminated string|Expected "'"|Expected '"'""",
        "a quote is missing: the text that begins here is not closed",
    ),
    (
        r"Invalid value",
        'after = there is no value that TOML knows: put a text in straight quotes: "ticket"',
    ),
    (r"Unclosed array", "a ], a comma or a quote is missing in a list"),
    (
        r"Expected newline or end of document after a statement",
        'a quote is missing, or the brackets of a list: write it like ["a", "b"]',
    ),
    (r"Expected '=' after a key", "a key is followed by = and its value"),
    (
        r"Cannot declare \('rule',\) twice",
        "[rule] is there twice: write [[rule]], with double brackets, above each rule",
    ),
    (r"Cannot declare .+ twice", "this table is there twice: put all its keys below the first"),
    (r"Cannot overwrite a value", "this key or table is there already"),
    (r"Expected '\]\]'", "a header that begins with [[ ends with ]]"),
    (r"Expected '\]'", "a header that begins with [ ends with ]"),
    (r"Unclosed inline table", "a } is missing"),
    (
        r"Unescaped '\\+' in a string",
        "a backslash in double quotes begins an escape: write two, or use single quotes",
    ),
)
"""Of the messages of tomllib, which change little between the versions of Python, those that
people meet. https://github.com/python/cpython/blob/main/Lib/tomllib/_parser.py"""


def _in_words(message: str) -> str:
    """Return what a message of tomllib means; the message itself where it is not known here."""
    return next((words for form, words in _MESSAGES if re.match(form, message)), message)
