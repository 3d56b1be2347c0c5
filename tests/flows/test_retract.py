"""What the bot had said is remembered, and edited once it is over."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from bot.core.faults import Fault, Reason, Refused, TryLater
from bot.core.model import Created, Outcome, PostedAnswer, Ticket, Trigger
from bot.flows import retract
from bot.store.undo import StaleAnswer
from tests.flows.fakes import run
from tests.nouns import TICKET, trigger


@dataclass
class FakeSaid:
    """What is remembered, and what was said in its place."""

    kept: dict[int, StaleAnswer] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    edits: list[tuple[str, PostedAnswer]] = field(default_factory=list)
    told: PostedAnswer | None = None

    def said(self, row_id: int, said: object) -> None:
        if self.faults:
            raise self.faults.pop(0)
        self.kept[row_id] = StaleAnswer(row_id, tuple(said), TICKET)  # type: ignore[arg-type]

    def where_said(self, row_id: int) -> StaleAnswer | None:
        return self.kept.get(row_id)

    def ended(self, limit: int) -> list[StaleAnswer]:
        return list(self.kept.values())[:limit]

    def forget_said(self, row_id: int) -> None:
        del self.kept[row_id]

    async def tell(self, trigger: Trigger, outcome: Outcome, reference: str) -> PostedAnswer | None:
        return self.told

    async def edit_undone(self, said: PostedAnswer, ticket: Ticket | None, by: str) -> None:
        assert ticket == TICKET
        self._edit(f"undone by {by}", said)

    async def edit_ended(self, said: PostedAnswer, ticket: Ticket | None) -> None:
        assert ticket == TICKET
        self._edit("ended", said)

    def _edit(self, what: str, said: PostedAnswer) -> None:
        if self.faults:
            raise self.faults.pop(0)
        self.edits.append((what, said))

    @property
    def world(self) -> retract.World:
        return retract.World(self, self, run)


SAID = PostedAnswer("C1", "1.000001")


@pytest.mark.parametrize("told", [SAID, None])
async def test_what_can_be_edited_is_remembered(told: PostedAnswer | None) -> None:
    fake = FakeSaid(told=told)
    await retract.tell(trigger(), Created(TICKET), "PB-7", fake.world)
    assert [one.said for one in fake.kept.values()] == ([(SAID,)] if told else [])


async def test_what_cannot_be_remembered_was_said_all_the_same() -> None:
    fake = FakeSaid(told=SAID, faults=[TryLater("database")])
    await retract.tell(trigger(), Created(TICKET), "PB-7", fake.world)
    assert fake.kept == {}


async def test_an_answer_to_what_is_undone_is_edited_once() -> None:
    fake = FakeSaid({7: StaleAnswer(7, (SAID,), TICKET, undone_by="U1")})
    assert await retract.retract(7, fake.world) == (SAID,)
    assert fake.edits == [("undone by U1", SAID)]
    assert await retract.retract(7, fake.world) == ()


async def test_an_answer_to_what_stands_is_left_alone() -> None:
    fake = FakeSaid({7: StaleAnswer(7, (SAID,), TICKET)})
    assert await retract.retract(7, fake.world) == ()
    assert (fake.edits, len(fake.kept)) == ([], 1)


async def test_the_round_edits_what_is_over_and_what_was_undone() -> None:
    fake = FakeSaid(
        {7: StaleAnswer(7, (SAID,), TICKET), 8: StaleAnswer(8, (SAID,), TICKET, undone_by="U1")}
    )
    assert await retract.end_old(fake.world) == 2
    assert [what for what, _ in fake.edits] == ["ended", "undone by U1"]
    assert await retract.end_old(fake.world) == 0


@pytest.mark.parametrize(
    ("fault", "left"),
    [(TryLater("slack_timeout"), 1), (Refused(Reason.SLACK_REFUSED, code="message_not_found"), 0)],
    ids=["it comes again", "it is gone"],
)
async def test_an_edit_that_fails(fault: Fault, left: int) -> None:
    fake = FakeSaid({7: StaleAnswer(7, (SAID,), TICKET)}, faults=[fault])
    await retract.end_old(fake.world)
    assert len(fake.kept) == left


@pytest.mark.parametrize(
    ("reference", "row"),
    [("PB-7", 7), ("PB-", 0), ("", 0), ("7", 7), ("PB-x", 0), ("PB-²", 0), (f"PB-{10**30}", 0)],
)
def test_which_row_a_reference_names(reference: str, row: int) -> None:
    assert retract.row_id(reference) == row
