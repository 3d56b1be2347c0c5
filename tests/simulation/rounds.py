"""What a process of the bridge does again and again, and what must hold of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

from bot.core import refs
from bot.core.faults import Fault
from bot.flows import delay_notices
from bot.flows.delay_notices import NOTICE_SECONDS
from bot.flows.duplicates import Duplicate
from bot.flows.workspace import Workspace
from bot.store.delay_notices import DelayNotices
from bot.store.jobs import Job
from tests.simulation.weather import READ_SECONDS

if TYPE_CHECKING:
    from tests.simulation.process import Process
    from tests.simulation.world import Simulation

BUSY_SECONDS = 15.0
"""From one look at those who wait to the next: about as `app` has it."""
QUIET_SECONDS = 600.0
"""Where nothing is to be done, for a day would hold thousands of such looks."""

CROSSING_SECONDS = 3 * READ_SECONDS
"""For so long a notice may be on its way when its row is settled: what it asks of Slack before."""


async def go_round(world: Simulation, process: Process, workspace: Workspace) -> None:
    """Plan to tell those who wait. Each process does, as while an election is lost and not yet
    noticed."""
    notices = DelayNotices(world.store.ledger)
    while True:
        with suppress(Fault):
            if world.store.has_untold(NOTICE_SECONDS):
                await delay_notices.plan(workspace, notices, process.run)
        await asyncio.sleep(BUSY_SECONDS if world.store.has_open() else QUIET_SECONDS)


class Notices:
    """Knows who was told that it takes longer: each once, and nobody who has the answer."""

    def __init__(self, world: Simulation) -> None:
        self._world = world
        self._given: dict[int, int] = {}
        """In which of its rounds (`Watch.rounds`) a row was given to be told."""
        self._disturbed: dict[tuple[str, int], int] = {}
        self._heard: Counter[tuple[int, int]] = Counter()
        self._settled: dict[int, float] = {}

    def given(self, process: Process, job: Job) -> None:
        """A process has this to tell."""
        self._given[job.key] = self._world.watch.rounds.get(job.key, 0)
        self._disturbed[process.name, job.key] = process.disturbances

    def settled(self, row_id: int) -> None:
        self._settled[row_id] = self._world.loop.now

    def tells(self, process: Process, reference: str, *, heard: bool) -> None:
        """A notice leaves for Slack."""
        row_id = refs.row_id(reference) or 0
        this = (row_id, self._given[row_id])
        self._world.note("tells", process.name, reference, "queued", heard)
        self._heard[this] += heard
        if heard and self._heard[this] > 1:
            self._world.violated(f"{reference}: told twice that it takes longer")
        self._world.seen["notices"] += heard
        settled_at = self._settled.get(row_id)
        if self._world.watch.rounds.get(row_id, 0) == self._given[row_id] or settled_at is None:
            return
        self._world.seen["notices_crossed"] += heard
        undisturbed = self._disturbed[process.name, row_id] == process.disturbances
        if undisturbed and self._world.loop.now - settled_at > CROSSING_SECONDS:
            self._world.violated(f"{reference}: told that it takes longer, and had its answer")

    def double(self, double: Duplicate) -> None:
        """A double was reported."""
        name = (double.ticket.customer, double.ticket.external_id)
        threads = [t for t in self._world.plain.threads if t.draft.customer == name[0]]
        if sum(t.draft.external_id == name[1] for t in threads) < 2:
            self._world.violated(f"{name[1]}: reported as a double, and is none")
