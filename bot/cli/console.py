"""Print what commands say: tables for people, JSON for scripts, errors on standard error."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

PIPED_WIDTH = 200
"""Columns of a table where no terminal sets the width."""

Json = Annotated[bool, typer.Option("--json", help="For scripts.")]
"""The option of commands that can print JSON."""

_SECONDS = {"m": 60.0, "h": 3600.0, "d": 24 * 3600.0, "w": 7 * 24 * 3600.0}


class CommandFailed(Exception):
    """The command failed; the text says why and what to do. Exit status 1."""


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table on standard output; None is left blank."""
    drawn = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        drawn.add_row(*(plain(cell) for cell in row))
    _console().print(drawn)


def pairs(rows: Iterable[tuple[str, object]]) -> None:
    """Print names and values, one pair a line; leave out pairs whose value is None."""
    drawn = Table.grid(padding=(0, 2))
    for name, value in rows:
        if value is not None:
            drawn.add_row(Text(name, style="bold"), plain(value))
    _console().print(drawn)


def say(*words: str | Text) -> None:
    """Print a line on standard output."""
    _console().print(*(plain(word) for word in words), soft_wrap=True)


def complain(text: str) -> None:
    """Print one or more lines on standard error."""
    errors().print(plain(text, lines=True), soft_wrap=True)


def as_json(value: object) -> None:
    """Print one JSON value on one line of standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")


def errors() -> Console:
    """Return standard error, for progress and errors."""
    return Console(stderr=True, highlight=False)


def plain(value: object, *, lines: bool = False) -> Text:
    """Return the value as terminal text: what others wrote must not move the cursor."""
    if isinstance(value, Text):
        return value
    text = "" if value is None else str(value)
    return Text("".join(c if c.isprintable() or (lines and c == "\n") else " " for c in text))


def moment(seconds: float | None) -> str | None:
    """Return Unix seconds as a person reads them, in UTC: 2026-09-01 10:00:00Z."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def iso(seconds: float | None) -> str | None:
    """Return Unix seconds as ISO 8601 in UTC, for scripts: 2026-09-01T10:00:00.000Z."""
    if seconds is None:
        return None
    moment = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return moment.replace("+00:00", "Z")


def age(option: str, text: str) -> float:
    """Return the seconds of an age such as 90m, 24h, 7d or 4w. Raise CommandFailed otherwise."""
    found = re.fullmatch(r"([0-9]{1,5})([mhdw])", text.strip().lower())
    if found is None or int(found[1]) == 0:
        raise CommandFailed(f"{option} {text}: write a number and m, h, d or w, such as 24h or 7d")
    return int(found[1]) * _SECONDS[found[2]]


def _console() -> Console:
    width = None if sys.stdout.isatty() else PIPED_WIDTH
    return Console(highlight=False, width=width)
