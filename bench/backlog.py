"""How fast a backlog drains under Plain's rate limit, by one replica and by three.

    python -m bench.backlog [--rows 1200] [--limit 600] [--replicas 1 3] [--database URL]

The whole bridge, without its doors, against the sandbox's Slack and Plain, whose windows last
the real minute: with the defaults about three minutes for each line. One replica has a SQLite
database of its own, several share a PostgreSQL (`--database`: an empty one; else a server is
started for the time, if the development environment is there).

What counts is the time between the opening of the first window and that of the last: whole
windows, with whatever lies between them.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import platform
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path

import structlog
from sqlalchemy import func, select

from bench.ground import postgres
from bot import app
from bot.core.model import Escalation, ReplyTo, Rule, Trigger, Via
from bot.core.refs import MessageRef, message_key
from bot.sandbox.plain import Plain
from bot.sandbox.plain.server import RateLimit
from bot.sandbox.slack import Slack
from bot.settings import load
from bot.store import migrating
from bot.store.database import Database
from bot.store.jobs import Kind
from bot.store.schema import job
from bot.store.tickets import Ledger

SHARE = 0.8
CHANNELS = 12
AUTHORS = 40


@dataclass
class Counted:
    """What Plain saw: the moments of the requests that it took, by window, and its refusals."""

    windows: dict[float, int]
    requests: int
    refused: int
    threads: int

    @property
    def per_minute(self) -> float:
        """Requests taken in whole windows, by the time that these and their seams lasted."""
        opened = sorted(self.windows)
        if len(opened) < 2:
            return float("nan")
        taken = sum(self.windows[start] for start in opened[:-1])
        return 60 * taken / (opened[-1] - opened[0])


class Counting(RateLimit):
    """The sandbox's limit, which also counts by window."""

    def __init__(self, per_minute: int) -> None:
        super().__init__(per_minute, time.time)
        self.windows: Counter[float] = Counter()

    def take(self) -> bool:
        taken = super().take()
        self.windows[self._opened] += taken
        return taken


async def drain(database_url: str, *, rows: int, limit: int, replicas: int) -> Counted:
    """Let so many replicas work off so many rows."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pb-bench-")))
        slack, plain = Slack(), Plain()
        counting = plain._server.limit = Counting(limit)  # noqa: SLF001 — to count by window
        await stack.enter_async_context(slack.serving())
        plain_url = await stack.enter_async_context(plain.serving())
        database = Database(database_url or f"sqlite:///{folder / 'bridge.db'}")
        stack.callback(database.close)
        migrating.migrate(database)
        await record(slack, Ledger(database), rows)
        (folder / "plain-bridge.toml").write_text(f"[plain]\nshare = {SHARE}\n")
        environ = {
            "SLACK_BOT_TOKEN": "xoxb-test",
            "SLACK_API_URL": slack.api_url,
            "PLAIN_API_KEY": plain.api_key,
            "PLAIN_API_URL": plain_url,
            "DATABASE_URL": database.url.render_as_string(hide_password=False),
        }
        settings = load(environ, folder)
        for _ in range(replicas):
            await stack.enter_async_context(app.bridge(settings, hears=False))
        while left(database):
            await asyncio.sleep(0.5)
        return Counted(
            dict(counting.windows),
            len(plain.requests),
            sum(request.outcome == "429" for request in plain.requests),
            len(plain.threads),
        )


def left(database: Database) -> int:
    """Return how many requests are to be decided or answered still."""
    with database.reading() as connection:
        waiting = select(func.count()).where(job.c.kind.in_((Kind.DECIDE, Kind.ANSWER)))
        return connection.scalar(waiting) or 0


async def record(slack: Slack, ledger: Ledger, rows: int) -> None:
    """Reactions to messages of some people in some channels."""
    submitter = slack.add_user("Ada", email="ada@acme.example")
    authors = [slack.add_user(f"Ben {n}", email=f"ben{n}@acme.example") for n in range(AUTHORS)]
    people = (submitter, *authors)
    channels = [slack.add_channel(f"support-{n}", members=people) for n in range(CHANNELS)]
    for number in range(rows):
        channel = channels[number % CHANNELS]
        ts = await slack.post(authors[number % AUTHORS], channel, f"Export {number} fails")
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


def line(replicas: int, limit: int, counted: Counted) -> str:
    allowed = limit * SHARE
    return (
        f"{replicas} replica{'s' * (replicas > 1)}: {counted.per_minute:.1f} requests/min "
        f"of {allowed:g} allowed ({counted.per_minute / allowed:.1%}), "
        f"{counted.refused} of {counted.requests} refused (429), {counted.threads} threads, "
        f"by window {[counted.windows[start] for start in sorted(counted.windows)]}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=1200)
    parser.add_argument("--limit", type=int, default=600, help="what Plain allows in a minute")
    parser.add_argument("--replicas", type=int, nargs="+", default=[1, 3])
    parser.add_argument("--database", help="an empty PostgreSQL for several replicas")
    asked = parser.parse_args()
    logging.disable(logging.WARNING)  # what Bolt thinks of its settings
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    print(f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}")
    for replicas in asked.replicas:
        with postgres(asked.database) if replicas > 1 else nullcontext("") as url:
            counted = asyncio.run(drain(url, rows=asked.rows, limit=asked.limit, replicas=replicas))
        print(line(replicas, asked.limit, counted), flush=True)


if __name__ == "__main__":
    main()
