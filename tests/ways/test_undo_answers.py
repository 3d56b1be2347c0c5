"""Undone, or too late for it: what the bot posted itself is edited."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.core.undo import UNDO_SECONDS
from bot.flows import undo
from tests.ways.stage import stage, until
from tests.ways.undoing import THREAD, buttons, created, grow_older, ignored, seen, undone


async def test_an_answer_in_the_thread_is_edited_in_place(
    database_url: str, tmp_path: Path
) -> None:
    async with stage(database_url, tmp_path, toml=THREAD) as on:
        await on.ask()
        await on.settled()
        answer = on.slack.messages(on.support)[-1]
        assert buttons(answer["blocks"]) == ["open_in_plain", "undo_ticket"]
        await on.slack.click(on.ada, "undo_ticket", channel=on.support, ts=answer["ts"])
        await undone(on)
        *_, edited = on.slack.messages(on.support)
        assert edited["ts"] == answer["ts"]
        assert edited["text"] == f"Undone by <@{on.ada}>: T-1 is marked as ignored in Plain."
        assert buttons(edited["blocks"]) == []
        assert on.seen_by(on.ada) == []


async def test_the_button_is_taken_away_when_its_time_is_over(
    database_url: str, tmp_path: Path
) -> None:
    async with stage(database_url, tmp_path, toml=THREAD) as on:
        await on.ask()
        await on.settled()
        grow_older(on, UNDO_SECONDS)

        def left() -> list[str]:
            return buttons(on.slack.messages(on.support)[-1]["blocks"])

        await until(lambda: left() == ["open_in_plain"])
        assert on.slack.messages(on.support)[-1]["text"].startswith("Created ticket T-1 · <http")
        updates = [call for call in on.slack.calls if call.method == "chat.update"]
        await asyncio.sleep(0.2)
        assert len([call for call in on.slack.calls if call.method == "chat.update"]) == 1
        assert len(updates) == 1


async def test_a_direct_message_is_edited_too(sqlite_url: str, tmp_path: Path) -> None:
    async with stage(sqlite_url, tmp_path) as on:
        on.slack.fail("chat.postEphemeral", error="user_not_in_channel", times=5)
        await on.ask()
        await on.settled()
        (told,) = on.slack.dms(on.ada)
        dm = on.slack.add_dm(on.ada, on.slack.bot_user)
        await on.slack.click(on.ada, "undo_ticket", channel=dm, ts=told["ts"])
        await undone(on)
        (now,) = on.slack.dms(on.ada)
        assert now["text"].startswith("Undone by")
        assert ignored(on)


async def test_a_late_click_on_a_posted_answer_takes_the_button_away(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with stage(sqlite_url, tmp_path, toml=THREAD) as on:
        await on.ask()
        await on.settled()
        answer = on.slack.messages(on.support)[-1]
        grow_older(on, UNDO_SECONDS + 1)
        await on.slack.click(on.ada, "undo_ticket", channel=on.support, ts=answer["ts"])
        await undone(on)
        assert seen(on, on.ada).startswith("Too late to undo: mark T-1 as done in Plain instead.")
        assert buttons(on.slack.messages(on.support)[-1]["blocks"]) == ["open_in_plain"]


# A wait that somebody named


async def test_a_click_waits_where_slack_or_plain_asks_for_a_moment(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with stage(sqlite_url, tmp_path) as on:
        told = await created(on)
        on.slack.fail("users.info", retry_after=1)
        on.plain.fail("markThreadAsDone", "429", seconds=1)
        await on.slack.click(on.ada, "undo_ticket", ephemeral=told)
        await undone(on)
        assert seen(on, on.ada).startswith("Undone: T-1")
        assert len(on.plain.threads[0].notes) == 1


async def test_what_plain_asks_to_wait_for_longer_is_promised_and_undone(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It said that Plain cannot be reached, and nothing came of the click."""
    monkeypatch.setattr(undo, "PATIENCE", 0.1)
    async with stage(database_url, tmp_path) as on:
        told = await created(on)
        on.plain.fail("thread", "429", seconds=1)
        await on.slack.click(on.ada, "undo_ticket", ephemeral=told)
        await until(
            lambda: seen(on, on.ada).startswith(
                "Plain asked the bridge to wait. The ticket will be undone"
            )
        )
        assert not ignored(on)
        await undone(on)
        assert ignored(on)
        # In its place, as the promise stood in that of the answer.
        assert [text.split(":")[0] for text in on.seen_by(on.ada)] == ["Undone"]


async def test_a_promise_that_is_not_kept_is_taken_back(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(undo, "PATIENCE", 0.1)
    async with stage(sqlite_url, tmp_path) as on:
        told = await created(on)
        on.plain.fail("thread", "429", seconds=1)
        await on.slack.click(on.ada, "undo_ticket", ephemeral=told)
        await until(lambda: "will be undone automatically" in seen(on, on.ada))
        on.plain.change_status(on.plain.threads[0], "done")
        await undone(on)
        assert seen(on, on.ada).startswith("Not undone: someone has already acted on T-1 in Plain.")
        assert on.entries()[0].undone_by is None


async def test_a_wait_of_slacks_is_called_that(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(undo, "PATIENCE", 0.1)
    async with stage(sqlite_url, tmp_path) as on:
        told = await created(on)
        on.slack.fail("users.info", retry_after=1)
        await on.slack.click(on.ada, "undo_ticket", ephemeral=told)
        await until(
            lambda: seen(on, on.ada).startswith(
                "Slack asked the bridge to wait. The bridge will try to undo the ticket"
            )
        )
        await undone(on)
        assert seen(on, on.ada).startswith("Undone: T-1")
