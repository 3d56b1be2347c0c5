"""The line of every key of a TOML file."""

from __future__ import annotations

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from bot.settings import document


def test_lines_of_everything() -> None:
    text = (
        "# a comment\n"
        'a.b = 1\n"quoted key" = """\n[not.a.table]\n"""\n'
        "list = [\n  1, # ]\n  2,\n]\n"
        "[[rule]]\nemoji = 'x'\n"
        "[[rule]]\nemoji = 'y'\n"
        "[rule.deep]\nz = 1\n"
        "[[rule.many]]\nq = 1\n[[rule.many]]\nq = 2\n"
        "[ t . u ]\nv = {w = 1}\n"
    )
    read = document.parse(text, "x.toml")
    expected = {
        ("a", "b"): 2,
        ("quoted key",): 3,
        ("list",): 6,
        ("list", 1): 6,
        ("rule",): 10,
        ("rule", 0): 10,
        ("rule", 0, "emoji"): 11,
        ("rule", 1, "emoji"): 13,
        ("rule", 1, "missing"): 12,
        ("rule", 1, "deep", "z"): 15,
        ("rule", 1, "many", 0, "q"): 17,
        ("rule", 1, "many", 1, "q"): 19,
        ("t",): 20,
        ("t", "u"): 20,
        ("t", "u", "v", "w"): 21,
        ("nowhere",): None,
    }
    assert {place: read.line(place) for place in expected} == expected


KEY = st.from_regex(r"[a-z]{1,5}", fullmatch=True)
VALUE = st.sampled_from(["1", '"x"', "[\n1,\n2\n]", '"""\na = 1\n"""', "{ k = 1 }", "1  # c"])


@given(st.lists(st.tuples(KEY, VALUE, st.sampled_from(["", "\n", "# c\n"])), max_size=8))
def test_every_key_is_found_where_it_was_written(parts: list[tuple[str, str, str]]) -> None:
    text, expected = "", {}
    for key, value, before in parts:
        if (key,) in expected:
            continue
        text += before
        expected[key,] = text.count("\n") + 1
        text += f"{key} = {value}\n"
    tomllib.loads(text)
    read = document.parse(text, "x.toml")
    assert {place: read.line(place) for place in expected} == expected
