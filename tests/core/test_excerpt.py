"""A text that is too long is cut before it is rendered, and says so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.directory import Names
from bot.core.text import richtext
from bot.core.text.excerpt import GOES_ON, beginning, bounded, weight
from bot.core.text.richtext import Block, Emoji, Items, Link, Mention, Paragraph, Quote, Text

WORDS = Paragraph((Text("one two three four"),))


@pytest.mark.parametrize(
    ("blocks", "most", "kept"),
    [
        pytest.param((WORDS,), 18, (WORDS,), id="all of it"),
        pytest.param((WORDS,), 17, (Paragraph((Text("one two three"),)),), id="at a word"),
        pytest.param((WORDS,), 9, (Paragraph((Text("one two"),)),), id="no part of a word"),
        pytest.param((Quote((Text("a" * 9),)),), 5, (Quote((Text("aaaaa"),)),), id="no words"),
        pytest.param((Paragraph((Text("   "), WORDS.children[0])),), 19, None, id="blanks"),
        pytest.param((WORDS, WORDS), 18, (WORDS, Paragraph(())), id="the second block"),
        pytest.param(
            (Paragraph((Link("https://a.example"), Text("x y"))),),
            3,
            (Paragraph(()),),
            id="a link stays whole or goes",
        ),
        pytest.param(
            (Items(((Text("a"),), (Emoji("b"), Text("c")))),),
            2,
            (Items(((Text("a"),), ())),),
            id="items",
        ),
    ],
)
def test_the_beginning(
    blocks: tuple[Block, ...], most: int, kept: tuple[Block, ...] | None
) -> None:
    assert beginning(blocks, most) == (blocks if kept is None else kept)


def test_what_was_cut_says_so() -> None:
    assert bounded((WORDS,), 18) == (WORDS,)
    assert bounded((WORDS,), 17)[-1] == GOES_ON


@given(st.lists(st.text(max_size=30), max_size=20), st.integers(0, 200))
def test_it_is_a_beginning_and_no_longer_than_asked(texts: list[str], most: int) -> None:
    blocks = [Paragraph((Text(text),)) for text in texts]
    whole = richtext.visible(blocks, Names())
    first = richtext.visible(beginning(blocks, most), Names())
    assert "".join(whole.split()).startswith("".join(first.split()))
    assert len("".join(first.split())) <= most


def test_an_inline_weighs_something_however_short() -> None:
    assert weight((Paragraph((Text("a"), Text(" "), Mention("user", "U1"))),)) == 3 + 3 + 20
