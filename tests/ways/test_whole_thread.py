"""A whole Slack thread in Plain: in order, complete, and said where it is not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bot.core.record import Record
from bot.sandbox.plain.nouns import Input, Thread
from tests.ways.stage import Stage, stage, until

WHOLE = {"whole_thread": ["whole_thread"]}


def texts(components: Sequence[Input]) -> list[str]:
    """What the text components say."""
    return [one["componentText"]["text"] for one in components if "componentText" in one]


def small(components: Sequence[Input]) -> list[str]:
    return [
        one["componentPlainText"]["plainText"] for one in components if "componentPlainText" in one
    ]


def said(thread: Thread) -> list[str]:
    """All texts of a thread, its own and those of what was added, in order."""
    return [
        *texts(thread.components),
        *(text for event in thread.events for text in texts(event.components)),
    ]


async def conversation(on: Stage, replies: int, channel: str | None = None) -> list[str]:
    """A root by Ben and replies by both; their `ts`."""
    place = channel or on.support
    root = await on.slack.post(on.ben, place, "Number 0")
    rest = [
        await on.slack.post((on.ben, on.ada)[number % 2], place, f"Number {number}", thread_ts=root)
        for number in range(1, replies + 1)
    ]
    return [root, *rest]


async def escalate(on: Stage, ts: str, channel: str | None = None) -> list[Record]:
    """Ada sends the form off, with the box for the whole thread ticked."""
    opened = await on.slack.use_shortcut(on.ada, channel or on.support, ts, "create_plain_ticket")
    assert opened.view is not None
    for _ in range(5):
        submitted = await on.slack.submit(on.ada, opened.view["id"], WHOLE)
        if submitted.ok and not submitted.errors:
            return await on.settled()
    raise AssertionError(submitted)  # a busy machine is late once, not five times


async def test_all_replies_in_order_with_author_and_time(database_url: str, tmp_path: Path) -> None:
    async with stage(database_url, tmp_path) as on:
        _, first, _ = await conversation(on, 2)
        await escalate(on, first)
        (thread,) = on.plain.threads
        found = texts(thread.components)
        assert [text.split(" · ")[0] for text in found] == [
            "**Ben Ortiz**",
            "**Ada Nowak**",
            "**Ben Ortiz**",
        ]
        assert [text.split("\n")[-1] for text in found] == ["Number 0", "Number 1", "Number 2"]
        assert ["the escalated message" in text for text in found] == [False, True, False]
        assert all(" UTC" in text for text in found)
        assert small(thread.components)[0] == "Slack thread in #support · 3 messages"
        assert thread.events == []


async def test_a_long_thread_goes_on_in_events_and_loses_nothing(
    database_url: str, tmp_path: Path
) -> None:
    async with stage(database_url, tmp_path) as on:
        on.slack.page_cap = 7  # Slack may give fewer than it was asked for
        every = await conversation(on, 60)
        await escalate(on, every[-1])
        (thread,) = on.plain.threads
        assert [text.split("\n")[1] for text in said(thread)] == [f"Number {n}" for n in range(61)]
        assert [event.title for event in thread.events] == [
            "Slack thread, part 2 of 3",
            "Slack thread, part 3 of 3",
        ]
        assert "The Slack thread continues in 2 further entries." in small(thread.components)
        key = thread.external_id
        assert [event.external_id for event in thread.events] == [f"{key}#2", f"{key}#3"]
        await until(lambda: on.seen_by(on.ada))
        assert len(on.seen_by(on.ada)) == 1


async def test_an_addition_brings_the_whole_thread_too(on_stage: Stage) -> None:
    on = on_stage
    every = await conversation(on, 30)
    await on.slack.react(on.ada, on.support, every[0], "ticket")
    await on.settled()
    await escalate(on, every[5])
    (thread,) = on.plain.threads
    assert [event.title for event in thread.events] == ["Number 5", "Slack thread, part 2 of 2"]
    added = [text for event in thread.events for text in texts(event.components)]
    assert [text.split("\n")[1] for text in added] == [f"Number {n}" for n in range(31)]


async def test_a_thread_that_cannot_be_read_is_not_dropped_in_silence(on_stage: Stage) -> None:
    on = on_stage
    away = on.slack.add_channel("away", members=(on.ada, on.ben), bot_member=False)
    every = await conversation(on, 2, away)
    await escalate(on, every[1], channel=away)
    (thread,) = on.plain.threads
    assert texts(thread.components) == ["Number 1"]
    assert (
        "The whole Slack thread was requested, but only this message is quoted: the bot "
        "is not in that channel."
    ) in small(thread.components)


async def test_a_limit_of_slacks_only_makes_it_later(on_stage: Stage) -> None:
    on = on_stage
    every = await conversation(on, 2)
    opened = await on.slack.use_shortcut(on.ada, on.support, every[1], "create_plain_ticket")
    assert opened.view is not None
    await on.bridge.background.drain()
    on.slack.fail("conversations.replies", retry_after=1)
    await on.slack.submit(on.ada, opened.view["id"], WHOLE)
    await on.settled()
    (thread,) = on.plain.threads
    assert len(texts(thread.components)) == 3


@pytest.mark.parametrize("how", ["500", "drop", "html"])
async def test_an_event_without_an_answer_is_there_once(on_stage: Stage, how: Any) -> None:
    on = on_stage
    every = await conversation(on, 30)
    on.plain.fail("createThreadEvent", how, committed=True)
    await escalate(on, every[0])
    (thread,) = on.plain.threads
    assert len(thread.events) == 1
    assert len(said(thread)) == 31


async def test_a_refused_part_is_told_and_the_ticket_stands(on_stage: Stage) -> None:
    on = on_stage
    on.plain.permissions.discard("threadEvent:create")
    every = await conversation(on, 60)
    (row,) = await escalate(on, every[0])
    assert row.state == "created"
    await until(lambda: on.seen_by(on.ada))
    (answer,) = on.seen_by(on.ada)
    assert answer.startswith("Created ticket T-1")
    assert "2 parts of the Slack thread are missing" in answer
