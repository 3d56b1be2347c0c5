"""Only a browser on this machine, and only the page itself, may use the page."""

from __future__ import annotations

import httpx
import pytest
from starlette.responses import PlainTextResponse

from bot.sandbox.page.app import Guard


async def _inside(scope: object, receive: object, send: object) -> None:
    await PlainTextResponse("inside")(scope, receive, send)  # type: ignore[arg-type]


async def ask(method: str, host: str, origin: str | None) -> httpx.Response:
    headers = {"host": host} | ({"origin": origin} if origin is not None else {})
    transport = httpx.ASGITransport(app=Guard(_inside))
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        return await client.request(method, "/", headers=headers)


LET_IN = [
    ("GET", "127.0.0.1:8020", None),
    ("GET", "localhost:8020", None),
    ("GET", "[::1]:8020", None),
    ("GET", "127.0.0.1:8020", "http://elsewhere.example"),
    ("POST", "127.0.0.1:8020", "http://127.0.0.1:8020"),
    ("POST", "localhost:8020", "http://localhost:8020"),
]
KEPT_OUT = [
    ("GET", "rebound.example:8020", None),
    ("GET", "", None),
    ("GET", "127.0.0.1.evil.example:8020", None),
    ("POST", "127.0.0.1:8020", None),
    ("POST", "127.0.0.1:8020", "null"),
    ("POST", "127.0.0.1:8020", "http://elsewhere.example"),
    ("POST", "127.0.0.1:8020", "http://127.0.0.1:9999"),
    ("POST", "127.0.0.1:8020", "https://127.0.0.1:8020"),
    ("PUT", "127.0.0.1:8020", "http://localhost:8020"),
]


@pytest.mark.parametrize(("method", "host", "origin"), LET_IN)
async def test_the_page_itself_is_let_in(method: str, host: str, origin: str | None) -> None:
    answer = await ask(method, host, origin)
    assert (answer.status_code, answer.text) == (200, "inside")
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(("method", "host", "origin"), KEPT_OUT)
async def test_others_are_kept_out(method: str, host: str, origin: str | None) -> None:
    answer = await ask(method, host, origin)
    assert answer.status_code == 403
    assert "inside" not in answer.text
