"""The one module that knows everyone: builds a bridge from its settings, starts and ends it."""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import math
import os
import socket
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, ParamSpec, TypeVar

import structlog
from pydantic import SecretStr
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.web.async_client import AsyncWebClient
from starlette.applications import Starlette

from bot import http, rounds
from bot.core import reactions
from bot.core.faults import Fault, TryLater
from bot.core.home import Waiting as WaitingPerson
from bot.core.linkers import Linkers
from bot.core.model import Installation, Outcome, Standing, Trigger
from bot.flows import explain, home, notice, reconcile, retract, undo
from bot.flows.attach import Carrier
from bot.flows.beside import Surroundings
from bot.flows.choices import Choices
from bot.flows.deliver import Policy, World, deliver
from bot.flows.intake import Intake
from bot.flows.link import Link
from bot.flows.ports import Claim, Place, Recorded, Run
from bot.flows.verify import verify
from bot.metrics import Metrics
from bot.plain.client import ANSWER_SECONDS, PlainClient
from bot.plain.pace import Pace
from bot.plain.uploads import Uploads
from bot.settings import Settings
from bot.slack import calls, commands
from bot.slack.answers import Manner
from bot.slack.client import SlackClient
from bot.slack.explaining import Explaining
from bot.slack.files import SlackFiles
from bot.slack.heard import KEEP_SECONDS, Heard
from bot.slack.history import SlackHistory
from bot.slack.homing import HomeTab, Homing
from bot.slack.later import Later
from bot.slack.link import SocketLink
from bot.slack.linking import Linking
from bot.slack.listeners import Doors
from bot.slack.opening import Opening
from bot.slack.options import Options
from bot.slack.reopening import Reopening
from bot.slack.undoing import Undoing as UndoListeners
from bot.store import elected, migrating, wake
from bot.store.accepting import Accepting
from bot.store.asked import Asked
from bot.store.doubts import Doubts
from bot.store.drafts import Drafts
from bot.store.engine import Database
from bot.store.first_loaded import FirstLoaded
from bot.store.group import GroupCommit
from bot.store.homes import Homes
from bot.store.ledger import LEASE_SECONDS, VERIFY_SECONDS, Ledger
from bot.store.memory import Memory
from bot.store.people import People
from bot.store.queued import Queue
from bot.store.rates import Rates
from bot.store.retention import Retention
from bot.store.single import only_one
from bot.store.standing import HEARD, backlog
from bot.store.threads import Threads
from bot.store.tickets import Tickets
from bot.store.undoing import Undoing
from bot.store.waiting import Waiting
from bot.worker import Worker

log = structlog.get_logger("bot")

P = ParamSpec("P")
T = TypeVar("T")

READY_SECONDS = 2.0
VERIFY_EVERY_SECONDS = 60.0
ERASE_SECONDS = 300.0
QUEUED_EVERY_SECONDS = 10.0
ANSWERS_EVERY_SECONDS = 15.0


class NotAtHead(Exception):
    """The database has another schema than this release needs."""


class TokenRefused(Exception):
    """Slack does not take the bot token."""


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
    doors: Doors
    homing: Homing
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
        metrics = Metrics()
        web = calls.web_client(
            _secret(settings.slack_bot_token),
            settings.slack_api_url,
            session,
            observe=metrics.asked_slack,
        )
        slack = SlackClient(web, _manner(settings))
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
            carrier=_carrier(web, plain, metrics, stack),
        )
        homing = _homing(settings, database, world, slack)
        said = retract.World(Undoing(database), slack, run)
        worker = Worker(
            name=f"{socket.gethostname()}.{os.getpid()}.{uuid.uuid4().hex[:6]}",
            ledger=ledger,
            deliver=lambda claim, progress: deliver(claim, world, progress),
            tell=partial(_tell, said),
            run=run,
            observe=_observing(metrics, homing),
            pace=pace,
        )
        intake = Intake(
            ledger=ledger,
            drafts=drafts,
            forms=slack,
            rules=settings.rules,
            run=run,
            wake=worker.wake,
            record=GroupCommit(Accepting(database), run).record,
        )
        doors = Doors(
            team=installation.team,
            intake=intake,
            opening=_opening(world, slack, plain, intake, drafts, homing.later),
            drafts=drafts,
            slack=slack,
            run=run,
            clock=time.time,
            commands=_words(settings, database, run, homing),
            later=homing.later,
        )
        app = _bolt(slack, installation)
        await _hearing(app, database, run, stack)
        doors.hang_on(app)
        _hang_the_form(app, doors, database, world, slack, plain)
        _linking(settings, database, world, slack, plain, worker, homing).hang_on(app)
        homing.hang_on(app)
        undoing = _undoing(settings, database, world, slack, plain, said, homing)
        undoing.hang_on(app)
        _explaining(settings, database, world, slack, doors).hang_on(app)
        stack.push_async_callback(homing.stop)
        await _background(stack, worker.work())
        stack.push_async_callback(worker.stop)
        stack.push_async_callback(doors.rest)
        stack.push_async_callback(undoing.stop)
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
            partial(rounds.every, windows.answers, undoing.go_round),
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
                look=_looking(metrics, database, run, link),
                metrics_token=_optional(settings.metrics_token),
                metrics_open=_is_loopback(settings.host),
            ),
            worker=worker,
            doors=doors,
            homing=homing,
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


async def _hearing(app: AsyncApp, database: Database, run: Threads, stack: AsyncExitStack) -> None:
    """Note when Slack last sent an event, for `doctor` to tell."""
    heard = Heard(HEARD, Memory(database, float), run, time.time)
    heard.hang_on(app)
    await _background(stack, rounds.every(KEEP_SECONDS, heard.keep))


def _carrier(
    web: AsyncWebClient, plain: PlainClient, metrics: Metrics, stack: AsyncExitStack
) -> Carrier:
    """What takes files from Slack to Plain."""
    uploads = Uploads(plain.ask)
    stack.push_async_callback(uploads.aclose)
    return Carrier(SlackFiles(web), uploads, metrics.file)


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


def _opening(
    world: World,
    slack: SlackClient,
    plain: PlainClient,
    intake: Intake,
    drafts: Drafts,
    later: Later,
) -> Opening:
    """The form, and what stands beside its inputs."""
    surroundings = Surroundings(
        slack=slack,
        plain=plain,
        people=world.people,
        run=world.run,
        identity=world.policy.identity,
        who=world.policy.who,
        team=world.installation.team,
    )
    return Opening(
        intake=intake,
        surroundings=surroundings,
        drafts=drafts,
        slack=slack,
        run=world.run,
        later=later,
    )


def _hang_the_form(
    app: AsyncApp,
    doors: Doors,
    database: Database,
    world: World,
    slack: SlackClient,
    plain: PlainClient,
) -> None:
    """What the form asks while it is open, and the button that opens it again."""
    doors.opening.hang_on(app)
    Options(Choices(slack, plain, world.policy.who)).hang_on(app)
    Reopening(
        asked=Asked(database),
        opening=doors.opening,
        slack=slack,
        run=world.run,
        clock=time.time,
        later=doors.later,
    ).hang_on(app)


def _linking(
    settings: Settings,
    database: Database,
    world: World,
    slack: SlackClient,
    plain: PlainClient,
    worker: Worker,
    homing: Homing,
) -> Linking:
    """The question who somebody is, and its answer."""

    def wake() -> None:
        worker.wake()
        homing.waiting_changed()

    link = Link(
        linkers=Linkers(settings.identity.linkers),
        requests=Waiting(database),
        people=People(database),
        slack=slack,
        plain=plain,
        run=world.run,
        wake=wake,
        team=world.installation.team,
    )
    return Linking(link=link, slack=slack, clock=time.time, later=homing.later)


def _homing(settings: Settings, database: Database, world: World, slack: SlackClient) -> Homing:
    """The app's Home."""
    waiting = Waiting(database)

    def to_link(limit: int) -> list[WaitingPerson]:
        found = waiting.waiting_for_link(limit)
        return [WaitingPerson(one.requester, one.since, one.reference) for one in found]

    tab = HomeTab(slack.web, slack.profile, world.installation, settings.rules)
    return Homing(
        home.World(
            slack=tab,
            tickets=Tickets(database),
            homes=Homes(database),
            waiting=to_link,
            linkers=Linkers(settings.identity.linkers),
            who=world.policy.who,
            run=world.run,
            clock=time.time,
        ),
        permalink=tab.permalink,
    )


async def _tell(said: retract.World, trigger: Trigger, outcome: Outcome, reference: str) -> None:
    """Answer, and remember what the bot itself posted."""
    await retract.tell(trigger, outcome, reference, said)


def _undoing(
    settings: Settings,
    database: Database,
    world: World,
    slack: SlackClient,
    plain: PlainClient,
    said: retract.World,
    homing: Homing,
) -> UndoListeners:
    """Undo, by its button and by the reaction that is taken away."""
    return UndoListeners(
        team=world.installation.team,
        world=undo.World(
            ledger=Undoing(database),
            plain=plain,
            slack=slack,
            run=world.run,
            linkers=Linkers(settings.identity.linkers),
        ),
        said=said,
        slack=slack,
        clock=time.time,
        by_reaction=settings.escalation.undo_by_reaction,
        changed=homing.changed,
        later=homing.later,
    )


def _observing(metrics: Metrics, homing: Homing) -> Callable[[Claim, str], None]:
    """Who is told of what came of a delivery."""

    def observe(claim: Claim, outcome: str) -> None:
        metrics.delivered(claim, outcome)
        if outcome not in ("waiting", "retried"):
            homing.changed(claim.escalation.trigger.asker)
        if outcome == "turned":
            homing.waiting_changed()

    return observe


def _words(
    settings: Settings, database: Database, run: Run, homing: Homing
) -> Mapping[str, commands.Says]:
    """What `/plain-ticket` answers by itself."""
    return commands.Words(
        tickets=Tickets(database), permalink=homing.permalink, run=run, rules=settings.rules
    ).table


def explaining_world(
    settings: Settings,
    database: Database,
    slack: SlackClient,
    run: Run,
    installation: Installation,
) -> explain.World:
    """What an explanation looks at."""
    return explain.World(
        slack=slack,
        posted=SlackHistory(slack.web).posted,
        ledger=Tickets(database),
        people=People(database),
        first_loaded=FirstLoaded(database),
        run=run,
        rules=settings.rules,
        who=frozenset(settings.escalation.who),
        installation=installation,
        clock=time.time,
        fallback=settings.identity.fallback_customer,
        one_thread_per_message=settings.escalation.one_thread_per == "message",
    )


def _explaining(
    settings: Settings, database: Database, world: World, slack: SlackClient, doors: Doors
) -> Explaining:
    """The message's menu that asks why."""
    looks = explaining_world(settings, database, slack, world.run, world.installation)
    return Explaining(
        installation=world.installation,
        explain=lambda ref, thread_ts: explain.explain(ref, thread_ts, looks),
        slack=slack,
        linkers=Linkers(settings.identity.linkers),
        clock=time.time,
        later=doors.later,
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


def _looking(
    metrics: Metrics, database: Database, run: Threads, link: SocketLink | None
) -> Callable[[], Awaitable[None]]:
    """Brings the metrics up to date that the ledger and the link know."""
    connected = metrics.watch_link() if link is not None else None

    async def look() -> None:
        if link is not None and connected is not None:
            connected(await link.is_up())
        try:
            async with asyncio.timeout(READY_SECONDS):
                waits = await run(backlog, database)
        except (Fault, TimeoutError):
            metrics.waiting(math.nan, math.nan, math.nan)
        else:
            metrics.waiting(waits.waiting, waits.oldest_age, waits.parked)

    return look


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
        linkers=Linkers(settings.identity.linkers),
        outsiders=Standing.EXTERNAL in settings.escalation.who,
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
