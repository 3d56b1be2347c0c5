"""Run work that nobody in Slack waits for, such as notices and updates of open views."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field

import structlog

from bot.core.faults import Fault

log = structlog.get_logger("bot.slack")


@dataclass
class BackgroundTasks:
    """A group of tasks whose failures are logged. None of them is a loss if the process dies."""

    _running: set[asyncio.Task[None]] = field(default_factory=set)

    def spawn(self, work: Awaitable[None]) -> None:
        """Start `work`; a fault or a bug in it is logged and raised nowhere."""

        async def logged() -> None:
            try:
                await work
            except (Fault, TimeoutError) as fault:
                note("background_task_failed", fault)
            except Exception as error:  # noqa: BLE001 — else asyncio would log what it quotes
                broke("background_task_crashed", error)

        task = asyncio.create_task(logged())
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def cancel(self) -> None:
        """Cancel all tasks and wait for their end."""
        for task in self._running:
            task.cancel()
        await self.drain()

    async def drain(self) -> None:
        """Wait until all tasks have ended (at a graceful stop, and in tests)."""
        await asyncio.gather(*self._running, return_exceptions=True)


def raised_at(error: BaseException) -> str:
    """Return the module and line that raised `error`: its text may quote a payload."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "unknown"
    return f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}"


def broke(event: str, error: BaseException) -> None:
    """Log a bug by its type and its place."""
    log.error(event, error=type(error).__name__, at=raised_at(error))


def note(event: str, fault: BaseException) -> None:
    """Log a fault by its cause; never what a payload held."""
    log.warning(event, cause=str(fault) or type(fault).__name__)
