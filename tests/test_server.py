"""The HTTP server: what a slow, silent or greedy client may take of it."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import structlog
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bot import server
from bot.server import BoundedProtocol, Server

SOON = 0.4
HEAD = b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\n"
WHOLE = HEAD + b"body"

Peer = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def echo(request: Request) -> Response:
    try:
        return PlainTextResponse(await request.body())
    except ClientDisconnect:
        return PlainTextResponse("broke off", 400)


async def unread(_request: Request) -> Response:
    return PlainTextResponse("no", 413)


async def large(_request: Request) -> Response:
    return PlainTextResponse("x" * 50_000_000)


@pytest.fixture(params=["httptools", "h11"])
def protocol(request: pytest.FixtureRequest) -> type[BoundedProtocol]:
    if request.param == "h11":
        return server.with_h11()
    pytest.importorskip("httptools")
    return server.with_httptools()


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "REQUEST_SECONDS", SOON)
    monkeypatch.setattr(server, "ANSWER_SECONDS", SOON)


@asynccontextmanager
async def served(protocol: type[BoundedProtocol]) -> AsyncIterator[int]:
    """The port of a server while the context lasts."""
    listener = socket.create_server(("127.0.0.1", 0))
    routes = [
        Route("/echo", echo, methods=["POST"]),
        Route("/unread", unread, methods=["POST"]),
        Route("/large", large),
    ]
    listening = asyncio.Event()
    serving = Server(Starlette(routes=routes), listening.set, protocol=protocol)
    task = asyncio.create_task(serving.serve([listener]))
    await listening.wait()
    try:
        yield listener.getsockname()[1]
    finally:
        serving.leave()
        await task


@pytest.fixture
async def port(protocol: type[BoundedProtocol]) -> AsyncIterator[int]:
    async with served(protocol) as number:
        yield number


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Peer]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def until_closed(reader: asyncio.StreamReader) -> bytes:
    """Everything that still comes before the server closes the connection."""
    async with asyncio.timeout(20):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"POST /echo HTTP/1.1\r\nhost: x\r\n", id="half a head"),
        pytest.param(HEAD + b"bo", id="half a body"),
        pytest.param(b"\r\n\r\n", id="empty lines"),
    ],
)
async def test_who_does_not_finish_a_request_is_let_go(port: int, sent: bytes) -> None:
    async with connected(port) as (reader, writer):
        writer.write(sent)
        # h11 takes no empty lines, and says so.
        assert (await until_closed(reader))[:12] in {b"", b"HTTP/1.1 400"}


@pytest.mark.parametrize(
    ("first", "drop"),
    [
        pytest.param(b"POST /echo HTTP/1.1\r\nx: ", b"a", id="head"),
        pytest.param(HEAD.replace(b": 4", b": 99999"), b"a", id="body"),
        pytest.param(b"", b"\r\n", id="empty lines"),
        pytest.param(WHOLE + b"POST /echo HTTP/1.1\r\nx: ", b"a", id="the head after an answer"),
        pytest.param(WHOLE, b"\r\n", id="empty lines after an answer"),
    ],
)
async def test_bytes_that_trickle_in_extend_nothing(port: int, first: bytes, drop: bytes) -> None:
    async with connected(port) as (reader, writer):
        writer.write(first)
        started = time.monotonic()
        closed = asyncio.create_task(until_closed(reader))
        while not closed.done():
            writer.write(drop)
            await asyncio.sleep(SOON / 10)
            assert time.monotonic() - started < 15


async def test_requests_one_after_the_other_are_answered_for_as_long_as_they_come(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deadline is a request's, not a connection's."""
    monkeypatch.setattr(server, "REQUEST_SECONDS", 1.5)
    async with connected(port) as (reader, writer):
        started = time.monotonic()
        while time.monotonic() - started < 2.0:
            writer.write(HEAD)
            await asyncio.sleep(0.05)
            writer.write(b"body")
            answer = await reader.readuntil(b"body")
            assert answer.startswith(b"HTTP/1.1 200")
            await asyncio.sleep(0.05)


async def test_requests_that_do_not_wait_for_answers_are_answered_in_turn(port: int) -> None:
    async with connected(port) as (reader, writer):
        writer.write(WHOLE * 3)
        for _ in range(3):
            assert (await reader.readuntil(b"body")).startswith(b"HTTP/1.1 200")


async def test_a_refused_body_is_not_waited_for(port: int) -> None:
    async with connected(port) as (reader, writer):
        writer.write(b"POST /unread HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\nxx")
        assert (await until_closed(reader)).startswith(b"HTTP/1.1 413")


async def test_who_does_not_read_the_answer_is_let_go(port: int) -> None:
    async with connected(port) as (reader, writer):
        writer.write(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n")
        await asyncio.sleep(SOON + server.CLOSE_SECONDS + 3.0)  # a loop may be late
        assert len(await until_closed(reader)) < 50_000_000


async def test_a_head_without_end_is_refused(
    port: int, protocol: type[BoundedProtocol], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "REQUEST_SECONDS", 60.0)
    async with connected(port) as (reader, writer):
        writer.write(b"POST /echo HTTP/1.1\r\n")
        closed = asyncio.create_task(until_closed(reader))
        while not closed.done():
            writer.write(b"x: " + b"y" * 20_000 + b"\r\n")
            await asyncio.sleep(0.005)
        assert closed.result()[:12] in {b"HTTP/1.1 431", b"HTTP/1.1 400", b""}


async def test_what_surrounds_a_body_is_bounded_too(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trailers are headers without a limit of their own."""
    monkeypatch.setattr(server, "REQUEST_SECONDS", 60.0)
    async with connected(port) as (reader, writer):
        writer.write(b"POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n")
        closed = asyncio.create_task(until_closed(reader))
        while not closed.done():
            writer.write((b"x: " + b"y" * 1000 + b"\r\n") * 20)
            await asyncio.sleep(0.002)


# Connections


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(server, "most_connections", lambda: 10)
    monkeypatch.setattr(server, "REQUEST_SECONDS", 60.0)
    return 10


async def test_silent_connections_make_room_for_who_has_something_to_say(
    few: int, protocol: type[BoundedProtocol]
) -> None:
    with structlog.testing.capture_logs() as lines:
        async with served(protocol) as port:
            silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(4 * few)]
            for _ in range(3):
                async with connected(port) as (reader, writer):
                    writer.write(WHOLE)
                    answer = await reader.readuntil(b"body")
                    assert answer.startswith(b"HTTP/1.1 200")
            closed = [reader for reader, _ in silent if reader.at_eof()]
            assert len(closed) >= 3 * few
            # The oldest go first.
            assert closed == [reader for reader, _ in silent[: len(closed)]]
            for _, writer in silent:
                writer.close()
    (line,) = lines
    assert (line["event"], line["most"]) == ("too_many_connections", few)


@pytest.mark.parametrize(("files", "most"), [(256, 128), (1024, 512), (1_000_000, 1000), (4, 8)])
def test_half_of_the_files_are_for_connections(
    files: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(resource, "getrlimit", lambda _what: (files, files))
    assert server.most_connections() == most


def test_the_loop_and_the_parser_are_the_fast_ones_where_they_are_installed() -> None:
    uvloop = pytest.importorskip("uvloop")
    pytest.importorskip("httptools")
    assert server.loop_factory() is uvloop.new_event_loop
    assert server.fastest_protocol().__name__ == "HttpTools"


def test_a_platform_without_them_has_a_loop_and_a_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    monkeypatch.setitem(sys.modules, "uvicorn.protocols.http.httptools_impl", None)
    assert server.loop_factory() is asyncio.new_event_loop
    assert server.fastest_protocol().__name__ == "H11"
