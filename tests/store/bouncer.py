"""A real PgBouncer before the suite's PostgreSQL, where one is installed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import make_url

Bounced = Callable[..., str]
"""The URL of a database behind a PgBouncer, by its own URL and settings of PgBouncer's."""


@pytest.fixture
def bounced() -> Iterator[Bounced]:
    """Start a PgBouncer for a database: `bounced(url, pool_mode="session")`."""
    if shutil.which("pgbouncer") is None:
        pytest.skip("pgbouncer is not installed: `apt-get install pgbouncer`")
    running = []

    def start(url: str, **settings: str | int) -> str:
        bouncer = _started(url, {name: str(value) for name, value in settings.items()})
        running.append(bouncer)
        return bouncer.__enter__()

    yield start
    for bouncer in running:
        bouncer.__exit__(None, None, None)


@contextmanager
def _started(url: str, settings: dict[str, str]) -> Iterator[str]:
    target = make_url(url)
    host = str(target.query["host"])  # the folder of the server's socket
    port = _free_port()
    with tempfile.TemporaryDirectory(prefix="pb-bouncer-") as name:
        folder = Path(name)
        ini = {
            "listen_addr": "127.0.0.1",
            "listen_port": str(port),
            "unix_socket_dir": "",
            "auth_type": "any",
            "pool_mode": "session",
            "logfile": str(folder / "log"),
        } | settings
        at = f"host={host} dbname={target.database} user={target.username or 'postgres'}"
        lines = ["[databases]", f"bridge = {at}", "[pgbouncer]"]
        lines += [f"{key} = {value}" for key, value in ini.items()]
        (folder / "pgbouncer.ini").write_text("\n".join(lines) + "\n")
        user, group = _owner(host, folder)
        process = subprocess.Popen(
            [shutil.which("pgbouncer") or "pgbouncer", "-q", str(folder / "pgbouncer.ini")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=user,
            group=group,
        )
        try:
            _wait_for(port, process, folder / "log")
            yield f"postgresql://bridge@127.0.0.1:{port}/bridge"
        finally:
            process.terminate()
            process.wait(10)


def _owner(server: str, folder: Path) -> tuple[int, int] | tuple[None, None]:
    """PgBouncer does not run as root: then as the user to whom the server's socket belongs."""
    if os.getuid() != 0:
        return None, None
    owner = Path(server).stat()
    os.chown(folder, owner.st_uid, owner.st_gid)
    return owner.st_uid, owner.st_gid


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    pytest.fail(f"pgbouncer did not start: {log.read_text() if log.exists() else 'no log'}")
