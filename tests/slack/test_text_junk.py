"""Whatever JSON Slack might send: it is read without a raise, and can be stored."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.core.directory import Names
from bot.core.model import Message
from bot.core.refs import MessageRef
from bot.core.text.richtext import pieces, visible
from bot.slack.text.message import message_of
from bot.store.rows import Codec

HALF = "cut off \ud83d"
"""As JSON's escapes allow it: the first half of an emoji."""

KEYS = st.sampled_from(
    [
        "text",
        "blocks",
        "attachments",
        "files",
        "type",
        "elements",
        "fields",
        "style",
        "border",
        "indent",
        "offset",
        "url",
        "unicode",
        "name",
        "user_id",
        "timestamp",
        "fallback",
        "message_blocks",
        "message",
        "is_share",
        "rows",
        "title",
        "title_link",
        "id",
        "size",
        "range",
        "value",
        "slack_file",
        "file",
        "accessory",
        "options",
        "initial_options",
        "child_blocks",
        "call",
        "room",
        "subtype",
        "from",
        "preview",
        "transcription",
        "actions",
        "image_url",
        "author_name",
        "author_link",
        "pretext",
        "footer",
        "ts",
        "from_url",
        "unheard_of",
    ]
)
WORDS = st.sampled_from(
    [
        "rich_text",
        "rich_text_section",
        "rich_text_list",
        "rich_text_quote",
        "rich_text_preformatted",
        "section",
        "header",
        "context",
        "table",
        "image",
        "link",
        "user",
        "emoji",
        "date",
        "text",
        "mrkdwn",
        "raw_text",
        "raw_number",
        "markdown",
        "actions",
        "data_table",
        "task_card",
        "container",
        "call",
        "file",
        "button",
        "checkboxes",
        "overflow",
        "static_select",
        "email",
        "snippet",
        "huddle_thread",
        "https://x.example/a",
        "**a** [b](https://x.example)",
        "ordered",
        "1f44d",
        "<@U1>",
        "<!date^1^x|y>",
        "*a*",
        HALF,
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=25,
)
LIKELY = st.fixed_dictionaries(
    {},
    optional={
        "text": JSON,
        "blocks": st.lists(
            st.fixed_dictionaries(
                {"type": WORDS},
                optional={"elements": st.lists(st.dictionaries(KEYS, JSON)), "text": JSON},
            )
        ),
        "attachments": JSON | st.lists(st.dictionaries(KEYS, JSON)),
        "files": JSON | st.lists(st.dictionaries(KEYS, JSON)),
        "user": WORDS,
        "username": WORDS,
        "bot_id": WORDS,
    },
)
MESSAGE = Codec(Message)


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)
@given(LIKELY | st.dictionaries(KEYS, JSON))
def test_junk_raises_nothing(message: dict[str, Any]) -> None:
    read = message_of(message, MessageRef("C1", "1700000000.000100"))
    visible(read.blocks, Names()).encode()
    pieces(read.blocks, Names())
    assert MESSAGE.value(MESSAGE.text(read)) == read


def test_half_an_emoji_can_be_stored_wherever_it_stands() -> None:
    """It could not, and the escalation was tried for ever: nobody had a ticket or a word."""
    message = message_of(
        {
            "user": HALF,
            "bot_id": "B1",
            "username": HALF,
            "blocks": [
                {
                    "type": "rich_text",
                    "elements": [
                        {
                            "type": "rich_text_section",
                            "elements": [
                                {"type": "text", "text": HALF},
                                {"type": "link", "url": f"https://x.example/{HALF}", "text": HALF},
                                {"type": "emoji", "name": HALF},
                                {"type": "user", "user_id": HALF},
                                {"type": "broadcast", "range": HALF},
                                {"type": "date", "timestamp": 1, "fallback": HALF, "url": HALF},
                            ],
                        }
                    ],
                }
            ],
            "attachments": [{"is_share": True, "title": HALF, "text": HALF, "footer": HALF}],
            "files": [{"id": HALF, "name": HALF, "mimetype": HALF, "permalink": HALF}],
        },
        MessageRef("C1", "1700000000.000100"),
    )
    assert MESSAGE.value(MESSAGE.text(message)) == message
    assert message.made_up == "cut off \ufffd"
