"""The only way to Plain: while it is shut nothing listens there, as when Plain is down."""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit, urlunsplit

_CHUNK = 65_536


class Gate:
    """Passes connections on to `target`, byte by byte. A request that finds it shut was surely
    not processed; one that got a 503 might have been."""

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
        """Listen, at the port that it had before."""
        if self._server is None:
            self._server = await asyncio.start_server(self._pass, "127.0.0.1", self._port)
            self._port = self._server.sockets[0].getsockname()[1]

    async def shut(self) -> None:
        """Stop listening, and break what is under way."""
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
    """Until one side has no more to say; the other is then told so."""
    with suppress(OSError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def gate(url: str) -> AsyncIterator[tuple[Gate, str]]:
    """A gate before `url`, open at first, and the URL that leads through it."""
    parts = urlsplit(url)
    made = Gate(parts.port or 80)
    await made.open()
    try:
        yield made, urlunsplit(parts._replace(netloc=f"127.0.0.1:{made.port}"))
    finally:
        await made.shut()
