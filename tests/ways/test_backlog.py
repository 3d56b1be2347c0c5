"""A backlog drains at the bridge's share of Plain's rate limit, and Plain refuses nothing."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot import app
from bot.core.model import Escalation, ReplyTo, Rule, Trigger, Via
from bot.core.record import Record
from bot.core.refs import MessageRef, message_key
from bot.sandbox.plain import Plain, server
from bot.sandbox.plain.server import RateLimit
from bot.sandbox.slack import Slack
from bot.settings import load
from bot.store.database import Database
from bot.store.records import Records
from bot.store.tickets import Ledger
from tests.ways.stage import until

WINDOW = 1.5
"""Seconds instead of Plain's minute."""
LIMIT = 50
SHARE = 40
ROWS = 100


@dataclass
class Drain:
    slack: Slack
    plain: Plain
    database: Database

    async def settled(self) -> list[Record]:
        history = Records(self.database)
        await until(lambda: not [e for e in history.newest(ROWS) if e.due is not None], 60)
        return history.newest(ROWS)

    @property
    def refused(self) -> int:
        return sum(request.outcome == "429" for request in self.plain.requests)


@pytest.fixture
def by_window(monkeypatch: pytest.MonkeyPatch) -> Counter[float]:
    """How many requests Plain took in each of its windows, which are short."""
    counted: Counter[float] = Counter()
    take = RateLimit.take

    def counting(self: RateLimit) -> bool:
        taken = take(self)
        counted[self._opened] += taken
        return taken

    monkeypatch.setattr(server, "WINDOW", WINDOW)
    monkeypatch.setattr(RateLimit, "take", counting)
    return counted


@asynccontextmanager
async def draining(
    database_url: str, folder: Path, *, replicas: int = 1, limit: int = LIMIT
) -> AsyncIterator[Drain]:
    """So many workers with a backlog that was recorded before they came."""
    async with AsyncExitStack() as stack:
        slack, plain = Slack(), Plain(rate_limit=limit)
        await stack.enter_async_context(slack.serving())
        plain_url = await stack.enter_async_context(plain.serving())
        database = Database(database_url)
        stack.callback(database.close)
        await record(slack, Ledger(database))
        environ = {
            "SLACK_BOT_TOKEN": "xoxb-test",
            "SLACK_API_URL": slack.api_url,
            "PLAIN_API_KEY": plain.api_key,
            "PLAIN_API_URL": plain_url,
            "DATABASE_URL": database_url,
        }
        (folder / "plain-bridge.toml").write_text("")
        for _ in range(replicas):
            bridge = app.bridge(load(environ, folder), hears=False)
            await stack.enter_async_context(bridge)
        yield Drain(slack, plain, database)


async def record(slack: Slack, ledger: Ledger) -> None:
    """Reactions of one person to the messages of five, in as many channels."""
    submitter = slack.add_user("Ada", email="ada@acme.example")
    authors = [slack.add_user(f"Ben {n}", email=f"ben{n}@acme.example") for n in range(5)]
    channels = [slack.add_channel(f"support-{n}", members=(submitter, *authors)) for n in range(5)]
    for number in range(ROWS):
        channel = channels[number % 5]
        ts = await slack.post(authors[number // 5 % 5], channel, f"Export {number} fails")
        ref = MessageRef(channel, ts)
        trigger = Trigger(
            via=Via.REACTION,
            team=slack.team,
            submitter=submitter,
            request=f"Ev{number}",
            reply_to=ReplyTo(submitter, float(ts), channel),
            channel=channel,
            ref=ref,
            emoji="ticket",
        )
        key = message_key(slack.team, ref)
        ledger.record(Escalation(key, trigger, (Rule(emoji=("ticket",)),)))


async def test_one_replica_drains_a_backlog_without_one_refusal(
    sqlite_url: str, tmp_path: Path, by_window: Counter[float]
) -> None:
    async with draining(sqlite_url, tmp_path) as on:
        entries = await on.settled()
        assert {entry.state for entry in entries} == {"created"}
        assert len(on.plain.threads) == ROWS
        assert on.refused == 0
        assert max(by_window.values()) <= SHARE
        assert len(by_window) >= 3  # else it was no backlog


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_three_replicas_drain_a_backlog_with_hardly_a_refusal(
    database_url: str, tmp_path: Path, by_window: Counter[float]
) -> None:
    async with draining(database_url, tmp_path, replicas=3) as on:
        entries = await on.settled()
        assert {entry.state for entry in entries} == {"created"}
        assert len(on.plain.threads) == ROWS
        assert on.refused <= 0.01 * len(on.plain.requests)
        assert max(by_window.values()) <= SHARE + 3
        assert len(by_window) >= 3
        with on.database.reading() as connection:
            (row,) = connection.exec_driver_sql("SELECT name, per_window FROM rate").all()
        assert row.per_window == LIMIT
        assert on.plain.api_key not in row.name


async def test_a_burst_within_the_share_goes_out_at_once(sqlite_url: str, tmp_path: Path) -> None:
    """In one of Plain's minutes: a pace that spread it over them would not be done in time."""
    async with asyncio.timeout(45), draining(sqlite_url, tmp_path, limit=1000) as on:
        await on.settled()
        assert on.refused == 0
