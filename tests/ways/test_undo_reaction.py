"""Undo by taking the reaction away."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.core.faults import TryLater
from bot.core.undo import UNDO_SECONDS
from bot.store.undo import Undos
from tests.ways.stage import Stage, stage, until
from tests.ways.undoing import created, grow_older, ignored, seen, thread, undone

BY_REACTION = "[escalation]\nundo_by_reaction = true\n"


# By taking the reaction away


async def test_a_reaction_that_goes_is_no_undo_by_default(on_stage: Stage) -> None:
    on = on_stage
    await created(on)
    ts = on.slack.messages(on.support)[0]["ts"]
    removed = await on.slack.unreact(on.ada, on.support, ts, "ticket")
    assert removed is not None
    assert removed.status == 200
    await asyncio.sleep(0.3)
    assert (thread(on).status, on.entries()[0].state) == ("TODO", "created")


@pytest.mark.parametrize("confirm", ["ephemeral", "thread", "reaction"])
async def test_a_reaction_that_goes_is_an_undo_where_it_is_wanted(
    confirm: str, database_url: str, tmp_path: Path
) -> None:
    toml = f'{BY_REACTION}confirm = "{confirm}"\n'
    async with stage(database_url, tmp_path, toml=toml) as on:
        await on.ask()
        await on.settled()
        ts = on.slack.messages(on.support)[0]["ts"]
        await on.slack.unreact(on.ada, on.support, ts, "ticket")
        await until(lambda: on.entries()[0].state == "undone")
        assert ignored(on)
        if confirm == "thread":
            await until(lambda: on.slack.messages(on.support)[-1]["text"].startswith("Undone by"))
            assert on.seen_by(on.ada) == []
        else:
            await until(lambda: seen(on, on.ada).startswith("Undone: T-1"))
        if confirm == "reaction":
            assert on.slack.reactions(on.support, ts) == {}  # the receipt went too

        await on.slack.react(on.ada, on.support, ts, "ticket")
        await on.threads(2)
        await on.settled()
        assert [one.status for one in on.plain.threads] == ["DONE", "TODO"]


async def test_of_a_reply_it_is_answered_in_its_slack_thread(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with stage(sqlite_url, tmp_path, toml=BY_REACTION) as on:
        root = await on.slack.post(on.ben, on.support, "The export fails")
        reply = await on.slack.post(on.ben, on.support, "Still", thread_ts=root)
        await on.slack.react(on.ada, on.support, reply, "ticket")
        await on.settled()
        await on.slack.unreact(on.ada, on.support, reply, "ticket")
        await until(lambda: seen(on, on.ada).startswith("Undone: T-1"))
        assert [one.thread_ts for one in on.slack.ephemerals(on.ada)] == [root, root]


async def test_only_the_reaction_that_asked_counts_and_only_in_time(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with stage(sqlite_url, tmp_path, toml=BY_REACTION) as on:
        await on.ask()
        await on.settled()
        ts = on.slack.messages(on.support)[0]["ts"]
        await on.slack.react(on.ben, on.support, ts, "ticket")
        await on.slack.react(on.ada, on.support, ts, "eyes")
        await on.settled()
        for user, emoji in ((on.ben, "ticket"), (on.ada, "eyes")):
            await on.slack.unreact(user, on.support, ts, emoji)
        grow_older(on, UNDO_SECONDS + 1)
        said = len(on.slack.ephemerals(on.ada))
        await on.slack.unreact(on.ada, on.support, ts, "ticket")
        await asyncio.sleep(0.2)
        assert (thread(on).status, on.entries()[-1].state) == ("TODO", "created")
        assert len(on.slack.ephemerals(on.ada)) == said


async def test_what_has_sent_nothing_is_withdrawn(database_url: str, tmp_path: Path) -> None:
    async with stage(database_url, tmp_path, toml=BY_REACTION) as on:
        on.plain.down = True
        await on.ask()
        await until(lambda: on.entries()[0].attempts)
        ts = on.slack.messages(on.support)[0]["ts"]
        await on.slack.unreact(on.ada, on.support, ts, "ticket")
        await until(lambda: on.entries()[0].state == "undone")
        await until(lambda: on.seen_by(on.ada))
        assert seen(on, on.ada).startswith("Undone before anything was sent to Plain")
        on.plain.heal()
        await on.slack.react(on.ada, on.support, ts, "ticket")
        await on.threads(1)
        await on.settled()
        assert [one.state for one in on.entries()] == ["created", "undone"]


async def test_what_is_being_made_is_undone_once_it_stands(sqlite_url: str, tmp_path: Path) -> None:
    async with stage(sqlite_url, tmp_path, toml=BY_REACTION) as on:
        on.plain.fail("createThread", "late", seconds=0.5)
        await on.ask()
        await until(lambda: any(r.operation == "createThread" for r in on.plain.requests))
        ts = on.slack.messages(on.support)[0]["ts"]
        await on.slack.unreact(on.ada, on.support, ts, "ticket")
        await until(lambda: on.entries()[0].state == "undone")
        assert ignored(on)


async def test_an_addition_cannot_be_taken_back(sqlite_url: str, tmp_path: Path) -> None:
    async with stage(sqlite_url, tmp_path, toml=BY_REACTION) as on:
        await created(on)
        root = on.slack.messages(on.support)[0]["ts"]
        reply = await on.slack.post(on.ben, on.support, "Still failing", thread_ts=root)
        await on.slack.react(on.ada, on.support, reply, "ticket")
        await on.settled()
        await on.slack.unreact(on.ada, on.support, reply, "ticket")
        await until(lambda: "can't be removed from Plain" in seen(on, on.ada))
        assert [entry.state for entry in on.entries()] == ["added", "created"]


async def test_a_withdrawn_reaction_leaves_the_others_requests(
    database_url: str, tmp_path: Path
) -> None:
    async with stage(database_url, tmp_path, toml=BY_REACTION) as on:
        on.plain.down = True
        await on.ask()
        ts = on.slack.messages(on.support)[0]["ts"]
        await on.slack.react(on.ben, on.support, ts, "ticket")
        await until(lambda: len(on.entries()) == 2)
        await on.slack.unreact(on.ada, on.support, ts, "ticket")
        await until(lambda: on.entries()[1].state == "undone")
        on.plain.heal()
        await on.threads(1)
        await on.settled()
        assert [one.state for one in on.entries()] == ["created", "undone"]
        assert seen(on, on.ben).startswith("Created ticket T-1")
        assert seen(on, on.ada).startswith("Undone before anything was sent to Plain")


async def test_a_reaction_that_cannot_be_recorded_is_sent_again(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with stage(sqlite_url, tmp_path, toml=BY_REACTION) as on:
        await created(on)
        listeners = on.bridge.listeners.undo
        unwritable = Unwritable(on.bridge.worker.ledger)
        listeners.context = replace(listeners.context, undos=unwritable)
        ts = on.slack.messages(on.support)[0]["ts"]
        await on.slack.unreact(on.ada, on.support, ts, "ticket")
        await until(lambda: on.entries()[0].state == "undone")
        await undone(on)
        assert (ignored(on), unwritable.tried) == (True, 2)


class Unwritable(Undos):
    """Fails to record the first time."""

    tried = 0

    def record_removal(self, *arguments: Any, **limits: Any) -> int | None:
        self.tried += 1
        if self.tried == 1:
            raise TryLater("database_busy")
        return super().record_removal(*arguments, **limits)
