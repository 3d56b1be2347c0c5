"""Send requests to Plain over pooled connections, through a proxy if one is configured."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable, Generator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import httpx

from bot import proxies
from bot.core.faults import TryLater

CONNECTIONS = 10
"""One httpx client slows down above ten, and Plain's rate limits need no more."""

CONNECT_SECONDS = 5.0
READ_SECONDS = 10.0
ANSWER_SECONDS = 30.0
"""From first to last; Plain's gateway gives up at about 30 itself, so no more can be learnt."""

_KEY = re.compile(r"[!-~]+")
_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)


class Transport:
    """An HTTP client for Plain at `url` with `api_key`.

    A given `http` is the caller's to close. `connect_seconds` bounds the wait for a connection,
    `read_seconds` Plain's silence, and `answer_seconds` a request as a whole. Raise ValueError for
    an invalid key or `url`.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        http: httpx.AsyncClient | None,
        connect_seconds: float,
        read_seconds: float,
        answer_seconds: float,
    ) -> None:
        self._url = _checked(url)
        self._auth = _Bearer(api_key)
        self._headers = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "User-Agent": _user_agent(),
        }
        self._timeout = httpx.Timeout(read_seconds, connect=connect_seconds, pool=connect_seconds)
        self._answer_seconds = answer_seconds
        self._owned = http is None
        self._http = http or open_http(connections=CONNECTIONS)

    async def aclose(self) -> None:
        """Close the connections."""
        if self._owned:
            await self._http.aclose()

    async def post(self, body: bytes, *, write: bool) -> httpx.Response:
        """Return Plain's answer, whatever its status; raise TryLater if there is none.

        The fault is raised outside of the handler, so that it does not drag httpx's exception
        along, which holds the request and with it the key.
        """
        if self._http.is_closed:
            raise TryLater("plain_closed")
        try:
            async with asyncio.timeout(self._answer_seconds):
                return await self._http.post(
                    self._url,
                    content=body,
                    headers=self._headers,
                    auth=self._auth,
                    timeout=self._timeout,
                    follow_redirects=False,
                )
        except (httpx.RequestError, OSError) as error:
            fault = _unanswered(error, write=write)
        raise fault


def _unanswered(error: Exception, *, write: bool) -> TryLater:
    """Return the fault of a request without an answer: not sent, or its outcome is unknown."""
    if isinstance(error, _NOT_SENT):
        return TryLater("plain_unreachable")
    late = isinstance(error, httpx.TimeoutException | TimeoutError)
    return TryLater("plain_timeout" if late else "plain_dropped", outcome_unknown=write)


class _Bearer(httpx.Auth):
    """Bearer authentication that keeps the key out of reprs and of all other local variables."""

    def __init__(self, api_key: str) -> None:
        if not _KEY.fullmatch(api_key):
            raise ValueError("the Plain API key holds characters that no key has, or is empty")
        self._header = f"Bearer {api_key}"

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = self._header
        yield request


def _checked(url: str) -> str:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        parsed = httpx.URL()
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ValueError("the address of Plain's API is not an http(s) URL")
    return url


def _user_agent() -> str:
    """Return the User-Agent, never empty: Plain's firewall answers 403 without one."""
    try:
        return f"plain-bridge/{version('plain-bridge')}"
    except PackageNotFoundError:
        return "plain-bridge/0"


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
    """A transport with a proxy per request; httpx's own ignores networks in NO_PROXY."""

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
