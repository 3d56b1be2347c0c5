"""However much Slack's JSON holds, what is read of a message is bounded, and says so."""

from __future__ import annotations

from typing import Any

import pytest

from bot.core.refs import MessageRef
from bot.core.text.excerpt import GOES_ON, LONGEST_MESSAGE, weight
from bot.slack.text import bounds
from bot.slack.text.message import message_of

REF = MessageRef("C1", "1700000001.000100")


def nested(depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = {"type": "rich_text_section", "elements": [value]}
    return value


SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "word " * 600}}
STYLED = {"type": "text", "text": "a", "style": {"bold": True}}

LONG: dict[str, dict[str, Any]] = {
    "text": {"text": "*a* " * 500_000},
    "sections": {"blocks": [SECTION] * 50_000},
    "rich text": {
        "blocks": [
            {
                "type": "rich_text",
                "elements": [{"type": "rich_text_section", "elements": [STYLED] * 300_000}],
            }
        ]
    },
    "attachments": {"attachments": [{"text": "word " * 1000}] * 1000},
}


@pytest.mark.parametrize("name", list(LONG))
def test_what_is_too_long_is_cut_and_says_so(name: str) -> None:
    read = message_of({"user": "U1", **LONG[name]}, REF)
    assert read.blocks[-1] == GOES_ON
    assert read.author == "U1"
    assert 1000 < weight(read.blocks) <= 3.1 * LONGEST_MESSAGE


def test_what_is_nested_too_deep_is_cut() -> None:
    shown, is_cut = bounds.bounded({"blocks": [nested(100)]})
    assert is_cut
    assert not bounds.bounded({"blocks": [nested(5)]})[1]
    assert message_of({"user": "U1", "text": "t", **shown}, REF).blocks


def test_what_slack_takes_is_left_as_it_is() -> None:
    message = {
        "text": "&amp;" * 40_000,
        "blocks": [SECTION] * 50,
        "user": "U1",
        "n": 1,
        "none": None,
    }
    assert bounds.bounded(message) == (message, False)
