"""Answers: the text says everything, the blocks say the same."""

from __future__ import annotations

import pytest

from bot.core.faults import Reason
from bot.core.model import Added, AlreadyThere, Created, OnItsWay, Ticket, Turned, Unwanted
from bot.slack.blocks import answer
from bot.slack.blocks.answer import Answer
from bot.slack.words import answers, refusals

TICKET = Ticket("th_1", "T-123", "https://app.plain.com/workspace/w_1/thread/th_1/")


@pytest.mark.parametrize(
    ("built", "text"),
    [
        pytest.param(
            answer.outcome(Created(TICKET), "r"),
            answers.success(Created(TICKET)),
            id="created",
        ),
        pytest.param(
            answer.outcome(Added(TICKET), "r"), answers.success(Added(TICKET)), id="added"
        ),
        pytest.param(
            answer.outcome(Turned(Reason.EMPTY, {}), "r", "UBOT"),
            refusals.refusal(Reason.EMPTY, {}, "r", "UBOT"),
            id="turned",
        ),
        pytest.param(
            answer.remark(AlreadyThere(TICKET)),
            answers.remark(AlreadyThere(TICKET)),
            id="already",
        ),
        pytest.param(answer.remark(OnItsWay()), answers.remark(OnItsWay()), id="on its way"),
        pytest.param(answer.usage(["sos"]), answers.usage(["sos"]), id="help"),
        pytest.param(
            answer.command_not_recorded("x"),
            answers.command_not_recorded("x"),
            id="not recorded",
        ),
        pytest.param(answer.form_not_opened(), answers.form_not_opened(), id="no form"),
    ],
)
def test_the_text_is_complete_and_the_blocks_repeat_it(built: Answer | None, text: str) -> None:
    assert built is not None
    assert built.text == text
    assert built.blocks == [
        {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}
    ]


def test_nothing_is_said_of_what_nobody_asked_for() -> None:
    assert answer.outcome(Unwanted("no rule"), "r") is None


def test_a_text_too_long_for_a_section_stands_alone() -> None:
    assert len(answer.command_not_recorded("x" * 2000).blocks) == 1
    assert answer.command_not_recorded("x" * 3000).blocks == []
