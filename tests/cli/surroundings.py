"""A local Slack and a local Plain in a thread of their own: commands have their own loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any, TypeVar

from bot.sandbox.plain import Plain
from bot.sandbox.slack import Slack

T = TypeVar("T")


class World:
    """Both services at work while the context lasts. `variables` lead a bridge to them."""

    def __init__(self) -> None:
        self.slack = Slack()
        self.plain = Plain()
        self.variables: dict[str, str] = {}
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))

    def do(self, what: Coroutine[Any, Any, T]) -> T:
        """Something that people do, in the services' own loop."""
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

    def __enter__(self) -> World:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(10)
        self._loop.close()
