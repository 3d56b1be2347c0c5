"""Prepare what commands work on: local services, missed reactions, a bridge in good health."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from bot.cli.doctor import slack
from bot.core.reactions import identity
from bot.sandbox.plain import Plain
from bot.sandbox.slack import Slack
from bot.settings import DEFAULT_RULES
from bot.store.database import Database
from bot.store.kv import FirstLoaded
from bot.store.records import Records
from tests.store.rows import a_request

T = TypeVar("T")

DAY = 24 * 3600.0


class LocalServices:
    """The sandbox's Slack and Plain, served from a thread: commands run a loop of their own.

    `variables` point a bridge to them.
    """

    def __init__(self) -> None:
        self.slack = Slack()
        self.plain = Plain()
        self.variables: dict[str, str] = {}
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))

    def do(self, what: Coroutine[Any, Any, T]) -> T:
        """Do something in the services' own loop, as people would."""
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(20)

    async def _serve(self) -> None:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.slack.serving())
            self.variables = {
                "SLACK_API_URL": self.slack.api_url,
                "SLACK_BOT_TOKEN": self.slack.bot_token,
                "SLACK_APP_TOKEN": self.slack.app_token,
                "PLAIN_API_URL": await stack.enter_async_context(self.plain.serving()),
                "PLAIN_API_KEY": self.plain.api_key,
            }
            self._ready.set()
            await self._ended.wait()

    def __enter__(self) -> LocalServices:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(10)
        self._loop.close()


class MissedReactions:
    """A Slack in which Ben wrote and Ada reacted, and no event reached the bridge."""

    def __init__(self, world: LocalServices, database: Database) -> None:
        self.slack = world.slack
        self.do = world.do
        self.database = database
        self.ada = self.slack.add_user("Ada", email="ada@acme.example")
        self.ben = self.slack.add_user("Ben", email="ben@acme.example")
        self.support = self.slack.add_channel("support", members=(self.ada, self.ben))

    def start(self) -> None:
        """Note the rules as a bridge does when it starts."""
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
        return [entry.key for entry in Records(self.database).export()]


Checks = dict[str, Any]

RULES = """\
[[rule]]
emoji = "fire"
channels = ["#support", "C00000002"]
labels = ["Bug"]
tenant = "acme"
assignee = "grace@example.com"
customer = "external:acme"

[[rule]]
emoji = "ticket"
"""


@dataclass
class HealthyBridge:
    """A bridge that lacks nothing, for `doctor` to look at once a test took something away."""

    world: LocalServices
    folder: Path
    database: Database
    patch: pytest.MonkeyPatch

    def set(self, name: str, value: str) -> None:
        self.patch.setenv(name, value)


@contextmanager
def healthy(
    folder: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[HealthyBridge]:
    """Serve Slack and Plain, and point the environment to a bridge that lacks nothing."""
    with LocalServices() as world:
        ada = world.slack.add_user("Ada", email="ada@acme.example")
        support = world.slack.add_channel("support", members=(ada,))
        world.do(world.slack.post(ada, support, "The log", files=["log.txt"]))
        world.slack.add_channel("incidents", members=(ada,), private=True)
        world.plain.add_label_type("Bug")
        world.plain.add_tenant("acme", "Acme")
        world.plain.add_user("grace@example.com", "Grace")
        world.plain.add_customer("Acme", "it@acme.example", "acme")
        (folder / "plain-bridge.toml").write_text(RULES)
        for name, value in (world.variables | {"DATABASE_URL": sqlite_url}).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(slack, "HELLO_SECONDS", 1.0)
        database = Database(sqlite_url)
        a_request(database, 1, "created")
        yield HealthyBridge(world, folder, database, monkeypatch)
        database.close()


def examined(run: Callable[..., Any]) -> tuple[int, Checks]:
    result = run("doctor", "--json")
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, {check["name"]: check for check in json.loads(result.stdout)}


def red(checks: Checks) -> list[str]:
    return [name for name, check in checks.items() if not check["ok"]]
