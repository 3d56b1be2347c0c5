"""`/plain-ticket` with a word that asks for no ticket."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from bot.slack.views import tickets as words
from bot.slack.views.formatting import flat
from tests.ways.stage import Stage, stage

RULES = """
[[rule]]
emoji = ["bug", "beetle"]
channels = ["#support", "C0SALES"]
priority = "high"
labels = ["Bug", "lt_01"]
assignee = "agent@acme.example"

[[rule]]
emoji = "ticket"
customer = "big@acme.example"
"""


@pytest.fixture
async def on(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(sqlite_url, tmp_path, toml=RULES) as set_up:
        yield set_up


async def said(on: Stage, text: str) -> str:
    """What the command answers to its caller, who alone sees it."""
    answer = await on.slack.command(on.ada, on.support, "/plain-ticket", text)
    assert answer.status == 200
    assert answer.ephemeral is not None
    return flat(answer.ephemeral.text)


async def test_mine_before_there_is_any(on: Stage) -> None:
    assert await said(on, "mine") == f"My tickets\n{words.NONE}"
    assert on.entries() == []


@pytest.mark.parametrize("text", ["mine", " Mine "])
async def test_mine_lists_the_newest_ten(on: Stage, text: str) -> None:
    for number in range(11):
        await on.slack.command(on.ada, on.support, "/plain-ticket", f"Number {number}")
    await on.slack.command(on.ben, on.support, "/plain-ticket", "Not mine")
    await on.settled()
    heading, *lines, more = (await said(on, text)).splitlines()
    assert (heading, more) == ("My tickets", words.MORE_AT_HOME)
    assert [line.rpartition("PB-")[2] for line in lines] == [str(n) for n in range(11, 1, -1)]
    assert lines[0].startswith("• Created: T-")
    assert len(on.entries()) == 12


async def test_rules_in_words(on: Stage) -> None:
    assert await said(on, "rules") == (
        "Reactions that create a Plain ticket\n"
        "1. :bug: or :beetle: in #support, C0SALES: priority high, labels “Bug”, lt_01, assigned "
        "to an agent\n"
        "2. :ticket: in every channel: always for the same customer\n"
        "The first matching rule applies. Each message creates one ticket."
    )


async def test_help_names_the_words(on: Stage) -> None:
    help_ = await said(on, "help")
    assert "/plain-ticket mine lists your newest tickets" in help_
    assert "/plain-ticket rules" in help_
    assert "react with :bug: or :beetle: or :ticket:" in help_


@pytest.mark.parametrize(
    "text", ["help me with the export", "mine is broken", "rules of the export", "ERR-4711"]
)
async def test_a_text_that_goes_on_is_a_ticket(on: Stage, text: str) -> None:
    await on.slack.command(on.ada, on.support, "/plain-ticket", text)
    (entry,) = await on.settled()
    assert (entry.via, entry.state) == ("command", "created")
    assert text in str(on.plain.threads[0].components)


@pytest.mark.parametrize(
    ("typed", "meant"), [("list", "mine"), ("rule", "rules"), ("Help!", "help"), ("Mine?", "mine")]
)
async def test_what_is_nearly_a_command_is_one(on: Stage, typed: str, meant: str) -> None:
    assert await said(on, typed) == await said(on, meant)
    assert on.entries() == []


async def test_an_unknown_word_is_asked_about(on: Stage) -> None:
    """It was a ticket called "status"."""
    answer = await on.slack.command(on.ada, on.support, "/plain-ticket", "status")
    assert answer.ephemeral is not None
    assert flat(answer.ephemeral.text).startswith("status isn't a command.")
    assert "/plain-ticket mine" in answer.ephemeral.text
    assert on.entries() == []
    assert answer.view is not None
    await on.slack.submit(on.ada, answer.view["id"])
    (entry,) = await on.settled()
    assert (entry.state, on.plain.threads[0].title) == ("created", "status")


async def test_mine_while_the_records_cannot_be_read(on: Stage) -> None:
    with closing(sqlite3.connect(str(on.database.url.database))) as other:
        other.execute("ALTER TABLE request RENAME TO gone")
        started = time.monotonic()
        assert await said(on, "mine") == words.AWAY
        assert time.monotonic() - started < 3
        other.execute("ALTER TABLE gone RENAME TO request")
