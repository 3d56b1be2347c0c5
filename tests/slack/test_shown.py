"""All that Slack shows of a message stands in the ticket: the table of `tests/shown`."""

from __future__ import annotations

from typing import Any

import pytest

from bot.core.directory import Names
from bot.core.model import ThreadDraft, Via
from bot.core.quote import QuoteContext, ThreadOptions, default_title, excerpt, render, thread
from bot.core.refs import MessageRef
from bot.core.text.parts import PlainTextPart, TextPart
from bot.slack.text.message import message_of
from tests.shown import Case, cases

REF = MessageRef("C0SUPPORT", "1700000000.000100")
CONTEXT = QuoteContext(author="Ben", submitter="Ada", via=Via.REACTION)


def draft(message: dict[str, Any]) -> ThreadDraft:
    parsed = message_of(message, REF)
    return thread(
        external_id="T1:C1:1",
        customer="c_1",
        message=parsed,
        form=None,
        context=CONTEXT,
        options=ThreadOptions(),
        rendered=render(parsed, CONTEXT),
    )


def text_of(found: ThreadDraft) -> str:
    parts = (part for part in found.parts if isinstance(part, TextPart | PlainTextPart))
    return "\n".join(part.text for part in parts)


@pytest.mark.parametrize("case", cases())
def test_all_that_slack_shows_is_quoted(case: Case) -> None:
    found = draft(case.message)
    # What becomes of a file is known later: see the way of the same name.
    shown = [words for words in case.shown if words not in ("not attached", "only opens in Slack")]
    Case(case.message, shown, case.hidden, case.title, None).check(text_of(found), found.title)


@pytest.mark.parametrize("case", cases())
def test_the_form_is_filled_from_the_same_words(case: Case) -> None:
    message = message_of(case.message, REF)
    assert default_title(message, Names()) == draft(case.message).title
    shown = excerpt(message, Names())
    assert shown
    for words in case.hidden:
        assert words not in shown
