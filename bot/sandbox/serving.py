"""Serve an ASGI application on a free loopback port, and break its connections on purpose."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send


class _Server(uvicorn.Server):
    """Leaves the process's signals to whoever owns the process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(app: ASGIApp, port: int = 0) -> AsyncIterator[str]:
    """Serve `app` while the context lasts; yield its base URL without a trailing slash."""
    listener = socket.create_server(("127.0.0.1", port))
    # asyncio sets this only for sockets that it made: without it an answer waits 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    config = uvicorn.Config(app, log_config=None, log_level="error", lifespan="off", ws="none")
    server = _Server(config)
    task = asyncio.create_task(server.serve([listener]))
    try:
        while not server.started and not task.done():  # noqa: ASYNC110 — it announces nothing
            await asyncio.sleep(0.005)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        server.force_exit = True
        await task
        listener.close()


_TRANSPORT = "plain.transport"


class Wire:
    """Wraps the application so that its requests can be dropped, and ended when it stops."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._busy: set[asyncio.Task[object]] = set()
        self._stopping = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return  # nothing starts or stops with the server
        # ASGI has no word for closing a connection, so the transport is taken from uvicorn's
        # own request, whose method `send` is.
        cycle = getattr(send, "__self__", None)
        scope[_TRANSPORT] = getattr(cycle, "transport", None)
        task = asyncio.current_task()
        if task is not None:
            self._busy.add(task)
            task.add_done_callback(self._busy.discard)
        await self._app(scope, receive, send)

    async def pause(self, seconds: float, receive: Receive | None = None) -> bool:
        """Wait this long; return False if the server stopped before.

        With `receive`, also because the client of that request has gone.
        """
        reasons = [asyncio.create_task(self._stop())]
        if receive is not None:
            reasons.append(asyncio.create_task(_gone(receive)))
        done, _ = await asyncio.wait(reasons, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for reason in reasons:
            reason.cancel()
        await asyncio.gather(*reasons, return_exceptions=True)
        return not done

    async def _stop(self) -> None:
        await self._stopping.wait()

    @contextlib.asynccontextmanager
    async def serving(self, port: int) -> AsyncIterator[str]:
        """Serve while the context lasts; requests that still wait then are ended."""
        self._stopping.clear()
        async with serving(self, port) as url:
            try:
                yield url
            finally:
                self._stopping.set()
                await asyncio.gather(*self._busy, return_exceptions=True)


class Dropped(Response):
    """No answer: the connection is closed."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        transport: asyncio.Transport | None = scope[_TRANSPORT]
        if transport is None:
            raise RuntimeError("only under uvicorn can a connection be dropped")
        transport.close()
        await _gone(receive)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
