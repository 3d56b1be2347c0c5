"""What the parts of a bridge are made of."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Coroutine
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr
from slack_sdk.web.async_client import AsyncWebClient

from bot.core.directory import Installation, UserKind
from bot.core.identity import Linkers
from bot.flows.attachments import FileCopier
from bot.flows.workspace import Policy, Runtime, Workspace
from bot.metrics import Metrics
from bot.plain.client import PlainClient
from bot.plain.pace import Pace
from bot.plain.uploads import Uploads
from bot.settings import Settings
from bot.slack.answers import AnswerSettings
from bot.slack.client import SlackClient
from bot.slack.files import SlackFiles
from bot.store.database import Database
from bot.store.executor import Executor, Run
from bot.store.rate_limit import SharedRateLimit


@dataclass(frozen=True, slots=True)
class Parts:
    """The edges of one bridge, and what a delivery needs of them."""

    settings: Settings
    database: Database
    slack: SlackClient
    plain: PlainClient
    workspace: Workspace
    runtime: Runtime
    parse: Run

    @property
    def run(self) -> Run:
        return self.runtime.run

    @property
    def installation(self) -> Installation:
        return self.workspace.installation

    @property
    def linkers(self) -> Linkers:
        return self.workspace.policy.linkers


def copier(
    web: AsyncWebClient,
    plain: PlainClient,
    settings: Settings,
    metrics: Metrics,
    stack: AsyncExitStack,
) -> FileCopier:
    """What takes files from Slack to Plain."""
    uploads = Uploads(plain.ask, api_url=settings.plain_api_url)
    stack.push_async_callback(uploads.aclose)
    return FileCopier(SlackFiles(web), uploads, metrics.file)


def pace_of(settings: Settings, database: Database, run: Executor) -> Pace:
    """The pace of requests to Plain: one process's, or that of all who share the database."""
    if database.is_sqlite:
        return Pace(settings.plain.share)
    digest = hashlib.sha256(secret(settings.plain_api_key).encode()).hexdigest()[:16]
    return Pace(settings.plain.share, pool=SharedRateLimit(database, digest), run=run)


def policy_of(settings: Settings) -> Policy:
    return Policy(
        who=frozenset(settings.escalation.who),
        one_thread_per=settings.escalation.one_thread_per,
        identity=settings.identity.policy(),
        linkers=Linkers(settings.identity.linkers),
    )


def manner(settings: Settings) -> AnswerSettings:
    return AnswerSettings(
        confirm=settings.escalation.confirm,
        receipt=settings.escalation.receipt,
        shared_channels=settings.slack.shared_channels,
        linkers=Linkers(settings.identity.linkers),
        outsiders=UserKind.EXTERNAL in settings.escalation.who,
    )


def secret(secret: SecretStr | None) -> str:
    """The text of a secret that the command needs (`Settings.need` saw to it)."""
    return secret.get_secret_value() if secret else ""


def optional(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


async def background(stack: AsyncExitStack, work: Coroutine[Any, Any, None]) -> None:
    """Run `work` beside the rest, until the stack unwinds."""
    task = asyncio.create_task(work)

    async def end() -> None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    stack.push_async_callback(end)
