"""The one module that knows everyone: builds a bridge from its settings, starts and ends it."""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import os
import socket
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, ParamSpec, TypeVar

import structlog
from pydantic import SecretStr
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from starlette.applications import Starlette

from bot import http, rounds
from bot.core import reactions
from bot.core.faults import Fault, TryLater
from bot.core.model import Installation, Trigger
from bot.flows import notice, reconcile
from bot.flows.deliver import Policy, World, deliver
from bot.flows.intake import Intake
from bot.flows.ports import Place, Recorded, Run
from bot.flows.verify import verify
from bot.metrics import Metrics
from bot.plain.client import ANSWER_SECONDS, PlainClient
from bot.plain.pace import Pace
from bot.settings import Settings
from bot.slack import calls
from bot.slack.answers import Manner
from bot.slack.client import SlackClient
from bot.slack.history import SlackHistory
from bot.slack.link import SocketLink
from bot.slack.listeners import Doors
from bot.store import elected, migrating, wake
from bot.store.accepting import Accepting
from bot.store.doubts import Doubts
from bot.store.drafts import Drafts
from bot.store.engine import Database
from bot.store.first_loaded import FirstLoaded
from bot.store.group import GroupCommit
from bot.store.ledger import LEASE_SECONDS, VERIFY_SECONDS, Ledger
from bot.store.memory import Memory
from bot.store.people import People
from bot.store.queued import Queue
from bot.store.rates import Rates
from bot.store.retention import Retention
from bot.store.single import only_one
from bot.store.threads import Threads
from bot.worker import Worker

log = structlog.get_logger("bot")

P = ParamSpec("P")
T = TypeVar("T")

READY_SECONDS = 2.0
VERIFY_EVERY_SECONDS = 60.0
ERASE_SECONDS = 300.0
QUEUED_EVERY_SECONDS = 10.0


class NotAtHead(Exception):
    """The database has another schema than this release needs."""


class TokenRefused(Exception):
    """Slack does not take the bot token."""


@dataclass(frozen=True, slots=True)
class Windows:
    """How long things may take, in seconds; only tests have a reason to change them.

    `lease` of a row, `plain` for an answer of Plain's, `verify` until a thread that was in
    doubt is looked for once more.
    """

    lease: float = LEASE_SECONDS
    plain: float = ANSWER_SECONDS
    verify: float = VERIFY_SECONDS


@dataclass
class Bridge:
    """A bridge at work. `http` is to be served by whoever started it."""

    http: Starlette
    worker: Worker
    doors: Doors
    installation: Installation
    reconciling: reconcile.World


def open_database(settings: Settings) -> Database:
    """The database of the settings; nothing is connected yet."""
    return Database(settings.database_url.get_secret_value())


def prepare(database: Database) -> None:
    """See to it that the database has this release's schema.

    SQLite is migrated; PostgreSQL, which other releases may be using, is only looked at:
    NotAtHead names the command.
    """
    if database.is_sqlite:
        migrating.migrate(database)
    elif not migrating.is_at_head(database):
        raise NotAtHead(
            "the database is not at this release's schema: run `plain-bridge migrate` first"
        )


@asynccontextmanager
async def bridge(
    settings: Settings,
    *,
    hears: bool = True,
    policy: Policy | None = None,
    windows: Windows = Windows(),
) -> AsyncIterator[Bridge]:
    """A bridge at work while the context lasts.

    `hears`: with its doors open; without, it is a worker only. `policy` in place of the
    settings' and other `windows` are for tests, which shorten them. Raises NotAtHead,
    AlreadyRunning and Fault.
    """
    async with AsyncExitStack() as stack:
        database = open_database(settings)
        stack.callback(database.close)
        stack.enter_context(only_one(database))
        prepare(database)
        run = Threads()
        stack.callback(run.close)
        session = await stack.enter_async_context(calls.open_session())
        web = calls.web_client(_secret(settings.slack_bot_token), settings.slack_api_url, session)
        slack = SlackClient(web, _manner(settings))
        metrics = Metrics()
        pace = _pace(settings, database, run)
        metrics.watch_rate(pace.left)
        plain = PlainClient(
            settings.plain_api_url,
            _secret(settings.plain_api_key),
            answer_seconds=windows.plain,
            observe=metrics.asked_plain,
            pace=pace,
        )
        stack.push_async_callback(plain.aclose)
        installation = await _installation(settings, database, slack, run, stack)

        ledger = Ledger(database, lease=windows.lease, verify_after=windows.verify)
        if database.is_sqlite:
            ledger.free_all()
        # Before the doors open. With new rules alone there is nothing yet that could be missing.
        rules_known = await run(
            FirstLoaded(database).load, [reactions.identity(rule) for rule in settings.rules]
        )
        drafts = Drafts(database)
        world = World(
            slack=slack,
            plain=plain,
            ledger=ledger,
            people=People(database),
            run=run,
            policy=policy or _policy(settings),
            installation=installation,
            clock=time.time,
        )
        worker = Worker(
            name=f"{socket.gethostname()}.{os.getpid()}.{uuid.uuid4().hex[:6]}",
            ledger=ledger,
            deliver=lambda claim, progress: deliver(claim, world, progress),
            tell=slack.tell,
            run=run,
            observe=metrics.delivered,
            pace=pace,
        )
        doors = Doors(
            team=installation.team,
            intake=Intake(
                ledger=ledger,
                drafts=drafts,
                forms=slack,
                rules=settings.rules,
                run=run,
                wake=worker.wake,
                record=GroupCommit(Accepting(database), run).record,
            ),
            drafts=drafts,
            slack=slack,
            run=run,
            clock=time.time,
            emoji=tuple(dict.fromkeys(name for rule in settings.rules for name in rule.emoji)),
        )
        app = _bolt(slack, installation)
        doors.hang_on(app)
        await _background(stack, worker.work())
        stack.push_async_callback(worker.stop)
        stack.push_async_callback(doors.rest)
        await _background(stack, wake.watch(database, worker.wake))
        reconciling = reconciling_world(
            settings, database, slack, run, installation, doors.intake.take
        )
        again = partial(rounds.reconcile_again, reconciling, at_once=rules_known)
        queue, retention, doubts = Queue(database), Retention(database), Doubts(database)

        async def erase() -> None:
            await run(drafts.erase_old)
            await run(retention.erase_addresses)
            await run(retention.erase_texts, settings.privacy.keep_text_days)

        elected_works = (
            again,
            partial(rounds.every, ERASE_SECONDS, erase),
            partial(
                rounds.every,
                QUEUED_EVERY_SECONDS,
                lambda: notice.tell_queued(queue, slack, world.policy.who, run),
            ),
            partial(
                rounds.every,
                min(VERIFY_EVERY_SECONDS, windows.verify / 4),
                lambda: verify(doubts, plain, run, rounds.tell_of_double),
            ),
        )
        await _background(stack, elected.lead(database, *elected_works))
        link = await _link(settings, app, stack) if hears else None

        async def is_ready() -> bool:
            linked = link is None or await link.is_up()
            turning = time.monotonic() - worker.last_turn < 60
            return linked and turning and await _is_writable(database, run)

        yield Bridge(
            http=http.application(
                slack=app,
                signing_secret=_optional(settings.slack_signing_secret) if hears else None,
                webhook_secret=_optional(settings.plain_webhook_secret) if hears else None,
                is_ready=is_ready,
                metrics=metrics.registry,
                metrics_token=_optional(settings.metrics_token),
                metrics_open=_is_loopback(settings.host),
            ),
            worker=worker,
            doors=doors,
            installation=installation,
            reconciling=reconciling,
        )


def reconciling_world(
    settings: Settings,
    database: Database,
    slack: SlackClient,
    run: Run,
    installation: Installation,
    take: Callable[[Trigger], Awaitable[Recorded | None]],
) -> reconcile.World:
    """What a look through Slack's history needs; `take` records what it finds."""
    return reconcile.World(
        history=SlackHistory(slack.web),
        profile=slack.profile,
        known=Ledger(database).known,
        take=take,
        first_loaded=FirstLoaded(database),
        places=Memory(database, Place),
        run=run,
        rules=settings.rules,
        who=frozenset(settings.escalation.who),
        installation=installation,
        clock=time.time,
    )


# Parts


def _bolt(slack: SlackClient, installation: Installation) -> AsyncApp:
    """Bolt, which awaits each listener before Slack gets its answer.

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


async def _link(settings: Settings, app: AsyncApp, stack: AsyncExitStack) -> SocketLink | None:
    """The Socket Mode connection, where there is a token for it."""
    if settings.slack_app_token is None:
        return None
    link = SocketLink(app, _secret(settings.slack_app_token))
    await _background(stack, link.keep())
    return link


async def _installation(
    settings: Settings, database: Database, slack: SlackClient, run: Threads, stack: AsyncExitStack
) -> Installation:
    """Where the token is installed: what the database remembers of it, else what Slack says.

    Kept for each token, so that the bridge starts while Slack is away.
    """
    memory = Memory(database, Installation)
    digest = hashlib.sha256(_secret(settings.slack_bot_token).encode()).hexdigest()[:16]
    name = f"slack.installation.{digest}"

    async def ask() -> Installation:
        found = await slack.installation()
        await run(memory.keep, name, found)
        return found

    async def refresh() -> None:
        with suppress(Fault):
            await ask()

    known = await run(memory.recall, name)
    if known is not None:
        slack.installed = known
        await _background(stack, refresh())
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
            log.warning("slack_not_reached", cause=fault.cause, again_in=pause)
        await asyncio.sleep(pause)
        pause = min(30.0, pause * 2)


async def _is_writable(database: Database, run: Threads) -> bool:
    """Whether the database is at head and takes a commit."""

    def probe() -> bool:
        Memory(database, float).keep("ready", time.time())
        return migrating.is_at_head(database)

    try:
        async with asyncio.timeout(READY_SECONDS):
            return await run(probe)
    except (Fault, TimeoutError):
        return False


async def _background(stack: AsyncExitStack, work: Coroutine[Any, Any, None]) -> None:
    """Run `work` beside the rest, until the stack unwinds."""
    task = asyncio.create_task(work)

    async def end() -> None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    stack.push_async_callback(end)


def _pace(settings: Settings, database: Database, run: Threads) -> Pace:
    """The pace of requests to Plain: one process's, or that of all who share the database."""
    if database.is_sqlite:
        return Pace(settings.plain.share)
    digest = hashlib.sha256(_secret(settings.plain_api_key).encode()).hexdigest()[:16]
    return Pace(settings.plain.share, pool=Rates(database, digest), run=run)


def _policy(settings: Settings) -> Policy:
    return Policy(
        who=frozenset(settings.escalation.who),
        one_thread_per=settings.escalation.one_thread_per,
        identity=settings.identity.policy(),
    )


def _manner(settings: Settings) -> Manner:
    return Manner(
        confirm=settings.escalation.confirm,
        receipt=settings.escalation.receipt,
        shared_channels=settings.slack.shared_channels,
    )


def _secret(secret: SecretStr | None) -> str:
    """The text of a secret that the command needs (`Settings.need` saw to it)."""
    return secret.get_secret_value() if secret else ""


def _optional(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
