"""What the sandbox's Slack makes of a typed text."""

from __future__ import annotations

from html import unescape
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.sandbox.slack.typed import command_text, mrkdwn, rich_text

_KNOWN = {"@U1", "#C1", "!subteam^S1", "!here"}


def _known(token: str) -> bool:
    return token in _KNOWN


def _elements(text: str) -> list[dict[str, Any]]:
    elements: list[dict[str, Any]] = rich_text(text, _known, "b")["elements"]
    return elements


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        pytest.param("a < b & c > d", "a &lt; b &amp; c &gt; d", id="escapes"),
        pytest.param("<@U1> <#C1> <!here>", "<@U1> <#C1> <!here>", id="mentions"),
        pytest.param("<@U2>", "&lt;@U2&gt;", id="unknown mention is text"),
        pytest.param("see https://x.y/?a=1&b=2.", "see <https://x.y/?a=1&amp;b=2>.", id="link"),
        pytest.param("`<@U1>`", "`&lt;@U1&gt;`", id="code is not looked into"),
        pytest.param("*b* _i_ :tada:", "*b* _i_ :tada:", id="markup stays"),
    ],
)
def test_text(typed: str, text: str) -> None:
    assert mrkdwn(typed, _known) == text


def _text(text: str, **style: bool) -> dict[str, Any]:
    return {"type": "text", "text": text, **({"style": style} if style else {})}


@pytest.mark.parametrize(
    ("typed", "elements"),
    [
        pytest.param(
            "a *b _c_* ~d~ `e*`",
            [
                _text("a "),
                _text("b ", bold=True),
                _text("c", bold=True, italic=True),
                _text(" "),
                _text("d", strike=True),
                _text(" "),
                _text("e*", code=True),
            ],
            id="styles",
        ),
        pytest.param("snake_case_x 2*3*4 * x", [_text("snake_case_x 2*3*4 * x")], id="no style"),
        pytest.param("at 10:30:45", [_text("at 10:30:45")], id="a time is no emoji"),
        pytest.param(
            ":wave::skin-tone-2: :custom:",
            [
                {"type": "emoji", "name": "wave", "unicode": "1f44b", "skin_tone": 2},
                _text(" "),
                {"type": "emoji", "name": "custom"},
            ],
            id="emoji",
        ),
        pytest.param(
            "<@U1><#C1><!subteam^S1><!here><@U2>",
            [
                {"type": "user", "user_id": "U1"},
                {"type": "channel", "channel_id": "C1"},
                {"type": "usergroup", "usergroup_id": "S1"},
                {"type": "broadcast", "range": "here"},
                _text("<@U2>"),
            ],
            id="mentions",
        ),
    ],
)
def test_inlines(typed: str, elements: list[dict[str, Any]]) -> None:
    assert _elements(typed) == [{"type": "rich_text_section", "elements": elements}]


def test_blocks() -> None:
    kinds = [
        (block["type"], block.get("style"))
        for block in _elements("hi\n> q\n- a\n- b\n1. c\n```x\ny```\nend")
    ]
    assert kinds == [
        ("rich_text_section", None),
        ("rich_text_quote", None),
        ("rich_text_list", "bullet"),
        ("rich_text_list", "ordered"),
        ("rich_text_preformatted", None),
        ("rich_text_section", None),
    ]


def test_a_commands_text_names_what_it_mentions() -> None:
    names = {"@U1": "ada", "#C1": "support"}
    said = command_text("<@U1> & <#C1> <@U2>", names.get)
    assert said == "<@U1|ada> &amp; <#C1|support> &lt;@U2&gt;"


@given(st.text(alphabet="ab *_~`:<>&@#!|\n-.1", max_size=60))
def test_escaping_loses_nothing(typed: str) -> None:
    assert unescape(mrkdwn(typed, lambda _: False)) == typed


@given(st.text(alphabet="ab :<&@#!|.12", min_size=1, max_size=60))
def test_plain_lines_are_shown_as_typed(typed: str) -> None:
    line = f"a{typed}"
    (section,) = _elements(line)
    shown = "".join(
        element["text"] if element["type"] == "text" else f":{element['name']}:"
        for element in section["elements"]
    )
    assert shown == line
