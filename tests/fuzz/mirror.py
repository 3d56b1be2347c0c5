"""Stands between the bridge and a service, and can spoil what the service answers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from bot.sandbox.serving import serving

Spoil = Callable[[str, bytes], bytes]
"""Makes another body of an answer's; the name is Slack's method or Plain's operation."""

_HOP = {"content-length", "content-encoding", "transfer-encoding", "connection", "date", "server"}


class Mirror:
    """Passes on what `upstream` says, as `spoil` would have it (None: as it is)."""

    def __init__(self, upstream: str) -> None:
        self.spoil: Spoil | None = None
        self._upstream = httpx.URL(upstream)
        self._http = httpx.AsyncClient(timeout=30.0)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """The address to ask in place of `upstream`'s, while the context lasts."""
        methods = ["GET", "POST"]
        app = Starlette(routes=[Route("/{path:path}", self._reflect, methods=methods)])
        async with self._http, serving(app) as url:
            yield str(httpx.URL(url).join(self._upstream.path))

    async def _reflect(self, request: Request) -> Response:
        try:
            body = await request.body()
        except ClientDisconnect:
            return Response()
        kept = {
            name: value
            for name, value in request.headers.items()
            if name not in _HOP | {"host", "accept-encoding"}
        }
        address = self._upstream.copy_with(
            path=request.url.path, query=request.url.query.encode() or None
        )
        try:
            said = await self._http.request(request.method, address, content=body, headers=kept)
        except httpx.RequestError:
            return Response(status_code=502)
        content = said.content
        if self.spoil is not None:
            content = self.spoil(_name(request, body), content)
        headers = {
            name: value
            for name, value in said.headers.items()
            if name not in _HOP and not name.startswith("x-ratelimit-")  # or the bridge would wait
        }
        return Response(content, said.status_code, headers)


def _name(request: Request, body: bytes) -> str:
    try:
        return str(json.loads(body)["operationName"])
    except (ValueError, KeyError, TypeError):
        return request.url.path.rpartition("/")[2]
