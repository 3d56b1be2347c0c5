"""Play the sandbox's story: two people create four Plain threads, each in a different way."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.sandbox.plain import Plain
from bot.sandbox.process import RULES, BridgeProcess, bridge
from bot.sandbox.slack import Slack

Say = Callable[[str], None]


class StoryBroke(Exception):
    """Something did not happen in time."""


@dataclass(frozen=True)
class Stage:
    """A Slack and a Plain with the bridge between them, and the story's people."""

    slack: Slack
    plain: Plain
    bridge: BridgeProcess
    ada: str
    ben: str
    support: str

    async def thread(self, count: int) -> Any:
        """Wait for the `count`th thread and return it. Raise StoryBroke after ten seconds."""
        for _ in range(1000):
            if len(self.plain.threads) >= count:
                return self.plain.threads[count - 1]
            await asyncio.sleep(0.01)
        raise StoryBroke(f"thread {count} did not appear; see {self.bridge.log}")

    async def answer(self, user: str, count: int) -> str:
        """Wait for the `count`th message that only `user` sees and return it."""
        for _ in range(1000):
            if len(seen := self.slack.ephemerals(user)) >= count:
                return seen[count - 1].text
            await asyncio.sleep(0.01)
        raise StoryBroke(f"{user} got no answer; see {self.bridge.log}")


@asynccontextmanager
async def stage(folder: Path, *, socket_mode: bool = False) -> AsyncIterator[Stage]:
    """Start everything; `folder` holds the bridge's configuration, database and log."""
    slack, plain = Slack(), Plain()
    ada = slack.add_user("Ada Nowak", email="ada@acme.example")
    ben = slack.add_user("Ben Ortiz", email="ben@acme.example")
    support = slack.add_channel("support", members=(ada, ben))
    plain.add_label_type("Bug")
    (folder / "plain-bridge.toml").write_text(RULES)
    async with slack.serving(), plain.serving() as plain_url:
        variables = {
            "SLACK_BOT_TOKEN": "xoxb-test",
            "SLACK_API_URL": slack.api_url,
            "PLAIN_API_KEY": plain.api_key,
            "PLAIN_API_URL": plain_url,
            "DATABASE_URL": "sqlite:///plain-bridge.db",
        }
        if socket_mode:
            variables["SLACK_APP_TOKEN"] = "xapp-test"  # noqa: S105
        else:
            variables["SLACK_SIGNING_SECRET"] = slack.signing_secret
        async with bridge(variables, folder) as running:
            slack.deliver_to(f"{running.url}/slack/events")
            yield Stage(slack, plain, running, ada, ben, support)


async def play(stage: Stage, say: Say) -> list[dict[str, Any]]:
    """Play the story; return the threads it created, in the shape of Plain's API."""
    slack = stage.slack
    say("Ada posts in #support; Ben reacts with :bug:, which matches a rule.")
    ts = await slack.post(
        stage.ada,
        stage.support,
        "The *export* fails since this morning: `timeout after 30s`\nIs anybody looking at it?",
    )
    await slack.react(stage.ben, stage.support, ts, "bug")
    await _tell(stage, say, 1, await stage.answer(stage.ben, 1))

    say("Ada posts again; Ben chooses “Create Plain ticket” in the message's menu and submits.")
    ts = await slack.post(stage.ada, stage.support, "Can we have invoices in euros?")
    opened = await slack.use_shortcut(stage.ben, stage.support, ts, "create_plain_ticket")
    values = {"description": "Asked for by three customers.", "priority": "low"}
    await slack.submit(stage.ben, _view_id(opened.view), values)
    await _tell(stage, say, 2, await stage.answer(stage.ben, 2))

    say("Ben types /plain-ticket and a text.")
    await slack.command(
        stage.ben, stage.support, "/plain-ticket", "The status page shows last week's dates"
    )
    await _tell(stage, say, 3, await stage.answer(stage.ben, 3))

    say("Ada chooses the global shortcut “New Plain ticket” and fills in the form.")
    opened = await slack.use_global_shortcut(stage.ada, "new_plain_ticket")
    values = {"title": "Two more seats", "description": "From next month, please."}
    await slack.submit(stage.ada, _view_id(opened.view), values)
    thread = await stage.thread(4)
    say(f"  → {thread.ref}: {thread.title}")
    for _ in range(500):
        if dms := slack.dms(stage.ada):
            say(f"  Ada sees: {_without_links(dms[-1]['text'])}")
            break
        await asyncio.sleep(0.01)
    return [stage.plain.as_json(thread) for thread in stage.plain.threads]


async def _tell(stage: Stage, say: Say, count: int, answer: str) -> None:
    thread = await stage.thread(count)
    say(f"  → {thread.ref}: {thread.title}")
    say(f"  Ben sees: {_without_links(answer)}")


def _view_id(view: dict[str, Any] | None) -> str:
    if view is None:
        raise StoryBroke("the form did not open")
    return str(view["id"])


def _without_links(text: str) -> str:
    """Return the text with the words of each `<url|words>`."""
    return re.sub(r"<[^|>]*\|([^>]*)>", r"\1", text)
