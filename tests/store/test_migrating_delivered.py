"""What the release before left behind is delivered on after 0005, by the whole bridge."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic import command

from bot.sandbox.plain import Plain
from bot.sandbox.slack import Slack
from bot.store import migrating
from bot.store.customer_links import CustomerLink
from bot.store.database import Database
from tests.store import former
from tests.ways.stage import Stage, stage, until

LONG_AGO = 60.0
"""Seconds since something was sent: longer than an unknown outcome has to be waited for."""


@dataclass
class Before:
    """The ledger of the release before, and what there was in Slack and Plain.

    T-1 is the thread of the first message; what else is requested has none.
    """

    first: Stage
    url: str

    def ticket(self) -> dict[str, Any]:
        """The columns of a row whose thread is T-1."""
        entry = self.first.entries()[0]
        assert entry.ticket is not None
        found = entry.ticket
        return {"thread_id": found.id, "thread_ref": found.ref, "thread_url": found.url}

    @property
    def customer(self) -> str:
        return self.first.plain.threads[0].customer.id

    @property
    def key(self) -> str:
        """The key of the first message."""
        return self.first.entries()[0].key

    async def key_of(self, text: str, **more: Any) -> str:
        """The key of another message of Ben's, with Ada's reaction."""
        on = self.first
        ts = await on.slack.post(on.ben, on.support, text, **more)
        await on.slack.react(on.ada, on.support, ts, "ticket", deliver=False)
        return f"{on.slack.team}:{on.support}:{ts}"

    def put(self, *rows: dict[str, Any]) -> None:
        database = Database(self.url)
        former.put(database, *(former.row(n, **one) for n, one in enumerate(rows, 1)))
        database.close()

    def sent(self) -> dict[str, Any]:
        """The columns of a row whose create was sent, with an unknown outcome."""
        return {
            "customer": self.customer,
            "requester": self.first.ben,
            "sent_at": time.time() - LONG_AGO,
            "cause": "plain_timeout",
            "attempts": 1,
        }

    def asked(self, key: str, **columns: Any) -> dict[str, Any]:
        """The columns of a request of Ada's that is due."""
        now = time.time()
        moments = {"created_at": now - LONG_AGO, "asked_at": now - LONG_AGO, "due": now}
        return {"key": key, "asker": self.first.ada, **moments, **columns}


@asynccontextmanager
async def before(url: str, folder: Path) -> AsyncIterator[Before]:
    """A ledger at 0004, whose first message has its thread in Plain."""
    database = Database(url)
    command.upgrade(migrating.config(database), "0004")
    database.close()
    async with AsyncExitStack() as stack:
        slack = Slack()
        await stack.enter_async_context(slack.serving())
        other = folder / "other"
        other.mkdir()
        elsewhere = f"sqlite:///{other / 'bridge.db'}"
        async with stage(elsewhere, other, slack=slack, plain=Plain()) as first:
            await first.ask()
            await first.settled()
            yield Before(first, url)


@asynccontextmanager
async def afterwards(then: Before, folder: Path) -> AsyncIterator[Stage]:
    """The new release at work on the migrated ledger."""
    database = Database(then.url)
    migrating.migrate(database)
    database.close()
    first = then.first
    async with stage(then.url, folder, slack=first.slack, plain=first.plain) as on:
        yield on


async def settled(on: Stage) -> None:
    """Wait until nothing is left to do, on a busy machine too."""
    await until(lambda: all(one.due is None for one in on.entries()), 30)
    await on.settled()


def states(on: Stage) -> dict[int, tuple[str, str | None]]:
    return {
        one.id: (one.state.value, one.ticket.ref if one.ticket else None) for one in on.entries()
    }


async def test_what_waits_is_delivered_once_and_what_was_sent_is_found(
    empty_url: str, tmp_path: Path
) -> None:
    async with before(empty_url, tmp_path) as then:
        absent, new = await then.key_of("The import fails"), await then.key_of("Login fails")
        then.put(
            then.asked(then.key, conversation_key=then.key, **then.sent()),
            then.asked(absent, conversation_key=absent, **then.sent()),
            then.asked(new),
        )
        async with afterwards(then, tmp_path) as on:
            await settled(on)
            found = states(on)
            assert found[1] == ("created", "T-1")
            assert {found[2], found[3]} == {("created", "T-2"), ("created", "T-3")}
            assert on.plain.threads[0].external_id == then.key
            assert {one.external_id for one in on.plain.threads} == {then.key, absent, new}
            assert len(on.plain.threads) == 3


async def test_additions_and_parts_go_to_the_ticket_that_is_there(
    empty_url: str, tmp_path: Path
) -> None:
    async with before(empty_url, tmp_path) as then:
        reply = await then.key_of("It still fails", thread_ts=then.key.rpartition(":")[2])
        thread = then.ticket()
        named = {name.removeprefix("thread_"): value for name, value in thread.items()}
        part = {
            "external_id": f"{then.key}:part:2",
            "title": "Part 2",
            "parts": [{"kind": "plain", "text": "the rest"}],
        }
        rest = json.dumps({"sequels": [part], "ticket": named, "added": False, "missing": 0})
        then.put(
            then.asked(then.key, conversation_key=then.key, sequels=rest, **then.sent()),
            then.asked(reply, sent_at=time.time() - LONG_AGO, cause="plain_timeout", **thread),
        )
        async with afterwards(then, tmp_path) as on:
            await settled(on)
            assert states(on) == {1: ("created", "T-1"), 2: ("added", "T-1")}
            (one,) = on.plain.threads
            events = [event.external_id for event in one.events]
            assert events == [f"{then.key}:part:2", reply]


async def test_a_link_resumes_what_was_rejected_for_want_of_one(
    empty_url: str, tmp_path: Path
) -> None:
    async with before(empty_url, tmp_path) as then:
        key = await then.key_of("The import fails")
        held = {
            "state": "refused",
            "answer": "said",
            "due": None,
            "reason": "no_customer",
            "reason_data": f'{{"requester":"{then.first.ben}","name":"Ben Ortiz"}}',
            "requester": then.first.ben,
            "settled_at": time.time() - LONG_AGO,
        }
        then.put(then.asked(key, **held))
        async with afterwards(then, tmp_path) as on:
            assert states(on) == {1: ("on-hold", None)}
            on.people.link([CustomerLink(on.slack.team, then.first.ben, then.customer)])
            await on.threads(2)
            await settled(on)
            assert states(on) == {1: ("created", "T-2")}


async def test_an_undo_that_was_begun_is_finished(empty_url: str, tmp_path: Path) -> None:
    async with before(empty_url, tmp_path) as then:
        now = time.time()
        undoing = {
            "state": "created",
            "answer": "said",
            "due": None,
            "settled_at": now - LONG_AGO,
            "undone_at": now - LONG_AGO,
            "undone_by": then.first.ada,
            "conversation_key": then.key,
            "customer": then.customer,
            "requester": then.first.ben,
        }
        then.put(then.asked(then.key, **undoing, **then.ticket()))
        async with afterwards(then, tmp_path) as on:
            await until(lambda: on.plain.threads[0].status == "DONE")
            await settled(on)
            assert on.entries()[0].state.value == "undone"
            assert on.entries()[0].undone_by == then.first.ada


async def test_an_answer_that_is_due_is_given(empty_url: str, tmp_path: Path) -> None:
    async with before(empty_url, tmp_path) as then:
        key = await then.key_of("The import fails")
        rejected = {
            "state": "refused",
            "answer": "due",
            "reason": "message_not_found",
            "settled_at": time.time() - LONG_AGO,
        }
        then.put(then.asked(key, **rejected))
        seen = len(then.first.seen_by(then.first.ada))
        async with afterwards(then, tmp_path) as on:
            await until(lambda: len(on.seen_by(then.first.ada)) == seen + 1)
            await settled(on)
            assert [one.answer for one in on.entries()] == ["said"]
