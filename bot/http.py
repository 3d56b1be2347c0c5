"""The endpoints that `app` serves: Slack's requests, Plain's webhooks, health and metrics."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from slack_sdk.signature import SignatureVerifier
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

from bot.refused_requests import Cause, RefusedRequests

log = structlog.get_logger("bot.http")

SIGNED_SECONDS = 300
"""How old or early a signature may be.
https://docs.slack.dev/authentication/verifying-requests-from-slack"""

_MOMENT = re.compile(r"[0-9]{1,12}")

LARGEST_BODY = 1024 * 1024
"""Bytes of a request that are read; Slack's largest payloads are a tenth of it."""

COMMON_BODY = 128 * 1024
"""Bytes of a request for which there always is room."""

MOST_BEYOND = 32 * 1024 * 1024
"""Bytes that all requests together may have beyond that. Who sends them is known only once a body
is whole: without a bound, strangers could fill the memory with a megabyte on each connection."""


_too_large = partial(PlainTextResponse, "the body is larger than 1 MiB", 413)
_no_room = partial(PlainTextResponse, "too many large bodies at once", 503)
_no_payload = partial(PlainTextResponse, "this is no payload of Slack's", 400)

Endpoint = Callable[[Request], Awaitable[Response]]


def slack_events(
    app: AsyncApp, signing_secret: str, refused: RefusedRequests, bodies: Bodies
) -> Endpoint:
    verifier = SignatureVerifier(signing_secret)

    async def endpoint(request: Request) -> Response:
        """Verify, then parse, then act: nothing unsigned reaches a parser."""
        body = await bodies.read(request)
        if isinstance(body, Response):
            return body
        text = _text(body)
        if text is None or not _is_signed(verifier, text, request, refused):
            return PlainTextResponse("the signature is wrong or stale", 401)
        try:
            asked = AsyncBoltRequest(body=text, headers=_bolt_headers(request))
            if not asked.body:
                return _no_payload()
            answer = await app.async_dispatch(asked)
        except Exception as error:  # noqa: BLE001 — Bolt's own, on payloads of odd shapes
            log.warning("bolt_crashed", error=type(error).__name__, size=len(body))
            return _no_payload()
        return Response(answer.body, answer.status, answer.first_headers())

    return endpoint


def plain_webhooks(secret: str, refused: RefusedRequests, bodies: Bodies) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        """Accept and ignore a signed webhook (reserved).

        https://www.plain.com/docs/api-reference/request-signing
        """
        body = await bodies.read(request)
        if isinstance(body, Response):
            return body
        wanted = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        given = request.headers.get("plain-request-signature", "")
        if not hmac.compare_digest(wanted.encode(), given.encode()):
            refused.note("plain", Cause.WRONG_SIGNATURE if given else Cause.UNSIGNED)
            return PlainTextResponse("the signature is wrong", 401)
        refused.verified("plain")
        return Response(status_code=200)

    return endpoint


async def healthz(_request: Request) -> Response:
    return PlainTextResponse("ok")


def readyz(is_ready: Callable[[], Awaitable[bool]]) -> Endpoint:
    async def endpoint(_request: Request) -> Response:
        ready = await is_ready()
        return PlainTextResponse("ready" if ready else "unready", 200 if ready else 503)

    return endpoint


def metrics_page(
    registry: CollectorRegistry,
    look: Callable[[], Awaitable[None]],
    token: str | None,
    *,
    is_open: bool,
) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        given = request.headers.get("authorization", "")
        if token is not None:
            if not hmac.compare_digest(f"Bearer {token}".encode(), given.encode()):
                return PlainTextResponse("the bearer token is wrong", 401)
        elif not is_open:
            return PlainTextResponse("set METRICS_TOKEN to read metrics from elsewhere", 403)
        await look()
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return endpoint


class Bodies:
    """The bodies of requests under way, in bounded memory."""

    def __init__(self) -> None:
        self._left = MOST_BEYOND

    async def read(self, request: Request) -> bytes | Response:
        """Return the whole body; a refusal where it is too large, has no room or breaks off."""
        stated = request.headers.get("content-length", "0")
        if not stated.isdecimal() or int(stated) > LARGEST_BODY:
            return _too_large()
        taken = 0
        read = bytearray()
        try:
            async for chunk in request.stream():
                read += chunk
                if len(read) > LARGEST_BODY:
                    return _too_large()
                more = len(read) - COMMON_BODY - taken
                if more > self._left:
                    return _no_room()
                if more > 0:
                    taken += more
                    self._left -= more
        except ClientDisconnect:
            return PlainTextResponse("the body broke off", 400)
        finally:
            self._left += taken
        return bytes(read)


def _text(body: bytes) -> str | None:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


def _is_signed(
    verifier: SignatureVerifier, body: str, request: Request, refused: RefusedRequests
) -> bool:
    """Return whether Slack signed this within the last five minutes; if not, note why.

    The age counts only of what is signed: then it is the clock, and not the secret.
    """
    stated = request.headers.get("x-slack-request-timestamp", "")
    given = request.headers.get("x-slack-signature", "")
    if not given or not _MOMENT.fullmatch(stated):
        refused.note("slack", Cause.UNSIGNED)
        return False
    wanted = verifier.generate_signature(timestamp=stated, body=body) or ""
    if not hmac.compare_digest(wanted.encode(), given.encode()):
        refused.note("slack", Cause.WRONG_SIGNATURE)
        return False
    ahead = time.time() - int(stated)
    if abs(ahead) > SIGNED_SECONDS:
        refused.note("slack", Cause.STALE_TIMESTAMP, clock_ahead_by=f"{ahead:.0f} s")
        return False
    refused.verified("slack")
    return True


def _bolt_headers(request: Request) -> dict[str, str | Sequence[str]]:
    return dict(request.headers)
