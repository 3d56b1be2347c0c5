"""Which events the app hears of, and that they reach it while Slack does other things."""

from __future__ import annotations

import asyncio

from bot.sandbox.slack import payloads
from bot.sandbox.slack.nouns import Conversation, Delivery, Json
from bot.sandbox.slack.world import World


class News:
    """Sends the events that the app subscribed to, from conversations that the bot is in."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._tasks: set[asyncio.Task[Delivery | None]] = set()

    async def tell(self, event: Json, actor: str | None, channel: str | None) -> Delivery | None:
        """Send the event and wait for what comes of it; None where the app does not hear it."""
        world = self._world
        inside = channel is None or world.bot_user in world.channel(channel).members
        if event["type"] not in world.subscriptions or not inside:
            return None
        return await world.courier.event(payloads.envelope(world, event, actor, channel))

    def spread(self, event: Json, actor: str | None, channel: str | None) -> None:
        """Send the event in the background: for what the app itself did."""
        task = asyncio.create_task(self.tell(event, actor, channel))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def spread_message(self, channel: Conversation, posted: Json) -> None:
        event = payloads.message(channel, posted)
        self.spread(event, posted.get("user"), channel.id)

    async def spread_out(self) -> None:
        """Wait until everything in the background has arrived."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await self.spread_out()
