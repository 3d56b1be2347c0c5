"""Build Slack's side of a bridge: its installation, Bolt, and the Socket Mode connection."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import AsyncExitStack, suppress
from dataclasses import replace

import structlog
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult

from bot.core.directory import Installation
from bot.core.faults import Fault, TryLater
from bot.settings import Settings
from bot.slack import calls
from bot.slack.client import SlackClient
from bot.slack.socket_mode import SocketLink
from bot.store.database import Database
from bot.store.executor import Executor
from bot.store.kv import INSTALLATION, KeyValueStore
from bot.wiring.parts import background, secret

log = structlog.get_logger("bot")


class TokenRefused(Exception):
    """Slack does not accept the bot token."""


async def installation(
    settings: Settings, database: Database, slack: SlackClient, run: Executor, stack: AsyncExitStack
) -> Installation:
    """Return where the token is installed: from the database, else from Slack.

    It is stored for each token, so that the bridge starts while Slack is unreachable. Raises
    TokenRefused.
    """
    stored = KeyValueStore(database, Installation)
    digest = hashlib.sha256(secret(settings.slack_bot_token).encode()).hexdigest()[:16]
    name = f"{INSTALLATION}{digest}"

    async def ask() -> Installation:
        found = replace(await slack.installation(), app=await slack.app())
        slack.installed = found
        await run(stored.keep, name, found)
        return found

    async def refresh() -> None:
        with suppress(Fault):
            await ask()

    known = await run(stored.recall, name)
    if known is not None:
        slack.installed = known
        await background(stack, refresh())
        return known
    pause = 1.0
    while True:
        try:
            return await ask()
        except TryLater as fault:
            if fault.cause.removeprefix("slack_") in calls.TOKEN_ERRORS:
                raise TokenRefused(
                    f"Slack does not take SLACK_BOT_TOKEN ({fault.cause.removeprefix('slack_')}): "
                    "copy the Bot User OAuth Token from your app's page, or install the app again"
                ) from None
            log.warning("slack_unreachable", cause=fault.cause, retry_in=pause)
        await asyncio.sleep(pause)
        pause = min(30.0, pause * 2)


def bolt(slack: SlackClient, installation: Installation) -> AsyncApp:
    """Return Bolt's app, which awaits each listener before Slack gets its answer.

    Signatures are verified in `http`, before anything is parsed.
    """

    async def authorize() -> AuthorizeResult:
        return AuthorizeResult(
            enterprise_id=installation.enterprise,
            team_id=installation.team,
            bot_id=installation.bot_id,
            bot_user_id=installation.bot_user,
            bot_token=slack.web.token,
        )

    return AsyncApp(
        name="plain-bridge",
        client=slack.web,
        authorize=authorize,
        process_before_response=True,
        raise_error_for_unhandled_request=True,
        request_verification_enabled=False,
        attaching_function_token_enabled=False,
        signing_secret="",
    )


async def link_of(settings: Settings, app: AsyncApp, stack: AsyncExitStack) -> SocketLink | None:
    """Start the Socket Mode connection; None without a token for it."""
    if settings.slack_app_token is None:
        return None
    link = SocketLink(app, secret(settings.slack_app_token))
    await background(stack, link.keep())
    return link
