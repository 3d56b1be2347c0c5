"""Looks through Slack's history again and again, and says what came of it."""

from __future__ import annotations

import asyncio

import structlog

from bot.core.faults import Fault
from bot.core.findings import Report, Scope, Verdict
from bot.flows.reconcile import World, reconcile

RECONCILE_SECONDS = 900.0
"""From the end of one pass to the beginning of the next."""

log = structlog.get_logger("bot.rounds")


async def reconcile_again(
    world: World, *, at_once: bool = True, every: float = RECONCILE_SECONDS
) -> None:
    """Reconcile now (or, not `at_once`, a pause later) and every `every` seconds.

    Runs until it is cancelled; what goes wrong is logged, and tried again at its time.
    """
    if not at_once:
        await asyncio.sleep(every)
    while True:
        try:
            _note(await reconcile(world, Scope()))
        except (Fault, TimeoutError) as fault:
            log.warning("reconcile_waits", cause=str(fault) or type(fault).__name__)
        except Exception:
            log.exception("reconcile_broke")
        await asyncio.sleep(every)


def _note(report: Report) -> None:
    for found in report.of(Verdict.ESCALATED):
        log.info(
            "found_in_history",
            channel=found.channel.id,
            ts=found.posted.ref.ts,
            emoji=found.emoji,
        )
    log.info(
        "reconciled",
        escalated=len(report.of(Verdict.ESCALATED)),
        looked_at=report.looked_at,
        calls=report.calls,
        **({"went_on": True} if report.went_on else {}),
        **({"stopped": report.stopped} if report.stopped else {}),
        **({"not_looked_at": [one.channel.id for one in report.left]} if report.left else {}),
    )
