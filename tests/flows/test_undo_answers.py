"""Answers are remembered and edited once they are stale; who was told of a ticket hears its end."""

from __future__ import annotations

import pytest

from bot.core.faults import Fault, Reason, Rejected, Rejection, SlackError, TryLater
from bot.core.model import Added, Created, Joined, PostedAnswer, Ticket
from bot.core.undo import UNDO_SECONDS, AddedTo, NotYours, Undone
from bot.flows import edits
from bot.store.edits import LEFT_TO_THE_UNDO, Edits
from bot.store.jobs import Kind
from tests.flows.settling import settled
from tests.flows.undoing import UndoBench
from tests.nouns import TICKET, escalation, trigger
from tests.store.rows import a_job, a_request, change_job, change_ticket

POSTED = PostedAnswer("C1", "1.000001")
RECEIPT = PostedAnswer("C1", "1.000001", "inbox")
GONE = Rejected(Rejection(Reason.SLACK_REFUSED, slack_error=SlackError("message_not_found")))


def posted(bench: UndoBench, row_id: int = 1) -> tuple[PostedAnswer, ...]:
    found = bench.edits.find(row_id)
    return found.posted if found else ()


@pytest.fixture
def answered(undo_bench: UndoBench) -> UndoBench:
    """The first request's answer was posted."""
    undo_bench.edits.remember(1, [POSTED])
    return undo_bench


def joins(bench: UndoBench, submitter: str, **columns: object) -> int:
    """Somebody else requested a ticket for the same message, and was told of it."""
    return a_request(
        bench.database, state="joined", ticket_id=1, submitter=submitter, columns=columns
    )


# Remembering


@pytest.mark.parametrize("said", [POSTED, None])
async def test_what_can_be_edited_is_remembered(
    undo_bench: UndoBench, said: PostedAnswer | None
) -> None:
    undo_bench.slack.posted = said
    await edits.tell(trigger(), Created(TICKET), "PB-1", undo_bench.context.editing)
    assert posted(undo_bench) == ((said,) if said else ())
    assert undo_bench.jobs(Kind.EDIT) == ([1] if said else [])


async def test_what_cannot_be_remembered_was_said_all_the_same(undo_bench: UndoBench) -> None:
    class Away(Edits):
        def remember(self, request_id: int, posted: object) -> None:
            raise TryLater("database")

    undo_bench.slack.posted = POSTED
    undo_bench.edits = Away(undo_bench.ledger)
    await edits.tell(trigger(), Created(TICKET), "PB-1", undo_bench.context.editing)
    assert len(undo_bench.slack.told) == 1
    assert posted(undo_bench) == ()


async def test_an_answer_that_is_posted_after_the_undo_is_edited_at_once(
    undo_bench: UndoBench,
) -> None:
    assert await undo_bench.undo() == Undone(TICKET)
    undo_bench.edits.remember(1, [POSTED])
    await undo_bench.work()
    assert undo_bench.slack.edits == [("undone by U0ASKER", POSTED)]


async def test_an_answer_to_a_request_that_is_gone_is_not_remembered(
    undo_bench: UndoBench,
) -> None:
    undo_bench.edits.remember(99, [POSTED])
    assert undo_bench.jobs(Kind.EDIT) == []


# Editing


async def test_the_undo_edits_the_answer_once(answered: UndoBench) -> None:
    assert await answered.undo() == Undone(TICKET)
    assert answered.answers.edited == [POSTED]
    await answered.work_for(UNDO_SECONDS)
    assert answered.slack.edits == [("undone by U0ASKER", POSTED)]
    assert answered.slack.told_undone == []


async def test_the_button_is_taken_away_when_its_time_is_over(answered: UndoBench) -> None:
    answered.clock.move(UNDO_SECONDS - 1)
    await answered.work()
    assert answered.slack.edits == []
    answered.clock.move(1)
    await answered.work()
    assert answered.slack.edits == [("ended", POSTED)]
    assert (posted(answered), answered.jobs(Kind.EDIT)) == ((), [])


@pytest.mark.parametrize(
    ("fault", "edits_in_the_end"),
    [(TryLater("slack_timeout"), 1), (GONE, 0)],
    ids=["it comes again", "it is gone"],
)
async def test_an_edit_that_fails(answered: UndoBench, fault: Fault, edits_in_the_end: int) -> None:
    answered.slack.tell_faults = [fault]
    await answered.work_for(UNDO_SECONDS + 10)
    assert len(answered.slack.edits) == edits_in_the_end
    assert (posted(answered), answered.jobs(Kind.EDIT)) == ((), [])


async def test_an_edit_waits_for_an_undo_that_has_begun(answered: UndoBench) -> None:
    change_ticket(answered.database, 1, state="undoing", undone_by="U0LINKER")
    answered.clock.move(UNDO_SECONDS)
    await answered.work()
    assert (answered.slack.edits, answered.jobs(Kind.EDIT)) == ([], [1])


@pytest.mark.parametrize("by", ["U0ASKER", "U0LINKER"])
async def test_an_undo_that_overtakes_the_edit_has_the_last_word(
    answered: UndoBench, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    """The answer went on saying that the ticket is there, and nobody was told otherwise."""
    answered.clock.move(UNDO_SECONDS)
    end = answered.slack.edit_ended

    async def overtaken(said: PostedAnswer, ticket: Ticket | None) -> None:
        monkeypatch.setattr(answered.slack, "edit_ended", end)
        assert await answered.undo(by) == Undone(TICKET)
        await end(said, ticket)

    monkeypatch.setattr(answered.slack, "edit_ended", overtaken)
    (editing,) = answered.ledger.claim("two", 0, 1)
    await edits.edit(editing, answered.context.editing)
    await answered.work_for(LEFT_TO_THE_UNDO)
    assert answered.slack.edits[-1] == (f"undone by {by}", POSTED)
    assert (posted(answered), answered.jobs(Kind.EDIT)) == ((), [])
    assert answered.slack.told_undone == []


async def test_an_edit_of_a_request_that_is_gone_ends(undo_bench: UndoBench) -> None:
    a_job(undo_bench.database, Kind.EDIT, 99)
    await undo_bench.work()
    assert undo_bench.jobs(Kind.EDIT) == []


async def test_an_answer_that_cannot_be_edited_now_holds_the_click_back(
    answered: UndoBench,
) -> None:
    answered.slack.tell_faults = [TryLater("slack_ratelimited", after=1.0)]
    assert await answered.undo() is None
    await answered.work_for(2)
    assert answered.results == [Undone(TICKET)]
    assert answered.slack.edits == [("undone by U0ASKER", POSTED)]


# Everybody


async def test_everybody_who_was_told_hears(answered: UndoBench) -> None:
    """Cat, whose reaction counted for the same ticket, heard nothing when Ada undid it."""
    joins(answered, "U0BEN")
    joins(answered, "U0CAT")
    joins(answered, "U0ASKER")
    assert await answered.undo() == Undone(TICKET)
    await answered.work_for(UNDO_SECONDS)
    assert answered.slack.told_undone == [("U0BEN", "U0ASKER"), ("U0CAT", "U0ASKER")]
    assert answered.results == [Undone(TICKET)]
    assert set(answered.changed) == {"U0ASKER", "U0BEN", "U0CAT"}


@pytest.mark.parametrize(
    ("said", "edited", "told"),
    [
        pytest.param(None, [], True, id="nothing to edit"),
        pytest.param(POSTED, [("undone by U0LINKER", POSTED)], False, id="edited"),
        pytest.param(RECEIPT, [("undone by U0LINKER", RECEIPT)], True, id="a reaction goes"),
    ],
)
async def test_who_requested_what_a_linker_undid_hears(
    undo_bench: UndoBench, said: PostedAnswer | None, edited: list[object], told: bool
) -> None:
    if said is not None:
        undo_bench.edits.remember(1, [said])
    assert await undo_bench.undo("U0LINKER") == Undone(TICKET)
    await undo_bench.work_for(LEFT_TO_THE_UNDO)
    assert undo_bench.slack.edits[: len(edited)] == edited
    assert undo_bench.slack.told_undone == ([("U0ASKER", "U0LINKER")] if told else [])


async def test_who_cannot_be_told_where_it_was_posted_is_told_privately(
    answered: UndoBench,
) -> None:
    answered.slack.tell_faults = [GONE, GONE]
    assert await answered.undo("U0LINKER") == Undone(TICKET)
    await answered.work_for(LEFT_TO_THE_UNDO)
    assert (answered.slack.edits, answered.slack.told_undone) == ([], [("U0ASKER", "U0LINKER")])


async def test_who_was_not_answered_yet_is_not_told_that_it_was_created(
    undo_bench: UndoBench,
) -> None:
    other = joins(undo_bench, "U0BEN", answer="due")
    a_job(undo_bench.database, Kind.ANSWER, other)
    change_job(undo_bench.database, Kind.ANSWER, other, due=undo_bench.clock.now + 60)
    assert await undo_bench.undo() == Undone(TICKET)
    await undo_bench.work_for(120)
    assert undo_bench.slack.told_undone == [("U0BEN", "U0ASKER")]
    assert undo_bench.request(other).answer == "said"


async def test_who_could_not_be_told_of_the_ticket_is_not_told_of_its_end(
    undo_bench: UndoBench,
) -> None:
    joins(undo_bench, "U0BEN", answer="unsayable")
    assert await undo_bench.undo() == Undone(TICKET)
    await undo_bench.work_for(60)
    assert undo_bench.slack.told_undone == []


async def test_others_messages_keep_the_ticket_and_nobody_is_told(answered: UndoBench) -> None:
    settled(answered.database, Added(TICKET), escalation(1, request="Ev2", submitter="U0BEN"))
    await answered.undo()
    await answered.work_for(60)
    assert (answered.slack.told_undone, answered.slack.edits) == ([], [])


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (TryLater("slack_ratelimited", after=1.0), [("U0BEN", "U0ASKER")]),
        (TryLater("slack_timeout", outcome_unknown=True), []),
        (GONE, []),
    ],
    ids=["not now", "it may have been said", "nowhere"],
)
async def test_who_could_not_be_told_is_told_later_but_not_twice(
    undo_bench: UndoBench, fault: Fault, told: list[object]
) -> None:
    joins(undo_bench, "U0BEN")
    undo_bench.slack.tell_faults = [fault]
    assert await undo_bench.undo() == Undone(TICKET)
    await undo_bench.work_for(30)
    assert (undo_bench.slack.told_undone, undo_bench.jobs(Kind.EDIT)) == (told, [])


async def test_who_only_joined_undoes_nothing(undo_bench: UndoBench) -> None:
    other = joins(undo_bench, "U0BEN")
    assert await undo_bench.undo("U0BEN", request_id=other) == NotYours()
    assert await undo_bench.undo("U0LINKER", request_id=other) == Undone(TICKET)
    await undo_bench.work_for(10)
    assert sorted(undo_bench.slack.told_undone) == [("U0ASKER", "U0LINKER"), ("U0BEN", "U0LINKER")]


async def test_words_that_another_form_added_keep_the_ticket(undo_bench: UndoBench) -> None:
    outcome = Joined(TICKET, added_words=True)
    joining = escalation(request="Ev2", submitter="U0BEN")
    settled(undo_bench.database, outcome, joining)
    assert await undo_bench.undo() == AddedTo(TICKET)
