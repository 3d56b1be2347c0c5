"""A bridge as a process: served, or worked with, until the process is asked to end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
import uvicorn

from bot.settings import Settings
from bot.wiring import bridge

log = structlog.get_logger("bot")


async def serve(settings: Settings) -> None:
    """`plain-bridge run`: the doors and the worker, until the process is asked to end."""
    async with bridge(settings) as built:
        config = uvicorn.Config(
            built.http,
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=5,
        )
        log.info("serving", host=settings.host, port=settings.port, team=built.installation.team)
        server = _Server(config)
        _on_signals(server.leave)
        await server.serve()


async def work(settings: Settings) -> None:
    """`plain-bridge worker`: the worker alone, until the process is asked to end."""
    ended = asyncio.Event()
    async with bridge(settings, hears=False) as built:
        _on_signals(ended.set)  # not sooner: the start may wait for Slack, and a signal ends that
        log.info("working", team=built.installation.team)
        await ended.wait()


class _Server(uvicorn.Server):
    """Leaves signals to the process.

    uvicorn's own server raises them anew as soon as it has ended, which would kill the process
    before the worker could finish.
    """

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def leave(self) -> None:
        """Take no more requests, answer those that are there, and end."""
        self.should_exit = True


def _on_signals(end: Callable[[], None]) -> None:
    """Call `end` when the process is asked to end."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end)
