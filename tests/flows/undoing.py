"""A ticket in a real ledger, its thread in a Plain in memory, and the way to undo it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from bot.core.directory import Installation, Profile
from bot.core.faults import Fault
from bot.core.identity import Linkers
from bot.core.record import Record, State
from bot.core.undo import NEEDED, Actor, ActorKind, ThreadSnapshot, TimelineEntry
from bot.flows import undo
from bot.flows.undo import UndoContext
from bot.flows.workspace import Policy, Workspace
from bot.store.database import Database
from bot.store.undo import LEASE_SECONDS, Undos
from tests.conftest import Clock
from tests.flows.fakes import FakePlain, FakeSlack, profile, run
from tests.nouns import TEAM, TICKET

ME = Actor(ActorKind.MACHINE_USER, "mu_1")
ASKER = profile("U0ASKER")
KEY = "T0001:C0001:1700000001.000100"


@dataclass
class FakeThread(FakePlain):
    """A Plain with one thread; `look`, `noting` and `marking` are raised by the next calls,
    `committed` ones after they took effect."""

    seen_as: ThreadSnapshot | None = field(
        default_factory=lambda: ThreadSnapshot(
            "c_1",
            "TODO",
            "ThreadStatusDetailCreated",
            ME,
            assigned=False,
            entries=(TimelineEntry(ME, "CustomEntry"),),
            me="mu_1",
            permissions=frozenset(NEEDED),
        )
    )
    look: list[Fault] = field(default_factory=list)
    noting: list[Fault] = field(default_factory=list)
    marking: list[Fault] = field(default_factory=list)
    committed: bool = False
    notes: list[str] = field(default_factory=list)

    async def thread_snapshot(self, thread: str) -> ThreadSnapshot | None:
        assert thread == TICKET.id
        if self.look:
            raise self.look.pop(0)
        return self.seen_as

    async def add_note(self, customer: str, thread: str, text: str) -> None:
        assert (customer, thread) == ("c_1", TICKET.id)
        fault = self.noting.pop(0) if self.noting else None
        if fault is None or self.committed:
            self.notes.append(text)
            self.enter(TimelineEntry(ME, "NoteEntry"))
        if fault is not None:
            raise fault

    async def mark_ignored(self, thread: str) -> None:
        assert thread == TICKET.id
        fault = self.marking.pop(0) if self.marking else None
        if fault is None or self.committed:
            assert self.seen_as is not None
            self.seen_as = replace(
                self.seen_as, status="DONE", detail="ThreadStatusDetailIgnored", changed_by=ME
            )
        if fault is not None:
            raise fault

    def enter(self, entry: TimelineEntry) -> None:
        """Add an entry to the timeline."""
        assert self.seen_as is not None
        self.seen_as = replace(self.seen_as, entries=(*self.seen_as.entries, entry))

    @property
    def ignored(self) -> bool:
        return self.seen_as is not None and self.seen_as.status == "DONE"


@dataclass
class UndoBench:
    """The ledger's first row, and everything that its undo uses.

    `during_sleep` is called with how often the undo has slept.
    """

    database: Database
    clock: Clock
    plain: FakeThread = field(default_factory=FakeThread)
    slack: FakeSlack = field(default_factory=FakeSlack)
    slept: list[float] = field(default_factory=list)
    during_sleep: Callable[[int], None] = lambda _: None

    def __post_init__(self) -> None:
        self.undos = Undos(self.database)

    @property
    def context(self) -> UndoContext:
        async def sleep(seconds: float) -> None:
            self.slept.append(seconds)
            self.during_sleep(len(self.slept))

        workspace = Workspace(
            Installation(TEAM, "https://example.slack.com/", "U0BOT"),
            self.slack,
            self.plain,
            Policy(linkers=Linkers(("U0LINKER",))),
        )
        return UndoContext(workspace, self.undos, run, sleep)

    @property
    def record(self) -> Record:
        found = self.undos.find(TEAM, 1)
        assert found is not None
        return found

    @property
    def state(self) -> State:
        return self.record.state

    @property
    def is_leased(self) -> bool:
        """Whether another undo would have to wait."""
        begun_at = self.record.undone_at
        return begun_at is not None and self.clock.now - begun_at < LEASE_SECONDS

    async def undo(self, by: Profile | None = ASKER) -> object:
        return await undo.undo(1, by, self.context)
