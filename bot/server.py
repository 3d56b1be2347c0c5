"""The HTTP server: uvicorn with deadlines for clients and a bound on connections."""

from __future__ import annotations

import asyncio
import enum
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
import uvicorn
from starlette.types import ASGIApp

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as _Protocol
else:
    _Protocol = object

log = structlog.get_logger("bot.server")

REQUEST_SECONDS = 10.0
"""From the connection, or the first byte of a later request, to the last byte of its body."""

ANSWER_SECONDS = 20.0
"""From there until the client has read the answer; Slack itself waits for three seconds."""

CLOSE_SECONDS = 1.0

LARGEST_HEAD = 64 * 1024
"""Bytes of a request line and headers; httptools has no limit of its own."""

LARGEST_REQUEST = 2 * 1024 * 1024
"""Bytes of a request with everything around its body (chunk sizes, trailers)."""

MOST_CONNECTIONS = 1000
SAY_EVERY_SECONDS = 60.0

_HEAD_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Return the event loop's factory: uvloop's, or asyncio's if there is no uvloop."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


def most_connections() -> int:
    """Return how many connections to accept: half of the files that the process may open.

    The other half is for the database, Slack and Plain. At most `MOST_CONNECTIONS`.
    """
    try:
        import resource
    except ImportError:  # Windows
        return MOST_CONNECTIONS // 2
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if files == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    return max(8, min(MOST_CONNECTIONS, files // 2))


class Server(uvicorn.Server):
    """Serves `app` and leaves signals to the process.

    uvicorn's own server raises them again as soon as it has ended, which would kill the process
    before the worker could finish. `listening` is called once it listens. `protocol` replaces
    the fastest one that the platform has.
    """

    def __init__(
        self,
        app: ASGIApp,
        listening: Callable[[], object],
        *,
        protocol: type[BoundedProtocol] | None = None,
    ) -> None:
        most = most_connections()
        http: Any = partial(protocol or fastest_protocol(), _Connections(most))
        config = uvicorn.Config(
            app,
            http=http,
            ws="none",
            # A loop accepts this many at a time, before any of them is counted.
            backlog=max(8, most // 2),
            log_config=None,
            access_log=False,
            lifespan="off",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=5,
        )
        super().__init__(config)
        self._listening = listening

    async def startup(self, sockets: Any = None) -> None:
        """Start as uvicorn does."""
        await super().startup(sockets)
        self._listening()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle no signals."""
        yield

    def leave(self) -> None:
        """Accept no more requests, answer those that are there, and end."""
        self.should_exit = True


class _Connections:
    """Connections that wait for their client, oldest first; at most `most` in all."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: dict[BoundedProtocol, None] = {}
        self._said_at = -SAY_EVERY_SECONDS

    def waits(self, connection: BoundedProtocol) -> None:
        """Note that `connection` waits for its client from now on."""
        self._waiting.pop(connection, None)
        self._waiting[connection] = None

    def is_busy(self, connection: BoundedProtocol) -> None:
        """Note that `connection` has a whole request to answer, or is gone."""
        self._waiting.pop(connection, None)

    def make_room(self, count: int) -> None:
        """Close the connection that has waited longest where `count` of them are too many.

        Slack sends its request as soon as it is connected, so it is hardly ever the oldest.
        """
        if count <= self._most or not self._waiting:
            return
        next(iter(self._waiting)).give_up()
        now = time.monotonic()
        if now - self._said_at >= SAY_EVERY_SECONDS:
            self._said_at = now
            log.warning("too_many_connections", most=self._most)


class _Phase(enum.Enum):
    IDLE = enum.auto()
    RECEIVING = enum.auto()
    ANSWERING = enum.auto()


class BoundedProtocol(_Protocol):
    """Lets a connection take `REQUEST_SECONDS` for a request and `ANSWER_SECONDS` for its answer.

    Bytes that trickle in extend neither. Between two requests uvicorn's own limit for idle
    connections holds. Is mixed into either of uvicorn's protocols.
    """

    def __init__(self, among: _Connections, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._among = among
        self._phase = _Phase.IDLE
        self._deadline: asyncio.TimerHandle | None = None
        self._size = 0
        self._head_size: int | None = None
        """Of a head that is still to be completed."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Expect a request."""
        super().connection_made(transport)
        self._receive()
        self._among.make_room(len(self.connections))

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._among.is_busy(self)
        self._set_deadline(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what has come, which is part of a request, or all of it, or several."""
        head = self._head_size
        super().data_received(data)
        if self.transport.is_closing():
            return
        if head is not None and self._head_size is not None:
            self._head_size += len(data)
        if self.cycle is None or self.cycle.response_complete:
            self._receive()
        else:
            self._follow()
        if self._phase is _Phase.RECEIVING:
            self._size += len(data)
            self._check_size()

    def on_message_begin(self) -> None:
        """Expect a head; called by httptools only, because h11 has a limit of its own."""
        self._head_size = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Expect a body."""
        self._head_size = None
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Expect the next request, or answer one that came before this one was answered."""
        super().on_response_complete()
        if self.transport.is_closing() or self._phase is not _Phase.ANSWERING:
            return
        self._phase = _Phase.IDLE
        self._among.waits(self)
        if self.transport.get_write_buffer_size() == 0:
            self._set_deadline(None)
        if not self.cycle.response_complete:
            self._follow()

    def give_up(self) -> None:
        """Close the connection, and drop it where its client does not read what is left."""
        self._among.is_busy(self)
        self.transport.close()
        self._set_deadline(CLOSE_SECONDS, self.transport.abort)

    def _follow(self) -> None:
        """Set the deadline by how much of the request is there."""
        if self.cycle.more_body:
            self._receive()
        elif self._phase is not _Phase.ANSWERING:
            self._phase = _Phase.ANSWERING
            self._among.is_busy(self)
            self._set_deadline(ANSWER_SECONDS)

    def _receive(self) -> None:
        if self._phase is not _Phase.RECEIVING:
            self._phase = _Phase.RECEIVING
            self._size = 0
            self._among.waits(self)
            self._set_deadline(REQUEST_SECONDS)

    def _check_size(self) -> None:
        if (self._head_size or 0) > LARGEST_HEAD:
            self.transport.write(_HEAD_TOO_LARGE)
            self.give_up()
        elif self._size > LARGEST_REQUEST:
            self.give_up()

    def _set_deadline(self, seconds: float | None, end: Callable[[], None] | None = None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if seconds is not None:
            self._deadline = self.loop.call_later(seconds, end or self.give_up)


def fastest_protocol() -> type[BoundedProtocol]:
    """Return the protocol with httptools' parser, or with h11's where there is no httptools."""
    try:
        return with_httptools()
    except ImportError:
        return with_h11()


def with_httptools() -> type[BoundedProtocol]:
    """Return the protocol with httptools' parser. Raises ImportError."""
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

    class HttpTools(BoundedProtocol, HttpToolsProtocol):
        """With the parser in C."""

    return HttpTools


def with_h11() -> type[BoundedProtocol]:
    """Return the protocol with h11's parser, which every platform has."""
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class H11(BoundedProtocol, H11Protocol):  # type: ignore[misc]
        """With the parser in Python."""

    return H11
