"""Fakes of all that an undo touches."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from bot.core.directory import Profile
from bot.core.faults import Fault
from bot.core.identity import Linkers
from bot.core.undo import NEEDED, Actor, Kind, Row, State, ThreadSnapshot, TimelineEntry
from bot.flows import undo
from bot.flows.undo import UndoContext
from bot.store.undo import Begin
from tests.flows.fakes import profile, run
from tests.nouns import TICKET

ME = Actor(Kind.MACHINE_USER, "mu_1")
ASKER = profile("U0ASKER")
KEY = "T0001:C0001:1700000001.000100"


@dataclass
class FakeRows:
    """One row; `states` are given to the next looks, in order, and the last one stays."""

    row: Row | None = field(
        default_factory=lambda: Row(
            7, State.CREATED, "U0ASKER", 10.0, ticket=TICKET, emoji="ticket"
        )
    )
    coming: list[Row] = field(default_factory=list)
    added_to: bool = False
    held: int = 0
    sent: bool = False
    faults: list[Fault] = field(default_factory=list)
    leased: bool = False

    def find(self, row_id: int) -> Row | None:
        return self.row if self.row is not None and self.row.id == row_id else None

    def find_asked(self, key: str) -> Row | None:
        assert key == KEY
        if self.coming:
            self.row = self.coming.pop(0)
        return self.row

    def begin(self, row_id: int, by: str) -> Begin:
        assert self.row is not None
        assert self.row.id == row_id
        if self.held:
            self.held -= 1
            return Begin.IN_HAND
        if self.row.state is not State.CREATED:
            return Begin.GONE
        if self.added_to:
            return Begin.ADDED_TO
        self.row = replace(self.row, begun_by=self.row.begun_by or by)
        self.leased = True
        return Begin.BEGUN

    def release(self, row_id: int) -> None:
        assert self.row is not None
        self.row, self.leased = replace(self.row, begun_by=None), False

    def pause(self, row_id: int) -> None:
        self.leased = False

    def finish(self, row_id: int) -> None:
        if self.faults:
            raise self.faults.pop(0)
        assert self.row is not None
        self.row, self.leased = replace(self.row, state=State.UNDONE, begun_by=None), False

    def withdraw(self, row_id: int, by: str) -> bool:
        assert self.row is not None
        if self.row.state is not State.WAITING or self.sent:
            return False
        self.row = replace(self.row, state=State.UNDONE)
        return True

    def left_over(self, limit: int) -> list[Row]:
        return [self.row] if self.row is not None and self.row.begun_by is not None else []


@dataclass
class FakeThread:
    """A thread in Plain; `look`, `noting` and `marking` are raised by the next calls, `committed`
    ones after they took effect."""

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

    async def seen(self, thread: str) -> ThreadSnapshot | None:
        assert thread == TICKET.id
        if self.look:
            raise self.look.pop(0)
        return self.seen_as

    async def add_note(self, customer: str, thread: str, text: str) -> None:
        assert (customer, thread) == ("c_1", TICKET.id)
        fault = self.noting.pop(0) if self.noting else None
        if fault is None or self.committed:
            self.notes.append(text)
            self._enter(TimelineEntry(ME, "NoteEntry"))
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

    def _enter(self, entry: TimelineEntry) -> None:
        assert self.seen_as is not None
        self.seen_as = replace(self.seen_as, entries=(*self.seen_as.entries, entry))

    @property
    def ignored(self) -> bool:
        return self.seen_as is not None and self.seen_as.status == "DONE"


@dataclass
class FakePeople:
    async def profile(self, user: str) -> Profile | None:
        return profile(user)


@dataclass
class Ground:
    rows: FakeRows = field(default_factory=FakeRows)
    plain: FakeThread = field(default_factory=FakeThread)
    slept: list[float] = field(default_factory=list)

    @property
    def world(self) -> UndoContext:
        async def sleep(seconds: float) -> None:
            self.slept.append(seconds)

        return UndoContext(self.rows, self.plain, FakePeople(), run, Linkers(("U0LINKER",)), sleep)

    @property
    def state(self) -> State:
        assert self.rows.row is not None
        return self.rows.row.state

    async def undo(self, by: Profile | None = ASKER) -> object:
        return await undo.undo(7, by, self.world)
