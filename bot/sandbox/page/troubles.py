"""Make trouble by switches: Plain down, slow or failing, Slack delivering twice, and so on."""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from bot.sandbox.plain import Plain
from bot.sandbox.slack import Slack

SLOW_SECONDS = 3.0
_FOREVER = 10**9


@dataclass(frozen=True)
class Switch:
    name: str
    label: str
    means: str


SWITCHES = (
    Switch("down", "Plain is down", "Nothing answers. Tickets wait, and none is lost."),
    Switch("slow", "Plain is slow", f"Every answer takes {SLOW_SECONDS:g} seconds."),
    Switch(
        "lies",
        "Plain commits and answers 502",
        "The thread is created, but the answer says it failed. Still only one thread each.",
    ),
    Switch("twice", "Slack sends everything twice", "Every event arrives twice."),
)


class Troubles:
    """Keeps which switches are on, and makes the trouble that they mean."""

    def __init__(self, slack: Slack, plain: Plain, gate: PlainGate) -> None:
        self.on: set[str] = set()
        self._slack = slack
        self._plain = plain
        self._gate = gate

    async def turn(self, name: str) -> None:
        """Flip a switch. Raise ValueError if there is none of this name."""
        if name not in {one.name for one in SWITCHES}:
            raise ValueError(f"there is no switch {name!r}")
        self.on ^= {name}
        self._slack.deliver_twice = "twice" in self.on
        self._plain.heal()
        if "down" in self.on:
            await self._gate.shut()
        else:
            await self._gate.open()
        if "lies" in self.on:
            self._plain.fail("createThread", "502", times=_FOREVER, committed=True)
        if "slow" in self.on:
            self._plain.fail(None, "late", times=_FOREVER, seconds=SLOW_SECONDS)


_CHUNK = 65_536


class PlainGate:
    """Forwards connections to port `target` byte by byte, unless it is shut.

    A request that finds it shut was certainly not processed; one that got a 503 might have been.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._port = 0
        self._server: asyncio.Server | None = None
        self._ends: set[StreamWriter] = set()
        self._passing: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        return self._port

    async def open(self) -> None:
        """Listen on the same port as before."""
        if self._server is None:
            self._server = await asyncio.start_server(self._pass, "127.0.0.1", self._port)
            self._port = self._server.sockets[0].getsockname()[1]

    async def shut(self) -> None:
        """Stop listening, and break open connections."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for end in list(self._ends):
            end.transport.abort()
        await asyncio.gather(*self._passing, return_exceptions=True)

    async def _pass(self, reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._passing.add(task)
            task.add_done_callback(self._passing.discard)
        self._ends.add(writer)
        with suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
            self._ends.add(far_writer)
            await asyncio.gather(_pour(reader, far_writer), _pour(far_reader, writer))
            self._ends.discard(far_writer)
        writer.close()
        self._ends.discard(writer)


async def _pour(reader: StreamReader, writer: StreamWriter) -> None:
    """Copy until one side ends its data, then end the other's."""
    with suppress(OSError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def gate(url: str) -> AsyncIterator[tuple[PlainGate, str]]:
    """Open a gate in front of `url`; yield it and the URL that leads through it."""
    parts = urlsplit(url)
    made = PlainGate(parts.port or 80)
    await made.open()
    try:
        yield made, urlunsplit(parts._replace(netloc=f"127.0.0.1:{made.port}"))
    finally:
        await made.shut()
