"""Asks Plain which customers the commands name."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from bot.cli.checks import Check, plain
from bot.cli.console import CommandFailed
from bot.core.faults import TryLater
from bot.core.model import Customer
from bot.plain.client import PlainClient
from bot.settings import Settings

_LONGEST_WAIT = 60.0
"""Seconds that one look-up waits for Plain's rate limit."""
_TRIES = 5


def customers(settings: Settings, names: Iterable[str]) -> Mapping[str, Customer | None]:
    """Return the customer of each name (`c_…`, an e-mail address, `external:ID`); None where Plain
    has no such. Needs PLAIN_API_KEY. Raises CommandFailed, TryLater and Refused.
    """
    settings.need("plain_api_key")
    return asyncio.run(_all(settings, names))


async def _all(settings: Settings, names: Iterable[str]) -> Mapping[str, Customer | None]:
    async with plain.client(settings) as client:
        if isinstance(client, Check):
            raise CommandFailed(f"{client.detail}: {client.fix}")
        return {name: await _one(client, name) for name in dict.fromkeys(names)}


async def _one(client: PlainClient, name: str) -> Customer | None:
    for _ in range(_TRIES - 1):
        try:
            return await client.find_customer(name)
        except TryLater as later:
            if later.after is None or later.after > _LONGEST_WAIT:
                raise
            await asyncio.sleep(later.after)
    return await client.find_customer(name)


def shown(customer: Customer) -> str:
    """Return the customer as a line names one: name, address and id."""
    return f"{customer.name} ({', '.join(filter(None, (customer.email, customer.id)))})"
