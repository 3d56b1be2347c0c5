"""One world, from one seed: a bridge on simulated time between a simulated Slack and Plain."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import sys
import traceback
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from sqlite3 import Row
from typing import Any

import structlog

from bot import worker as worker_module
from bot.core.conversation import ThreadLimits
from bot.core.directory import UserKind
from bot.core.model import FORGOTTEN, Trigger
from bot.flows.workspace import Policy
from tests.simulation import invariants
from tests.simulation.clock import START, Numbers, VirtualLoop, WallClock
from tests.simulation.crowd import Crowd
from tests.simulation.forms import Typed
from tests.simulation.limits import RateLimit
from tests.simulation.plain import Plain, customer_id
from tests.simulation.process import Process
from tests.simulation.rounds import Notices
from tests.simulation.slack import PATIENCE, PEOPLE, Slack
from tests.simulation.store import Store
from tests.simulation.undoing import Undoings
from tests.simulation.watch import Watch
from tests.simulation.weather import Dice

HELD_BACK_SECONDS = 5.0
"""In place of the worker's 1: while one of two processes is suspended, the other looks on."""
IDLE_SECONDS = 1800.0
"""In place of the worker's 30: a day's rounds of doing nothing would cost more than its work."""
_OTHERS_WHO_MAY: tuple[tuple[UserKind, ...], ...] = (
    *((), ()),
    (UserKind.GUEST,),
    (UserKind.GUEST, UserKind.EXTERNAL),
)
"""Who may ask besides members."""
LONGEST_QUIET = 2 * 3600.0
"""Simulated seconds after which a ledger that still has work will never be done."""


class Violation(AssertionError):
    """An invariant does not hold; the seed makes it happen again."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a seed's world held. `digest` is the same whenever the seed is run."""

    seed: int
    seen: Counter[str]
    digest: str


class Simulation:
    """A world. `is_alone`: one process at a time, as on SQLite; else two share the ledger."""

    def __init__(self, seed: int, store: Store, policy: Policy | None = None) -> None:
        self.seed = seed
        self.store = store
        self.loop = VirtualLoop()
        self.wall = WallClock(self.loop)
        store.begin(self.wall)
        self.numbers = Numbers()
        self.dice = Dice(seed)
        self.seen: Counter[str] = self.dice.seen
        self.is_alone = self.dice.likely(0.5)
        per_message = self.dice.likely(0.2)
        others = self.dice.random.choice(_OTHERS_WHO_MAY)
        self.undoes_by_reaction = self.dice.likely(0.4)
        self.policy = policy or Policy(
            who=frozenset({UserKind.MEMBER, *others}),
            one_thread_per="message" if per_message else "slack_thread",
            bounds=ThreadLimits(components=2, first_components=1),
        )
        self.slack: Slack = Slack(self.loop, self.dice, self.numbers, self._hand_over)
        self.limit = RateLimit(self)
        self.plain: Plain = Plain(
            self.loop, self.dice, self.limit, refuses_duplicates=self.dice.likely(0.5)
        )
        self.slack.posts = self.dice.likely(0.3)
        self.watch = Watch(self)
        self.undos = Undoings(self)
        self.asked_for: dict[str, Trigger] = {}
        """What people asked for, by Slack's id of it."""
        self.typed: dict[str, Typed] = {}
        """The words of their forms and commands, by the same."""
        self.customers = {user: {customer_id(f"{user.lower()}@")} for user in PEOPLE}
        """Whose customer each person is, or was."""
        self.forgotten: set[str] = set()
        self.notices = Notices(self)
        self.crowd = Crowd(self)
        self.lines: deque[str] = deque(maxlen=400)
        self.is_calm = True
        self._digest = hashlib.blake2b(digest_size=8)
        self._violations: list[str] = []
        self._processes: list[Process] = []
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._over = False

    # What the parts tell of and ask

    def note(self, *words: object) -> None:
        """A line of what happened; the lines of a seed are always the same."""
        line = f"{self.loop.now:10.3f} {' '.join(map(str, words))}"
        self._digest.update(line.encode())
        self.lines.append(line)

    def violated(self, what: str) -> None:
        self.note("VIOLATION", what)
        self._violations.append(what)

    def asked(self, trigger: Trigger, typed: Typed | None = None) -> None:
        """A person asks for a ticket."""
        self.seen["asked"] += 1
        self.note("asked", trigger.via.value, trigger.submitter, trigger.ref, trigger.request)
        self.asked_for[trigger.request] = trigger
        if typed is not None:
            self.typed[trigger.request] = typed

    def links(self, user: str, customer: str) -> None:
        """Somebody says which customer a person is."""
        self.customers[user].add(customer_id(customer))

    def forgets(self, user: str) -> None:
        """A person is to be erased."""
        self.forgotten.add(user)

    def is_forgotten(self, row: Row) -> bool:
        """Whether the submitter of a request is erased."""
        return bool(row["submitter"] == FORGOTTEN)

    def slack_time(self) -> float:
        """What Slack's clock shows, in Unix seconds."""
        return START + self.loop.now

    def conversation(self, key: str) -> str:
        """The key of the Slack thread that the request with this key belongs to."""
        return key if self.policy.one_thread_per == "message" else self.slack.roots.get(key, key)

    def running(self) -> list[Process]:
        return [process for process in self._processes if process.alive]

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Something that goes on whatever becomes of the bridge."""
        task = self.loop.create_task(work)
        self._tasks[task] = None
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._tasks[task]
        if not task.cancelled() and (error := task.exception()) is not None:
            self.violated("".join(traceback.format_exception(error)))

    def notice(self, author: Process | None) -> None:
        """There is new work: the others hear of it within half a second, or not at all."""
        for process in self.running():
            if process is not author and not self.dice.strikes("notice_lost"):
                self.loop.call_later(self.dice.between(0.0, 0.5), process.worker.wake)

    def set_clock(self, seconds: float) -> None:
        """A clock that jumps on over a write whose end is open ends the settle window early.

        That is beyond what the bridge promises, so the jump is left out, and counted.
        """
        if seconds > 0 and (self.plain.in_flight or self.watch.is_anything_announced()):
            self.seen["clock_left_alone"] += 1
        else:
            self.wall.set_by(seconds)
            for process in self.running():
                process.disturbances += 1  # its leases may be over

    # Processes

    def _start(self) -> None:
        if self._over or len(self.running()) >= (1 if self.is_alone else 2):
            return
        process = Process(self, f"p{self.numbers.next('process')}")
        self._processes.append(process)
        self.note("starts", process.name)
        process.start()

    def buried(self, process: Process) -> None:
        """A process is dead; whoever runs it starts another."""
        self.seen["deaths"] += 1
        self._processes.remove(process)
        pause = 0.1 if self.dice.healed else self.dice.random.choice((0.1, 2.0, 30.0, 200.0))
        self.loop.call_later(pause * self.dice.between(0.5, 1.0), self._start)

    async def _hand_over(self, take: Callable[[Process], Awaitable[bool]]) -> bool:
        """Give a request to some process; whether it said in time that it took it."""
        await asyncio.sleep(self.dice.between(0.01, 0.1))
        hearing = [process for process in self._processes if process.hears]
        if not hearing:
            return False
        process = self.dice.random.choice(hearing)

        async def taking() -> bool:
            return await take(process)

        task = process.spawn(taking())
        await asyncio.wait({task}, timeout=PATIENCE)
        return task.done() and not task.cancelled() and task.result()

    # The course of things

    def run(self) -> Report:
        """Live the seed's days. Raises Violation."""
        self.loop.set_exception_handler(self._broken)
        with _quiet_log(self), _long_naps():
            try:
                self.loop.run_until_complete(self._live())
            finally:
                self._end()
        return Report(self.seed, self.seen, self._digest.hexdigest())

    async def _live(self) -> None:
        for _ in range(1 if self.is_alone else 2):
            self._start()
        for _ in range(self.dice.random.choice((1, 1, 1, 2))):
            self.dice.healed = False
            await self.crowd.live_a_day()
            await self._come_to_rest()
            self.seen["days"] += 1
            self.is_calm = not self.seen.keys() & _TURMOIL
            invariants.check(self)
            self._complain()
        self.seen["requests"] += len(self.store.requests())
        self.seen["joined"] += len(self.store.requests("state = 'joined'"))
        self.seen["beside"] += sum(
            one["conversation_key"] is None and one["state"] == "open"
            for one in self.store.tickets()
        )
        self.seen["threads"] += len(self.plain.threads)
        self.seen["additions"] += len(self.plain.events)

    async def _come_to_rest(self) -> None:
        """Heal everything, and wait until nothing is left to do."""
        self.dice.healed = True
        self._start()
        until = self.loop.now + LONGEST_QUIET
        while self.loop.now < until:
            await asyncio.sleep(5.0)
            busy = any(process.worker.is_busy for process in self._processes)
            on_its_way = busy or self.slack.under_way or self.plain.in_flight or self._tasks
            if not on_its_way and not self.store.has_unfinished():
                return

    def _complain(self) -> None:
        if self._violations:
            raise Violation(
                f"seed {self.seed}: "
                + "\n".join(dict.fromkeys(self._violations))
                + f"\nreplay: pytest tests/simulation --seed {self.seed}"
            )

    def _broken(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        told = "".join(traceback.format_exception(error)) if error else ""
        self.violated(f"{context['message']} {told}")

    def _end(self) -> None:
        self._over = True
        left: list[asyncio.Task[Any]] = list(self._tasks)
        for task in left:
            task.cancel()
        for process in self.running():
            left += process.die()
        self.loop.run_until_complete(asyncio.wait_for(_all(left), None))
        self.loop.close()


_TURMOIL = {
    *("deaths", "kill", "pause", "deploy", "set_clock", "slack_goes_down", "stall"),
    *("answer_fails", "answer_refused", "database_fails", "database_forgets"),
}
"""After any of these a success may go unheard: what is lost there is cheaper than said twice."""


async def _all(tasks: list[asyncio.Task[Any]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def _quiet_log(world: Simulation) -> Iterator[None]:
    """Drop the log, except for errors: an unhandled exception is a violation."""

    def listen(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> Any:
        world.violated(f"{event['event']}: {traceback.format_exc() if sys.exc_info()[0] else ''}")
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(
        processors=[listen],
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        cache_logger_on_first_use=False,
    )
    try:
        yield
    finally:
        structlog.configure(**before)


@contextmanager
def _long_naps() -> Iterator[None]:
    before = worker_module.IDLE_SECONDS, worker_module.HELD_BACK_SECONDS
    worker_module.IDLE_SECONDS, worker_module.HELD_BACK_SECONDS = IDLE_SECONDS, HELD_BACK_SECONDS
    try:
        yield
    finally:
        worker_module.IDLE_SECONDS, worker_module.HELD_BACK_SECONDS = before
