"""The one module that knows everyone: builds a bridge from its settings, starts and ends it."""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from starlette.applications import Starlette

from bot import http, periodic
from bot.core import reactions
from bot.core.directory import Installation
from bot.core.model import Outcome, Trigger
from bot.flows import delay_notices, reconcile, undo
from bot.flows.deliver import deliver
from bot.flows.duplicates import Duplicate, find_duplicates
from bot.flows.intake import Intake
from bot.flows.workspace import Policy, Runtime, Workspace
from bot.hosts import is_loopback
from bot.metrics import NOT_FINAL, Metrics
from bot.plain.client import PlainClient
from bot.plain.pace import Pace
from bot.plain.transport import ANSWER_SECONDS
from bot.refused_requests import RefusedRequests
from bot.settings import Settings
from bot.slack import calls
from bot.slack.background import BackgroundTasks
from bot.slack.client import SlackClient
from bot.slack.listeners.home import HomeListeners
from bot.slack.listeners.register import Listeners, register
from bot.slack.listeners.undo import UndoListeners
from bot.store import cluster, migrating, suitable
from bot.store.claims import LEASE_SECONDS, Claim
from bot.store.cluster import only_one
from bot.store.database import Database
from bot.store.delay_notices import DelayNotices
from bot.store.deliveries import VERIFY_SECONDS, Ledger
from bot.store.drafts import Drafts
from bot.store.duplicates import DuplicateChecks
from bot.store.executor import Executor
from bot.store.kv import FirstLoaded, KeyValueStore
from bot.store.requests import GroupCommit, Requests
from bot.store.retention import Retention
from bot.wiring import surfaces
from bot.wiring.health import Remembered, is_writable, looking
from bot.wiring.parts import (
    Parts,
    background,
    copier,
    manner,
    optional,
    pace_of,
    policy_of,
    secret,
)
from bot.wiring.reading import explaining_world, reconciling_world
from bot.wiring.slack_app import TokenRefused, bolt, installation, link_of
from bot.worker import Worker

__all__ = [
    "Bridge",
    "NotAtHead",
    "TokenRefused",
    "Windows",
    "bridge",
    "explaining_world",
    "open_database",
    "prepare",
    "reconciling_world",
]

VERIFY_EVERY_SECONDS = 60.0
ERASE_SECONDS = 300.0
QUEUED_EVERY_SECONDS = 10.0
ANSWERS_EVERY_SECONDS = 15.0


class NotAtHead(Exception):
    """The database has another schema than this release needs."""


@dataclass(frozen=True, slots=True)
class Windows:
    """How long things may take, in seconds; only tests have a reason to change them.

    `lease` of a row, `plain` for an answer of Plain's, `verify` until a thread that was in
    doubt is looked for once more, `answers` between two looks at those whose Undo is over.
    """

    lease: float = LEASE_SECONDS
    plain: float = ANSWER_SECONDS
    verify: float = VERIFY_SECONDS
    answers: float = ANSWERS_EVERY_SECONDS


@dataclass
class Bridge:
    """A bridge at work. `http` is to be served by whoever started it."""

    http: Starlette
    worker: Worker
    listeners: Listeners
    background: BackgroundTasks
    installation: Installation
    reconciling: reconcile.ReconcileContext


def open_database(settings: Settings) -> Database:
    """The database of the settings; nothing is connected yet."""
    return Database(settings.database_url.get_secret_value())


def prepare(database: Database) -> None:
    """See to it that the database has this release's schema.

    SQLite is migrated; PostgreSQL, which other releases may be using, is only looked at:
    NotAtHead names the command. Raises Unsuitable where the bridge cannot work with it at all.
    """
    suitable.check(database)
    if database.is_sqlite:
        migrating.migrate(database)
    elif not migrating.is_at_head(database):
        raise NotAtHead(
            "the database is not at this release's schema: run `plain-bridge migrate` first"
        )
    migrating.check_columns(database)


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
    settings' and other `windows` are for tests, which shorten them. Raises NotAtHead, Unsuitable,
    AlreadyRunning and Fault.
    """
    async with AsyncExitStack() as stack:
        database = open_database(settings)
        stack.callback(database.close)
        stack.enter_context(only_one(database))
        prepare(database)
        run = Executor()
        stack.callback(run.close)
        session = await stack.enter_async_context(calls.open_session())
        metrics = Metrics()
        web = calls.web_client(
            secret(settings.slack_bot_token),
            settings.slack_api_url,
            session,
            observe=metrics.asked_slack,
        )
        # Two threads for texts: what somebody waits for with a form goes not behind a delivery.
        render, parse = Executor(1, "render"), Executor(1, "parse")
        stack.callback(render.close)
        stack.callback(parse.close)
        slack = SlackClient(web, manner(settings), render=render)
        pace = pace_of(settings, database, run)
        metrics.watch_rate(pace.left)
        plain = PlainClient(
            settings.plain_api_url,
            secret(settings.plain_api_key),
            answer_seconds=windows.plain,
            observe=metrics.asked_plain,
            pace=pace,
        )
        stack.push_async_callback(plain.aclose)
        installed = await installation(settings, database, slack, run, stack)

        ledger = Ledger(database, lease=windows.lease, verify_after=windows.verify)
        if database.is_sqlite:
            ledger.free_all()
        # Before the doors open. With new rules alone there is nothing yet that could be missing.
        rules_known = await run(
            FirstLoaded(database).load, [reactions.identity(rule) for rule in settings.rules]
        )
        workspace = Workspace(
            installation=installed,
            slack=slack,
            plain=plain,
            policy=policy or policy_of(settings),
            rules=settings.rules,
            files=copier(web, plain, settings, metrics, stack),
        )
        runtime = Runtime(
            database=database,
            ledger=ledger,
            run=run,
            render=render,
            clock=time.time,
            started=time.time(),
        )
        parts = Parts(settings, database, slack, plain, workspace, runtime, parse)
        tasks = BackgroundTasks()
        homing = surfaces.home_listeners(parts, tasks)
        undoing = surfaces.undo_context(parts)
        worker = _worker(workspace, runtime, undoing, pace, metrics, homing)
        requests = Requests(database)
        intake = Intake(
            requests=requests,
            drafts=Drafts(database),
            forms=slack,
            rules=settings.rules,
            run=run,
            wake=worker.wake,
            record=GroupCommit(requests, run).record,
            joins=workspace.policy.one_thread_per == "slack_thread",
        )
        app = bolt(slack, installed)
        refused = RefusedRequests(metrics, KeyValueStore(database, float), run)
        foreign = surfaces.foreign_requests(parts, metrics)
        events = await surfaces.event_monitor(parts, refused, stack)
        listeners = surfaces.listeners(
            parts, intake, worker, undoing, homing, tasks, foreign, events
        )
        register(app, listeners)
        stack.push_async_callback(homing.stop)
        await background(stack, worker.work())
        stack.push_async_callback(worker.stop)
        stack.push_async_callback(tasks.drain)
        stack.push_async_callback(listeners.undo.stop)
        reconciling = reconciling_world(settings, database, slack, run, installed, intake.take)
        again = partial(periodic.reconcile_again, reconciling, at_once=rules_known)
        rounds_ = _rounds(parts, windows, listeners.undo, metrics)
        await background(stack, cluster.lead(database, again, *rounds_, wake=worker.wake))
        link = await link_of(settings, app, stack) if hears else None

        async def is_ready() -> bool:
            linked = link is None or await link.is_up()
            turning = time.monotonic() - worker.last_turn < 60
            return linked and turning and await is_writable(database, run)

        yield Bridge(
            http=http.application(
                slack=app,
                signing_secret=optional(settings.slack_signing_secret) if hears else None,
                webhook_secret=optional(settings.plain_webhook_secret) if hears else None,
                refused=refused,
                is_ready=Remembered(is_ready),
                metrics=metrics.registry,
                look=looking(metrics, database, run, link),
                metrics_token=optional(settings.metrics_token),
                metrics_open=is_loopback(settings.host),
            ),
            worker=worker,
            listeners=listeners,
            background=tasks,
            installation=installed,
            reconciling=reconciling,
        )


def _worker(
    workspace: Workspace,
    runtime: Runtime,
    undoing: undo.UndoContext,
    pace: Pace,
    metrics: Metrics,
    homing: HomeListeners,
) -> Worker:
    async def tell(trigger: Trigger, outcome: Outcome, reference: str) -> None:
        """Answer, and remember what the bot itself posted."""
        await undo.tell(trigger, outcome, reference, undoing)

    def observe(claim: Claim, outcome: str) -> None:
        metrics.delivered(claim, outcome)
        if outcome not in NOT_FINAL:
            homing.changed(claim.escalation.trigger.submitter)
        if outcome == "rejected":
            homing.waiting_changed()

    return Worker(
        name=f"{socket.gethostname()}.{os.getpid()}.{uuid.uuid4().hex[:6]}",
        ledger=runtime.ledger,
        deliver=lambda claim, progress: deliver(claim, workspace, runtime, progress),
        tell=tell,
        run=runtime.run,
        observe=observe,
        pace=pace,
    )


def _rounds(
    parts: Parts, windows: Windows, undoing: UndoListeners, metrics: Metrics
) -> Sequence[cluster.Work]:
    """What comes round, and is done by one replica: they bear being done twice."""
    database, run = parts.database, parts.run
    drafts, notices = Drafts(database), DelayNotices(database)
    retention, checks = Retention(database), DuplicateChecks(database)
    team = parts.installation.team

    async def erase() -> None:
        await run(drafts.erase_old)
        await run(retention.erase_addresses)
        await run(retention.erase_texts, parts.settings.privacy.keep_text_days)

    async def tell_queued() -> None:
        await delay_notices.tell_queued(team, notices, parts.slack, parts.workspace.policy.who, run)

    def found(double: Duplicate) -> None:
        periodic.tell_of_double(double)
        metrics.found_duplicates(len(double.others))

    async def look_again() -> None:
        await find_duplicates(team, checks, parts.plain, run, found)

    verify_every = min(VERIFY_EVERY_SECONDS, windows.verify / 4)
    return (
        partial(periodic.every, ERASE_SECONDS, erase),
        partial(periodic.every, QUEUED_EVERY_SECONDS, tell_queued),
        partial(periodic.every, verify_every, look_again),
        partial(periodic.every, windows.answers, undoing.run_once),
    )
