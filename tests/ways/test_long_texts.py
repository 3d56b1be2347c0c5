"""Long texts, whoever wrote them: they hold up nobody, and they come whole."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from bot.sandbox.plain import Plain
from bot.sandbox.process import bridge
from bot.sandbox.slack import Slack
from bot.store.database import Database
from bot.store.records import Records
from tests.ways.stage import until
from tests.ways.test_whole_thread import WHOLE, said, small

LONGEST = 40_000
"""Characters; Slack takes no longer text."""

PATIENCE = 400.0
"""Seconds that a busy machine has; what is measured is the bridge's own processor time."""

HOSTILE = (
    "*_*_", "*a* ", "*.* ", "*😀* ", "\\*", ">*a*\n", "*_~a~_* ", "`a` *b* ", "*`", "_*a*_",
    "*a*_b_~c~`d` ", "<https://a.example/(x|*c*> ", "[a](", "&copy; ", "<a@b", "*€*", "👨\u200d",
    "e\u0301", ":a:", "```\n", ">>> ", "\n", "a\n", "-----BEGIN PRIVATE KEY-----", "eyJaaaaaa.",
    "a://a:", "bearer ", "xoxb-test ", "1234567890", "<", "hello world ",
)  # fmt: skip


def hostile(number: int) -> str:
    """A text of the greatest length; every other one is of the kind that costs most."""
    piece = HOSTILE[number % 7 if number % 2 else number % len(HOSTILE)]
    return f"N{number} " + (piece * LONGEST)[: LONGEST - 10]


@dataclass
class Watch:
    """What others see of the bridge meanwhile. `longest` is in seconds."""

    longest: float = 0.0
    looks: int = 0
    wrong: list[int] = field(default_factory=list)


def used(pid: int) -> float:
    """Seconds of processor time that the process has used, which a busy machine does not stretch;
    where the system does not tell, the time that has passed."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return time.monotonic()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def watching(url: str, pid: int) -> AsyncIterator[Watch]:
    """Look at /healthz without a pause to speak of."""
    watch = Watch()

    async def look() -> None:
        async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False) as client:
            while True:
                begun, passed = used(pid), time.monotonic()
                answer = await client.get("/healthz")
                took = min(used(pid) - begun, time.monotonic() - passed)
                watch.longest = max(watch.longest, took)
                watch.looks += 1
                if answer.status_code != 200:
                    watch.wrong.append(answer.status_code)
                await asyncio.sleep(0.02)

    looking = asyncio.create_task(look())
    try:
        yield watch
        assert not looking.done()
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


@pytest.mark.parametrize("messages", [8, pytest.param(45, marks=pytest.mark.proof)])
async def test_hostile_messages_quoted_whole_hold_up_nobody(
    sqlite_url: str, tmp_path: Path, messages: int
) -> None:
    """The loop stood still for 132 s at a time, the lease was lost, and it began anew for ever."""
    slack, plain = Slack(), Plain()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(slack.serving())
        plain_url = await stack.enter_async_context(plain.serving())
        ada = slack.add_user("Ada Nowak", email="ada@acme.example")
        ben = slack.add_user("Ben Ortiz", email="ben@acme.example")
        support = slack.add_channel("support", members=(ada, ben))
        variables = {
            "SLACK_BOT_TOKEN": "xoxb-test",
            "SLACK_API_URL": slack.api_url,
            "SLACK_SIGNING_SECRET": slack.signing_secret,
            "PLAIN_API_KEY": plain.api_key,
            "PLAIN_API_URL": plain_url,
            "DATABASE_URL": sqlite_url,
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }
        running = await stack.enter_async_context(bridge(variables, tmp_path))
        slack.deliver_to(f"{running.url}/slack/events")
        database = Database(sqlite_url)
        stack.callback(database.close)
        history = Records(database)

        root = await slack.post(ben, support, hostile(0), rich_text=False)
        for number in range(1, messages):
            await slack.post(
                (ben, ada)[number % 2],
                support,
                hostile(number),
                thread_ts=root,
                rich_text=number % 9 == 0,  # else only the text: the sandbox is slow at the other
            )
        asked = await slack.post(ben, support, "What is this?", thread_ts=root)
        other = await slack.post(ben, support, "Somebody else's matter")

        async with watching(running.url, running.process.pid) as watch:
            opened = await slack.use_shortcut(ada, support, asked, "create_plain_ticket")
            assert opened.view is not None
            assert (await slack.submit(ada, opened.view["id"], WHOLE)).ok
            await asyncio.sleep(1.0)
            statuses = []
            for number in range(3):
                reacted = await slack.react(ada, support, other, "ticket")
                commanded = await slack.command(ada, support, "/plain-ticket", f"Matter {number}")
                statuses += [reacted.status if reacted else None, commanded.status]
                other = await slack.post(ben, support, f"Somebody else's matter {number}")
            await until(lambda: len(plain.threads) >= 6, PATIENCE)
            (row,) = history.find("PB-1")
            at = row.state
            attempts: set[int | None] = set()

            def is_settled() -> bool:
                entries = history.newest(9)
                attempts.update(one.attempts for one in entries if one.reference == "PB-1")
                return all(one.due is None for one in entries)

            await until(is_settled, PATIENCE)

        (row,) = history.find("PB-1")
        assert (row.state, row.cause) == ("created", None)
        assert attempts <= {1, None}
        assert watch.longest < 0.5
        assert watch.wrong == []
        assert statuses == [200] * 6
        if messages == 45:  # a few are quoted before the others have asked
            assert at == "waiting"
        quoted = max(plain.threads, key=lambda thread: len(thread.events))
        texts = "\n".join(said(quoted))
        there = [number for number in range(messages) if f"N{number} " in texts]
        # Escaped, they are longer than what Plain is given of one thread: the last may be missing.
        assert there == list(range(len(there)))
        assert len(there) > 0.75 * messages
        told = [note for note in small(quoted.components) if "not quoted in full" in note]
        assert len(there) == messages or told
