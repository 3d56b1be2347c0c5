"""What nobody in Slack needs to wait for, done after the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field

import structlog

from bot.core.faults import Fault

log = structlog.get_logger("bot.slack")


@dataclass
class BackgroundTasks:
    """Courtesies on their way; none of them is a loss if the process dies."""

    _under_way: set[asyncio.Task[None]] = field(default_factory=set)

    def do(self, work: Awaitable[None]) -> None:
        """Do `work` beside the rest; what goes wrong in it is logged and nobody's loss."""

        async def quietly() -> None:
            try:
                await work
            except (Fault, TimeoutError) as fault:
                note("courtesy_failed", fault)
            except Exception as error:  # noqa: BLE001 — else asyncio would log what it quotes
                broke("courtesy_broke", error)

        task = asyncio.create_task(quietly())
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def give_up(self) -> None:
        """End what is still under way: for what may wait long, and comes back or is no loss."""
        for task in self._under_way:
            task.cancel()
        await self.rest()

    async def rest(self) -> None:
        """Wait for what was left for later (at a graceful stop, and in tests)."""
        await asyncio.gather(*self._under_way, return_exceptions=True)


def raised_at(error: BaseException) -> str:
    """The module and line in which `error` was raised: its words may quote a payload."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "unknown"
    return f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}"


def broke(event: str, error: BaseException) -> None:
    """Log a bug by its kind and its place."""
    log.error(event, error=type(error).__name__, at=raised_at(error))


def note(event: str, fault: BaseException) -> None:
    """Log a fault by its cause; never what a payload held."""
    log.warning(event, cause=str(fault) or type(fault).__name__)
