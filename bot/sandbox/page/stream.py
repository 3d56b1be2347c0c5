"""Server-sent events: the parts of the page that look different now, as HTML."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

from bot.sandbox.page import drawing
from bot.sandbox.page.desk import Desk
from bot.sandbox.page.look import Look
from bot.sandbox.page.scene import Scene

EVERY = 0.05
"""Seconds between two looks at whether anything changed."""
AT_LEAST = 1.0
"""Seconds after which the parts are drawn again all the same: some of them count time."""


async def changes(desk: Desk, look: Look, stopping: asyncio.Event) -> AsyncIterator[str]:
    """First every part, then those that changed; until the page is closed.

    https://html.spec.whatwg.org/multipage/server-sent-events.html
    """
    sent: dict[str, str] = {}
    yield "retry: 300\n\n"
    while not stopping.is_set():
        fingerprint = desk.fingerprint
        scene = Scene(desk, look)
        drawn = {name: drawing.part(name, scene) for name in drawing.PARTS}
        fresh = {name: html for name, html in drawn.items() if sent.get(name) != html}
        if fresh:
            sent |= fresh
            yield f"data: {json.dumps(fresh)}\n\n"
        await _until_something(desk, fingerprint, stopping)


async def _until_something(
    desk: Desk, fingerprint: tuple[object, ...], stopping: asyncio.Event
) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + AT_LEAST
    while loop.time() < end and not stopping.is_set() and desk.fingerprint == fingerprint:  # noqa: ASYNC110
        await asyncio.sleep(EVERY)
