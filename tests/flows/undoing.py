"""A ticket in a real ledger, its thread in a Plain in memory, and a worker that undoes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import func, select

from bot.core.directory import Installation
from bot.core.faults import Fault
from bot.core.identity import Linkers
from bot.core.model import Outcome, PostedAnswer, ReplyTo
from bot.core.record import Record, State
from bot.core.refs import reaction_act
from bot.core.undo import (
    NEEDED,
    Actor,
    ActorKind,
    Result,
    ThreadSnapshot,
    TimelineEntry,
    UndoClick,
)
from bot.flows import edits, undo
from bot.flows.edits import EditContext
from bot.flows.undo import UndoContext
from bot.flows.workspace import Policy, Workspace
from bot.store.claims import Claim
from bot.store.database import Database
from bot.store.edits import Edits
from bot.store.jobs import Kind
from bot.store.records import Records
from bot.store.schema import job
from bot.store.tickets import Ledger
from bot.store.undo import Undoing, Undos
from bot.worker import Worker
from tests.conftest import Clock
from tests.flows.fakes import FakePlain, FakeSlack, run
from tests.nouns import TEAM, TICKET
from tests.store.rows import key

ME = Actor(ActorKind.MACHINE_USER, "mu_1")


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
class FakeAnswers:
    """The answers to undos; `faults` are raised by the next ones."""

    said: list[tuple[str, Result]] = field(default_factory=list)
    edited: list[PostedAnswer] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    async def answer(
        self, undoing: Undoing, result: Result, edited: Sequence[PostedAnswer]
    ) -> None:
        if self.faults:
            raise self.faults.pop(0)
        self.said.append((undoing.by, result))
        self.edited.extend(edited)


@dataclass
class UndoBench:
    """A ledger, everything that its undos use, and a worker for their jobs."""

    database: Database
    clock: Clock
    plain: FakeThread = field(default_factory=FakeThread)
    slack: FakeSlack = field(default_factory=FakeSlack)
    answers: FakeAnswers = field(default_factory=FakeAnswers)
    changed: list[str] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    waiting_changed: list[bool] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Go on as another process does: nothing is in its memory, and no lease lives on."""
        self.ledger = Ledger(self.database)
        self.ledger.free_all()
        self.undos, self.edits = Undos(self.ledger), Edits(self.ledger)

    @property
    def context(self) -> UndoContext:
        workspace = Workspace(
            Installation(TEAM, "https://example.slack.com/", "U0BOT"),
            self.slack,
            self.plain,
            Policy(linkers=Linkers(("U0LINKER",))),
        )
        return UndoContext(
            EditContext(workspace, self.edits, run, self.changed.append),
            self.undos,
            self.answers,
            self.refused.append,
            lambda: self.waiting_changed.append(True),
        )

    @property
    def worker(self) -> Worker:
        context = self.context
        return Worker(
            name="one",
            ledger=self.ledger,
            deliver=_decides_nothing,
            tell=_tells_nothing,
            run=run,
            handlers={
                Kind.UNDO: lambda job: undo.undo(job, context),
                Kind.EDIT: lambda job: edits.edit(job, context.editing),
            },
            chance=lambda: 0.0,
        )

    async def work(self) -> None:
        """Do what is due, and what becomes due by that at once."""
        worker = self.worker
        while jobs := self.ledger.claim(worker.name, 0, 8):
            for claimed in jobs:
                await worker._do(claimed)

    async def work_for(self, seconds: float) -> None:
        """Do what becomes due within so many seconds."""
        until = self.clock.now + seconds
        await self.work()
        while (due := self._next_due()) is not None and due <= until:
            self.clock.now = max(due, self.clock.now + 0.001)
            await self.work()
        self.clock.now = max(self.clock.now, until)

    def _next_due(self) -> float | None:
        """Return when the next job is due that is no decision."""
        with self.database.reading() as connection:
            moment = func.coalesce(job.c.lease_until, job.c.due)
            return connection.scalar(
                select(func.min(moment)).where(job.c.kind != Kind.DECIDE.value)
            )

    async def click(self, by: str = "U0ASKER", request_id: int = 1) -> None:
        """Click on Undo; it is acknowledged, and nothing else has happened."""
        click = UndoClick(ReplyTo(by, self.clock.now, "C0001"), message_ts="1.000001")
        await undo.record_click(request_id, click, self.context)

    async def take_back(
        self, user: str = "U0ASKER", emoji: str = "ticket", *, at: float | None = None
    ) -> bool:
        """Take a reaction to the message back, or did `at` a moment; it is acknowledged."""
        act = reaction_act(key(), user, emoji)
        reply_to = ReplyTo(user, self.clock.now if at is None else at, "C0001")
        return await undo.record_removal(act, reply_to, self.context)

    async def undo(self, by: str = "U0ASKER", request_id: int = 1) -> Result | None:
        """Click, and let the job run; return the last answer, if this got one."""
        before = len(self.answers.said)
        await self.click(by, request_id)
        await self.work()
        return self.answers.said[-1][1] if len(self.answers.said) > before else None

    @property
    def results(self) -> list[Result]:
        """All answers so far."""
        return [result for _, result in self.answers.said]

    @property
    def record(self) -> Record:
        return self.request(1)

    def request(self, number: int) -> Record:
        """Return the nth request as people read it."""
        found = Records(self.database).by_reference(TEAM, f"PB-{number}")
        assert found is not None
        return found

    @property
    def state(self) -> State:
        return self.record.state

    @property
    def is_begun(self) -> bool:
        return self.record.undo_begun_by is not None

    def jobs(self, kind: Kind) -> list[int]:
        """Return the keys of the jobs of a kind."""
        with self.database.reading() as connection:
            return list(connection.scalars(select(job.c.key).where(job.c.kind == kind.value)))


async def _decides_nothing(_claim: Claim, _progress: object) -> Outcome:
    raise NotImplementedError


async def _tells_nothing(_trigger: object, _outcome: Outcome, _reference: str) -> None:
    raise NotImplementedError
