"""A Slack in which somebody reacted while no bridge heard it, for commands that look at it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from bot.core.reactions import identity
from bot.settings import DEFAULT_RULES
from bot.store.database import Database
from bot.store.first_loaded import FirstLoaded
from bot.store.history import History
from tests.cli.surroundings import World

T = TypeVar("T")

DAY = 24 * 3600.0


class Scene:
    """A Slack in which Ben wrote and Ada reacted, and nobody told the bridge."""

    def __init__(self, world: World, database: Database) -> None:
        self.slack = world.slack
        self.database = database
        self._loop = world._loop
        self.ada = self.slack.add_user("Ada", email="ada@acme.example")
        self.ben = self.slack.add_user("Ben", email="ben@acme.example")
        self.support = self.slack.add_channel("support", members=(self.ada, self.ben))

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def start(self) -> None:
        """A bridge starts with the rules as they are."""
        FirstLoaded(self.database).load([identity(rule) for rule in DEFAULT_RULES])

    def lost(self, channel: str | None = None, emoji: str = "ticket") -> str:
        channel = channel or self.support
        ts = self.do(self.slack.post(self.ben, channel, "The export fails"))
        self.do(self.slack.react(self.ada, channel, ts, emoji, deliver=False))
        return ts

    def age(self, ts: str, days: float) -> str:
        """Make a message older than it is."""
        message = self.slack.message(self.support, ts)
        message["ts"] = f"{float(ts) - days * DAY:.6f}"
        self.slack.channel(self.support).messages.sort(key=lambda one: str(one["ts"]))
        return str(message["ts"])

    def rows(self) -> list[str]:
        return [entry.key for entry in History(self.database).export()]


@pytest.fixture
def scene(
    folder: Path, bridge_database: Database, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Scene]:
    with World() as world:
        for name, value in world.variables.items():
            monkeypatch.setenv(name, value)
        yield Scene(world, bridge_database)
