"""Undone, or too late for it: what the bot posted itself is edited."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bot.core.undoing import UNDO_SECONDS
from tests.ways.stage import stage, until
from tests.ways.undoing import QUICK, THREAD, buttons, grow_older, ignored, seen


async def test_an_answer_in_the_thread_is_edited_in_place(
    database_url: str, tmp_path: Path
) -> None:
    async with stage(database_url, tmp_path, toml=THREAD) as on:
        await on.ask()
        await on.settled()
        answer = on.slack.messages(on.support)[-1]
        assert buttons(answer["blocks"]) == ["open_in_plain", "undo_ticket"]
        await on.slack.click(on.ada, "undo_ticket", channel=on.support, ts=answer["ts"])
        await on.bridge.doors.rest()
        *_, edited = on.slack.messages(on.support)
        assert edited["ts"] == answer["ts"]
        assert edited["text"] == f"Undone by <@{on.ada}>: T-1 is marked as ignored in Plain."
        assert buttons(edited["blocks"]) == []
        assert on.seen_by(on.ada) == []


async def test_the_button_is_taken_away_when_its_time_is_over(
    database_url: str, tmp_path: Path
) -> None:
    async with stage(database_url, tmp_path, toml=THREAD, windows=QUICK) as on:
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
        await on.bridge.doors.rest()
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
        await on.bridge.doors.rest()
        assert seen(on, on.ada).startswith("Too late: mark T-1 done in Plain.")
        assert buttons(on.slack.messages(on.support)[-1]["blocks"]) == ["open_in_plain"]
