"""What a real connection does: refused, dropped, silent, slow, kept alive."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from bot.core.faults import TryLater
from bot.core.model import ThreadDraft
from bot.core.text.parts import TextPart
from bot.plain.client import PlainClient
from bot.plain.transport import CONNECTIONS
from tests.plain.recordings import recorded

DRAFT = ThreadDraft("c_1", "T1:C1:1700000000.000100", "Printer on fire", (TextPart("It burns"),))

Conversation = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def hear(reader: asyncio.StreamReader) -> bytes:
    """One whole request."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = dict(
        line.split(": ", 1) for line in head.decode().lower().split("\r\n")[1:] if ": " in line
    )
    return head + await reader.readexactly(int(lines["content-length"]))


def reply(body: bytes, status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nApigw-Requestid: r-7\r\n\r\n"
    return head.encode() + body


@asynccontextmanager
async def serving(talk: Conversation) -> AsyncIterator[str]:
    """A server on loopback that has this conversation on each connection; gives its address."""
    open_ones: set[asyncio.Task[None]] = set()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        open_ones.add(task)
        try:
            await talk(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            open_ones.discard(task)
            writer.close()

    server = await asyncio.start_server(converse, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/graphql/v1"
    finally:
        server.close()
        for task in list(open_ones):
            task.cancel()
        await asyncio.gather(*open_ones, return_exceptions=True)


@asynccontextmanager
async def asking(
    url: str, *, read_seconds: float = 10, answer_seconds: float = 30
) -> AsyncIterator[PlainClient]:
    client = PlainClient(
        url, "plainApiKey_test", read_seconds=read_seconds, answer_seconds=answer_seconds
    )
    try:
        yield client
    finally:
        await client.aclose()


async def drop_unheard(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await hear(reader)


async def drop_half_way(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await hear(reader)
    writer.write(reply(recorded("created-200.json").body)[:200])
    await writer.drain()


async def stay_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await hear(reader)
    await asyncio.sleep(60)


async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Never silent for as long as the read timeout, and never done."""
    await hear(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.01)


async def talk_nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await hear(reader)
    writer.write(b"SSH-2.0-OpenSSH\r\n")
    await writer.drain()


@pytest.mark.parametrize(
    ("talk", "cause"),
    [
        (drop_unheard, "plain_dropped"),
        (drop_half_way, "plain_dropped"),
        (talk_nonsense, "plain_dropped"),
        (stay_silent, "plain_timeout"),
        (trickle, "plain_timeout"),
    ],
)
async def test_a_write_that_was_heard_is_unknown_and_a_read_never_is(
    talk: Conversation, cause: str
) -> None:
    async with (
        serving(talk) as url,
        asking(url, read_seconds=0.3, answer_seconds=0.6) as client,
    ):
        with pytest.raises(TryLater) as write:
            await client.open_thread(DRAFT)
        with pytest.raises(TryLater) as read:
            await client.thread_by_external_id("c_1", "k")
    assert (write.value.cause, write.value.outcome_unknown) == (cause, True)
    assert (read.value.cause, read.value.outcome_unknown) == (cause, False)


async def test_a_refused_connection_was_surely_not_heard() -> None:
    async with serving(drop_unheard) as url:
        pass
    async with asking(url) as client:
        with pytest.raises(TryLater) as caught:
            await client.open_thread(DRAFT)
    assert (caught.value.cause, caught.value.outcome_unknown) == ("plain_unreachable", False)


async def test_a_redirect_is_not_followed() -> None:
    heard = []

    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await hear(reader))
        writer.write(b"HTTP/1.1 307 Go\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        heard.append(await hear(reader))

    async with serving(redirect) as url, asking(url) as client:
        with pytest.raises(TryLater, match="plain_http_307"):
            await client.open_thread(DRAFT)
    assert len(heard) == 1


async def test_there_are_never_more_than_ten_connections() -> None:
    connections = busy = most = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections, busy, most
        connections += 1
        while True:
            await hear(reader)
            busy += 1
            most = max(most, busy)
            await asyncio.sleep(0.01)
            busy -= 1
            writer.write(reply(b'{"data": {"userByEmail": {"id": "u_1", "isDeleted": false}}}'))
            await writer.drain()

    async with serving(answer) as url, asking(url) as client:
        found = await asyncio.gather(*(client.user_by_email("g@example.com") for _ in range(40)))
    assert found == ["u_1"] * 40
    assert most == CONNECTIONS
    assert connections == CONNECTIONS
