"""Look for duplicates of threads whose create had an unknown outcome, once none can come late."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.core.faults import Rejected, TryLater
from bot.flows.workspace import Workspace
from bot.store.duplicates import DuplicateChecks, PossibleDuplicate
from bot.store.executor import Run

AT_ONCE = 20
"""Look-ups of one run; the others have their turn in the next one."""

CLOCK_SKEW = 24 * 3600.0
"""Seconds by which Plain's clock and the ledger's may differ."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A row, and the refs ("T-8", …) of the other threads with its external id."""

    row: PossibleDuplicate
    others: tuple[str, ...]


async def find_duplicates(
    workspace: Workspace, checks: DuplicateChecks, run: Run, report: Callable[[Duplicate], None]
) -> int:
    """Check the rows that are due; return how many there were. Each duplicate is reported once.

    Nothing is undone: only people can see in which of two threads somebody has answered.
    """
    rows = await run(checks.take_due, workspace.team, AT_ONCE)
    for row in rows:
        try:
            threads = await workspace.plain.threads_since(row.customer, row.asked_at - CLOCK_SKEW)
        except (TryLater, Rejected):
            continue  # a later run checks it again
        others = tuple(
            one.ref
            for one in threads
            if one.external_id == row.external_id and one.id != row.thread
        )
        await run(checks.clear, row, others)
        if others:
            report(Duplicate(row, others))
    return len(rows)
