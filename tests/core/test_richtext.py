"""What people write, and exactly what Plain's text component is given for it."""

from __future__ import annotations

import time
from collections.abc import Iterable

import pytest
from markdown_it import MarkdownIt

from bot.core.directory import Names
from bot.core.text import markdown
from bot.core.text.markdown import StyledRun
from bot.core.text.plaintext import units
from bot.core.text.richtext import (
    PLAIN,
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
    visible,
)
from tests.core.commonmark import read, shown

NAMES = Names(users={"U1": "Ada"}, channels={"C1": "dev"}, usergroups={"S1": "@oncall"})
BOLD, ITALIC, STRIKE, CODE = (
    Style(bold=True),
    Style(italic=True),
    Style(strike=True),
    Style(code=True),
)
BOTH = Style(bold=True, italic=True)


def written(*blocks: Block) -> str:
    return "".join(pieces(blocks, NAMES))


def line(*children: Inline) -> str:
    return written(Paragraph(children))


STYLES: dict[str, tuple[tuple[Inline, ...], str]] = {
    "plain": ((Text("hello"),), "hello"),
    "bold": ((Text("a "), Text("b", BOLD), Text(" c")), "a **b** c"),
    "italic": ((Text("b", ITALIC),), "_b_"),
    "bold and italic": ((Text("b", BOTH),), "***b***"),
    "strike": ((Text("b", STRIKE),), "~b~"),
    "code": ((Text("f(x)", CODE),), "`f(x)`"),
    "bold code": ((Text("f", Style(bold=True, code=True)),), "**`f`**"),
    "struck code": ((Text("f", Style(strike=True, code=True)),), "~`f`~"),
    "code beside struck code": (
        (Text("a", CODE), Text("b", Style(strike=True, code=True))),
        "`a`~`b`~",
    ),
    "code in two nodes": ((Text("a", CODE), Text("b", CODE)), "`ab`"),
    "bold in two nodes": ((Text("a", BOLD), Text("b", BOLD)), "**ab**"),
    "italic in bold": (
        (Text("a ", BOLD), Text("b", BOTH), Text(" c", BOLD)),
        "**a** ***b*** **c**",
    ),
    "spaces at the edges of bold": ((Text("a"), Text(" b ", BOLD), Text("c")), "a **b** c"),
    "nothing but spaces in bold": ((Text("a"), Text(" ", BOLD), Text("b")), "a b"),
    "bold over two lines": ((Text("a\nb", BOLD),), "**a**\n**b**"),
    "bold inside a word": (
        (Text("un"), Text("frigging", BOLD), Text("real")),
        "un**frigging**real",
    ),
    "italic inside a word": ((Text("un"), Text("fr", ITALIC), Text("real")), "un*fr*real"),
    "italic names": ((Text("a_b _c", ITALIC),), r"_a_b \_c_"),
    "bold touching italic": ((Text("a", BOLD), Text("b", ITALIC)), "**a**_b_"),
    "bold brackets inside a word": ((Text("f"), Text("(x)", BOLD), Text("y")), "f(**x**)y"),
    "bold label before a word": ((Text("Note:", BOLD), Text("now")), "**Note**:now"),
    "bold star": ((Text("*", BOLD),), r"**\***"),
    "bold star inside a word": ((Text("a"), Text("*", BOLD), Text("b")), "a*b"),
    "bold euro inside a word": ((Text("a"), Text("€b", BOLD)), "a€**b**"),
}


@pytest.mark.parametrize(("children", "expected"), STYLES.values(), ids=STYLES)
def test_styles(children: tuple[Inline, ...], expected: str) -> None:
    assert line(*children) == expected


TYPED = {
    "snake case": ("snake_case_name", "snake_case_name"),
    "product": ("5 * 3 * 2", "5 * 3 * 2"),
    "price": ("2*3€ = 6€*", r"2\*3€ = 6€\*"),
    "one star": ("*nix", "*nix"),
    "footnote": ("from 5€*", "from 5€*"),
    "globs": ("*.py *.js", "*.py *.js"),
    "keyword arguments": ("f(*args, **kwargs)", "f(*args, **kwargs)"),
    "address": ("https://x.example/a_b_c?d=*", "https://x.example/a_b_c?d=*"),
    "mail address": ("first_last_name@x.example", "first_last_name@x.example"),
    "dunder": ("__init__.py", r"\_\_init\_\_.py"),
    "stars": ("a *b* c", r"a \*b\* c"),
    "stars over two lines": ("*a\nb*", "\\*a\nb\\*"),
    "stars in two paragraphs": ("*a\n\nb*", "*a\n\nb*"),
    "link": ("[click](http://x.example)", r"[click\](http://x.example)"),
    "image": ("![a](b)", r"![a\](b)"),
    "brackets": ("[x] a[0] (b)", "[x] a[0] (b)"),
    "call with an index": ("f[1](a, b)", "f[1](a, b)"),
    "reference": ("[a]: http://x.example", r"\[a]: http://x.example"),
    "autolink": ("<https://x.example>", r"\<https://x.example>"),
    "comparison": ("a < b > c", "a < b > c"),
    "generic": ("Map<String>", "Map<String>"),
    "entity": ("&amp; &#42;", r"\&amp; \&#42;"),
    "ampersand": ("a & b &c; ?a=1&copy=2", "a & b &c; ?a=1&copy=2"),
    "windows path": (r"C:\Users\ada", r"C:\Users\ada"),
    "escaped star": (r"\*a\*", r"\\\*a\\\*"),
    "heading": ("# a", "# a"),
    "list": ("- a\n1. b", "- a\n1. b"),
    "typed quote": ("> a", "> a"),
    "carriage returns": ("a\r\nb", "a\nb"),
    "control characters": ("a\x00b\x1bc", "abc"),
    "half of a pair": ("a\ud83d", "a\ufffd"),
}


@pytest.mark.parametrize(("text", "expected"), TYPED.values(), ids=TYPED)
def test_typed_text_stays_as_typed(text: str, expected: str) -> None:
    assert line(Text(text)) == expected
    assert shown(expected) == visible([Paragraph((Text(text),))], NAMES)


def test_a_typed_reference_defines_no_link() -> None:
    rendered = MarkdownIt("commonmark").render(line(Text("[a]: http://x.example\n\n[a] b")))
    assert "<a" not in rendered
    assert "http://x.example" in rendered


def test_a_typed_star_beside_bold_stays_a_star() -> None:
    assert line(Text("*a "), Text("b*c", BOLD), Text(" d*")) == r"\*a **b\*c** d\*"


def test_a_footnote_after_bold_needs_no_escape() -> None:
    assert line(Text("Price", BOLD), Text(": 5€*")) == "**Price**: 5€*"


LINKS: dict[str, tuple[Link, str]] = {
    "bare": (Link("https://x.example/a_b"), "[https://x.example/a_b](https://x.example/a_b)"),
    "bare with emphasis in it": (Link("https://x.example/_a_/"), "<https://x.example/_a_/>"),
    "labelled": (Link("https://x.example", "the docs"), "[the docs](https://x.example)"),
    "bold": (Link("https://x.example", "docs", BOLD), "[**docs**](https://x.example)"),
    "struck": (Link("https://x.example", "docs", STRIKE), "~[docs](https://x.example)~"),
    "brackets in the label": (Link("https://x.example", "[A-1] b"), "[[A-1] b](https://x.example)"),
    "half a bracket": (Link("https://x.example", "a] b"), r"[a\] b](https://x.example)"),
    "parentheses": (
        Link("https://x.example/a_(b)", "w"),
        "[w](https://x.example/a_(b))",
    ),
    "half a parenthesis": (Link("https://x.example/a)", "w"), "[w](https://x.example/a%29)"),
    "no space in an address": (
        Link("https://x.example/a b", "w"),
        "w (https://x.example/a b)",
    ),
    "entity in the address": (
        Link("https://x.example/?a&copy;", "w"),
        "[w](https://x.example/?a&copy%3B)",
    ),
    "mail": (Link("mailto:a@x.example"), "[a@x.example](mailto:a@x.example)"),
    "mail with its label": (
        Link("mailto:a@x.example", "a@x.example"),
        "[a@x.example](mailto:a@x.example)",
    ),
    "telephone": (Link("tel:+491", "+49 1"), "[+49 1](tel:+491)"),
    "host as label": (Link("http://x.example", "x.example"), "[x.example](http://x.example)"),
    "host of a longer address": (
        Link("https://www.x.example/a/b", "x.example/a…"),
        "[x.example/a…](https://www.x.example/a/b)",
    ),
    "script": (Link("javascript:alert(1)", "click"), "click (javascript:alert(1))"),
    "script alone": (Link("JavaScript:alert(1)"), "JavaScript:alert(1)"),
    "other program": (Link("slack://open", "open"), "open (slack://open)"),
    "no host": (Link("https://", "x"), "x (https://)"),
    "broken": (Link("http://[", "x"), "x (http://[)"),
    "another address as label": (
        Link("https://evil.example", "https://bank.example"),
        "https://bank.example ([https://evil.example](https://evil.example))",
    ),
    "another host as label": (
        Link("https://evil.example", "bank.example"),
        "bank.example ([https://evil.example](https://evil.example))",
    ),
    "host that only begins alike": (
        Link("https://bank.example.evil.example", "bank.example"),
        "bank.example ([https://bank.example.evil.example](https://bank.example.evil.example))",
    ),
    "another path as label": (
        Link("https://x.example/evil", "https://x.example/good"),
        "https://x.example/good ([https://x.example/evil](https://x.example/evil))",
    ),
    "another mail address": (
        Link("mailto:evil@x.example", "boss@x.example"),
        "boss@x.example ([evil@x.example](mailto:evil@x.example))",
    ),
    "an address inside the words": (
        Link("https://evil.example", "go to www.bank.example now"),
        "go to www.bank.example now ([https://evil.example](https://evil.example))",
    ),
    "words that run backwards": (
        Link("https://evil.example", "\u202eelpmaxe.knab"),
        "\u202eelpmaxe.knab ([https://evil.example](https://evil.example))",
    ),
}


@pytest.mark.parametrize(("link", "expected"), LINKS.values(), ids=LINKS)
def test_links(link: Link, expected: str) -> None:
    assert line(link) == expected


def test_an_exclamation_mark_before_a_link_makes_no_image() -> None:
    assert line(Text("see!"), Link("https://x.example", "x")) == r"see\![x](https://x.example)"


def test_an_address_too_long_for_a_link_is_text() -> None:
    url = "https://x.example/" + "a" * 3_000
    assert line(Link(url, "x")) == f"x ({url})"


NODES: dict[str, tuple[Inline, str]] = {
    "user": (Mention("user", "U1"), "@Ada"),
    "user by label": (Mention("user", "U9", "bob"), "@bob"),
    "user unknown": (Mention("user", "U9"), "@unknown-user"),
    "bold user": (Mention("user", "U1", style=BOLD), "**@Ada**"),
    "channel": (Mention("channel", "C1"), "#dev"),
    "channel unknown": (Mention("channel", "C9"), "#private-channel"),
    "user group": (Mention("usergroup", "S1"), "@oncall"),
    "user group unknown": (Mention("usergroup", "S9"), "@unknown-group"),
    "broadcast": (Broadcast("here"), "@here"),
    "emoji": (Emoji("+1", "👍"), "👍"),
    "own emoji": (Emoji("party_parrot"), ":party_parrot:"),
    "date": (Date(1392734382, "Feb 18"), "2014-02-18 14:39 UTC"),
    "date with a link": (
        Date(1392734382, url="https://x.example"),
        "[2014-02-18 14:39 UTC](https://x.example)",
    ),
    "impossible date": (Date(10**15, "some day"), "some day"),
    "impossible date without words": (Date(10**15), "1000000000000000"),
}


@pytest.mark.parametrize(("node", "expected"), NODES.values(), ids=NODES)
def test_nodes(node: Inline, expected: str) -> None:
    assert line(node) == expected


def test_blocks_are_laid_out_in_lines() -> None:
    item = ((Text("a"),), (Text("b\nc", BOLD),))
    found = written(
        Paragraph((Text("Hello:\n"),)),
        Items(item),
        Items(item, ordered=True, indent=1, start=9),
        Quote((Text("x\n\ny", ITALIC),)),
        Items(((Text("q"),),), quoted=True),
        Preformatted((Text("if a_b:\n    *c*\n"),)),
        Paragraph((Text("one\n\n\ntwo"),)),
        Paragraph((Text(" \n"),)),
        Paragraph((Text("three\n\n"),)),
    )
    assert found.replace("\u00a0", "·").split("\n") == [
        "Hello:",
        "• a",
        "• **b**",
        "··**c**",
        "····9. a",
        "····10. **b**",
        "········**c**",
        "> _x_",
        ">",
        "> _y_",
        "> • q",
        "```",
        "if a_b:",
        r"    \*c\*",
        "```",
        "one",
        "",
        "",
        "two",
        "",
        "three",
    ]


@pytest.mark.parametrize("text", ["", " ", "\n\n", "\x00"])
def test_nothing_to_see_is_no_piece(text: str) -> None:
    assert pieces([Paragraph((Text(text, BOLD),)), Quote(())], NAMES) == ()


def test_mentions_in_order_and_once() -> None:
    ada, dev = Mention("user", "U1"), Mention("channel", "C1")
    found = mentions(
        [Items(((dev,), (ada,))), Paragraph((Mention("user", "U1", "again"), Text("x")))]
    )
    assert found == (dev, ada)


SPLITS: dict[str, tuple[tuple[Inline, ...], int, tuple[str, ...]]] = {
    "fits": ((Text("abc def"),), 7, ("abc def",)),
    "after a word": ((Text("abc def ghi"),), 8, ("abc def ", "ghi")),
    "after a line": ((Text("abc def\nghi jkl mno"),), 14, ("abc def\n", "ghi jkl mno")),
    "inside a long word": ((Text("abcdefgh"),), 3, ("abc", "def", "gh")),
    "bold goes on": ((Text("abc def", BOLD),), 9, ("**abc** ", "**def**")),
    "a link goes on": (
        (Link("http://x.example", "abc def"),),
        26,
        ("[abc ](http://x.example)", "[def](http://x.example)"),
    ),
    "no half of a pair": ((Text("a👍👍"),), 3, ("a👍", "👍")),
    "no half of a thumb": ((Text("ab👍🏽"),), 5, ("ab", "👍🏽")),
    "escapes count": ((Text("*ab* *cd*"),), 6, (r"\*ab\*", " ", r"\*cd\*")),
}


@pytest.mark.parametrize(("children", "limit", "expected"), SPLITS.values(), ids=SPLITS)
def test_splits(children: tuple[Inline, ...], limit: int, expected: tuple[str, ...]) -> None:
    assert pieces([Paragraph(children)], NAMES, limit) == tuple(
        piece for piece in expected if piece.strip()
    )


def test_a_limit_that_some_characters_exceed() -> None:
    with pytest.raises(ValueError, match="room"):
        pieces([Paragraph((Text("a"),))], NAMES, 1)


def test_long_bold_text_is_split_at_plains_limit() -> None:
    text = "👍 words and *stars* in bold. " * 1_300
    found = pieces([Paragraph((Text(text, BOLD),))], NAMES)
    assert len(found) > 3
    assert all(units(piece) <= 10_000 for piece in found)
    seen = [one for piece in found for one in read(piece)]
    assert "".join(one.text for one in seen) == text
    assert all(one.bold for one in seen if one.text.isalpha())


@pytest.mark.parametrize("text", ["*", "_a_ ", "[", "](", "[](", "<", "&amp;", "\\", "(", "`*"])
def test_a_hostile_text_takes_no_long_time(text: str) -> None:
    begin = time.process_time()
    found = pieces([Paragraph((Text(text * (40_000 // len(text))),))], NAMES)
    assert time.process_time() - begin < 10
    assert "".join(map(shown, found[:1]))


@pytest.mark.parametrize("style", [PLAIN, BOLD], ids=["plain", "bold"])
def test_a_piece_is_rendered_a_few_times_only(
    style: Style, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by halving, each piece took fourteen: 7 s for a message, and no door answered."""
    rendered = 0
    render = markdown.render

    def counted(runs: Iterable[StyledRun]) -> str:
        nonlocal rendered
        rendered += 1
        return render(runs)

    monkeypatch.setattr(markdown, "render", counted)
    found = pieces([Paragraph((Text("a", style), Text("*b_c\n")) * 8_000)], NAMES)
    assert len(found) > 3
    assert rendered <= 5 * len(found)


def test_a_link_of_one_long_word_takes_no_time() -> None:
    """Each of its letters began a search to its end: 40,000 of them took ten seconds."""
    link = Link("https://x.example/a", "x" * 100_000)
    begun = time.process_time()
    visible((Paragraph((link,)),), NAMES)
    assert time.process_time() - begun < 10
