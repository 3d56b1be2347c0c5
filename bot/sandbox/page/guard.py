"""Who may use the page: a browser on this machine, from the page itself, and nobody else's page."""

from __future__ import annotations

from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_SAFE = ("GET", "HEAD")

HEADERS = {
    # Nothing comes from elsewhere, and nothing that somebody wrote can run or load anything.
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    # With "no-referrer" a form's own Origin would be "null".
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
}


class Guard:
    """Refuses what came by another name than loopback's, and writes that another page began.

    A name that somebody else's DNS points at this machine has another Host; a form of another
    page has another Origin. https://owasp.org/www-community/attacks/csrf
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        refusal = _refusal(scope["method"], Headers(scope=scope))
        if refusal is not None:
            await PlainTextResponse(refusal, HTTPStatus.FORBIDDEN)(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self._app(scope, receive, sending)


def _refusal(method: str, headers: Headers) -> str | None:
    host = headers.get("host", "")
    if host.rpartition(":")[0] not in _LOOPBACK:
        return "This page answers on the loopback interface only."
    if method not in _SAFE and headers.get("origin") != f"http://{host}":
        return "Only this page itself may ask for that."
    return None
