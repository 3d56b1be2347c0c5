"""The connections to Plain and to where its files go: each request through its proxy, if any."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import Any

import httpx

from bot import proxies


def open_http(
    *,
    connections: int,
    keepalive: int | None = None,
    event_hooks: Mapping[str, list[Callable[..., Awaitable[Any]]]] | None = None,
) -> httpx.AsyncClient:
    """Return a client with so many connections, `keepalive` of which stay open; to be closed.

    It heeds SSL_CERT_FILE and SSL_CERT_DIR, as Slack's does.
    """
    limits = httpx.Limits(
        max_connections=connections,
        max_keepalive_connections=connections if keepalive is None else keepalive,
    )
    return httpx.AsyncClient(
        transport=_Routed(limits), trust_env=False, event_hooks=dict(event_hooks or {})
    )


class _Routed(httpx.AsyncBaseTransport):
    """Asks `proxies` for each request; httpx's own way knows no networks in NO_PROXY."""

    def __init__(self, limits: httpx.Limits) -> None:
        self._limits = limits
        self._by_proxy: dict[str | None, httpx.AsyncHTTPTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            proxy = proxies.of(str(request.url))
        except proxies.ProxyMistake as mistake:
            raise httpx.ProxyError(str(mistake)) from None
        if proxy not in self._by_proxy:
            try:
                authorities = _authorities()
            except OSError as error:  # SSL_CERT_FILE names none
                raise httpx.ConnectError(str(error)) from None
            self._by_proxy[proxy] = httpx.AsyncHTTPTransport(
                verify=authorities, limits=self._limits, proxy=proxy
            )
        return await self._by_proxy[proxy].handle_async_request(request)

    async def aclose(self) -> None:
        for transport in self._by_proxy.values():
            await transport.aclose()


@cache
def _authorities() -> ssl.SSLContext:
    """Read the certificates of authorities once."""
    return httpx.create_ssl_context(trust_env=True)
