"""A bridge that is killed comes back, at the same address; a gate that is shut lets nothing in."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from bot.sandbox import process
from bot.sandbox.page.troubles import gate
from bot.sandbox.process import BridgeFailed, kept

READY = """
import os
from http.server import BaseHTTPRequestHandler, HTTPServer
class Ready(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
    def log_message(self, *_):
        pass
HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Ready).serve_forever()
"""


async def test_it_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "REST_SECONDS", 0.05)
    async with kept({}, tmp_path, arguments=("-c", READY)) as keeper:
        url, first, states = keeper.url, keeper.pid, [str(keeper.state)]
        keeper.kill()
        states.append(str(keeper.state))
        async with asyncio.timeout(30):
            while keeper.state != "up":  # noqa: ASYNC110 — nothing announces it
                await asyncio.sleep(0.01)
        assert states == ["up", "down"]
        assert keeper.deaths == 1
        assert keeper.url == url
        assert keeper.pid not in (None, first)
    assert keeper.pid is None


async def test_one_that_never_starts_is_told(tmp_path: Path) -> None:
    with pytest.raises(BridgeFailed, match="no such luck"):
        async with kept({}, tmp_path, arguments=("-c", "raise SystemExit('no such luck')")):
            pytest.fail("it was never ready")


async def test_a_gate_that_is_shut_refuses_and_opens_again() -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with (
        gate(f"http://127.0.0.1:{port}/graphql") as (way, url),
        httpx.AsyncClient(trust_env=False) as client,
    ):
        assert url.endswith("/graphql")
        assert (await client.get(url)).text == "ok"
        await way.shut()
        with pytest.raises(httpx.ConnectError):
            await client.get(url)
        await way.open()
        assert (await client.get(url)).text == "ok"
    server.close()
    await server.wait_closed()
