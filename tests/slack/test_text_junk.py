"""Whatever JSON Slack might send: it is read without a raise."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bot.core.model import Names
from bot.core.richtext import pieces, visible
from bot.slack.text import blocks_of, files_of

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
        "ordered",
        "1f44d",
        "<@U1>",
        "<!date^1^x|y>",
        "*a*",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=40,
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
    },
)


@given(LIKELY | st.dictionaries(KEYS, JSON))
def test_junk_raises_nothing(message: dict[str, Any]) -> None:
    blocks = blocks_of(message)
    visible(blocks, Names()).encode()
    pieces(blocks, Names())
    files_of(message)
