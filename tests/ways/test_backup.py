"""A ledger that was put back to a copy: every message keeps its one thread in Plain."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from bot.core.reconcile import Scope
from bot.flows.reconcile import reconcile
from bot.sandbox.plain import Plain
from bot.sandbox.plain.world import Duplicates
from bot.sandbox.slack import Slack
from bot.store.customer_links import CustomerLink
from tests.ways.stage import Stage, stage


@asynccontextmanager
async def slack_of_both() -> AsyncIterator[Slack]:
    slack = Slack()
    async with slack.serving():
        yield slack


def back_up(database: Path, copy: Path) -> None:
    """As docs/running.md says."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("VACUUM INTO ?", (str(copy),))


async def ask(on: Stage, count: int, named: str, **more: Any) -> list[str]:
    """Ben writes so many messages, and Ada reacts to each."""
    found = []
    for number in range(count):
        ts = await on.slack.post(on.ben, on.support, f"{named} {number}", **more)
        await on.slack.react(on.ada, on.support, ts, "ticket")
        found.append(ts)
    return found


def external_ids(plain: Plain) -> Counter[str | None]:
    return Counter(thread.external_id for thread in plain.threads)


@pytest.mark.parametrize("duplicates", ["allow", "refuse"])
async def test_what_came_after_the_copy_is_found_again_and_nothing_twice(
    sqlite_url: str, tmp_path: Path, duplicates: Duplicates
) -> None:
    copy = tmp_path / "backup.db"
    plain = Plain(duplicate_external_id=duplicates)
    async with slack_of_both() as slack:
        async with stage(sqlite_url, tmp_path, slack=slack, plain=plain) as on:
            on.people.link([CustomerLink(slack.team, "U0GUS", "external:acme")])
            (root,) = await ask(on, 1, "before")
            await on.settled()
            # Some of these are in the copy without their outcome, and some are not in it at all.
            asking = asyncio.create_task(ask(on, 12, "meanwhile"))
            await on.threads(4)
            await asyncio.to_thread(back_up, tmp_path / "bridge.db", copy)
            messages = [root, *await asking, *await ask(on, 3, "after")]
            replies = await ask(on, 2, "reply", thread_ts=root)
            await on.settled()
            before, old = external_ids(plain), {one.key: one for one in on.entries()}
            support = on.support
        assert len(before) == len(messages)
        with closing(sqlite3.connect(copy)) as connection:
            ((copied,),) = connection.execute("SELECT count(*) FROM request")
        assert copied < len(old)

        restored = f"sqlite:///{copy}"
        async with stage(restored, tmp_path, slack=slack, plain=plain) as on:
            await reconcile(on.bridge.reconciling, Scope())
            on.bridge.worker.wake()
            await on.settled()
            new = {one.key: one for one in on.entries()}
            people = on.people.all()
        assert external_ids(plain) == before
        assert set(before.values()) == {1}
        assert {key: (row.state, row.ticket) for key, row in new.items()} == {
            key: (row.state, row.ticket) for key, row in old.items()
        }
        assert set(new) == {f"{slack.team}:{support}:{ts}" for ts in [*messages, *replies]}
        ((ticket, events),) = [
            (thread.ref, thread.events) for thread in plain.threads if thread.events
        ]
        first = old[f"{slack.team}:{support}:{root}"].ticket
        assert first is not None
        assert ticket == first.ref
        assert len(events) == len(replies)
        assert [one.customer for one in people if one.slack_user == "U0GUS"] == ["external:acme"]
