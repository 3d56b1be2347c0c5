"""Look for duplicates of threads whose create had an unknown outcome, once none can come late."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.core.faults import Rejected, TryLater
from bot.flows.workspace import Workspace
from bot.store.duplicates import DuplicateChecks, PossibleDuplicate
from bot.store.executor import Run
from bot.store.jobs import Job

CLOCK_SKEW = 24 * 3600.0
"""Seconds by which Plain's clock and the ledger's may differ."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A ticket, and the refs ("T-8", …) of the other threads with its external id."""

    ticket: PossibleDuplicate
    others: tuple[str, ...]


async def find_duplicates(
    job: Job,
    workspace: Workspace,
    checks: DuplicateChecks,
    run: Run,
    report: Callable[[Duplicate], None],
) -> None:
    """Look for duplicates of one ticket's thread; each is reported once. Raises TryLater.

    Nothing is undone: only people can see in which of two threads somebody has answered.
    """
    found = await run(checks.find, job)
    if found is None:
        await run(checks.end, job, ())
        return
    try:
        threads = await workspace.plain.threads_since(found.customer, found.created_at - CLOCK_SKEW)
    except Rejected as refused:
        raise TryLater(refused.reason.value) from None  # the key may be given the permission
    others = tuple(
        one.ref
        for one in threads
        if one.external_id == found.external_id and one.id != found.thread
    )
    await run(checks.end, job, others)
    if others:
        report(Duplicate(found, others))
