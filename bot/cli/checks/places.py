"""Where a rule names something that is not there, and what it may have meant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from bot.settings import Settings

MOST_NAMED = 10
"""Of what exists that are named."""


def of(settings: Settings, key: str, name: str) -> str:
    """Return which rules name it under `key`, as in "rule 1, line 4"; empty where none does."""
    places = []
    for index, rule in enumerate(settings.rules):
        value = getattr(rule, key)
        if value == name or (isinstance(value, tuple) and name in value):
            lines = settings.rule_lines[index] if index < len(settings.rule_lines) else {}
            at = f", line {lines[key]}" if key in lines else ""
            places.append(f"rule {index + 1}{at}")
    return " and ".join(places)


def meant(name: str, existing: Iterable[str]) -> str | None:
    """Return what exists and reads most like `name`, whatever the case; None for nothing."""
    known = {one.casefold(): one for one in existing}
    close = get_close_matches(name.casefold(), known, n=1, cutoff=0.6)
    return known[close[0]] if close else None


def told(name: str, *notes: str | None) -> str:
    """Return the name with what is to be said of it in brackets."""
    said = "; ".join(note for note in notes if note)
    return f"{name} ({said})" if said else name


def did_you_mean(name: str, existing: Iterable[str]) -> str | None:
    """Return the question; None where nothing that exists is like it."""
    found = meant(name, existing)
    return f"did you mean {found}?" if found else None


def some(existing: Sequence[str]) -> str:
    """Return the first of what exists, and how many more there are."""
    more = len(existing) - MOST_NAMED
    return ", ".join(existing[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
