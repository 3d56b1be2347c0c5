"""What the ways of the form share: opening one, and reading it."""

from __future__ import annotations

from bot.sandbox.slack import Json
from tests.ways.stage import Stage


async def opened_on(on: Stage, ts: str, channel: str | None = None) -> Json:
    """The form that Ada opens for a message, as it is in the first call."""
    used = await on.slack.use_shortcut(on.ada, channel or on.support, ts, "create_plain_ticket")
    assert used.view is not None
    return used.view


async def opened(on: Stage, text: str = "The export fails") -> Json:
    return await opened_on(on, await on.slack.post(on.ben, on.support, text))


async def empty(on: Stage) -> Json:
    used = await on.slack.use_global_shortcut(on.ada, "new_plain_ticket")
    assert used.view is not None
    return used.view


def texts(options: list[Json]) -> list[str]:
    return [option["text"]["text"] for option in options]
