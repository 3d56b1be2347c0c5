"""The bridge on one screen: what it hears, serves and repeats; how it is built, started, ended."""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from slack_bolt.async_app import AsyncApp
from starlette.applications import Starlette
from starlette.routing import Route

from bot import build, http, periodic, refused_requests, surfaces
from bot.core import reactions
from bot.core.directory import Installation
from bot.flows import delay_notices, edits, undo
from bot.flows.deliver import deliver
from bot.flows.duplicates import Duplicate, find_duplicates
from bot.flows.intake import Intake
from bot.flows.reconcile import ReconcileContext
from bot.flows.workspace import Policy, Runtime, Workspace
from bot.health import CachedCheck, Health
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
from bot.slack.listeners import middleware
from bot.slack.listeners.home import HomeListeners
from bot.slack.payloads_view import is_of_ticket_form
from bot.slack.views import form, home, kit, link, placement
from bot.slack.views import undo as undo_view
from bot.store import cluster
from bot.store.claims import Claim
from bot.store.delay_notices import DelayNotices
from bot.store.drafts import Drafts
from bot.store.duplicates import DuplicateChecks
from bot.store.executor import Executor
from bot.store.jobs import LEASE_SECONDS, Kind
from bot.store.kv import FirstLoaded, KeyValueStore
from bot.store.migrating import drop_former
from bot.store.requests import GroupCommit, Requests
from bot.store.retention import Retention
from bot.store.tickets import VERIFY_SECONDS, Ledger
from bot.store.undo import Undos
from bot.surfaces import Listeners, Parts
from bot.worker import Handler, Worker

ERASE_SECONDS = 300.0
DELAY_NOTICE_SECONDS = 10.0
EXPIRED_UNDO_SECONDS = 15.0


# What it hears


def register(app: AsyncApp, to: Listeners) -> None:
    """Route everything that Slack sends to its handler: every id is named here, once."""
    app.middleware(to.foreign.reject)
    app.middleware(to.events.note)
    app.error(middleware.on_error)

    app.event("reaction_added")(to.tickets.on_reaction)
    app.event("reaction_removed")(to.undo.on_reaction_removed)
    app.event("app_home_opened")(to.home.on_opened)

    app.shortcut("create_plain_ticket")(to.tickets.on_message_shortcut)
    app.shortcut("new_plain_ticket")(to.tickets.on_global_shortcut)
    app.shortcut("why_no_plain_ticket")(to.why.on_shortcut)

    app.command("/plain-ticket")(to.tickets.on_command)

    app.view(form.CALLBACK_ID)(to.tickets.on_submit)
    app.view_closed(form.CALLBACK_ID)(to.form.on_closed)
    app.view(link.CALLBACK_ID)(to.link.on_submit)

    app.action({"action_id": form.VALUE, "block_id": "requester"}, matchers=[is_of_ticket_form])(
        to.form.on_requester
    )
    app.action(placement.ACTION)(to.form.on_placement)
    app.action(form.REOPEN_ACTION)(to.form.on_reopen)
    app.action(link.ACTION)(to.link.on_clicked)
    app.action(undo_view.ACTION)(to.undo.on_undo)
    app.action(kit.OPEN_ACTION)(to.undo.on_open)
    app.action(home.MORE_ACTION)(to.home.on_turn)
    app.action(home.NEWEST_ACTION)(to.home.on_turn)

    app.options(form.VALUE, matchers=[is_of_ticket_form])(to.form.on_options)
    app.options(link.SEARCH_ACTION)(to.link.on_typed)


# What it serves


def routes(
    settings: Settings,
    slack: AsyncApp,
    refused: RefusedRequests,
    metrics: Metrics,
    health: Health,
    *,
    hears: bool,
) -> list[Route]:
    """Return every route. One without its secret, or that only `run` serves, is absent."""
    bodies = http.Bodies()
    slack_secret = build.optional(settings.slack_signing_secret) if hears else None
    plain_secret = build.optional(settings.plain_webhook_secret) if hears else None
    metrics_page = http.metrics_page(
        metrics.registry,
        health.refresh,
        build.optional(settings.metrics_token),
        is_open=is_loopback(settings.host),
    )
    found: list[Route] = []
    if slack_secret:  # first: routes are tried in turn, and Slack waits for this one
        endpoint = http.slack_events(slack, slack_secret, refused, bodies)
        found.append(Route("/slack/events", endpoint, methods=["POST"]))
    found += [
        Route("/healthz", http.healthz),
        Route("/readyz", http.readyz(CachedCheck(health.is_ready))),
        Route("/metrics", metrics_page),
    ]
    if plain_secret:
        endpoint = http.plain_webhooks(plain_secret, refused, bodies)
        found.append(Route("/plain/webhooks", endpoint, methods=["POST"]))
    return found


# What it repeats


def periodic_tasks(
    parts: Parts,
    windows: Windows,
    listeners: Listeners,
    reconciling: ReconcileContext,
    *,
    reconcile_now: bool,
) -> Sequence[cluster.Work]:
    """Return every task of the leader, one of the replicas. Each is safe to run twice."""
    database, run, workspace = parts.database, parts.run, parts.workspace
    drafts, retention = Drafts(database), Retention(database)
    ledger = parts.runtime.ledger
    notices, undos = DelayNotices(ledger), Undos(ledger)

    async def erase() -> None:
        days = parts.settings.privacy.keep_text_days
        await run(drafts.erase_old)
        await run(undos.erase_old)
        await run(retention.erase_addresses)
        await run(retention.end_holds, days)
        await run(retention.erase_texts, days)
        await run(drop_former, database)

    async def plan_notices() -> None:
        await delay_notices.plan(workspace, notices, run)

    every = periodic.every
    return (
        partial(periodic.reconcile_again, reconciling, at_once=reconcile_now),
        partial(every, ERASE_SECONDS, erase),
        partial(every, DELAY_NOTICE_SECONDS, plan_notices),
        partial(every, windows.expired, listeners.undo.refresh_expired),
    )


def handlers(parts: Parts, undoing: undo.UndoContext, metrics: Metrics) -> Mapping[Kind, Handler]:
    """Return what does the jobs that are no decisions and no answers, by their kind."""
    workspace, run, ledger = parts.workspace, parts.run, parts.runtime.ledger
    notices, checks = DelayNotices(ledger), DuplicateChecks(ledger)

    def on_duplicate(duplicate: Duplicate) -> None:
        periodic.log_duplicate(duplicate)
        metrics.found_duplicates(len(duplicate.others))

    return {
        Kind.UNDO: lambda job: undo.undo(job, undoing),
        Kind.EDIT: lambda job: edits.edit(job, undoing.editing),
        Kind.DELAY: lambda job: delay_notices.tell_of_delay(job, workspace, notices, run),
        Kind.DUPLICATE: lambda job: find_duplicates(job, workspace, checks, run, on_duplicate),
    }


def process_tasks(listeners: Listeners, refused: RefusedRequests) -> Sequence[cluster.Work]:
    """Return what every process repeats: it stores what it noted in memory."""
    return (
        partial(periodic.every, middleware.KEEP_SECONDS, listeners.events.keep),
        partial(periodic.every, refused_requests.KEEP_SECONDS, refused.keep),
    )


# How it is built, started and ended


@dataclass(frozen=True, slots=True)
class Windows:
    """Durations in seconds; only tests have a reason to change them.

    `lease` of a job, `plain` for an answer of Plain's, `verify` until a thread with an unknown
    outcome is looked for again, `expired` between two looks for tickets whose Undo has ended.
    """

    lease: float = LEASE_SECONDS
    plain: float = ANSWER_SECONDS
    verify: float = VERIFY_SECONDS
    expired: float = EXPIRED_UNDO_SECONDS


@dataclass
class Bridge:
    """A running bridge. Whoever started it serves `http`."""

    http: Starlette
    worker: Worker
    listeners: Listeners
    background: BackgroundTasks
    installation: Installation
    reconciling: ReconcileContext


@asynccontextmanager
async def bridge(
    settings: Settings,
    *,
    hears: bool = True,
    policy: Policy | None = None,
    windows: Windows = Windows(),
) -> AsyncIterator[Bridge]:
    """Run a bridge while the context lasts.

    Without `hears` it is a worker only: nothing reaches it from Slack or Plain. `policy` in place
    of the settings' and other `windows` are for tests. Raises NotAtHead, Unsuitable,
    AlreadyRunning, TokenRefused and Fault.
    """
    async with AsyncExitStack() as stack:
        # The database, and the pools of threads. Texts have two threads of their own: a form,
        # which somebody waits for, is not queued behind a delivery.
        database = build.open_database(settings)
        stack.callback(database.close)
        stack.enter_context(cluster.only_one(database))
        build.prepare(database)
        run, render, parse = Executor(), Executor(1, "render"), Executor(1, "parse")
        for executor in (run, render, parse):
            stack.callback(executor.close)

        # The two remote services.
        metrics = Metrics()
        session = await stack.enter_async_context(calls.open_session())
        web = calls.web_client(
            build.secret(settings.slack_bot_token),
            settings.slack_api_url,
            session,
            observe=metrics.asked_slack,
        )
        slack = SlackClient(web, build.answer_settings(settings), render=render)
        pace = build.pace_of(settings, database, run)
        metrics.watch_rate(pace.left)
        plain = PlainClient(
            settings.plain_api_url,
            build.secret(settings.plain_api_key),
            answer_seconds=windows.plain,
            observe=metrics.asked_plain,
            pace=pace,
        )
        stack.push_async_callback(plain.aclose)

        # The workspace, and the process.
        workspace = Workspace(
            installation=await build.installation(settings, database, slack, run, stack),
            slack=slack,
            plain=plain,
            policy=policy or build.policy_of(settings),
            rules=settings.rules,
            files=build.copier(web, plain, settings, metrics, stack),
        )
        ledger = Ledger(database, lease=windows.lease, verify_after=windows.verify)
        if database.is_sqlite:
            ledger.free_all()
        # Before anything is heard. Rules that were never loaded have missed no reaction yet.
        reconcile_now = await run(
            FirstLoaded(database).load, [reactions.identity(rule) for rule in settings.rules]
        )
        now = time.time
        runtime = Runtime(database, ledger, run, render, clock=now, started=now())
        parts = Parts(settings, slack, plain, workspace, runtime, parse, BackgroundTasks())

        # The worker, and what people meet in Slack.
        home = surfaces.home_listeners(parts)
        undoing = surfaces.undo_context(parts, home)
        worker = _worker(parts, undoing, pace, metrics, home)
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
        refused = RefusedRequests(metrics, KeyValueStore(database, float), run)
        listeners = surfaces.listeners(parts, intake, worker, undoing, home, refused, metrics)
        bolt = build.bolt(slack, workspace.installation)
        register(bolt, listeners)

        # Started in this order, ended in the opposite one.
        for task in process_tasks(listeners, refused):
            await build.background(stack, task())
        stack.push_async_callback(home.stop)
        await build.background(stack, worker.work())
        stack.push_async_callback(worker.stop)
        stack.push_async_callback(parts.background.drain)
        reconciling = build.reconcile_context(
            settings, database, slack, run, workspace.installation, intake.take
        )
        tasks = periodic_tasks(parts, windows, listeners, reconciling, reconcile_now=reconcile_now)
        await build.background(stack, cluster.lead(database, *tasks, wake=worker.wake))
        socket_mode = await build.socket_mode(settings, bolt, stack) if hears else None
        health = Health(worker, runtime, metrics, socket_mode)

        yield Bridge(
            http=Starlette(routes=routes(settings, bolt, refused, metrics, health, hears=hears)),
            worker=worker,
            listeners=listeners,
            background=parts.background,
            installation=workspace.installation,
            reconciling=reconciling,
        )


def _worker(
    parts: Parts,
    undoing: undo.UndoContext,
    pace: Pace,
    metrics: Metrics,
    home: HomeListeners,
) -> Worker:
    def observe(claim: Claim, outcome: str) -> None:
        metrics.delivered(claim, outcome)
        if outcome not in NOT_FINAL:
            home.changed(claim.escalation.trigger.submitter)
        if outcome == "on_hold":
            home.waiting_changed()

    return Worker(
        name=f"{socket.gethostname()}.{os.getpid()}.{uuid.uuid4().hex[:6]}",
        ledger=parts.runtime.ledger,
        deliver=lambda claim, progress: deliver(claim, parts.workspace, parts.runtime, progress),
        tell=lambda trigger, outcome, reference: edits.tell(
            trigger, outcome, reference, undoing.editing
        ),
        run=parts.runtime.run,
        handlers=handlers(parts, undoing, metrics),
        observe=observe,
        pace=pace,
    )
