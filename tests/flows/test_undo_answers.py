"""The answers that the bot posted are remembered, and edited once they are stale."""

from __future__ import annotations

import pytest

from bot.core.faults import Fault, Reason, Rejected, Rejection, SlackError, TryLater
from bot.core.model import Created, PostedAnswer
from bot.core.undo import UNDO_SECONDS
from bot.flows import undo
from bot.store.undo import Undos
from tests.flows.settling import settled
from tests.flows.undoing import UndoBench
from tests.nouns import TICKET, escalation, trigger

POSTED = PostedAnswer("C1", "1.000001")


def remembered(bench: UndoBench, row_id: int = 1) -> bool:
    return bench.undos.posted_answer(row_id) is not None


@pytest.fixture
def answered(undo_bench: UndoBench) -> UndoBench:
    """The first row's answer was posted."""
    undo_bench.undos.remember_answer(1, [POSTED])
    return undo_bench


@pytest.mark.parametrize("posted", [POSTED, None])
async def test_what_can_be_edited_is_remembered(
    undo_bench: UndoBench, posted: PostedAnswer | None
) -> None:
    undo_bench.slack.posted = posted
    await undo.tell(trigger(), Created(TICKET), "PB-1", undo_bench.context)
    found = undo_bench.undos.posted_answer(1)
    assert (found.posted if found else None) == ((POSTED,) if posted else None)


async def test_what_cannot_be_remembered_was_said_all_the_same(undo_bench: UndoBench) -> None:
    class Away(Undos):
        def remember_answer(self, row_id: int, posted: object) -> None:
            raise TryLater("database")

    undo_bench.slack.posted = POSTED
    undo_bench.undos = Away(undo_bench.database)
    await undo.tell(trigger(), Created(TICKET), "PB-1", undo_bench.context)
    assert len(undo_bench.slack.told) == 1
    assert not remembered(undo_bench)


async def test_an_answer_to_what_is_undone_is_edited_once(answered: UndoBench) -> None:
    await answered.undo()
    assert await undo.retract(1, answered.context) == (POSTED,)
    assert answered.slack.edits == [("undone by U0ASKER", POSTED)]
    assert await undo.retract(1, answered.context) == ()


async def test_an_answer_to_what_stands_is_left_alone(answered: UndoBench) -> None:
    assert await undo.retract(1, answered.context) == ()
    assert (answered.slack.edits, remembered(answered)) == ([], True)


async def test_the_round_edits_what_is_over_and_what_was_undone(answered: UndoBench) -> None:
    await answered.undo()
    settled(answered.database, Created(TICKET), escalation(2))
    answered.undos.remember_answer(2, [POSTED])
    answered.clock.move(UNDO_SECONDS)
    assert await undo.edit_stale_answers(answered.context) == 2
    assert sorted(what for what, _ in answered.slack.edits) == ["ended", "undone by U0ASKER"]
    assert await undo.edit_stale_answers(answered.context) == 0


@pytest.mark.parametrize(
    ("fault", "is_left"),
    [
        (TryLater("slack_timeout"), True),
        (
            Rejected(Rejection(Reason.SLACK_REFUSED, slack_error=SlackError("message_not_found"))),
            False,
        ),
    ],
    ids=["it comes again", "it is gone"],
)
async def test_an_edit_that_fails(answered: UndoBench, fault: Fault, is_left: bool) -> None:
    answered.clock.move(UNDO_SECONDS)
    answered.slack.tell_faults = [fault]
    await undo.edit_stale_answers(answered.context)
    assert remembered(answered) is is_left
