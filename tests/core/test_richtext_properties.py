"""Whatever people write: an independent parser sees the same text, styles and links."""

from __future__ import annotations

from urllib.parse import unquote

from hypothesis import given
from hypothesis import strategies as st

from bot.core.directory import Names
from bot.core.text import markdown
from bot.core.text.plaintext import units
from bot.core.text.richtext import (
    Block,
    Broadcast,
    Date,
    Emoji,
    Inline,
    Items,
    Link,
    Mention,
    Paragraph,
    Preformatted,
    Quote,
    Style,
    Text,
    mentions,
    pieces,
    runs,
    visible,
)
from tests.core.commonmark import Seen, read, shown

NAMES = Names(
    users={"U1": "Ada_L", "U2": "*star* [x](y)"}, channels={"C1": "dev_ops"}, usergroups={"S1": "a"}
)

NASTY = st.sampled_from(
    [
        "*",
        "**",
        "***",
        "_",
        "__",
        "[",
        "]",
        "](",
        "(",
        ")",
        "[a](http://x.example)",
        "[a]: http://x.example",
        "![",
        "!",
        "\\",
        "\\*",
        "`",
        "~",
        "<",
        ">",
        "<https://x.example>",
        "<a@b.example>",
        "<b>",
        "&amp;",
        "&#42;",
        "&copy",
        "&",
        "# ",
        "- ",
        "1. ",
        "> ",
        "    ",
        "\t",
        "\n",
        "\n\n",
        " ",
        "a",
        "snake_case",
        "5 * 3",
        "(x)",
        ".",
        "€",
        "→",
        "é",
        "e\u0301",
        "👍🏽",
        "👩\u200d💻",
        "日本",
        "“",
        "\u00a0",
        "\u2028",
        "\x00",
        "\x0b",
        "\ud83d",
        "\udc4d",
        "https://x.example/_a_/*b*",
    ]
)
texts = st.lists(st.one_of(NASTY, st.text(max_size=3)), max_size=8).map("".join)
styles = st.builds(Style, st.booleans(), st.booleans(), st.booleans(), st.booleans())
urls = st.one_of(
    st.sampled_from(
        [
            "https://x.example/a_(b)_c",
            "https://x.example/_a_/b*c*",
            "http://x.example/?a=1&copy;=2&amp;b=[1]",
            "https://x.example/)(\\ <>`",
            "mailto:a_b_@x.example",
            "tel:+49123",
            "javascript:alert(1)",
            "http://[",
            "slack://open?x=*y*",
        ]
    ),
    texts.map("https://x.example/{}".format),
    texts,
)
inlines: st.SearchStrategy[Inline] = st.one_of(
    st.builds(Text, texts, styles),
    st.builds(Link, urls, st.none() | texts | urls, styles),
    st.builds(
        Mention,
        st.sampled_from(["user", "channel", "usergroup"]),
        st.sampled_from(["U1", "U2", "C1", "S1", "X9"]),
        st.none() | texts,
        styles,
    ),
    st.builds(Broadcast, st.sampled_from(["here", "channel", "everyone"])),
    st.builds(Emoji, st.sampled_from(["+1", "white_check_mark", "_x_"]), st.none() | texts),
    st.builds(Date, st.integers(-(10**14), 10**14), st.none() | texts, st.none() | urls),
)
children = st.lists(inlines, max_size=5).map(tuple)
blocks = st.lists(
    st.one_of(
        st.builds(Paragraph, children),
        st.builds(Quote, children),
        st.builds(Preformatted, children),
        st.builds(
            Items,
            st.lists(children, max_size=3).map(tuple),
            st.booleans(),
            st.integers(-1, 9),
            st.integers(1, 12),
            st.booleans(),
        ),
    ),
    max_size=4,
).map(tuple)


@given(blocks)
def test_a_parser_sees_what_was_written(written: tuple[Block, ...]) -> None:
    assert "".join(map(shown, pieces(written, NAMES))) == visible(written, NAMES)


@given(blocks)
def test_no_character_gains_a_style_or_a_link(written: tuple[Block, ...]) -> None:
    meant = [
        Seen(character, run.bold, run.italic, run.url)
        for run in runs(written, NAMES)
        for character in run.text
    ]
    found = [seen for piece in pieces(written, NAMES) for seen in read(piece)]
    for one, other in zip(meant, found, strict=True):
        assert one.bold or not other.bold
        assert one.italic or not other.italic
        assert _address(one.url) == _address(other.url)


@given(blocks, st.integers(2, 60))
def test_pieces_fit_and_lose_nothing(written: tuple[Block, ...], limit: int) -> None:
    found = pieces(written, NAMES, limit)
    assert all(1 <= units(piece) <= limit and piece.strip() for piece in found)
    # A piece of white space alone is no component, so only what can be seen is compared.
    assert _inked("".join(map(shown, found))) == _inked(visible(written, NAMES))
    "".join(found).encode()


words = st.text("abcxyzéß日", min_size=1, max_size=4)
kinds = st.sampled_from([(False, False), (True, False), (False, True), (True, True)])


@given(st.lists(st.tuples(words, kinds), min_size=1, max_size=8))
def test_a_styled_word_keeps_its_style(written: list[tuple[str, tuple[bool, bool]]]) -> None:
    line = [markdown.StyledRun(f" {word} ", *kind) for word, kind in written]
    found = [seen for seen in read(markdown.render(line)) if not seen.text.isspace()]
    meant = [Seen(one, *kind) for word, kind in written for one in word]
    assert found == meant


@given(st.lists(st.tuples(words, kinds), min_size=1, max_size=8))
def test_bold_inside_a_word_stays_bold(written: list[tuple[str, tuple[bool, bool]]]) -> None:
    found = read(markdown.render([markdown.StyledRun(word, *kind) for word, kind in written]))
    assert [seen.bold for seen in found] == [kind[0] for word, kind in written for _ in word]


@given(blocks)
def test_each_mention_is_named_once(written: tuple[Block, ...]) -> None:
    found = [(mention.of, mention.id) for mention in mentions(written)]
    assert len(found) == len(set(found))


def _inked(text: str) -> str:
    return "".join(text.split())


def _address(url: str | None) -> str | None:
    """`url` without regard to which of its characters are percent-encoded."""
    if url is None:
        return None
    return unquote(unquote(url)).removesuffix("/").casefold()
