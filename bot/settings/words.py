"""What is wrong with the settings, in words: one sentence per mistake, all of them at once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

from pydantic_core import ErrorDetails

from bot.core import secrets
from bot.settings.document import Document, Place, Unreadable
from bot.settings.tables import KEYS

_LONGEST_VALUE = 60
_MEMBER = re.compile(r"<[^:<>]+: ('[^']*')>")

_TAKES = {
    "bool_type": "true or false",
    "float_type": "a number",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "string_type": "a text in quotes",
    "tuple_type": "a list",
    "greater_than": "a number above {gt:g}",
    "greater_than_equal": "a number of {ge:g} or more",
    "less_than_equal": "a number of {le:g} or less",
}


class SettingsError(Exception):
    """The bridge cannot run with these settings. `problems`: a sentence each, no secrets.

    `hint` stands below them: what mends them all.
    """

    def __init__(self, problems: Sequence[str], hint: str | None = None) -> None:
        self.problems = tuple(problems)
        if len(self.problems) == 1:
            text = self.problems[0]
        else:
            rows = "\n".join(f"- {problem}" for problem in self.problems)
            text = f"the settings have {len(self.problems)} mistakes:\n{rows}"
        super().__init__(f"{text}\n{hint}" if hint else text)


Located = tuple[int, str]
"""The line that a sentence is about (0 for the whole file), and the sentence."""


def at(document: Document, place: Place, text: str) -> Located:
    """`text` with the file, the line's number and its words before it."""
    number = document.line(place)
    if number is None:
        return 0, f"{document.name}: {text}"
    return number, f"{document.name}, line {number}, `{_quoted(document.words(number))}`: {text}"


def of_file(name: str, error: Unreadable) -> str:
    """Why the file could not be read."""
    if error.line is None:
        return f"{name} {error}"
    return f"{name}, line {error.line}, `{_quoted(error.words)}`: {error}"


def _quoted(line: str) -> str:
    """The line's words; of an unknown key nobody knows that what is assigned is no secret."""
    key, equals, _ = line.partition("=")
    if equals and key.strip() not in KEYS:
        return f"{key.rstrip()} = …"
    return _masked(line)


def of_table(document: Document, error: ErrorDetails, known: Iterable[str]) -> Located:
    """One of pydantic's findings about the file; `known`: the keys that its table takes."""
    place = error["loc"]
    if place == ("rule",) and isinstance(error["input"], dict):
        return at(document, place, "write [[rule]], with two brackets: there may be several rules")
    if error["type"] == "extra_forbidden":
        text = _unknown_key(str(place[-1]), place[:-1], list(known))
        return at(document, place, text)
    if error["type"] == "missing":
        text = f"`{place[-1]}` is missing in {_table(place[:-1])}"
        return at(document, place[:-1], text)
    return at(document, place, _finding(_key(place), error, shown(error["input"])))


def of_variable(origin: str, error: ErrorDetails, *, secret: bool) -> str:
    """One of pydantic's findings about a variable; the value of a secret one is not shown."""
    name = str(error["loc"][0]).upper()
    return f"{origin}: {_finding(name, error, None if secret else shown(error['input']))}"


def shown(value: object) -> str:
    """The value as the file would write it, cut to a sentence's length, secrets masked."""
    text = _masked(json.dumps(value, ensure_ascii=False, default=str))
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


def _finding(name: str, error: ErrorDetails, value: str | None) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "value_error":
        return f"`{name}` {context['error']}" if value is None else _own(name, value, context)
    subject = f"`{name}`" if value is None else f"`{name}` is {value}; it"
    if kind in {"enum", "literal_error"}:
        return (
            f"{subject} takes {_MEMBER.sub(_member, context['expected']).replace(chr(39), chr(34))}"
        )
    if kind == "model_type":
        return f"{subject} takes a table: write {_table(error['loc'])} and its keys below"
    if kind in _TAKES:
        return f"{subject} takes {_TAKES[kind].format_map(context)}"
    return f"{subject} is wrong: {error['msg']}"


def _own(name: str, value: str, context: dict[str, Any]) -> str:
    return f"`{name}`: {value} {context['error']}"


def _member(found: re.Match[str]) -> str:
    return found[1]


def _unknown_key(key: str, table: Place, known: list[str]) -> str:
    close = get_close_matches(key, known, n=1)
    hint = f"did you mean `{close[0]}`?" if close else f"known are {', '.join(known)}"
    where = f" in {_table(table)}" if table else ""
    return f"unknown key `{_masked(key)}`{where}; {hint}"


def _key(place: Place) -> str:
    return next((part for part in reversed(place) if isinstance(part, str)), "")


def _table(place: Place) -> str:
    name = ".".join(part for part in place if isinstance(part, str))
    return f"[[{name}]]" if name == "rule" else f"[{name}]"


def _masked(text: str) -> str:
    """`text` without what looks like a token or a password."""
    return secrets.mask(text)[0]
