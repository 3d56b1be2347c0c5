"""What the bot said where all can see it: remembered, and edited once it is true no longer."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from bot.core.faults import Refused, TryLater
from bot.core.model import Outcome, PostedAnswer, Ticket, Trigger
from bot.store.executor import Run
from bot.store.undo import StaleAnswer

AT_ONCE = 20
"""Answers of one pass; Slack takes about 50 edits in a minute."""


class Ledger(Protocol):
    """Where the bot said its answers; every method is one transaction."""

    def said(self, row_id: int, said: Sequence[PostedAnswer]) -> None:
        """Remember where the row's answer stands."""

    def where_said(self, row_id: int) -> StaleAnswer | None:
        """Where it stands; None where nothing is remembered."""

    def ended(self, limit: int) -> Sequence[StaleAnswer]:
        """Answers whose ten minutes are over, or whose ticket was undone."""

    def forget_said(self, row_id: int) -> None:
        """It was edited, or cannot be."""


class Slack(Protocol):
    """What is said, and said otherwise, in Slack."""

    async def tell(
        self, trigger: Trigger, outcome: Outcome, reference: str
    ) -> PostedAnswer | None: ...

    async def edit_undone(self, said: PostedAnswer, ticket: Ticket | None, by: str) -> None:
        """Say in place of the answer that this person undid the ticket."""

    async def edit_ended(self, said: PostedAnswer, ticket: Ticket | None) -> None:
        """Take the answer's offer away."""


@dataclass(frozen=True, slots=True)
class World:
    ledger: Ledger
    slack: Slack
    run: Run


async def tell(trigger: Trigger, outcome: Outcome, reference: str, world: World) -> None:
    """Answer the person who asked, and remember where, if that can be edited; raises as
    `ports.Slack.tell` does."""
    said = await world.slack.tell(trigger, outcome, reference)
    if said is not None:
        # It was said; that its button stays longer than it works is no loss.
        with suppress(TryLater):
            await world.run(world.ledger.said, row_id(reference), [said])


async def retract(row: int, world: World) -> tuple[PostedAnswer, ...]:
    """Edit what was said about a row that is undone; returns what that was."""
    found = await world.run(world.ledger.where_said, row)
    if found is None or found.undone_by is None:
        return ()
    return found.said if await _edit(found, world) else ()


async def end_old(world: World) -> int:
    """Edit the answers whose time is over; returns how many there were."""
    found = await world.run(world.ledger.ended, AT_ONCE)
    for one in found:
        await _edit(one, world)
    return len(found)


async def _edit(ended: StaleAnswer, world: World) -> bool:
    """Whether it was edited; what cannot be edited ever is forgotten."""
    try:
        for said in ended.said:
            if ended.undone_by is not None:
                await world.slack.edit_undone(said, ended.ticket, ended.undone_by)
            else:
                await world.slack.edit_ended(said, ended.ticket)
    except TryLater:
        return False  # it comes again
    except Refused:
        await world.run(world.ledger.forget_said, ended.id)
        return False
    await world.run(world.ledger.forget_said, ended.id)
    return True


def row_id(reference: str) -> int:
    """The row that a reference ("PB-7") names; 0, which is none, for what is no reference."""
    digits = reference.removeprefix("PB-")
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 19 else 0
