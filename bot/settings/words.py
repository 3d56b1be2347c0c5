"""Put mistakes in the settings into words: one sentence each, all of them at once."""

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

_EXPECTED = {
    "bool_type": "true or false",
    "float_type": "a number",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "string_type": "a string in quotes",
    "tuple_type": "a list",
    "greater_than": "a number greater than {gt:g}",
    "greater_than_equal": "a number of {ge:g} or more",
    "less_than_equal": "a number of {le:g} or less",
}


class SettingsError(Exception):
    """The bridge cannot run with these settings.

    `problems`: a sentence each, without secrets. `hint`: what fixes all of them.
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
"""The number of the line that a sentence is about (0 for the whole file), and the sentence."""


def at(document: Document, place: Place, text: str) -> Located:
    """Return `text` prefixed with the file, the line number and the line's words."""
    number = document.line(place)
    if number is None:
        return 0, f"{document.name}: {text}"
    return number, f"{document.name}, line {number}, `{_quoted(document.words(number))}`: {text}"


def of_file(name: str, error: Unreadable) -> str:
    """Return why the file could not be read."""
    if error.line is None:
        return f"{name} {error}"
    return f"{name}, line {error.line}, `{_quoted(error.words)}`: {error}"


def _quoted(line: str) -> str:
    """Return the line's words; an unknown key's value may be a secret and is left out."""
    key, equals, _ = line.partition("=")
    if equals and key.strip() not in KEYS:
        return f"{key.rstrip()} = …"
    return _masked(line)


def of_table(document: Document, error: ErrorDetails, known: Iterable[str]) -> Located:
    """Return a pydantic error about the file in words; `known`: the keys its table has."""
    place = error["loc"]
    if place == ("rule",) and isinstance(error["input"], dict):
        return at(document, place, "write [[rule]], with double brackets: there can be several")
    if error["type"] == "extra_forbidden":
        text = _unknown_key(str(place[-1]), place[:-1], list(known))
        return at(document, place, text)
    if error["type"] == "missing":
        text = f"`{place[-1]}` is missing in {_table(place[:-1])}"
        return at(document, place[:-1], text)
    return at(document, place, _finding(_key(place), error, shown(error["input"])))


def of_variable(origin: str, error: ErrorDetails, *, secret: bool) -> str:
    """Return a pydantic error about a variable in words, without the value of a secret one."""
    name = str(error["loc"][0]).upper()
    return f"{origin}: {_finding(name, error, None if secret else shown(error['input']))}"


def shown(value: object) -> str:
    """Return the value as the file would write it, shortened, secrets masked."""
    text = _masked(json.dumps(value, ensure_ascii=False, default=str))
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


def _finding(name: str, error: ErrorDetails, value: str | None) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "value_error":
        return f"`{name}` {context['error']}" if value is None else _own(name, value, context)
    subject = f"`{name}`" if value is None else f"`{name}` is {value}, but it"
    if kind in {"enum", "literal_error"}:
        choices = _MEMBER.sub(_member, context["expected"]).replace("'", '"')
        return f"{subject} must be {choices}"
    if kind == "model_type":
        return f"{subject} must be a table: write {_table(error['loc'])} and its keys below"
    if kind in _EXPECTED:
        return f"{subject} must be {_EXPECTED[kind].format_map(context)}"
    return f"{subject} is invalid: {error['msg']}"


def _own(name: str, value: str, context: dict[str, Any]) -> str:
    return f"`{name}`: {value} {context['error']}"


def _member(found: re.Match[str]) -> str:
    return found[1]


def _unknown_key(key: str, table: Place, known: list[str]) -> str:
    close = get_close_matches(key, known, n=1)
    hint = f"did you mean `{close[0]}`?" if close else f"known keys: {', '.join(known)}"
    where = f" in {_table(table)}" if table else ""
    return f"unknown key `{_masked(key)}`{where}; {hint}"


def _key(place: Place) -> str:
    return next((part for part in reversed(place) if isinstance(part, str)), "")


def _table(place: Place) -> str:
    name = ".".join(part for part in place if isinstance(part, str))
    return f"[[{name}]]" if name == "rule" else f"[{name}]"


def _masked(text: str) -> str:
    """Return `text` without what looks like a token or a password."""
    return secrets.mask(text)[0]
