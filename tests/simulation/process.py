"""One process of the bridge: the real flows and worker; it can die or stand still at any await."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from bot.core.directory import Installation
from bot.core.faults import Fault, TryLater
from bot.core.model import Escalation, Form, FormDraft, Outcome, Priority, Rule, Trigger
from bot.flows.deliver import Progress, deliver
from bot.flows.intake import Intake
from bot.flows.workspace import Runtime, Workspace
from bot.plain.pace import Pace
from bot.store.claims import Claim
from bot.store.delay_notices import Queued
from bot.store.rate_limit import SharedRateLimit
from bot.store.requests import Recorded
from bot.worker import Worker
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
_CLAIM: ContextVar[Claim] = ContextVar("claim")


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

        async def delivering(claim: Claim, progress: Progress) -> Outcome:
            _CLAIM.set(claim)
            return await deliver(claim, workspace, runtime, progress)

        self.worker = Worker(
            name=name,
            ledger=store.ledger,
            deliver=delivering,
            tell=slack.tell,
            run=self.run,
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
        )

    # Life and death

    def start(self) -> None:
        if self._world.is_alone:
            self._world.store.ledger.free_all()
        self.spawn(self.worker.work())
        self.spawn(go_round(self._world, self, self._workspace))

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = self._world.loop.create_task(work)
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

    def has_under_way(self, row_id: int, token: str) -> bool:
        """Whether it is delivering this claim."""
        return any(
            (claim.id, claim.token) == (row_id, token) for claim in self.worker._running.values()
        )

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
        if self._is_idle(name):
            await asyncio.sleep(0)
            return cast("T", [] if name == "claim" else None)
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
            watch.claims(self, cast("list[Claim]", result))
        elif name == "take_late":
            self._world.notices.given(self, cast("list[Queued]", result))
        return result

    def _is_idle(self, name: str) -> bool:
        """Whether the ledger is asked for work while it has none: answered without it, for a
        day holds thousands of such rounds."""
        if not self.alive or name not in ("claim", "next_due"):
            return False
        store = self._world.store
        return not (store.has_due() if name == "claim" else store.has_open())

    # What the ports tell of

    def sends(self, what: str) -> None:
        self._world.watch.sends(self, _CLAIM.get(), what)

    def tells_queued(self, reference: str, *, heard: bool) -> None:
        self._world.notices.tells(self, reference, heard=heard)

    def tells(self, told: Told) -> None:
        self._world.watch.tells(self, told)

    def was_told(self, told: Told) -> None:
        self._world.watch.was_told(told)

    # Doors, as `slack.listeners.tickets` has them

    async def on_event(self, trigger: Trigger) -> bool:
        """Also a command: whether it was recorded."""
        await self.step("door")
        try:
            recorded = await self._intake.take(trigger)
        except (Fault, TimeoutError):
            return False
        self._speak(trigger, recorded)
        await self.step("door.end")
        return True

    async def on_shortcut(self, trigger_id: str, trigger: Trigger) -> bool:
        await self.step("door")
        number = self._world.numbers.next("draft")
        prefill = Form("", None, trigger.submitter, Priority.NORMAL)
        try:
            await self._intake.open_form(trigger_id, FormDraft(f"D{number}", trigger, prefill))
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
            self._speak(draft.trigger, await self._intake.take(trigger, draft.key))
        except (Fault, TimeoutError):
            return False
        await self.step("door.end")
        return True

    def _speak(self, trigger: Trigger, recorded: Recorded | None) -> None:
        if recorded is None or recorded.remark is None:
            return
        remark = recorded.remark

        async def quietly() -> None:
            try:
                await self._slack.remark(trigger.reply_to, remark)
            except (Fault, TimeoutError):
                """A courtesy; its loss is nobody's."""

        self.spawn(quietly())
