"""Periodic tasks: reconciliation, and the loop that repeats a task."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from bot.core.faults import Fault
from bot.core.reconcile import RECONCILE_SECONDS, FindingVerdict, ReconcileReport, Scope
from bot.core.refs import reference
from bot.flows.duplicates import Duplicate
from bot.flows.reconcile import ReconcileContext, reconcile

log = structlog.get_logger("bot.periodic")


async def every(seconds: float, work: Callable[[], Awaitable[object]]) -> None:
    """Run `work` now and every `seconds` until cancelled; failures are logged."""
    while True:
        try:
            await work()
        except (Fault, TimeoutError) as fault:
            log.info("periodic_task_postponed", cause=str(fault) or type(fault).__name__)
        except Exception:
            log.exception("periodic_task_crashed")
        await asyncio.sleep(seconds)


def log_duplicate(duplicate: Duplicate) -> None:
    """Log a duplicate thread of one ticket: people have to look at both."""
    log.warning(
        "duplicate_found",
        key=duplicate.ticket.external_id,
        reference=reference(duplicate.ticket.request_id),
        thread=duplicate.ticket.ref,
        others=", ".join(duplicate.others),
    )


async def reconcile_again(
    context: ReconcileContext, *, at_once: bool = True, every_seconds: float = RECONCILE_SECONDS
) -> None:
    """Reconcile now (or, not `at_once`, a pause later) and every so many seconds.

    Runs until it is cancelled; a failure is logged, and the next pass runs at its time.
    """
    if not at_once:
        await asyncio.sleep(every_seconds)

    async def once() -> None:
        _note(await reconcile(context, Scope()))

    await every(every_seconds, once)


def _note(report: ReconcileReport) -> None:
    for found in report.of(FindingVerdict.ESCALATED):
        log.info(
            "found_in_history",
            channel=found.channel.id,
            ts=found.posted.ref.ts,
            emoji=found.emoji,
        )
    log.info(
        "reconciled",
        escalated=len(report.of(FindingVerdict.ESCALATED)),
        looked_at=report.looked_at,
        calls=report.calls,
        **({"went_on": True} if report.went_on else {}),
        **({"stopped": report.stopped} if report.stopped else {}),
        **({"not_looked_at": [one.channel.id for one in report.left]} if report.left else {}),
    )
