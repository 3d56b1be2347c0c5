"""Build each part of a bridge from its settings; `app` puts the parts together."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from typing import Any

import structlog
from pydantic import SecretStr
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.web.async_client import AsyncWebClient

from bot.core.directory import Installation, UserKind
from bot.core.faults import Fault, TryLater
from bot.core.identity import Linkers
from bot.core.model import Trigger
from bot.flows import reconcile, why
from bot.flows.attachments import FileCopier
from bot.flows.reconcile import ResumePoint
from bot.flows.workspace import Policy
from bot.metrics import Metrics
from bot.plain.client import PlainClient
from bot.plain.pace import Pace
from bot.plain.uploads import Uploads
from bot.settings import Settings
from bot.slack import calls
from bot.slack.answers import AnswerSettings
from bot.slack.client import SlackClient
from bot.slack.files import SlackFiles
from bot.slack.history import SlackHistory
from bot.slack.socket_mode import SocketLink
from bot.store import migrating, suitable
from bot.store.customer_links import CustomerLinks
from bot.store.database import Database
from bot.store.executor import Executor, Run
from bot.store.kv import INSTALLATION, FirstLoaded, FirstSeen, KeyValueStore
from bot.store.rate_limit import SharedRateLimit
from bot.store.records import Records
from bot.store.requests import Recorded, Requests

log = structlog.get_logger("bot")


class NotAtHead(Exception):
    """The database has another schema than this release needs."""


class TokenRefused(Exception):
    """Slack does not accept the bot token."""


# The database


def open_database(settings: Settings) -> Database:
    """Return the settings' database, unopened."""
    return Database(settings.database_url.get_secret_value())


def prepare(database: Database) -> None:
    """Bring the database to this release's schema, or raise.

    SQLite is migrated. PostgreSQL, which other releases may be using, is only checked: NotAtHead
    names the command. Raises Unsuitable if the bridge cannot work with the database at all.
    """
    suitable.check(database)
    if database.is_sqlite:
        migrating.migrate(database)
    elif not migrating.is_at_head(database):
        raise NotAtHead(
            "the database is not at this release's schema: run `plain-bridge migrate` first"
        )
    migrating.check_columns(database)


# Slack


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


async def socket_mode(
    settings: Settings, app: AsyncApp, stack: AsyncExitStack
) -> SocketLink | None:
    """Start the Socket Mode connection; None without a token for it."""
    if settings.slack_app_token is None:
        return None
    link = SocketLink(app, secret(settings.slack_app_token))
    await background(stack, link.keep())
    return link


# The workspace, and its clients


def copier(
    web: AsyncWebClient,
    plain: PlainClient,
    settings: Settings,
    metrics: Metrics,
    stack: AsyncExitStack,
) -> FileCopier:
    """Return what copies files from Slack to Plain."""
    uploads = Uploads(plain.ask, api_url=settings.plain_api_url)
    stack.push_async_callback(uploads.aclose)
    return FileCopier(SlackFiles(web), uploads, metrics.file)


def pace_of(settings: Settings, database: Database, run: Executor) -> Pace:
    """Return the pace of requests to Plain, on PostgreSQL shared by all processes."""
    if database.is_sqlite:
        return Pace(settings.plain.share)
    digest = hashlib.sha256(secret(settings.plain_api_key).encode()).hexdigest()[:16]
    return Pace(settings.plain.share, pool=SharedRateLimit(database, digest), run=run)


def policy_of(settings: Settings) -> Policy:
    """Return what the settings decide for a workspace."""
    return Policy(
        who=frozenset(settings.escalation.who),
        one_thread_per=settings.escalation.one_thread_per,
        identity=settings.identity.policy(),
        linkers=Linkers(settings.identity.linkers),
    )


def answer_settings(settings: Settings) -> AnswerSettings:
    """Return how the settings want requests answered."""
    return AnswerSettings(
        confirm=settings.escalation.confirm,
        receipt=settings.escalation.receipt,
        shared_channels=settings.slack.shared_channels,
        linkers=Linkers(settings.identity.linkers),
        outsiders=UserKind.EXTERNAL in settings.escalation.who,
    )


def secret(secret: SecretStr | None) -> str:
    """Return the text of a secret; empty if it is not set (`Settings.need` checks those needed)."""
    return secret.get_secret_value() if secret else ""


def optional(secret: SecretStr | None) -> str | None:
    """Return the text of a secret; None if it is not set: then what needs it is absent."""
    return secret.get_secret_value() if secret else None


async def background(stack: AsyncExitStack, work: Coroutine[Any, Any, None]) -> None:
    """Run `work` concurrently, until the stack unwinds."""
    task = asyncio.create_task(work)

    async def end() -> None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    stack.push_async_callback(end)


# Flows that commands use too


def reconcile_context(
    settings: Settings,
    database: Database,
    slack: SlackClient,
    run: Run,
    installation: Installation,
    take: Callable[[Trigger], Awaitable[Recorded | None]],
) -> reconcile.ReconcileContext:
    """Return what reconciliation uses; `take` records what it finds."""
    return reconcile.ReconcileContext(
        history=SlackHistory(slack.web),
        profile=slack.profile,
        known=Requests(database).known,
        take=take,
        first_loaded=FirstLoaded(database),
        first_seen=FirstSeen(database),
        resume_points=KeyValueStore(database, ResumePoint),
        run=run,
        rules=settings.rules,
        who=frozenset(settings.escalation.who),
        installation=installation,
        clock=time.time,
    )


def why_context(
    settings: Settings,
    database: Database,
    slack: SlackClient,
    run: Run,
    installation: Installation,
) -> why.WhyContext:
    """Return what an explanation reads."""
    return why.WhyContext(
        slack=slack,
        posted=SlackHistory(slack.web).posted,
        records=Records(database),
        requests=Requests(database),
        people=CustomerLinks(database),
        first_loaded=FirstLoaded(database),
        first_seen=FirstSeen(database),
        run=run,
        rules=settings.rules,
        policy=policy_of(settings),
        installation=installation,
        clock=time.time,
    )
