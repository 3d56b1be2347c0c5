"""Titles, labels and buttons are in sentence case: one capital, and those of names."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator

import pytest

from bot.slack import views

NAMES = frozenset({"Plain", "Slack"})
LONGEST = 60
"""Characters of what counts as a title: sentences are longer, or end in a full stop."""


def titles() -> Iterator[tuple[str, str]]:
    """What stands by itself; what begins small is a part of a sentence."""
    for module in pkgutil.iter_modules(views.__path__):
        loaded = importlib.import_module(f"{views.__name__}.{module.name}")
        for name, value in vars(loaded).items():
            if (
                name.isupper()
                and isinstance(value, str)
                and re.fullmatch(r"\*?[A-Z][^.…@`]*", value)
            ):
                yield f"{module.name}.{name}", value


SHORT = {name: value for name, value in titles() if len(value) <= LONGEST}


def is_in_sentence_case(text: str) -> bool:
    first, *others = re.findall(r"[^\W\d_]+", text.replace("E-mail", "Email"))
    return first[0].isupper() and all(one.islower() or one in NAMES for one in others)


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("Create Plain ticket", True),
        ("E-mail address of a new customer", True),
        ("Create Plain Ticket", False),
        ("create ticket", False),
        ("CREATE", True),  # one word says nothing
        ("Open IN Plain", False),
    ],
)
def test_what_counts_as_sentence_case(text: str, fits: bool) -> None:
    assert is_in_sentence_case(text) == fits


def test_titles_labels_and_buttons() -> None:
    assert len(SHORT) > 40
    wrong = {name: text for name, text in SHORT.items() if not is_in_sentence_case(text)}
    assert wrong == {}
