"""Knows what was undone, and who heard of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bot.core import refs
from bot.core.model import Trigger
from bot.core.undo import Result, Undone
from bot.store.undo import Undoing
from tests.simulation.watch import SUCCESSES

if TYPE_CHECKING:
    from sqlite3 import Row

    from tests.simulation.process import Process
    from tests.simulation.world import Simulation


class Undoings:
    """The undos of a world."""

    def __init__(self, world: Simulation) -> None:
        self._world = world
        self._heard_of: set[int] = set()
        """Requests whose submitters heard that their ticket was undone, or may have."""
        self._taken_back: set[str] = set()
        """Acts that were taken back."""

    def taken_back(self, trigger: Trigger) -> None:
        """A person takes their reaction back."""
        self._taken_back.add(_act(trigger))

    def tells(self, request: str, may_be_heard: bool) -> None:
        """The submitter is told that somebody else undid their ticket."""
        for row in self._world.store.requests("slack_id = ?", request):
            self._hears(row["id"], may_be_heard)

    def edits(self, reference: str, may_be_heard: bool) -> None:
        """An answer is edited to say so."""
        self._hears(refs.row_id(reference) or 0, may_be_heard)

    def _hears(self, row_id: int, may_be_heard: bool) -> None:
        self._world.note("undone", f"PB-{row_id}", may_be_heard)
        self._world.seen["undos_told"] += 1
        if may_be_heard:
            self._heard_of.add(row_id)

    def answers(self, process: Process, undoing: Undoing, result: Result) -> None:
        """Whoever wanted the undo is answered."""
        name = type(result).__name__
        self._world.note("answers", process.name, f"undo-{undoing.id}", name)
        self._world.seen[f"undo_{name.lower()}"] += 1
        target = undoing.target
        if not isinstance(result, Undone) or target is None:
            return
        (row,) = self._world.store.requests("id = ?", target.id)
        states = {one["id"]: one["state"] for one in self._world.store.tickets()}
        if row["state"] != "withdrawn" and states.get(row["ticket_id"]) != "undone":
            self._world.violated(f"PB-{target.id}: told as undone, and is {row['state']}")

    # At the end of a day

    def check(self, requests: list[Row], tickets: dict[int, Row]) -> Iterator[str]:
        """Yield what does not hold of undos."""
        for row in requests:
            if row["state"] == "withdrawn":
                yield from self._wrongly_withdrawn(row)
            ticket = tickets.get(row["ticket_id"])
            if ticket is None or ticket["state"] != "undone" or row["state"] not in SUCCESSES:
                continue
            if row["state"] == "added":
                yield f"PB-{row['id']}: was added to a ticket that was undone"
            yield from self._unheard(row, ticket)

    def _wrongly_withdrawn(self, row: Row) -> Iterator[str]:
        trigger = self._world.asked_for.get(row["slack_id"])
        if trigger is None or trigger.emoji is None or _act(trigger) not in self._taken_back:
            yield f"PB-{row['id']}: withdrawn, and nobody took it back"
        if any(one.heard for one in self._world.watch.all_told(row["id"]) if one.is_success):
            yield f"PB-{row['id']}: withdrawn, and told as a success"

    def _unheard(self, row: Row, ticket: Row) -> Iterator[str]:
        told = self._world.watch.all_told(row["id"])
        if ticket["undone_by"] == row["submitter"] or self._world.is_forgotten(row):
            return
        was_told = any(one.heard and one.is_success for one in told)
        if was_told and row["id"] not in self._heard_of:
            yield f"PB-{row['id']}: told of {ticket['thread_ref']}, and not of its undo"


def _act(trigger: Trigger) -> str:
    assert trigger.ref is not None
    assert trigger.emoji is not None
    key = refs.message_key(trigger.team, trigger.ref)
    return refs.reaction_act(key, trigger.submitter, trigger.emoji)
