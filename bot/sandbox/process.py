"""Run the real bridge as a process of its own, started as by `plain-bridge run`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import httpx

READY_SECONDS = 30.0
REST_SECONDS = 1.0
"""How long a bridge that died stays dead, so that somebody sees it."""

RUN = ("-m", "bot", "run")

RULES = """\
[[rule]]
emoji = "bug"
channels = ["#support"]
labels = ["Bug"]
priority = "high"

[[rule]]
emoji = "ticket"
"""
"""The plain-bridge.toml of the sandbox's bridge; all else is as it is without the file."""


class BridgeFailed(Exception):
    """The bridge did not become ready; the message is what it wrote last."""


@dataclass(frozen=True)
class BridgeProcess:
    """A bridge that is ready. `url` has no trailing slash; `log` is what it writes to."""

    url: str
    process: Process
    log: Path


@asynccontextmanager
async def bridge(
    variables: Mapping[str, str],
    folder: Path,
    *,
    arguments: Sequence[str] = RUN,
) -> AsyncIterator[BridgeProcess]:
    """Run a bridge with these environment variables in `folder`, until the context ends.

    Nothing of this process's own environment that configures a bridge reaches it. `arguments`
    are the interpreter's.
    """
    port = _free_port()
    log = folder / "bridge.log"
    log.unlink(missing_ok=True)
    process = await _started(arguments, folder, {"PORT": str(port), **variables}, log)
    url = f"http://127.0.0.1:{port}"
    try:
        await _until_ready(url, process, log)
        yield BridgeProcess(url, process, log)
    finally:
        await _ended(process)


class Keeper:
    """A bridge that is started anew, at its old address, whenever it dies.

    `state` tells how it stands now, `deaths` how often it died, `log` what it writes to.
    """

    def __init__(
        self, variables: Mapping[str, str], folder: Path, arguments: Sequence[str]
    ) -> None:
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.log = folder / "bridge.log"
        self.state: Literal["starting", "up", "down"] = "starting"
        self.deaths = 0
        self._variables = {"PORT": str(port), **variables}
        self._folder = folder
        self._arguments = arguments
        self._process: Process | None = None

    @property
    def pid(self) -> int | None:
        """Return the id of the running process; None while there is none."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    def kill(self) -> None:
        """Kill the bridge with SIGKILL: nothing is finished or closed."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            self.state = "down"

    async def run(self, first: asyncio.Event) -> None:
        """Keep it running until this is cancelled; `first` is set once it is ready.

        BridgeFailed where it dies before it was ready for the first time.
        """
        while True:
            self.state = "starting"
            self._process = process = await _started(
                self._arguments, self._folder, self._variables, self.log
            )
            try:
                await _until_ready(self.url, process, self.log)
                self.state = "up"
                first.set()
                await process.wait()
            except BridgeFailed:
                if not first.is_set():
                    raise
            finally:
                self.state = "down"
                await _ended(process)
            self.deaths += 1
            await asyncio.sleep(REST_SECONDS)


@asynccontextmanager
async def kept(
    variables: Mapping[str, str], folder: Path, *, arguments: Sequence[str] = RUN
) -> AsyncIterator[Keeper]:
    """Run a bridge as `bridge` does, and restart it whenever it dies."""
    keeper = Keeper(variables, folder, arguments)
    first = asyncio.Event()
    keeping = asyncio.create_task(keeper.run(first))
    ready = asyncio.create_task(first.wait())
    try:
        await asyncio.wait({keeping, ready}, return_when=asyncio.FIRST_COMPLETED)
        if keeping.done():
            keeping.result()
        yield keeper
    finally:
        ready.cancel()
        keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError, BridgeFailed):
            await keeping


async def _started(
    arguments: Sequence[str], folder: Path, variables: Mapping[str, str], log: Path
) -> Process:
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            cwd=folder,
            env=_bare_environment() | dict(variables),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )


async def _ended(process: Process) -> None:
    """End the process: SIGTERM, and SIGKILL after ten seconds."""
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
    """Return what a program needs of this environment, without any setting of a bridge."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT", "VIRTUAL_ENV", "PYTHONPATH")
    return {name: os.environ[name] for name in kept if name in os.environ}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
