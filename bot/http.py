"""The Starlette application: Slack's door, Plain's reserved one, health and metrics."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from urllib.parse import parse_qs

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from slack_sdk.signature import SignatureVerifier
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

log = structlog.get_logger("bot.http")

LARGEST_BODY = 1024 * 1024
"""Bytes of a request that are read; Slack's largest payloads are a tenth of it."""


def application(
    *,
    slack: AsyncApp,
    signing_secret: str | None,
    webhook_secret: str | None,
    is_ready: Callable[[], Awaitable[bool]],
    metrics: CollectorRegistry,
    metrics_token: str | None,
    metrics_open: bool,
) -> Starlette:
    """Every path of the bridge.

    A door without its secret is absent. `metrics_open`: whether `/metrics` may be read without
    a token (while only this machine can reach it).
    """
    routes = [
        Route("/healthz", _healthz),
        Route("/readyz", _readyz(is_ready)),
        Route("/metrics", _metrics(metrics, metrics_token, is_open=metrics_open)),
    ]
    if signing_secret:
        routes.append(Route("/slack/events", _slack(slack, signing_secret), methods=["POST"]))
    if webhook_secret:
        routes.append(Route("/plain/webhooks", _plain(webhook_secret), methods=["POST"]))
    return Starlette(routes=routes)


_no_payload = partial(PlainTextResponse, "this is no payload of Slack's", 400)

Endpoint = Callable[[Request], Awaitable[Response]]


def _slack(app: AsyncApp, signing_secret: str) -> Endpoint:
    verifier = SignatureVerifier(signing_secret)

    async def endpoint(request: Request) -> Response:
        """Verify, then parse, then act: what is not signed by Slack reaches no parser."""
        body = await _body(request)
        if isinstance(body, Response):
            return body
        text = _text(body)
        if text is None or not _is_signed(verifier, text, request):
            return PlainTextResponse("the signature is wrong or stale", 401)
        if not _is_payload(text, request.headers.get("content-type", "")):
            log.warning("body_not_understood", size=len(body))
            return _no_payload()
        try:
            answer = await app.async_dispatch(
                AsyncBoltRequest(body=text, headers=_bolt_headers(request))
            )
        except Exception as error:  # noqa: BLE001 — Bolt's own, on payloads of odd shapes
            log.warning("payload_broke_bolt", error=type(error).__name__, size=len(body))
            return _no_payload()
        return Response(answer.body, answer.status, answer.first_headers())

    return endpoint


def _plain(secret: str) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        """Reserved: a signed webhook is taken and ignored.

        https://www.plain.com/docs/api-reference/request-signing
        """
        body = await _body(request)
        if isinstance(body, Response):
            return body
        wanted = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        given = request.headers.get("plain-request-signature", "")
        if not hmac.compare_digest(wanted.encode(), given.encode()):
            return PlainTextResponse("the signature is wrong", 401)
        return Response(status_code=200)

    return endpoint


async def _healthz(_request: Request) -> Response:
    return PlainTextResponse("ok")


def _readyz(is_ready: Callable[[], Awaitable[bool]]) -> Endpoint:
    async def endpoint(_request: Request) -> Response:
        ready = await is_ready()
        return PlainTextResponse("ready" if ready else "unready", 200 if ready else 503)

    return endpoint


def _metrics(registry: CollectorRegistry, token: str | None, *, is_open: bool) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        given = request.headers.get("authorization", "")
        if token is not None:
            if not hmac.compare_digest(f"Bearer {token}".encode(), given.encode()):
                return PlainTextResponse("the bearer token is wrong", 401)
        elif not is_open:
            return PlainTextResponse("set METRICS_TOKEN to read metrics from elsewhere", 403)
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return endpoint


async def _body(request: Request) -> bytes | Response:
    """The whole body; a refusal where it is too large or breaks off."""
    too_large = PlainTextResponse("the body is larger than 1 MiB", 413)
    stated = request.headers.get("content-length", "0")
    if not stated.isdecimal() or int(stated) > LARGEST_BODY:
        return too_large
    read = bytearray()
    try:
        async for chunk in request.stream():
            read += chunk
            if len(read) > LARGEST_BODY:
                return too_large
    except ClientDisconnect:
        return PlainTextResponse("the body broke off", 400)
    return bytes(read)


def _text(body: bytes) -> str | None:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


def _is_signed(verifier: SignatureVerifier, body: str, request: Request) -> bool:
    """Whether Slack signed this within the last five minutes.

    https://docs.slack.dev/authentication/verifying-requests-from-slack
    """
    try:
        return verifier.is_valid(
            body=body,
            timestamp=request.headers.get("x-slack-request-timestamp", ""),
            signature=request.headers.get("x-slack-signature", ""),
        )
    except (TypeError, ValueError):
        return False


def _is_payload(body: str, content_type: str) -> bool:
    """Whether Bolt can parse the body: it raises on some of what it cannot."""
    if content_type.startswith("application/x-www-form-urlencoded"):
        try:
            form = parse_qs(body, keep_blank_values=True)
        except ValueError:
            return False
        if "payload" in form:
            return _is_object(form["payload"][0])
        return "command" in form or "ssl_check" in form
    return _is_object(body)


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _bolt_headers(request: Request) -> dict[str, str | Sequence[str]]:
    return dict(request.headers)
