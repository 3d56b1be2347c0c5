"""What `setup` looks at as soon as it was pasted: the doctor's own checks, one secret at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import ClientSession
from slack_sdk.web.async_client import AsyncWebClient

from bot.cli.checks import Check, link, permissions, plain, slack
from bot.cli.checks.permissions import Feature
from bot.core.faults import Fault
from bot.core.model import LabelType
from bot.settings import Settings
from bot.slack import calls
from bot.slack.client import SlackClient


def bot_token(settings: Settings) -> list[Check]:
    """Whose it is, and which scopes are missing."""

    async def look() -> list[Check]:
        async with calls.open_session() as session:
            return await slack.of_token(settings, SlackClient(_web(settings, session)))

    return asyncio.run(look())


def app_token(settings: Settings) -> list[Check]:
    """Whether Slack opens a connection for it, and whether it is of the bot token's app."""

    async def look() -> list[Check]:
        async with calls.open_session() as session:
            client = SlackClient(_web(settings, session))
            try:
                await client.installation()
            except Fault:
                return [await link.examine(settings, None)]
            return [await link.examine(settings, client)]

    return asyncio.run(look())


def signing_secret(doubt: str | None) -> Check:
    """It cannot be tried before Slack calls."""
    shown = "it cannot be tried before Slack calls the bridge"
    return Check("Slack link", True, f"{doubt} Taken all the same; {shown}" if doubt else shown)


@dataclass(frozen=True, slots=True)
class Key:
    """A Plain key that was looked at; the label types are there where it may read them."""

    checks: Sequence[Check]
    label_types: Sequence[LabelType] = ()


def plain_key(settings: Settings, features: frozenset[Feature]) -> Key:
    """Whose it is, which permissions are missing, and which label types there are."""

    async def look() -> Key:
        async with plain.client(settings) as client:
            if isinstance(client, Check):
                return Key([client])
            key, workspace = await plain.of_key(client)
            if workspace is None:
                return Key([key])
            checks = [key, *permissions.one_by_one(workspace.permissions, features)]
            try:
                return Key(checks, await client.label_types())
            except Fault:
                return Key(checks)

    return asyncio.run(look())


def granted(settings: Settings) -> frozenset[str] | None:
    """The permissions of the key; None where Plain does not take it or does not answer."""

    async def look() -> frozenset[str] | None:
        async with plain.client(settings) as client:
            if isinstance(client, Check):
                return None
            _, workspace = await plain.of_key(client)
            return workspace.permissions if workspace else None

    return asyncio.run(look())


def _web(settings: Settings, session: ClientSession) -> AsyncWebClient:
    token = settings.slack_bot_token.get_secret_value() if settings.slack_bot_token else None
    return calls.web_client(token, settings.slack_api_url, session)
