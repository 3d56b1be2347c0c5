"""The whole bridge between the sandbox's Slack and Plain, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import httpx

from bot import app
from bot.core.record import Record
from bot.flows.workspace import Policy
from bot.sandbox.plain import Plain
from bot.sandbox.serving import serving
from bot.sandbox.slack import Delivery, Slack
from bot.settings import load
from bot.store.customer_links import CustomerLinks
from bot.store.database import Database
from bot.store.records import Records

Transport = Literal["http", "socket"]


@dataclass
class Stage:
    """Who is there: Ada asks and Ben writes, both members, in #support with the bot."""

    slack: Slack
    plain: Plain
    bridge: app.Bridge
    url: str
    database: Database
    ada: str
    ben: str
    support: str

    @property
    def history(self) -> Records:
        return Records(self.database)

    @property
    def people(self) -> CustomerLinks:
        return CustomerLinks(self.database)

    def entries(self) -> list[Record]:
        return self.history.newest(100)

    async def threads(self, count: int) -> None:
        """Wait until there are `count` threads."""
        await until(lambda: len(self.plain.threads) >= count)

    async def settled(self) -> list[Record]:
        """Wait until nothing is left to do; the rows, newest first."""
        await until(lambda: all(entry.due is None for entry in self.entries()))
        await self.bridge.background.drain()
        await until(lambda: not self.bridge.worker.is_busy)
        return self.entries()

    async def ask(self, text: str = "The export fails", emoji: str = "ticket") -> Delivery:
        """Ben writes, Ada reacts."""
        ts = await self.slack.post(self.ben, self.support, text)
        delivery = await self.slack.react(self.ada, self.support, ts, emoji)
        assert delivery is not None
        return delivery

    def seen_by(self, user: str) -> list[str]:
        """The texts that only this person saw, oldest first."""
        return [seen.text for seen in self.slack.ephemerals(user)]


@asynccontextmanager
async def stage(
    database_url: str,
    folder: Path,
    *,
    transport: Transport = "http",
    toml: str = "",
    slack: Slack | None = None,
    plain: Plain | None = None,
    policy: Policy | None = None,
    windows: app.Windows | None = None,
    variables: Mapping[str, str] | None = None,
) -> AsyncIterator[Stage]:
    """A bridge at work, and its surroundings, until the context ends.

    A Slack that is handed in is served by whoever made it.
    """
    async with AsyncExitStack() as stack:
        if slack is None:
            slack = Slack()
            await stack.enter_async_context(slack.serving())
        plain = plain or Plain()
        plain_url = await stack.enter_async_context(plain.serving())
        ada = slack.add_user("Ada Nowak", email="ada@acme.example")
        ben = slack.add_user("Ben Ortiz", email="ben@acme.example")
        support = slack.add_channel("support", members=(ada, ben))
        environ = {
            "SLACK_BOT_TOKEN": "xoxb-test",
            "SLACK_API_URL": slack.api_url,
            "PLAIN_API_KEY": plain.api_key,
            "PLAIN_API_URL": plain_url,
            "DATABASE_URL": database_url,
            **(variables or {}),
        }
        if transport == "http":
            environ["SLACK_SIGNING_SECRET"] = slack.signing_secret
        else:
            environ["SLACK_APP_TOKEN"] = "xapp-test"
        (folder / "plain-bridge.toml").write_text(toml)
        bridge = await stack.enter_async_context(
            app.bridge(load(environ, folder), policy=policy, windows=windows or app.Windows())
        )
        url = await stack.enter_async_context(serving(bridge.http))
        if transport == "http":
            slack.deliver_to(f"{url}/slack/events")
        else:
            connected = slack
            await until(lambda: connected.connections == 1)
        database = Database(database_url)
        stack.callback(database.close)
        yield Stage(slack, plain, bridge, url, database, ada, ben, support)


async def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 — any condition, not one that is announced
            await asyncio.sleep(0.005)


async def until_readyz(client: httpx.AsyncClient, status: int, text: str) -> None:
    """Wait until `/readyz`, which remembers its answer for a second, says this."""
    async with asyncio.timeout(10):
        while (answer := await client.get("/readyz")).status_code != status:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert answer.text == text
