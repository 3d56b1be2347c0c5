"""A bridge as a process: served, or worked with, until the process is asked to end."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import structlog
import uvicorn

from bot.settings import Settings
from bot.wiring import bridge

log = structlog.get_logger("bot")


async def serve(settings: Settings) -> None:
    """`plain-bridge run`: the doors and the worker, until the process is asked to end.

    OSError where it cannot listen; then nothing was begun.
    """
    with _bound(settings.host, settings.port) as listeners:
        await _serve(settings, listeners)


async def _serve(settings: Settings, listeners: list[socket.socket]) -> None:
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
        told = {"host": settings.host, "port": settings.port, "team": built.installation.team}
        server = _Server(config, partial(log.info, "serving", **told))
        _on_signals(server.leave)
        await server.serve(listeners)


async def work(settings: Settings) -> None:
    """`plain-bridge worker`: the worker alone, until the process is asked to end."""
    ended = asyncio.Event()
    async with bridge(settings, hears=False) as built:
        _on_signals(ended.set)  # not sooner: the start may wait for Slack, and a signal ends that
        log.info("working", team=built.installation.team)
        await ended.wait()


@contextmanager
def _bound(host: str, port: int) -> Iterator[list[socket.socket]]:
    """Sockets on all addresses of `host`, bound and not listening yet: who comes is refused.

    As asyncio makes them itself, only sooner: a port that another program has is no reason to
    open the database, or the connection to Slack.
    """
    with ExitStack() as stack:
        bound: list[socket.socket] = []
        flags = socket.AI_PASSIVE
        for family, kind, protocol, _, address in socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=flags
        ):
            listener = stack.enter_context(socket.socket(family, kind, protocol))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # Without it, an answer in two parts waits 40 ms for its second.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind(address)
            bound.append(listener)
        yield bound


class _Server(uvicorn.Server):
    """Leaves signals to the process.

    uvicorn's own server raises them anew as soon as it has ended, which would kill the process
    before the worker could finish. `tell` is called once it listens.
    """

    def __init__(self, config: uvicorn.Config, tell: Callable[[], object]) -> None:
        super().__init__(config)
        self._tell = tell

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._tell()

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
