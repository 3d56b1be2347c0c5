"""Explain why a text is not TOML to people who do not know its grammar."""

from __future__ import annotations

import re
from collections.abc import Sequence

_WORDS: Sequence[tuple[str, str]] = (
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


def in_words(message: str) -> str:
    """Return what a message of tomllib means; the message itself where it is not known here."""
    return next((words for form, words in _WORDS if re.match(form, message)), message)
