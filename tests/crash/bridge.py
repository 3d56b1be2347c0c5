"""`python -m tests.crash.bridge`: a bridge with short windows that is watched from inside."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from bot import app, failpoints, telemetry
from bot.app import Windows
from bot.flows.workspace import Policy
from bot.sandbox.serving import serving
from bot.settings import load
from tests.crash.watching import Folder, Watch


async def run() -> None:
    """As `plain-bridge run`, but for the windows."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    settings = load()
    policy = Policy(settle_window=float(os.environ["TEST_SETTLE_WINDOW"]))
    windows = Windows(
        lease=float(os.environ["TEST_LEASE"]),
        plain=float(os.environ["TEST_PLAIN_SECONDS"]),
        verify=float(os.environ["TEST_VERIFY_SECONDS"]),
    )
    async with (
        app.bridge(settings, policy=policy, windows=windows) as built,
        serving(built.http, settings.port),
    ):
        await ended.wait()


if __name__ == "__main__":
    telemetry.set_up("INFO", "json", colors=False)
    failpoints.arm(Watch(Folder(Path(os.environ["TEST_FOLDER"]))))
    asyncio.run(run())
