"""The JSON of Slack's answers: a large one is parsed beside the event loop, without what is unused.

Lists of messages are the large ones: a page of 200 long messages has some 100 MB.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

import aiohttp

AT_ONCE = 256 * 1024
"""Bytes that are parsed in the event loop; more would hold it up for over ten milliseconds."""

_UNUSED: ContextVar[frozenset[str]] = ContextVar("unused", default=frozenset())


@contextmanager
def without(*names: str) -> Iterator[None]:
    """Leave these keys out of every object of the answers that are parsed in this context."""
    token = _UNUSED.set(frozenset(names))
    try:
        yield
    finally:
        _UNUSED.reset(token)


class Response(aiohttp.ClientResponse):
    """An answer whose JSON holds up nobody."""

    async def json(self, **settings: Any) -> Any:
        """As aiohttp's, but for the keys that are left out (`without`)."""
        parsing = partial(parse, unused=_UNUSED.get())
        if len(await self.read()) <= AT_ONCE:
            return await super().json(loads=parsing, **settings)
        loop = asyncio.get_running_loop()
        elsewhere = partial(loop.run_in_executor, None, parsing)
        pending = await super().json(loads=elsewhere, **settings)
        return None if pending is None else await pending  # None: nothing but white space


def parse(text: str, unused: frozenset[str] = frozenset()) -> Any:
    """Return the value of a JSON text, without the keys in `unused` in any of its objects.

    The C parser never releases the interpreter's lock by itself; the call for each object lets
    other threads have it.
    """

    def used(value: dict[str, Any]) -> dict[str, Any]:
        for name in unused.intersection(value):
            del value[name]
        return value

    return json.loads(text, object_hook=used)
