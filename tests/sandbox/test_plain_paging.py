"""Pages, ids and lengths hold for every number and every text."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from bot.sandbox.plain.nouns import Ids
from bot.sandbox.plain.resolvers import page
from bot.sandbox.plain.rules import utf16_units


@dataclass(frozen=True)
class Node:
    id: int


@given(st.integers(0, 230), st.integers(1, 100), st.booleans())
def test_walking_the_pages_meets_every_node_once(count: int, size: int, forward: bool) -> None:
    nodes = [Node(number) for number in range(count)]
    met: list[Node] = []
    cursor = None
    for _ in range(count + 1):
        if forward:
            found = page(nodes, first=size, after=cursor)
        else:
            found = page(nodes, last=size, before=cursor)
        shown = [edge["node"] for edge in found["edges"]]
        assert len(shown) <= size
        met = met + shown if forward else shown + met
        info = found["page_info"]
        cursor = info["end_cursor" if forward else "start_cursor"]
        if not info["has_next_page" if forward else "has_previous_page"]:
            break
    assert met == nodes


@given(st.integers(1, 400))
def test_ids_differ_and_are_of_plains_form(count: int) -> None:
    ids = Ids()
    made = [ids.new("th") for _ in range(count)]
    assert len(set(made)) == count
    assert made == sorted(made)
    assert all(re.fullmatch(r"th_[0-9A-HJKMNP-TV-Z]{26}", one) for one in made)


@given(st.text(st.characters()))
def test_a_text_is_as_long_as_javascript_says(text: str) -> None:
    escaped = json.dumps(text)[1:-1]
    assert utf16_units(text) == len(re.findall(r"\\u....|\\.|[^\\]", escaped))
