"""The servers that are compared: each a process on core 0, with what it used told by Linux."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.load import SIGNING_SECRET, Connection

CORE_OF_SERVERS, CORE_OF_LOAD = 0, 1

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")

_QUIET = {"LOG_LEVEL": "WARNING"}


@dataclass
class Server:
    """A server under way. `started_in`: seconds from its start to its first good answer."""

    port: int
    process: subprocess.Popen[bytes]
    started_in: float = 0.0

    def cpu(self) -> float:
        """Seconds of processor time that it has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def memory(self) -> float:
        """Megabytes of its resident set."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * _PAGE / 1e6


@asynccontextmanager
async def server(
    module: str,
    *arguments: str,
    environ: Mapping[str, str] | None = None,
    probe: bytes | None = None,
    python: str = sys.executable,
    folder: Path | None = None,
) -> AsyncIterator[Server]:
    """`python -m module PORT …` at work, until the context ends.

    `probe`: a request that it answers with 200 once it is ready; without it a connection is
    enough. `folder`: where it runs, so that no file of the checkout is read for settings.
    """
    port = _free_port()
    own = {"PORT": str(port), "SLACK_SIGNING_SECRET": SIGNING_SECRET, **_QUIET}
    paths = {"PYTHONPATH": str(Path(__file__).parents[1])}
    began = time.perf_counter()
    process = subprocess.Popen(
        _command(python, module, port, arguments),
        env={**_kept(), **paths, **own, **(environ or {})},
        cwd=folder,
        preexec_fn=lambda: os.sched_setaffinity(0, {CORE_OF_SERVERS}),
    )
    started = Server(port, process)
    try:
        await _ready(started, probe)
        started.started_in = time.perf_counter() - began
        yield started
    finally:
        process.terminate()
        try:
            await asyncio.to_thread(process.wait, 10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def _command(python: str, module: str, port: int, arguments: Sequence[str]) -> list[str]:
    if module == "bot":  # the command takes its port from the environment
        return [python, "-m", module, *arguments]
    return [python, "-m", module, str(port), *arguments]


def _kept() -> dict[str, str]:
    """Of this process's environment what a process needs, and no setting of anybody's bridge."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}


async def _ready(started: Server, probe: bytes | None) -> None:
    until = time.perf_counter() + 60
    while time.perf_counter() < until:
        if started.process.poll() is not None:
            raise RuntimeError("the server ended by itself")
        try:
            if probe is None:
                _, writer = await asyncio.open_connection("127.0.0.1", started.port)
                writer.close()
                return
            connection = Connection(started.port)
            try:
                if await connection.ask(probe) == 200:
                    return
            finally:
                connection.close()
        except (OSError, asyncio.IncompleteReadError):
            pass
        await asyncio.sleep(0.002)
    raise TimeoutError("the server did not become ready")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
