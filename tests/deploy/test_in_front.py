"""The proxies of docs/running.md, run before the real bridge where they are installed."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.ways.process import running
from tests.ways.stage import until

PAGE = Path(__file__).parents[2] / "docs" / "running.md"

NGINX = """
daemon off;
pid nginx.pid;
error_log stderr warn;
{user}
events {{}}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxied;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
{server}
}}
"""


def block(language: str) -> str:
    """The page's only block of this language."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return str(found)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def nginx(folder: Path, port: int, bridge: str) -> Sequence[str]:
    """The page's block with other ports, without TLS and with shorter limits for clients."""
    server = re.sub(r" *ssl_.*\n", "", block("nginx"))
    server = server.replace("443 ssl", f"127.0.0.1:{port}").replace("http://127.0.0.1:3000", bridge)
    server = re.sub(r"(client_\w+_timeout) 10s", r"\1 1s", server)
    assert server.count(bridge) == 1
    assert server.count(" 1s;") == 2
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(NGINX.format(user=user, server=server))
    return ("nginx", "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr")


def caddy(folder: Path, port: int, bridge: str) -> Sequence[str]:
    """As `nginx`; without Caddy's own administration, which has a port of its own."""
    text = block("caddyfile").replace("{\n", "{\n\tadmin off\n", 1)
    text = text.replace("bridge.example.com", f"http://127.0.0.1:{port}")
    text = text.replace("127.0.0.1:3000", bridge.removeprefix("http://"))
    text = re.sub(r"(read_\w+) 10s", r"\1 1s", text)
    assert text.count(bridge.removeprefix("http://")) == 1
    assert text.count(" 1s\n") == 2
    (folder / "Caddyfile").write_text(text)
    return ("caddy", "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile"))


@asynccontextmanager
async def in_front(name: str, folder: Path, bridge: str) -> AsyncIterator[str]:
    """The address of a proxy that leads to the bridge, while the context lasts."""
    program = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.skip(f"{name} is not installed")
    port = free_port()
    command = {"nginx": nginx, "caddy": caddy}[name](folder, port, bridge)
    kept = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            program, *command[1:], cwd=folder, env=kept, stdout=output, stderr=output
        )
        try:
            await _listening(port, process, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


async def _listening(port: int, process: Process, log: Path) -> None:
    for _ in range(400):
        assert process.returncode is None, _said(log)
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
    raise AssertionError(_said(log))


def _said(log: Path) -> str:
    return log.read_text(errors="replace")


@pytest.mark.parametrize("name", ["caddy", "nginx"])
async def test_the_proxy_of_the_docs_leads_to_the_bridge(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    async with (
        running(tmp_path) as (bridge, slack, plain),
        in_front(name, folder, bridge.url) as url,
        httpx.AsyncClient(base_url=url, trust_env=False, timeout=20) as client,
    ):
        slack.deliver_to(f"{url}/slack/events")
        ada = slack.add_user("Ada Nowak", email="ada@acme.example")
        place = slack.add_channel("support", members=(ada,))
        assert await slack.verify_url()
        for count in (1, 2):
            ts = await slack.post(ada, place, "The export fails")
            delivery = await slack.react(ada, place, ts, "ticket")
            assert delivery is not None
            assert (delivery.status, delivery.attempts) == (200, 1)
            await until(lambda wanted=count: len(plain.threads) == wanted, 20)  # type: ignore[misc]
        # Nothing else is there for the world.
        for path in ("/healthz", "/readyz", "/metrics", "/", "/slack/events/x"):
            assert (await client.get(path)).status_code == 404
        assert (await client.post("/slack/events", content=b"{}")).status_code == 401
        large = await client.post("/slack/events", content=b"x" * 2_000_000)
        assert large.status_code in {413, 502}  # what Caddy says of it differs by release
        await _refuses_the_slow(httpx.URL(url).port or 0)


async def _refuses_the_slow(port: int) -> None:
    """Who sends half a request is let go by the proxy."""
    head = b"POST /slack/events HTTP/1.1\r\nhost: x\r\n"
    for half in (b"", head, head + b"content-length: 10\r\n\r\nhalf"):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(half)
        async with asyncio.timeout(20):
            await reader.read()
        writer.close()
