"""What people and agents wrote, as HTML: formatted where it was, and never more than that."""

from __future__ import annotations

import pytest
from markupsafe import Markup, escape

from bot.sandbox.page.texts import SlackText, markdown

NAMES = {"@U1": "@Ada", "#C1": "#support", "!here": "@here"}


def ref(name: str) -> str:
    """As it is drawn so that a line does not break at its hyphen."""
    return f'<span class="ref">{name}</span>'


def anchor(url: str, words: Markup) -> Markup:
    if not url.startswith("https:"):
        return words
    return Markup('<a href="{}">{}</a>').format(url, words)


TEXT = SlackText(lambda token: NAMES.get(token, token), anchor)

MRKDWN = {
    "plain": ("as it is", "as it is"),
    "bold": ("a *b* c", "a <strong>b</strong> c"),
    "nested": ("*a _b_*", "<strong>a <em>b</em></strong>"),
    "strike": ("~a~", "<s>a</s>"),
    "code": ("`*a*`", "<code>*a*</code>"),
    "fence": ("```\n*a*\nb\n```", "<pre>*a*\nb</pre>"),
    "not bold": ("2*3*4", "2*3*4"),
    "escaped by Slack": ("&lt;b&gt; &amp;amp;", "&lt;b&gt; &amp;amp;"),
    "markup": ('<b onclick="x">', '&lt;b onclick="x"&gt;'),
    "user": ("<@U1> hi", '<span class="mention">@Ada</span> hi'),
    "channel with a name": ("<#C1|x>", '<span class="mention">#support</span>'),
    "link": ("<https://a.example/?b&amp;c|d>", '<a href="https://a.example/?b&amp;c">d</a>'),
    "bold link": ("*<https://a.example|d>*", '<strong><a href="https://a.example">d</a></strong>'),
    "script link": ("<javascript:alert(1)|press>", "press"),
    "quotes in a link": ('<https://a.example/"x|d>', '<a href="https://a.example/&#34;x">d</a>'),
    "quote": ("&gt; a\n&gt; b\nc", "<blockquote>a\nb</blockquote>c"),
    "unknown emoji": (":parrot:", '<span class="emoji-name">:parrot:</span>'),
    "a ref": ("T-12, PB-3.", f"{ref('T-12')}, {ref('PB-3')}."),
    "no ref": ("THAT-12", "THAT-12"),
    "a time is no emoji": ("at 10:30:15", "at 10:30:15"),
}


@pytest.mark.parametrize(("text", "html"), MRKDWN.values(), ids=MRKDWN)
def test_mrkdwn(text: str, html: str) -> None:
    if text.startswith("<b "):
        assert "<b" not in TEXT.mrkdwn(text)
    else:
        assert TEXT.mrkdwn(text) == html


def test_an_emoji_has_its_name_for_who_cannot_see_it() -> None:
    shown = TEXT.mrkdwn(":white_check_mark:")
    assert 'aria-label="white check mark"' in shown
    assert "✅" in shown


def test_a_date_is_that_of_this_place() -> None:
    shown = TEXT.mrkdwn("<!date^1760000000^{date_num}|then>")
    assert shown in ("<time>2025-10-09</time>", "<time>2025-10-08</time>")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "just now"),
        (61, "1 minute ago"),
        (3 * 3600 + 5, "3 hours ago"),
        (86_400, "1 day ago"),
        (70 * 86_400, "2 months ago"),
        (-5, "just now"),
    ],
)
def test_how_long_ago_a_date_was(seconds: int, words: str) -> None:
    text = SlackText(str, anchor, lambda: 1760000000.0 + seconds)
    assert text.mrkdwn("<!date^1760000000^{ago}|then>") == f"<time>{words}</time>"


def test_rich_text() -> None:
    block = {
        "elements": [
            {
                "type": "rich_text_section",
                "elements": [
                    {"type": "text", "text": "<b> "},
                    {"type": "text", "text": "x", "style": {"bold": True, "code": True}},
                    {"type": "link", "url": "https://a.example", "text": "&"},
                    {"type": "user", "user_id": "U1"},
                ],
            },
            {
                "type": "rich_text_list",
                "style": "ordered",
                "elements": [{"type": "rich_text_section", "elements": []}],
            },
            {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "1\n2"}]},
        ]
    }
    assert TEXT.rich(block) == (
        "<p>&lt;b&gt; <code><strong>x</strong></code>"
        '<a href="https://a.example">&amp;</a><span class="mention">@Ada</span></p>'
        "<ol><li></li></ol><pre>1\n2</pre>"
    )


MARKDOWN = {
    "bold and italic": ("**a** *b* _c_", "<strong>a</strong> <em>b</em> <em>c</em>"),
    "link": (
        "[a **b**](https://a.example)",
        '<a href="https://a.example">a <strong>b</strong></a>',
    ),
    "script link": ("[a](javascript:alert)", "[a](javascript:alert)"),
    "escapes": (r"\*a\* \<b\>", "*a* &lt;b&gt;"),
    "no code": ("`a`", "`a`"),
    "no heading": ("# a", "# a"),
    "no list": ("1. a\n2. b", "1. a\n2. b"),
    "no quote": ("> a", "&gt; a"),
    "no html": ("<b>a</b>", "&lt;b&gt;a&lt;/b&gt;"),
    "blank lines": ("a\n\nb", "a\n\nb"),
}


@pytest.mark.parametrize(("text", "html"), MARKDOWN.values(), ids=MARKDOWN)
def test_markdown_of_plain(text: str, html: str) -> None:
    assert markdown(text, anchor) == html


def test_nothing_that_looks_like_markup_gets_through() -> None:
    for text in (
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "<!--",
        "&lt;b&gt;",
    ):
        for shown in (TEXT.mrkdwn(str(escape(text))), markdown(text, anchor)):
            assert "<" not in shown.replace("<pre>", "")
