"""The main job, end to end: every door, over both transports, on both engines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bot.sandbox.plain import Plain
from tests.ways.stage import Stage, Transport, stage, until

RULES = """
[[rule]]
emoji = "bug"
channels = ["#support"]
labels = ["Bug"]
priority = "urgent"

[[rule]]
emoji = "ticket"
"""


@pytest.mark.parametrize("transport", ["http", "socket"])
async def test_each_door_makes_its_thread_and_says_so(
    database_url: str, tmp_path: Path, transport: Transport
) -> None:
    plain = Plain()
    plain.add_label_type("Bug")
    async with stage(database_url, tmp_path, transport=transport, toml=RULES, plain=plain) as on:
        await by_reaction(on)
        await by_message_shortcut(on)
        await by_command(on)
        await by_global_shortcut(on)
        entries = await on.settled()
    assert [(entry.via, entry.state) for entry in reversed(entries)] == [
        ("reaction", "created"),
        ("shortcut", "created"),
        ("command", "created"),
        ("form", "created"),
    ]


async def by_reaction(on: Stage) -> None:
    ts = await on.slack.post(on.ben, on.support, "The *export* fails\nsince `today`")
    await on.slack.react(on.ada, on.support, ts, "bug")
    await on.threads(1)
    thread = on.plain.as_json(on.plain.threads[0])
    assert thread["title"] == "The export fails"
    assert thread["priority"] == 0
    assert [label["labelType"]["name"] for label in thread["labels"]] == ["Bug"]
    assert thread["externalId"] == f"{on.slack.team}:{on.support}:{ts}"
    assert thread["customer"]["email"] == {"email": "ben@acme.example", "isVerified": True}
    assert thread["customer"]["fullName"] == "Ben Ortiz"
    (quote,) = texts(thread)
    assert "The **export** fails" in quote
    assert thread["components"][-2]["componentLinkButton"] == {
        "linkButtonLabel": "Open in Slack",
        "linkButtonUrl": on.slack.permalink(on.support, ts),
    }
    await until(lambda: on.seen_by(on.ada))
    link = f"https://app.plain.com/workspace/{on.plain.workspace.id}/thread/{thread['id']}/"
    assert on.seen_by(on.ada) == [f"Created ticket T-1 · <{link}|Open in Plain>"]


async def by_message_shortcut(on: Stage) -> None:
    ts = await on.slack.post(on.ben, on.support, "Invoices in euros?")
    opened = await on.slack.use_shortcut(on.ada, on.support, ts, "create_plain_ticket")
    assert (opened.status, opened.failure) == (200, None)
    assert opened.view is not None
    submitted = await on.slack.submit(
        on.ada, opened.view["id"], {"description": "For three customers.", "priority": "low"}
    )
    assert submitted.ok
    assert on.slack.open_views(on.ada) == []
    await on.threads(2)
    thread = on.plain.as_json(on.plain.threads[1])
    assert (thread["title"], thread["priority"]) == ("Invoices in euros?", 3)
    assert thread["customer"]["fullName"] == "Ben Ortiz"
    assert "For three customers." in json.dumps(thread["components"])
    await until(lambda: len(on.seen_by(on.ada)) == 2)


async def by_command(on: Stage) -> None:
    said = await on.slack.command(
        on.ada, on.support, "/plain-ticket", f"Dates are wrong, <@{on.ben}>"
    )
    assert (said.status, said.body) == (200, None)
    await on.threads(3)
    thread = on.plain.as_json(on.plain.threads[2])
    assert thread["customer"]["fullName"] == "Ada Nowak"
    assert texts(thread) == ["Dates are wrong, @Ben Ortiz"]
    await until(lambda: len(on.seen_by(on.ada)) == 3)


async def by_global_shortcut(on: Stage) -> None:
    opened = await on.slack.use_global_shortcut(on.ada, "new_plain_ticket")
    assert opened.view is not None
    await on.slack.submit(
        on.ada, opened.view["id"], {"title": "Two more seats", "requester": on.ben}
    )
    await on.threads(4)
    thread = on.plain.as_json(on.plain.threads[3])
    assert thread["title"] == "Two more seats"
    assert thread["customer"]["fullName"] == "Ben Ortiz"
    await until(lambda: on.slack.dms(on.ada))
    assert on.slack.dms(on.ada)[-1]["text"].startswith("Created ticket T-4")


def texts(thread: dict[str, Any]) -> list[str]:
    """The quoted texts of a thread."""
    parts = thread["components"]
    return [part["componentText"]["text"] for part in parts if "componentText" in part]


@pytest.mark.parametrize("arguments", [[], ["--socket-mode"]], ids=["http", "socket"])
def test_the_sandbox_plays_the_story_with_a_bridge_of_its_own(arguments: list[str]) -> None:
    played = subprocess.run(
        [sys.executable, "-m", "bot", "sandbox", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "NO_COLOR": "1"},
        check=True,
    )
    story, _, printed = played.stdout.partition("\n[\n")
    threads = json.loads("[\n" + printed)
    assert [thread["title"] for thread in threads] == [
        "The export fails since this morning: timeout after 30s",
        "Can we have invoices in euros?",
        "The status page shows last week's dates",
        "Two more seats",
    ]
    assert [label["labelType"]["name"] for label in threads[0]["labels"]] == ["Bug"]
    assert threads[0]["customer"]["fullName"] == "Ada Nowak"
    assert "export" in texts(threads[0])[0]
    for ref in ("T-1", "T-2", "T-3", "T-4"):
        assert f"sees: Created ticket {ref} · Open in Plain" in story
