"""Looks at Plain: the key and its workspace, and with them the rest."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from bot.cli.checks import Check, looked, names, operations, permissions, refusals
from bot.cli.checks.clock import Clocks
from bot.core.faults import Fault, Reason, Refused, TryLater
from bot.plain.answers import Workspace
from bot.plain.client import PlainClient
from bot.plain.connections import open_http
from bot.plain.transport import CONNECTIONS
from bot.settings import Settings

NAME = "Plain key"


async def examine(settings: Settings, clocks: Clocks) -> list[Check]:
    """The checks, in order; without a good key the others are left out."""
    if settings.plain_api_key is None:
        return [refusals.missing(settings, NAME, "plain_api_key")]
    async with client(settings, clocks) as plain:
        if isinstance(plain, Check):
            return [plain]
        features = permissions.configured(settings)
        key, workspace = await of_key(plain)
        if workspace is None:
            return [key]
        allowed = permissions.check(workspace.permissions, features)
        return [
            key,
            allowed,
            *await names.examine(settings, plain, workspace.permissions),
            await looked(operations.reads(plain, features, may_all=allowed.ok)),
            await looked(operations.writes(plain)),
        ]


@asynccontextmanager
async def client(
    settings: Settings, clocks: Clocks | None = None
) -> AsyncIterator[PlainClient | Check]:
    """A client with the settings' key, or what is wrong with the key or the address."""

    async def note(answer: httpx.Response) -> None:
        if clocks is not None:
            clocks.note("Plain", answer.headers.get("date"))

    key = settings.plain_api_key.get_secret_value() if settings.plain_api_key else ""
    async with open_http(connections=CONNECTIONS, event_hooks={"response": [note]}) as http:
        try:
            built = PlainClient(settings.plain_api_url, key, http=http)
        except ValueError as error:
            yield Check(NAME, False, str(error), "correct PLAIN_API_KEY or PLAIN_API_URL")
            return
        yield built
        await built.aclose()


async def of_key(plain: PlainClient) -> tuple[Check, Workspace | None]:
    """Whose the key is; the workspace where Plain takes it."""
    found: list[Workspace] = []

    async def look() -> Check:
        try:
            found.append(await plain.workspace())
        except Fault as fault:
            return failed(NAME, fault)
        return Check(NAME, True, f"workspace {found[0].name} ({found[0].id})")

    return await looked(look()), next(iter(found), None)


def failed(name: str, fault: Fault) -> Check:
    """A key that is no good is mended by another one, a network otherwise."""
    match fault:
        case Refused(reason=Reason.PLAIN_KEY):
            fix = 'make a new key: Plain, Settings, "Machine users & API keys"'
            return Check(name, False, "Plain does not take it", fix)
        case Refused(data=data):
            told = data.get("message") or data.get("code") or str(fault)
            fix = "see whether PLAIN_API_URL is right and the key a machine user's"
            return Check(name, False, f"Plain refused: {told}", fix)
        case TryLater(cause=cause):
            fix = (
                "see whether PLAIN_API_URL is right and this machine reaches it (proxy, firewall), "
                "or try later"
            )
            code = cause.removeprefix("plain_")
            return Check(name, False, f"Plain was not reached ({code})", fix)
    return Check(name, False, str(fault), "try later")
