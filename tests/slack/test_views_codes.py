"""Words for the codes that the ledger stores: people never see a code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.core.faults import Reason, Rejection
from bot.core.model import Via
from bot.core.record import Record, State
from bot.core.why import ExplainedRecord
from bot.slack.views import decisions, rejections

NOBODY = Rejection(Reason.NO_CUSTOMER)
BOT = Path(rejections.__file__).parents[2]


def row(**values: object) -> ExplainedRecord:
    given = {
        "id": 7,
        "key": "k",
        "via": Via.REACTION,
        "team": "T0001",
        "submitter": "U1",
        "created_at": 1.7e9,
    }
    return ExplainedRecord(Record(**(given | values)))  # type: ignore[arg-type]


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_words(reason: Reason) -> None:
    said = rejections.short(reason.value)
    assert "_" not in said
    assert said != rejections.short("a reason of a later release")


@pytest.mark.parametrize("word", ["no_rule", "asked_by_a_bot", "forgotten"])
def test_what_is_left_alone_has_words(word: str) -> None:
    assert rejections.short(word) != rejections.short("a reason of a later release")


def test_who_may_not_ask_is_named() -> None:
    said = rejections.short("not_allowed", Rejection(Reason.NOT_ALLOWED, user_kind="external"))
    assert said == "people from other companies can't create tickets here"


def test_every_cause_that_the_code_names_has_words() -> None:
    """`bug` is what the rest is called."""
    named = {
        cause
        for path in BOT.rglob("*.py")
        if "sandbox" not in path.parts
        for cause in re.findall(r'(?:TryLater|Wait|Postponed)\(\s*f?"([^"]+)"', path.read_text())
    }
    assert len(named) > 30
    for cause in named - {"bug", "call_budget"}:
        assert rejections.cause(re.sub(r"{\w+}", "503", cause)) != rejections.cause("bug"), cause


@pytest.mark.parametrize(
    ("known", "words"),
    [
        (row(state=State.REJECTED, reason="unknown_label"), "Rejected: a rule names a label"),
        (
            row(
                state=State.ON_HOLD,
                reason="no_customer",
                rejection=Rejection(Reason.NO_CUSTOMER, requester="U1"),
            ),
            "On hold: we don't know which Plain customer U1 is.",
        ),
        (row(state=State.PARKED, reason="gave_up"), "Rejected: it kept failing for hours"),
        (row(state=State.IGNORED, reason="no_rule"), "Ignored: no rule matched the reaction"),
        (
            row(state=State.IGNORED, reason="forgotten"),
            "Ignored: its submitter was erased from the",
        ),
        (
            row(state=State.WAITING, attempts=2, cause="plain_unreachable"),
            "2 attempts; the last one failed: Plain couldn't be reached.",
        ),
    ],
)
def test_a_record_is_told_without_codes(known: ExplainedRecord, words: str) -> None:
    said = decisions.record(known)
    assert words in said
    assert known.record.reason is None or known.record.reason not in said
    assert known.record.cause is None or known.record.cause not in said
