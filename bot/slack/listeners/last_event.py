"""When Slack last sent an event: noted in memory as it comes, kept in the database now and then."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from slack_bolt import BoltResponse
from slack_bolt.async_app import AsyncApp

from bot.store.executor import Run
from bot.store.kv import KeyValueStore

KEEP_SECONDS = 60.0


def on_withheld(app: AsyncApp, tell: Callable[[dict[str, Any]], None]) -> None:
    """Call `tell` with Slack's word that it held back an hour's events above 30,000.

    It has no event inside, so that no listener of Bolt's hears it.
    https://docs.slack.dev/apis/events-api/#rate-limiting
    """

    async def note(body: dict[str, Any], next: Callable[[], Awaitable[BoltResponse]]) -> None:  # noqa: A002
        if body.get("type") == "app_rate_limited":
            tell(body)
        await next()

    app.middleware(note)


class LastEvent:
    """Every process notes what it hears itself; the newest moment (Unix seconds) stays."""

    def __init__(
        self, name: str, memory: KeyValueStore[float], run: Run, clock: Callable[[], float]
    ) -> None:
        self._name = name
        self._memory = memory
        self._run = run
        self._clock = clock
        self._at: float | None = None

    def register(self, app: AsyncApp) -> None:
        """Note the events that come through this app, whoever listens to them."""
        app.middleware(self.note)

    async def note(self, body: dict[str, Any], next: Callable[[], Awaitable[BoltResponse]]) -> None:  # noqa: A002 — Bolt goes by the name
        if body.get("type") == "event_callback":
            self._at = self._clock()
        await next()

    async def keep(self) -> None:
        """Keep what was noted since the last time; nothing to do where nothing came."""
        at, self._at = self._at, None
        if at is not None:
            await self._run(self._keep, at)

    def _keep(self, at: float) -> None:
        known = self._memory.recall(self._name)
        if known is None or known < at:
            self._memory.keep(self._name, at)
