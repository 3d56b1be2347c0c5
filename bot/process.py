"""The bridge as a process that runs until it is asked to end."""

from __future__ import annotations

import asyncio
import ipaddress
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import structlog

from bot.app import bridge
from bot.server import Server
from bot.settings import Settings

log = structlog.get_logger("bot")


async def serve(settings: Settings, *, hears: bool = True) -> None:
    """Run a bridge until the process is asked to end.

    `hears`: with the doors of Slack and Plain, as `plain-bridge run`; without them it is a worker,
    which serves health and metrics only. OSError where it cannot listen; then nothing was begun.
    """
    with _bound(settings.host, settings.port) as listeners:
        async with bridge(settings, hears=hears) as built:
            told = {
                "host": settings.host,
                "port": listeners[0].getsockname()[1],
                "team": built.installation.team,
            }
            name = "serving" if hears else "working"
            server = Server(built.http, partial(log.info, name, **told))
            # Not sooner: the start may wait for Slack, and a signal ends that.
            _on_signals(server.leave)
            await server.serve(listeners)


@contextmanager
def _bound(host: str, port: int) -> Iterator[list[socket.socket]]:
    """Yield sockets that are bound to all addresses of `host`, and not listening yet.

    As asyncio makes them itself, only sooner: a port that another program has is no reason to
    open the database, or the connection to Slack. `::` takes IPv4 too, as people expect of it.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    has_ipv4 = any(family == socket.AF_INET for family, *_ in found)
    with ExitStack() as stack:
        bound: list[socket.socket] = []
        for family, kind, protocol, _, address in found:
            listener = stack.enter_context(socket.socket(family, kind, protocol))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # Without it, an answer in two parts waits 40 ms for its second.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if family == socket.AF_INET6:
                both = not has_ipv4 and ipaddress.ip_address(address[0]).is_unspecified
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(not both))
            listener.bind(address)
            bound.append(listener)
        yield bound


def _on_signals(end: Callable[[], None]) -> None:
    """Call `end` when the process is asked to end."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end)
