"""The bridge's HTTP server as `plain-bridge run` and `worker` start it, as a process of its own."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import httpx
import pytest

from bot.sandbox import process
from tests.ways.process import running
from tests.ways.stage import until

FILES = 256

LIMITED = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, ({FILES}, {FILES}))
from bot import server
from bot.__main__ import main
server.REQUEST_SECONDS = float(sys.argv.pop(1))
sys.argv[0] = "plain-bridge"
main()
"""


def limited(request_seconds: float) -> Sequence[str]:
    """`plain-bridge run` that may open 256 files, with another deadline for requests."""
    return ("-c", LIMITED, str(request_seconds), "run")


async def opened(url: str, count: int, sent: bytes, stack: AsyncExitStack) -> list[socket.socket]:
    """Connections to the bridge that send this and nothing more."""
    loop = asyncio.get_running_loop()
    found = []
    for _ in range(count):
        one = stack.enter_context(socket.socket())
        one.setblocking(False)
        await loop.sock_connect(one, ("127.0.0.1", httpx.URL(url).port))
        with suppress(ConnectionError):  # it had to make room already
            await loop.sock_sendall(one, sent)
        found.append(one)
    return found


async def closed(one: socket.socket) -> None:
    """Wait until the bridge has closed the connection."""
    with suppress(ConnectionError):
        assert await asyncio.get_running_loop().sock_recv(one, 1000) == b""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of open files")
@pytest.mark.parametrize("sent", [b"", b"POST /slack/events HTTP/1.1\r\nhost: x\r\n"])
async def test_four_hundred_silent_clients_keep_no_event_out(tmp_path: Path, sent: bytes) -> None:
    """With 256 files, 296 silent sockets left signed events without an answer for good."""
    async with (
        running(tmp_path, limited(60.0)) as (bridge, slack, plain),
        AsyncExitStack() as stack,
    ):
        ada = slack.add_user("Ada Nowak", email="ada@acme.example")
        place = slack.add_channel("support", members=(ada,))
        ts = await slack.post(ada, place, "The export fails")
        await opened(bridge.url, 400, sent, stack)
        delivery = await slack.react(ada, place, ts, "ticket")
        assert delivery is not None
        assert (delivery.status, delivery.attempts) == (200, 1)
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(f"{bridge.url}/healthz")).text == "ok"
        await until(lambda: plain.threads, 20)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of open files")
async def test_silent_clients_are_gone_after_the_deadline(tmp_path: Path) -> None:
    async with running(tmp_path, limited(1.0)) as (bridge, _, _), AsyncExitStack() as stack:
        silent = await opened(bridge.url, 400, b"POST /slack/events HTTP/1.1\r\n", stack)
        async with asyncio.timeout(30):
            await asyncio.gather(*map(closed, silent))


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
async def test_the_loop_and_the_parser_are_the_fast_ones(tmp_path: Path) -> None:
    pytest.importorskip("uvloop")
    async with running(tmp_path) as (bridge, *_):
        mapped = await asyncio.to_thread(Path(f"/proc/{bridge.process.pid}/maps").read_text)
    assert "/uvloop/" in mapped
    assert "/httptools/" in mapped


# A worker


async def test_a_worker_serves_its_health_and_metrics_and_no_door(tmp_path: Path) -> None:
    """The image's health check asks /healthz, so a container with a worker was never healthy."""
    async with (
        running(tmp_path, ("-m", "bot", "worker"), PLAIN_WEBHOOK_SECRET="secret-test") as (on, *_),
        httpx.AsyncClient(base_url=on.url, trust_env=False) as client,
    ):
        assert (await client.get("/healthz")).text == "ok"
        assert (await client.get("/readyz")).text == "ready"
        assert "plain_bridge_backlog 0.0" in (await client.get("/metrics")).text
        for door in ("/slack/events", "/plain/webhooks"):
            assert (await client.post(door, content=b"{}")).status_code == 404
        on.process.terminate()
        assert await asyncio.wait_for(on.process.wait(), 20) == 0
        assert "working" in on.log.read_text()


async def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = str(taken.getsockname()[1])
        with pytest.raises(process.BridgeFailed, match=f"listen on 127.0.0.1:{number}.*set PORT"):
            async with running(tmp_path, ("-m", "bot", "worker"), PORT=number):
                pass


# Both families


def _has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.mark.skipif(not _has_ipv6(), reason="this machine has no IPv6")
@pytest.mark.parametrize("host", ["::", "[::]"])
async def test_the_ipv6_wildcard_listens_on_both_families(tmp_path: Path, host: str) -> None:
    """Only what listens on loopback alone shows its metrics without a token."""
    async with (
        running(tmp_path, HOST=host) as (on, *_),  # which is asked for its readiness over IPv4
        httpx.AsyncClient(trust_env=False) as client,
    ):
        port = httpx.URL(on.url).port
        for address in ("127.0.0.1", "[::1]"):
            assert (await client.get(f"http://{address}:{port}/healthz")).text == "ok"
            assert (await client.get(f"http://{address}:{port}/metrics")).status_code == 403
