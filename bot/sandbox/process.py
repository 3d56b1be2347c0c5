"""The real bridge as a process of its own, started as `plain-bridge run` would be."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

READY_SECONDS = 30.0


class BridgeFailed(Exception):
    """The bridge did not become ready; the message is what it wrote last."""


@dataclass(frozen=True)
class Bridge:
    """A bridge that is ready. `url` has no trailing slash; `log` is what it writes to."""

    url: str
    process: Process
    log: Path


@asynccontextmanager
async def bridge(
    variables: Mapping[str, str],
    folder: Path,
    *,
    arguments: Sequence[str] = ("-m", "bot", "run"),
) -> AsyncIterator[Bridge]:
    """Run a bridge with these environment variables in `folder`, until the context ends.

    Nothing of this process's own environment that configures a bridge reaches it. `arguments`
    are the interpreter's.
    """
    port = _free_port()
    log = folder / "bridge.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            cwd=folder,
            env=_bare_environment() | {"PORT": str(port), **variables},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        await _until_ready(url, process, log)
        yield Bridge(url, process, log)
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), 10)
            except TimeoutError:
                process.kill()
                await process.wait()


async def _until_ready(url: str, process: Process, log: Path) -> None:
    async with httpx.AsyncClient(timeout=2, trust_env=False) as client:
        for _ in range(int(READY_SECONDS / 0.05)):
            if process.returncode is not None:
                break
            try:
                answer = await client.get(f"{url}/readyz")
            except httpx.TransportError:
                pass
            else:
                if answer.status_code == httpx.codes.OK:
                    return
            await asyncio.sleep(0.05)
    raise BridgeFailed(_last_words(log))


def _last_words(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:].strip() or "it wrote nothing"


def _bare_environment() -> dict[str, str]:
    """What a program needs of this environment, and no setting of a bridge."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT", "VIRTUAL_ENV", "PYTHONPATH")
    return {name: os.environ[name] for name in kept if name in os.environ}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
