"""A Plain in memory that answers late, twice or never; it outlives the processes that call it.

The sandbox's Plain serves real sockets in real time. This one lives on the simulation's virtual
clock and draws its lags and losses from the seed, so that days pass in seconds and a seed repeats.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from bot.core.faults import PlainError, Reason, Rejected, Rejection
from bot.core.model import Customer, EventDraft, LabelType, Tenant, ThreadDraft
from bot.core.undo import Actor, ActorKind, ThreadSnapshot, TimelineEntry
from bot.flows.ports import PlainThread, ThreadSummary
from bot.plain import protocol
from bot.plain.pace import Heard, Pace
from tests.simulation.limits import RateLimit, Turn

if TYPE_CHECKING:
    from tests.simulation.process import Process
    from tests.simulation.weather import Dice, Fate

T = TypeVar("T")

_DUPLICATE = Rejected(
    Rejection(Reason.PLAIN_REFUSED, plain_error=PlainError(code="duplicate_external_id"))
)


_NOT_FOUND = Rejected(
    Rejection(Reason.PLAIN_REFUSED, plain_error=PlainError(code="not_found", message="threadId"))
)

_ME = Actor(ActorKind.MACHINE_USER, "mu_1")


@dataclass
class Thread:
    """A thread that stands; look-ups show it from `shown_at` (loop time) on.

    `deleted`, `answered`: an agent did so. `noted`, `ignored`: the bridge undid it.
    """

    id: str
    ref: str
    draft: ThreadDraft
    shown_at: float
    deleted: bool = False
    answered: bool = False
    noted: bool = False
    ignored: bool = False

    def snapshot(self) -> ThreadSnapshot:
        """Return what Plain shows of it."""
        return ThreadSnapshot(
            customer=self.draft.customer,
            status="DONE" if self.ignored else "TODO",
            detail="ThreadStatusDetailIgnored" if self.ignored else None,
            changed_by=Actor(ActorKind.USER, "u_1") if self.answered else _ME,
            assigned=False,
            entries=(TimelineEntry(_ME, "NoteEntry"),) if self.noted else (),
            me=_ME.id,
        )


@dataclass
class Event:
    draft: EventDraft
    shown_at: float


@dataclass
class Plain:
    """The service. `refuses_duplicates`: whether a customer's second externalId is an error,
    which Plain does not document."""

    loop: asyncio.AbstractEventLoop
    dice: Dice
    limit: RateLimit
    refuses_duplicates: bool
    threads: list[Thread] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    """Customers that were deleted."""
    in_flight: int = 0
    """Writes that were sent and may still take effect, or do not show yet."""
    look_ups: dict[str, int] = field(default_factory=dict)

    def standing(self) -> list[Thread]:
        """Return the threads that nobody deleted."""
        return [thread for thread in self.threads if not thread.deleted]

    def thread(self, thread_id: str) -> Thread:
        """Return the thread. Raise Rejected if it was deleted."""
        found = self.threads[int(thread_id.removeprefix("th_")) - 1]
        if found.deleted:
            raise _NOT_FOUND
        return found

    def create(self, draft: ThreadDraft, lag: float) -> PlainThread:
        if draft.customer in self.gone:
            raise Rejected(Rejection(Reason.BROKEN_LINK, customer=draft.customer))
        name = (draft.customer, draft.external_id)
        if self.refuses_duplicates and any(
            (t.draft.customer, t.draft.external_id) == name for t in self.standing()
        ):
            raise _DUPLICATE
        number = len(self.threads) + 1
        thread = Thread(f"th_{number}", f"T-{number}", draft, self.loop.time() + lag)
        self.threads.append(thread)
        return _shown(thread)

    def add(self, draft: EventDraft, lag: float) -> None:
        self.thread(draft.thread)
        name = (draft.thread, draft.external_id)
        if self.refuses_duplicates and any(
            (e.draft.thread, e.draft.external_id) == name for e in self.events
        ):
            raise _DUPLICATE
        self.events.append(Event(draft, self.loop.time() + lag))

    def find(self, customer: str, external_id: str) -> PlainThread | None:
        self.look_ups[external_id] = self.look_ups.get(external_id, 0) + 1
        for thread in self.standing():
            same = (thread.draft.customer, thread.draft.external_id) == (customer, external_id)
            if same and thread.shown_at <= self.loop.time():
                return _shown(thread)
        return None

    def has(self, thread: str, external_id: str) -> bool:
        self.look_ups[external_id] = self.look_ups.get(external_id, 0) + 1
        self.thread(thread)
        return any(
            (event.draft.thread, event.draft.external_id) == (thread, external_id)
            and event.shown_at <= self.loop.time()
            for event in self.events
        )

    def sighted(self, customer: str) -> list[ThreadSummary]:
        return [
            ThreadSummary(thread.id, thread.ref, thread.draft.external_id)
            for thread in self.standing()
            if thread.draft.customer == customer and thread.shown_at <= self.loop.time()
        ]

    def snapshot(self, thread_id: str) -> ThreadSnapshot | None:
        try:
            return self.thread(thread_id).snapshot()
        except Rejected:
            return None

    def note(self, thread_id: str) -> None:
        self.thread(thread_id).noted = True

    def ignore(self, thread_id: str) -> None:
        self.thread(thread_id).ignored = True

    def customer(self, name: str) -> Customer | None:
        """Everybody is a customer who is not gone, or called nobody."""
        customer = customer_id(name)
        gone = customer in self.gone or "nobody" in name
        return None if gone else Customer(customer, name)


def customer_id(name: str) -> str:
    """The id of the customer whom `name` names, in one of the three ways."""
    if name.startswith("c_"):
        return name
    return "c_" + "".join(filter(str.isalnum, name.removeprefix("external:").split("@")[0]))


def _shown(thread: Thread) -> PlainThread:
    return PlainThread(thread.id, thread.ref)


class PlainPort:
    """One process's way to Plain: `ports.Plain`."""

    def __init__(self, plain: Plain, process: Process, pace: Pace) -> None:
        self._plain = plain
        self._process = process
        self._pace = pace
        self._workspace: str | None = None

    async def open_thread(self, draft: ThreadDraft) -> PlainThread:
        return await self._write("create", lambda lag: self._plain.create(draft, lag))

    async def search_customers(self, term: str, limit: int) -> Sequence[Customer]:
        raise NotImplementedError

    async def thread_snapshot(self, thread: str) -> ThreadSnapshot | None:
        return await self._read("snapshot", lambda: self._plain.snapshot(thread))

    async def add_note(self, customer: str, thread: str, text: str) -> None:
        await self._write("note", lambda _lag: self._plain.note(thread))

    async def mark_ignored(self, thread: str) -> None:
        await self._write("ignore", lambda _lag: self._plain.ignore(thread))

    async def add_event(self, draft: EventDraft) -> None:
        await self._write("add", lambda lag: self._plain.add(draft, lag))

    async def thread_by_external_id(self, customer: str, external_id: str) -> PlainThread | None:
        return await self._read("find", lambda: self._plain.find(customer, external_id))

    async def has_event(self, thread: str, external_id: str) -> bool:
        return await self._read("has", lambda: self._plain.has(thread, external_id))

    async def threads_since(self, customer: str, since: float) -> Sequence[ThreadSummary]:
        return await self._read("threads", lambda: self._plain.sighted(customer))

    async def find_customer(self, name: str) -> Customer | None:
        return await self._read("customer", lambda: self._plain.customer(name))

    async def upsert_customer(self, email: str, name: str, *, verified: bool) -> Customer:
        def upsert() -> Customer:
            self._plain.gone.discard(customer_id(email))
            return Customer(customer_id(email), name, email)

        return await self._read("upsert", upsert)

    async def label_types(self) -> Sequence[LabelType]:
        return ()

    async def recent_label_types(self) -> Sequence[LabelType]:
        raise NotImplementedError

    def cached_label_types(self) -> Sequence[LabelType]:
        raise NotImplementedError

    async def recent_tenants(self) -> Sequence[Tenant] | None:
        raise NotImplementedError

    def cached_tenants(self) -> Sequence[Tenant] | None:
        raise NotImplementedError

    async def user_by_email(self, email: str) -> str | None:
        return None

    async def workspace_id(self) -> str:
        if self._workspace is None:
            self._workspace = await self._read("workspace", lambda: "w_1")
        return self._workspace

    async def _read(self, name: str, read: Callable[[], T]) -> T:
        async with self._pace.request() as heard:
            turn = self._turn()
            await self._process.step(f"plain.{name}")
            fate = self._plain.dice.plain_read(self._plain.loop.time())
            fate, said = self._leave(turn, fate)
            await asyncio.sleep(fate.effect or 0.0)
            value = read()
            await asyncio.sleep(max(0.0, fate.answer - (fate.effect or 0.0)))
            await self._process.step(f"plain.{name}.answer")
            self._hear(heard, fate, said, write=False)
            return value

    async def _write(self, name: str, take_effect: Callable[[float], T]) -> T:
        """The request leaves at once: a process that stands still right here, after the flow's
        last look at its lease, is what the design states as possible."""
        async with self._pace.request() as heard:
            turn = self._turn()
            await self._process.step(f"plain.{name}", may_pause=False)
            self._process.sends(name)
            fate = self._plain.dice.plain_write(
                self._plain.loop.time(),
                may_come_twice=self._plain.refuses_duplicates,
                may_be_hidden=name in ("create", "add"),
            )
            fate, said = self._leave(turn, fate)
            results = self._send(fate, take_effect)
            await asyncio.sleep(fate.answer)
            await self._process.step(f"plain.{name}.answer")
            self._hear(heard, fate, said, write=True)
            result = results[-1]
            if isinstance(result, Rejected):
                raise result
            return result

    def _turn(self) -> Turn:
        return Turn(self._process, self._plain.loop.time())

    def _leave(self, turn: Turn, fate: Fate) -> tuple[Fate, dict[str, str]]:
        """What becomes of the request by the rate limit, and what its answer says of that."""
        limit = self._plain.limit
        limit.leaves(turn)
        if not fate.arrives:
            return fate, fate.headers
        if not limit.take(turn):
            return self._plain.dice.over_the_limit(), limit.refusal()
        return fate, limit.headers() if fate.tells_limit else {}

    def _hear(self, heard: Heard, fate: Fate, said: dict[str, str], *, write: bool) -> None:
        """The answer, if there is one, reaches the process. Raises the fault that it is."""
        if fate.status is not None:
            heard(fate.status, said)
        if fate.status == 429:
            self._plain.limit.heard(self._process, said)
            protocol.response(429, said, b"", write=write, now=self._process.wall())
        if fate.fault is not None:
            raise fate.fault

    def _send(self, fate: Fate, take_effect: Callable[[float], T]) -> list[T | Rejected]:
        """From here on it is in Plain's hands, whatever becomes of the process."""
        results: list[T | Rejected] = []
        plain = self._plain
        if fate.effect is None:
            return results

        def arrive() -> None:
            for _ in range(2 if fate.twice else 1):
                try:
                    results.append(take_effect(fate.lag))
                except Rejected as refusal:
                    results.append(refusal)

        def land() -> None:
            plain.in_flight -= 1

        plain.in_flight += 1
        plain.loop.call_later(fate.effect, arrive)
        plain.loop.call_later(fate.effect + fate.lag, land)
        return results
