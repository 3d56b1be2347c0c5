"""A Slack message's JSON in, core's nodes out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bot.core.directory import Names
from bot.core.model import File
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
    pieces,
)
from bot.slack.text.message import blocks_of, files_of, plain_blocks
from tests.contracts import Contract

BOLD = Style(bold=True)


def section(*elements: dict[str, Any], kind: str = "rich_text_section") -> dict[str, Any]:
    return {"type": kind, "elements": list(elements)}


def text(words: str, **style: bool) -> dict[str, Any]:
    return {"type": "text", "text": words, "style": style}


def rich(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"text": "fallback", "blocks": [{"type": "rich_text", "elements": list(elements)}]}


ELEMENTS: dict[str, tuple[dict[str, Any], tuple[Inline, ...]]] = {
    "text": ({"type": "text", "text": "a & <b>"}, (Text("a & <b>"),)),
    "styles": (
        text("a", bold=True, italic=True, strike=True, code=True, highlight=True),
        (Text("a", Style(True, True, True, True)),),
    ),
    "link": (
        {"type": "link", "url": "https://x.example", "text": "x", "style": {"bold": True}},
        (Link("https://x.example", "x", BOLD),),
    ),
    "bare link": ({"type": "link", "url": "https://x.example"}, (Link("https://x.example"),)),
    "link to nowhere": ({"type": "link", "text": "x"}, (Text("x"),)),
    "user": ({"type": "user", "user_id": "U1"}, (Mention("user", "U1"),)),
    "channel": ({"type": "channel", "channel_id": "C1"}, (Mention("channel", "C1"),)),
    "user group": ({"type": "usergroup", "usergroup_id": "S1"}, (Mention("usergroup", "S1"),)),
    "user without an id": ({"type": "user"}, ()),
    "emoji": (
        {"type": "emoji", "name": "+1", "unicode": "1f44d-1f3fb"},
        (Emoji("+1", "👍🏻"),),
    ),
    "own emoji": ({"type": "emoji", "name": "parrot"}, (Emoji("parrot"),)),
    "emoji of no character": (
        {"type": "emoji", "name": "x", "unicode": "d800-zz"},
        (Emoji("x"),),
    ),
    "date": (
        {"type": "date", "timestamp": 1392734382, "format": "{date}", "fallback": "Feb"},
        (Date(1392734382, "Feb"),),
    ),
    "date without a time": ({"type": "date", "fallback": "Feb"}, (Text("Feb"),)),
    "broadcast": ({"type": "broadcast", "range": "here"}, (Broadcast("here"),)),
    "color": ({"type": "color", "value": "#ff0000"}, (Text("#ff0000"),)),
    "unknown": ({"type": "new", "text": "a"}, (Text("a"),)),
    "unknown without a text": ({"type": "new"}, (Text("[new]"),)),
}


@pytest.mark.parametrize(("element", "expected"), ELEMENTS.values(), ids=ELEMENTS)
def test_elements(element: dict[str, Any], expected: tuple[Inline, ...]) -> None:
    found = blocks_of(rich(section(text("-"), element)))
    assert found == (Paragraph((Text("-"), *expected)),)


def items(*words: str, **extra: Any) -> dict[str, Any]:
    return {
        "type": "rich_text_list",
        "elements": [section(text(word)) for word in words],
        **extra,
    }


A, B = (Text("a"),), (Text("b"),)
BLOCKS: dict[str, tuple[list[dict[str, Any]], tuple[Block, ...]]] = {
    "quote": ([section(text("a"), kind="rich_text_quote")], (Quote(A),)),
    "code": ([section(text("a"), kind="rich_text_preformatted")], (Preformatted(A),)),
    "quoted code": (
        [{**section(text("a"), kind="rich_text_preformatted"), "border": 1}],
        (Quote((Text("```\n"), *A, Text("\n```"))),),
    ),
    "bullets": ([items("a", "b", style="bullet")], (Items((A, B)),)),
    "quoted bullets": ([items("a", style="bullet", border=1)], (Items((A,), quoted=True),)),
    "numbers that go on": (
        [items("a", style="ordered", indent=1, offset=4)],
        (Items((A,), ordered=True, indent=1, start=5),),
    ),
    "numbers that go on after nested ones": (
        [
            items("a", "b", style="ordered"),
            items("a", style="ordered", indent=1),
            items("b", style="ordered"),
        ],
        (
            Items((A, B), ordered=True),
            Items((A,), ordered=True, indent=1),
            Items((B,), ordered=True, start=3),
        ),
    ),
    "numbers that begin again": (
        [items("a", style="ordered"), section(text("b")), items("a", style="ordered")],
        (Items((A,), ordered=True), Paragraph(B), Items((A,), ordered=True)),
    ),
}


@pytest.mark.parametrize(("elements", "expected"), BLOCKS.values(), ids=BLOCKS)
def test_blocks(elements: list[dict[str, Any]], expected: tuple[Block, ...]) -> None:
    assert blocks_of(rich(*elements)) == expected


def test_a_payload_as_slack_sends_it(contract: Contract) -> None:
    payload = json.loads(contract("slack-payloads/message_action.json").read_text())
    assert blocks_of(payload["message"]) == (Paragraph((Mention("user", "U234"), Text(" test"))),)


def seen(message: dict[str, Any]) -> str:
    return "\n".join(pieces(blocks_of(message), Names()))


MARKDOWN_OBJECT = {"type": "mrkdwn", "text": "*a* &amp; <https://x.example|x>"}
OTHERS: dict[str, tuple[dict[str, Any], str]] = {
    "section": (
        {"blocks": [{"type": "section", "text": MARKDOWN_OBJECT, "fields": [MARKDOWN_OBJECT]}]},
        "**a** & [x](https://x.example)\n\n**a** & [x](https://x.example)",
    ),
    "header and context": (
        {
            "blocks": [
                {"type": "header", "text": {"type": "plain_text", "text": "Deploy *1*"}},
                {"type": "divider"},
                {
                    "type": "context",
                    "elements": [{"type": "image", "alt_text": "logo"}, MARKDOWN_OBJECT],
                },
                {"type": "actions", "elements": [{"type": "button"}]},
            ]
        },
        r"**Deploy \*1\***" + "\n\nlogo **a** & [x](https://x.example)",
    ),
    "image": ({"blocks": [{"type": "image", "alt_text": "a cat"}]}, "a cat"),
    "table": (
        {
            "blocks": [
                {
                    "type": "table",
                    "rows": [
                        [{"type": "raw_text", "text": "a"}, {"type": "raw_text", "text": "b"}],
                        [{"type": "rich_text", "elements": [section(text("c"))]}, {}],
                    ],
                }
            ]
        },
        "a | b\nc |",
    ),
    "blocks before the text": (
        {"text": "short", "blocks": [{"type": "section", "text": MARKDOWN_OBJECT}]},
        "**a** & [x](https://x.example)",
    ),
    "attachment": (
        {
            "text": "",
            "attachments": [
                {
                    "fallback": "never seen",
                    "pretext": "before",
                    "title": "Alert &amp; more",
                    "title_link": "https://x.example/1",
                    "text": "*CPU*",
                    "fields": [{"title": "Host", "value": "`db1`"}],
                    "footer": "Monitor",
                }
            ],
        },
        "before\n\n[**Alert & more**](https://x.example/1)\n\n**CPU**\n\n**Host**\n`db1`\n\nMonitor",
    ),
    "attachment of blocks": (
        {"attachments": [{"blocks": rich(section(text("a", bold=True)))["blocks"]}]},
        "**a**",
    ),
    "attachment of words for old clients": ({"attachments": [{"fallback": "old"}]}, "old"),
    "preview of a link": (
        {"text": "see", "attachments": [{"from_url": "https://x.example", "text": "preview"}]},
        "see",
    ),
    "forwarded": (
        {
            "text": "please help",
            "attachments": [
                {
                    "is_share": True,
                    "author_name": "Ada",
                    "fallback": "never seen",
                    "message_blocks": [{"message": rich(section(text("it is down")))}],
                }
            ],
        },
        "please help\n\n**Ada**\n> it is down",
    ),
    "forwarded as text": (
        {"attachments": [{"is_share": True, "author_name": "Ada", "text": "a\nb"}]},
        "**Ada**\n> a\n> b",
    ),
    "nothing": ({}, "_A message without text. It can't be quoted._"),
}


@pytest.mark.parametrize(("message", "expected"), OTHERS.values(), ids=OTHERS)
def test_other_sources(message: dict[str, Any], expected: str) -> None:
    assert seen(message).strip() == expected


FILES = {
    "whole": (
        {
            "id": "F1",
            "name": "a.pdf",
            "mimetype": "application/pdf",
            "size": 5,
            "permalink": "https://x.example/F1",
            "url_private": "https://x.example/private",
        },
        (
            File(
                "F1",
                "a.pdf",
                "application/pdf",
                5,
                "https://x.example/F1",
                download="https://x.example/private",
            ),
        ),
    ),
    "withheld": (
        {"id": "F1", "file_access": "check_file_info"},
        (File("F1", withheld=True),),
    ),
    "external": (
        {"id": "F1", "mode": "external", "is_external": True},
        (File("F1", mode="external", external=True),),
    ),
    "a token in its address": (
        {"id": "F1", "url_private_download": "https://x.example/d?t=xoxe-test&a=1&pub_secret=9"},
        (File("F1", download="https://x.example/d?a=1"),),
    ),
    "nothing but a token in its address": (
        {"id": "F1", "url_private": "https://x.example/d?t=xoxe-test"},
        (File("F1", download="https://x.example/d"),),
    ),
    "no name": ({"id": "F1", "name": None, "title": "Plan"}, (File("F1", "Plan"),)),
    "no id": ({"name": "a.pdf"}, ()),
    "junk": ({"id": "F1", "name": 1, "size": -1, "permalink": []}, (File("F1"),)),
}


@pytest.mark.parametrize(("file", "expected"), FILES.values(), ids=FILES)
def test_files(file: dict[str, Any], expected: tuple[File, ...]) -> None:
    assert files_of({"files": [file, None]}) == expected


def test_a_commands_text() -> None:
    assert plain_blocks("<@U1|ada> has 5 &lt; 6") == (
        Paragraph((Mention("user", "U1", "ada"), Text(" has 5 < 6"))),
    )


def test_messages_forwarded_without_end_are_read_to_some_depth() -> None:
    message: dict[str, Any] = {"text": "end"}
    for _ in range(500):
        carried = {"is_share": True, "message_blocks": [{"message": message}]}
        message = {"text": "more", "attachments": [carried]}
    assert seen(message).count("more") == 4
