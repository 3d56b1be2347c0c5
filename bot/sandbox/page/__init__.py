"""Serve the sandbox as a page: a small Slack, a small Plain and the real bridge between them."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from bot.sandbox.page import seed
from bot.sandbox.page.app import application
from bot.sandbox.page.desk import Desk
from bot.sandbox.page.ledger import LedgerFile
from bot.sandbox.page.troubles import Troubles, gate
from bot.sandbox.plain import Plain
from bot.sandbox.process import RULES, kept
from bot.sandbox.serving import serving
from bot.sandbox.slack import Slack

__all__ = ["PORT", "Desk", "page"]

PORT = 8020
RETRY_DELAYS = (0.0, 3.0, 10.0)
"""Slack sends an event again at once, after a minute and after five; here they are seconds."""


@asynccontextmanager
async def page(
    folder: Path, port: int = PORT, clock: Callable[[], float] = time.time
) -> AsyncIterator[tuple[str, Desk]]:
    """Serve the page while the context lasts; yield its address and the desk behind it.

    `folder` holds the bridge's configuration, database and log. `clock` is Slack's and Plain's,
    in Unix seconds. OSError where the port is taken, BridgeFailed where the bridge does not start.
    """
    with socket.create_server(("127.0.0.1", port)):
        pass  # before anything is started: the port is free
    slack, plain = Slack(clock=clock, retry_delays=RETRY_DELAYS), Plain(clock=clock)
    (folder / "plain-bridge.toml").write_text(RULES, encoding="utf-8")
    ledger = LedgerFile(folder / "plain-bridge.db")
    stopping = asyncio.Event()
    async with slack.serving(), plain.serving() as plain_url, gate(plain_url) as (way, through):
        players = await seed.seed(slack, plain)
        variables = {
            "SLACK_BOT_TOKEN": "xoxb-test",
            "SLACK_API_URL": slack.api_url,
            "SLACK_SIGNING_SECRET": slack.signing_secret,
            "PLAIN_API_KEY": plain.api_key,
            "PLAIN_API_URL": through,
            "DATABASE_URL": "sqlite:///plain-bridge.db",
        }
        async with kept(variables, folder) as bridge:
            slack.deliver_to(f"{bridge.url}/slack/events")
            troubles = Troubles(slack, plain, way)
            desk = Desk(slack, plain, bridge, ledger, seed.read_manifest(), players, troubles)
            try:
                async with serving(application(desk, stopping), port) as url:
                    try:
                        yield url, desk
                    finally:
                        stopping.set()
            finally:
                ledger.close()
