"""Parse the JSON of Slack's answers: large ones off the event loop, without unused fields.

Lists of messages are large: a page of 200 long messages has some 100 MB.
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

PARSED_INLINE = 256 * 1024
"""Bytes that are parsed on the event loop; more would block it for over ten milliseconds."""

_UNUSED: ContextVar[frozenset[str]] = ContextVar("unused", default=frozenset())


@contextmanager
def without(*names: str) -> Iterator[None]:
    """Drop these keys from every object of the answers that are parsed in this context."""
    token = _UNUSED.set(frozenset(names))
    try:
        yield
    finally:
        _UNUSED.reset(token)


class Response(aiohttp.ClientResponse):
    """An answer whose JSON does not block the event loop."""

    async def json(self, **settings: Any) -> Any:
        """Return aiohttp's result, without the keys that `without` drops."""
        parsing = partial(parse, unused=_UNUSED.get())
        if len(await self.read()) <= PARSED_INLINE:
            return await super().json(loads=parsing, **settings)
        loop = asyncio.get_running_loop()
        in_executor = partial(loop.run_in_executor, None, parsing)
        pending = await super().json(loads=in_executor, **settings)
        return None if pending is None else await pending  # None: only white space


def parse(text: str, unused: frozenset[str] = frozenset()) -> Any:
    """Return the value of a JSON text, without the keys in `unused` in any of its objects.

    The C parser never releases the interpreter's lock by itself; the call for each object does.
    """

    def used(value: dict[str, Any]) -> dict[str, Any]:
        for name in unused.intersection(value):
            del value[name]
        return value

    return json.loads(text, object_hook=used)
