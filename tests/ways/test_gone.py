"""A thread that was deleted in Plain is no dead end."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.ways.several import heard
from tests.ways.stage import Stage, stage, until


@pytest.fixture
async def on(database_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(database_url, tmp_path) as set_up:
        yield set_up


async def deleted(on: Stage) -> str:
    """Ada's reaction made T-1, and an agent deleted it; the message."""
    ts = await on.slack.post(on.ben, on.support, "The export fails")
    await on.slack.react(on.ada, on.support, ts, "ticket")
    await on.settled()
    (thread,) = on.plain.threads
    on.plain.delete(thread)
    return ts


async def test_asking_again_makes_a_new_ticket(on: Stage) -> None:
    """It was answered with the dead link."""
    ts = await deleted(on)
    await on.slack.react(on.ben, on.support, ts, "ticket")
    await on.settled()
    assert [one.ref for one in on.plain.threads] == ["T-2"]
    await until(lambda: heard(on, on.ben))
    assert heard(on, on.ben) == ["Created ticket T-2"]
    assert [(one.state, one.ticket and one.ticket.ref) for one in on.entries()] == [
        ("created", "T-2"),
        ("gone", "T-1"),
    ]


async def test_a_reply_makes_a_new_ticket_which_the_slack_thread_has_from_then_on(
    on: Stage,
) -> None:
    """Every message of the Slack thread was refused: there is no such thread."""
    root = await deleted(on)
    for text in ("Still fails", "And again"):
        reply = await on.slack.post(on.ben, on.support, text, thread_ts=root)
        await on.slack.react(on.ada, on.support, reply, "ticket")
        await on.settled()
    (thread,) = on.plain.threads
    assert (thread.ref, len(thread.events)) == ("T-2", 1)
    await until(lambda: len(heard(on, on.ada)) == 3)
    assert heard(on, on.ada)[1:] == ["Created ticket T-2", "Added to T-2"]


async def test_a_form_that_says_that_it_adds_makes_a_new_ticket(on: Stage) -> None:
    root = await deleted(on)
    reply = await on.slack.post(on.ben, on.support, "Still fails", thread_ts=root)
    used = await on.slack.use_shortcut(on.ada, on.support, reply, "create_plain_ticket")
    assert used.view is not None
    assert used.view["submit"]["text"] == "Add to T-1"  # nobody has needed the thread since
    await on.slack.submit(on.ada, used.view["id"], {"description": "Since nine"})
    await on.settled()
    (thread,) = on.plain.threads
    assert thread.ref == "T-2"
    assert "Since nine" in str(thread.components)


async def test_it_can_be_freed_by_hand(on: Stage, tmp_path: Path) -> None:
    ts = await deleted(on)
    command = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "ledger", "free", "PB-1"),
        cwd=tmp_path,
        env={**os.environ, "DATABASE_URL": on.database.url.render_as_string(hide_password=False)},
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await command.communicate()
    assert (command.returncode, said.decode()) == (
        0,
        "T-1 is gone: the next request in its Slack thread opens a new one.\n",
    )
    assert on.entries()[0].state == "gone"
    used = await on.slack.use_shortcut(on.ada, on.support, ts, "create_plain_ticket")
    assert used.view is not None
    assert used.view["submit"]["text"] == "Create ticket"
    await on.slack.submit(on.ada, used.view["id"])
    await on.settled()
    assert [one.ref for one in on.plain.threads] == ["T-2"]
