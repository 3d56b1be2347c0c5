"""One process of the bridge: the real flows and worker; it can die or stand still at any await."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextvars import Context, ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from bot.core import refs
from bot.core.directory import Installation
from bot.core.faults import Fault, TryLater
from bot.core.model import (
    Escalation,
    Form,
    FormDraft,
    Outcome,
    PostedAnswer,
    Priority,
    ReplyTo,
    Rule,
    Trigger,
    default_requester,
)
from bot.core.undo import Result, UndoClick
from bot.flows import delay_notices, edits, undo
from bot.flows.deliver import Progress, deliver
from bot.flows.duplicates import find_duplicates
from bot.flows.edits import EditContext
from bot.flows.intake import Intake
from bot.flows.workspace import Runtime, Workspace
from bot.plain.pace import Pace
from bot.store.claims import Claim
from bot.store.delay_notices import DelayNotices
from bot.store.duplicates import DuplicateChecks
from bot.store.edits import Edits
from bot.store.jobs import Job, Kind
from bot.store.rate_limit import SharedRateLimit
from bot.store.requests import Recorded
from bot.store.undo import Undoing, Undos
from bot.worker import Handler, Worker
from tests.nouns import TEAM
from tests.simulation.limits import SHARE
from tests.simulation.plain import PlainPort
from tests.simulation.rounds import go_round
from tests.simulation.slack import SlackPort, Told
from tests.simulation.watch import ANNOUNCEMENTS, READS

if TYPE_CHECKING:
    from tests.simulation.world import Simulation

P = ParamSpec("P")
T = TypeVar("T")

RULES = (
    Rule(emoji=("ticket",)),
    Rule(emoji=("bug",), channels=("#support",), priority=Priority.HIGH),
)
_CLAIM: ContextVar[Claim | None] = ContextVar("claim", default=None)


class _InOrder(dict[asyncio.Event, None]):
    """A set that is walked through in the order of adding, in every run of a seed."""

    def add(self, one: asyncio.Event) -> None:
        self[one] = None

    def discard(self, one: asyncio.Event) -> None:
        self.pop(one, None)


class Process:
    """A process from its start to its end.

    All that it does to the world goes through `run` and the two ports. When it dies, these
    are shut first and then its tasks are cancelled: what they do on their way out reaches
    nobody, as with SIGKILL. While it stands still, nothing passes through them either.
    """

    def __init__(self, world: Simulation, name: str) -> None:
        self.name = name
        self.alive = True
        self.hears = True
        self.disturbances = 0
        """Faults that may make it say a refusal again."""
        self._world = world
        self._resumed = asyncio.Event()
        self._resumed.set()
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self.wall = world.wall
        slack = SlackPort(world.slack, self)
        self._slack = slack
        store = world.store
        # As `app` has it: the processes of one database share what they may ask for.
        pool = None if world.is_alone else SharedRateLimit(store.database, "plain")
        pace = Pace(SHARE, clock=world.wall, pool=pool, run=self.run if pool else None)
        self._plain = PlainPort(world.plain, self, pace)
        self._workspace = workspace = Workspace(
            installation=Installation(TEAM, "https://example.slack.com/", "UBRIDGE"),
            slack=slack,
            plain=self._plain,
            policy=world.policy,
            rules=RULES,
        )
        runtime = Runtime(
            database=store.database, ledger=store.ledger, run=self.run, clock=world.loop.time
        )
        editing = EditContext(workspace, Edits(store.ledger), self.run)
        self._undoing = undo.UndoContext(editing, Undos(store.ledger), _UndoAnswers(slack))

        async def delivering(claim: Claim, progress: Progress) -> Outcome:
            _CLAIM.set(claim)
            return await deliver(claim, workspace, runtime, progress)

        async def tell(trigger: Trigger, outcome: Outcome, reference: str) -> None:
            await edits.tell(trigger, outcome, reference, editing)

        self.worker = Worker(
            name=name,
            ledger=store.ledger,
            deliver=delivering,
            tell=tell,
            run=self.run,
            handlers=self._handlers(),
            chance=world.dice.chance,
            pace=pace,
        )
        self.worker._order._waiting = cast("set[asyncio.Event]", _InOrder())

        async def record(escalation: Escalation, within: float) -> Recorded:
            return await self.run(store.ledger.record, escalation, within=within)

        self._intake = Intake(
            record=record,
            requests=store.ledger,
            drafts=store.drafts,
            forms=slack,
            rules=RULES,
            run=self.run,
            wake=self.worker.wake,
            joins=world.policy.one_thread_per == "slack_thread",
        )

    def _handlers(self) -> dict[Kind, Handler]:
        """As `app.handlers` has them."""
        workspace, ledger, run = self._workspace, self._world.store.ledger, self.run
        notices, checks = DelayNotices(ledger), DuplicateChecks(ledger)
        report = self._world.notices.double
        return {
            Kind.UNDO: lambda job: undo.undo(job, self._undoing),
            Kind.EDIT: lambda job: edits.edit(job, self._undoing.editing),
            Kind.DELAY: lambda job: delay_notices.tell_of_delay(job, workspace, notices, run),
            Kind.DUPLICATE: lambda job: find_duplicates(job, workspace, checks, run, report),
        }

    # Life and death

    def start(self) -> None:
        if self._world.is_alone:
            self._world.store.ledger.free_all()
        self.spawn(self.worker.work())
        self.spawn(go_round(self._world, self, self._workspace))

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        # Not in the context of the one that died last, which starts this one.
        task = self._world.loop.create_task(work, context=Context())
        self._tasks[task] = None
        task.add_done_callback(lambda done: self._tasks.pop(done, None))
        return task

    def die(self) -> list[asyncio.Task[Any]]:
        """SIGKILL; returns what is left of it."""
        if not self.alive:
            return []
        self.alive = self.hears = False
        left = [*self._tasks, *self.worker._running]
        for task in left:
            task.cancel()
        self._resumed.set()
        self._world.buried(self)
        return left

    def stand_still(self, seconds: float) -> None:
        """SIGSTOP, and SIGCONT after so many seconds."""
        self.disturbances += 1
        self._resumed.clear()
        self._world.loop.call_later(seconds, self._resumed.set)

    def has_under_way(self, job_id: int, token: str) -> bool:
        """Whether it is doing this job."""
        return any((job.id, job.token) == (job_id, token) for job in self.worker._running.values())

    async def stop(self, grace: float) -> None:
        """SIGTERM."""
        self.hears = False
        await self.worker.stop(grace)
        self._world.loop.call_soon(self.die)

    async def step(self, where: str, *, may_pause: bool = True) -> None:
        """The process is at an await at the edge of the world."""
        if self.alive and self._world.dice.strikes("death"):
            self._world.note("dies", self.name, where)
            self.die()
        while may_pause and self.alive and not self._resumed.is_set():
            await self._resumed.wait()
        if not self.alive:
            raise asyncio.CancelledError

    # `executor.Run`

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The store's method, in one go; death and failure come before it or after it."""
        name = getattr(work, "__name__", "work")
        if name in ("claim", "next_due") and (known := self._known_of_jobs(name)) is not None:
            await asyncio.sleep(0)
            return cast("T", known[0])
        dice = self._world.dice
        await self.step(f"store.{name}")
        slow = dice.between(0.0, 3.0) if dice.strikes("database_slow") else 0.0
        await asyncio.sleep(slow)
        await self.step(f"store.{name}.begin")
        # The store measures this by the real clock, which means nothing here.
        within = cast("float | None", kwargs.pop("within", None))
        if dice.strikes("database_fails") or (within is not None and slow > within):
            self.disturbances += 1
            raise TryLater("database")
        watch = self._world.watch
        held = watch.may_write(args)
        result = work(*args, **kwargs)
        watch.committed(self, name, args, result, held=held)
        if name not in READS and dice.strikes("database_forgets"):
            self.disturbances += 1
            raise TryLater("database")
        await asyncio.sleep(dice.between(0.0, 0.5) if slow else 0.0)
        if name in ANNOUNCEMENTS and dice.strikes("stall"):
            self.stand_still(dice.between(0.5, 120.0))
        await self.step(f"store.{name}.end")
        if name == "claim":
            watch.claims(self, cast("list[Job]", result))
        elif name == "take" and result is not None:
            self._world.notices.given(self, cast("Job", args[0]))
        return result

    def _known_of_jobs(self, name: str) -> tuple[object] | None:
        """Return what the ledger would answer, if there is nothing to be had; None if there may
        be. It is not asked then: a day holds thousands of such rounds."""
        store = self._world.store
        if not self.alive or store.has_claimable(self.name):
            return None
        if name == "claim":
            return ([],)
        if not store.has_open():
            return (None,)
        return (0.0,) if store.has_due() else None

    # What the ports tell of

    def sends(self, what: str) -> None:
        if (claim := _CLAIM.get()) is not None:
            self._world.watch.sends(self, claim, what)

    def tells_queued(self, reference: str, *, heard: bool) -> None:
        self._world.notices.tells(self, reference, heard=heard)

    def tells(self, told: Told) -> None:
        self._world.watch.tells(self, told)

    def was_told(self, told: Told) -> None:
        self._world.watch.was_told(told)

    def tells_undone(self, request: str, may_be_heard: bool) -> None:
        self._world.undos.tells(request, may_be_heard)

    def edits_undone(self, reference: str, may_be_heard: bool) -> None:
        self._world.undos.edits(reference, may_be_heard)

    def answers_undo(self, undoing: Undoing, result: Result) -> None:
        self._world.undos.answers(self, undoing, result)

    # Doors, as `slack.listeners` has them

    async def on_event(self, trigger: Trigger) -> bool:
        """Also a command: whether it was recorded."""
        await self.step("door")
        try:
            await self._intake.take(trigger)
        except (Fault, TimeoutError):
            return False
        await self.step("door.end")
        return True

    async def on_removal(self, trigger: Trigger) -> bool:
        """A reaction that was taken back."""
        await self.step("door")
        assert trigger.ref is not None
        assert trigger.emoji is not None
        key = refs.message_key(trigger.team, trigger.ref)
        act = refs.reaction_act(key, trigger.submitter, trigger.emoji)
        try:
            if await undo.record_removal(act, trigger.reply_to, self._undoing):
                self.worker.wake()
        except (Fault, TimeoutError):
            return False
        await self.step("door.end")
        return True

    async def on_undo(self, request_id: int, by: str) -> bool:
        """A click on Undo."""
        await self.step("door")
        click = UndoClick(ReplyTo(by, self._world.slack_time()), is_ephemeral=True)
        try:
            await undo.record_click(request_id, click, self._undoing)
        except (Fault, TimeoutError):
            return False
        self.worker.wake()
        await self.step("door.end")
        return True

    async def on_shortcut(self, trigger_id: str, trigger: Trigger, *, may_know: bool) -> bool:
        await self.step("door")
        number = self._world.numbers.next("draft")
        requester = default_requester(trigger.message, trigger.submitter)
        prefill = Form("", None, requester, Priority.NORMAL)
        draft = FormDraft(f"D{number}", trigger, prefill)
        try:
            await self._intake.open_form(trigger_id, draft, may_know=may_know)
        except (Fault, TimeoutError):
            return False
        return True

    async def on_submit(self, draft_id: str, view_id: str, form: Form) -> bool:
        await self.step("door")
        try:
            async with asyncio.timeout(1.0):
                draft = await self.run(self._world.store.drafts.load, draft_id)
            if draft is None:
                return False
            trigger = replace(draft.trigger, request=view_id, form=form)
            await self._intake.take(trigger, draft.key)
        except (Fault, TimeoutError):
            return False
        await self.step("door.end")
        return True


class _UndoAnswers:
    """Answers undos, as `slack.listeners.undo` does."""

    def __init__(self, slack: SlackPort) -> None:
        self._slack = slack

    async def answer(
        self, undoing: Undoing, result: Result, edited: Sequence[PostedAnswer]
    ) -> None:
        if not (undoing.click.is_reaction and edited):
            await self._slack.answer_undo(undoing, result)
