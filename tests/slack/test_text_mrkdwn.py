"""Slack's mrkdwn in, core's nodes out."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.directory import Names
from bot.core.text.richtext import (
    Block,
    Broadcast,
    Date,
    Emoji,
    Inline,
    Link,
    Mention,
    Paragraph,
    Preformatted,
    Quote,
    Style,
    Text,
    visible,
)
from bot.slack.text.mrkdwn import parse

BOLD, ITALIC, STRIKE, CODE = (
    Style(bold=True),
    Style(italic=True),
    Style(strike=True),
    Style(code=True),
)
X = "https://x.example"

INLINE: dict[str, tuple[str, tuple[Inline, ...]]] = {
    "plain": ("hello", (Text("hello"),)),
    "entities": ("a &lt;b&gt; &amp;lt;", (Text("a <b> &lt;"),)),
    "bold": ("a *b c* d", (Text("a "), Text("b c", BOLD), Text(" d"))),
    "italic": ("_a_", (Text("a", ITALIC),)),
    "strike": ("~a~", (Text("a", STRIKE),)),
    "code": ("`*a* &amp;`", (Text("*a* &", CODE),)),
    "nested": (
        "*a _b_*",
        (Text("a ", BOLD), Text("b", Style(bold=True, italic=True))),
    ),
    "bold code": ("*`a`*", (Text("a", Style(bold=True, code=True)),)),
    "beside punctuation": ("(*a*).", (Text("("), Text("a", BOLD), Text(")."))),
    "inside a word": ("2*3*4 a_b_c", (Text("2*3*4 a_b_c"),)),
    "with spaces": ("5 * 3 * 2", (Text("5 * 3 * 2"),)),
    "over two lines": ("*a\nb*", (Text("*a\nb*"),)),
    "link": (f"<{X}>", (Link(X),)),
    "link with words": (f"<{X}?a=1&amp;b=*2*|a &amp; b>", (Link(f"{X}?a=1&b=*2*", "a & b"),)),
    "bold link": (f"*<{X}/*a*|x>*", (Link(f"{X}/*a*", "x", BOLD),)),
    "link in code": (f"`a <{X}>`", (Text("a ", CODE), Link(X, None, CODE))),
    "mail": ("<mailto:a@x.example|a@x.example>", (Link("mailto:a@x.example", "a@x.example"),)),
    "user": ("<@U1>", (Mention("user", "U1"),)),
    "user with a name": ("<@W1|ada>", (Mention("user", "W1", "ada"),)),
    "channel": ("<#C1|dev>", (Mention("channel", "C1", "dev"),)),
    "channel without its name": ("<#C1|>", (Mention("channel", "C1"),)),
    "user group": ("<!subteam^S1|@oncall>", (Mention("usergroup", "S1", "oncall"),)),
    "bold user": ("*<@U1>*", (Mention("user", "U1", None, BOLD),)),
    "here": ("<!here>", (Broadcast("here"),)),
    "channel for all": ("<!channel|@channel>", (Broadcast("channel"),)),
    "everyone": ("<!everyone>", (Broadcast("everyone"),)),
    "date": ("<!date^1392734382^{date}|Feb>", (Date(1392734382, "Feb"),)),
    "date with a link": (
        f"<!date^1392734382^on {{date}}^{X}|Feb>",
        (Date(1392734382, "Feb", X),),
    ),
    "broken date": ("<!date^x|Feb>", (Text("Feb"),)),
    "unknown command": ("<!new^1|words>", (Text("words"),)),
    "unknown command without words": ("<!new>", (Text("<!new>"),)),
    "emoji": ("a :+1: b", (Text("a "), Emoji("+1"), Text(" b"))),
    "emoji with a skin tone": (":wave::skin-tone-3:", (Emoji("wave"),)),
    "angle brackets of a bot": ("if <b> then", (Text("if "), Text("<b>"), Text(" then"))),
}


@pytest.mark.parametrize(("text", "expected"), INLINE.values(), ids=INLINE)
def test_inline(text: str, expected: tuple[Inline, ...]) -> None:
    assert parse(text) == (Paragraph(expected),)


BLOCKS: dict[str, tuple[str, tuple[Block, ...]]] = {
    "empty": ("", ()),
    "blank": (" \n", ()),
    "quote": ("&gt; a\n&gt;b\nc", (Quote((Text("a\nb"),)), Paragraph((Text("c"),)))),
    "quote of a bot": ("> a", (Quote((Text("a"),)),)),
    "quote to the end": (
        "a\n&gt;&gt;&gt; b\nc",
        (Paragraph((Text("a"),)), Quote((Text("b\nc"),))),
    ),
    "fence": (
        "a\n```\n*b*\n&lt;c&gt;\n```\nd",
        (Paragraph((Text("a\n"),)), Preformatted((Text("*b*\n<c>\n"),)), Paragraph((Text("d"),))),
    ),
    "link in a fence": (
        f"```a <{X}|x.example>```",
        (Preformatted((Text("a "), Link(X, "x.example"))),),
    ),
    "open fence": ("```a *b*", (Paragraph((Text("```a "), Text("b", BOLD))),)),
}


@pytest.mark.parametrize(("text", "expected"), BLOCKS.values(), ids=BLOCKS)
def test_blocks(text: str, expected: tuple[Block, ...]) -> None:
    assert parse(text) == expected


@given(st.text("abc .,()0é", max_size=40))
def test_words_stay_words(text: str) -> None:
    assert visible(parse(text), Names()) == visible([Paragraph((Text(text),))], Names())


@given(st.text("a*_~`<>@!#|^:&;\n \x00\ud800"))
def test_junk_raises_nothing(text: str) -> None:
    visible(parse(text), Names()).encode()


@pytest.mark.parametrize("text", ["*a ", "*", "_a", "<", "`", "```", ":a", "&gt;\n\n", "<@", "~ ~"])
def test_a_hostile_text_takes_no_long_time(text: str) -> None:
    begin = time.process_time()
    parse(text * (40_000 // len(text)))
    assert time.process_time() - begin < 5
