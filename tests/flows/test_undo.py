"""Undo: safe to run twice, wherever an earlier run broke off."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from bot.core.faults import Fault, Reason, Refused, TryLater, Wait
from bot.core.linkers import Linkers
from bot.core.model import Created, Outcome, Profile, Ticket, Trigger
from bot.core.undoing import (
    NEEDED,
    UNDO_SECONDS,
    Acted,
    Actor,
    AddedTo,
    AlreadyUndone,
    Declined,
    Entry,
    Kind,
    Lacking,
    NotUndoable,
    NotYours,
    Row,
    Seen,
    State,
    Undone,
    Unreached,
)
from bot.flows import retract, undo
from bot.flows.ports import Said
from bot.flows.retract import Ended
from bot.flows.undo import Begin, Told, World
from tests.flows.fakes import profile, run
from tests.nouns import TICKET, trigger

ME = Actor(Kind.MACHINE_USER, "mu_1")
AGENT = Actor(Kind.USER, "u_1")
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

    seen_as: Seen | None = field(
        default_factory=lambda: Seen(
            "c_1",
            "TODO",
            "ThreadStatusDetailCreated",
            ME,
            assigned=False,
            entries=(Entry(ME, "CustomEntry"),),
            me="mu_1",
            permissions=frozenset(NEEDED),
        )
    )
    look: list[Fault] = field(default_factory=list)
    noting: list[Fault] = field(default_factory=list)
    marking: list[Fault] = field(default_factory=list)
    committed: bool = False
    notes: list[str] = field(default_factory=list)

    async def seen(self, thread: str) -> Seen | None:
        assert thread == TICKET.id
        if self.look:
            raise self.look.pop(0)
        return self.seen_as

    async def add_note(self, customer: str, thread: str, text: str) -> None:
        assert (customer, thread) == ("c_1", TICKET.id)
        fault = self.noting.pop(0) if self.noting else None
        if fault is None or self.committed:
            self.notes.append(text)
            self._enter(Entry(ME, "NoteEntry"))
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

    def _enter(self, entry: Entry) -> None:
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
    def world(self) -> World:
        async def sleep(seconds: float) -> None:
            self.slept.append(seconds)

        return World(self.rows, self.plain, FakePeople(), run, Linkers(("U0LINKER",)), sleep)

    @property
    def state(self) -> State:
        assert self.rows.row is not None
        return self.rows.row.state

    async def undo(self, by: Profile | None = ASKER) -> object:
        return await undo.undo(7, by, self.world)


async def test_the_thread_is_ignored_with_a_note_and_the_row_says_so() -> None:
    ground = Ground()
    assert await ground.undo() == Undone(TICKET)
    assert ground.plain.ignored
    assert ground.plain.notes == [
        "Asker undid this ticket in Slack, so it was marked as ignored. Reference: PB-7"
    ]
    assert ground.state is State.UNDONE
    assert await ground.undo() == AlreadyUndone(TICKET)
    assert len(ground.plain.notes) == 1


async def test_who_may_not_changes_nothing() -> None:
    ground = Ground()
    assert await ground.undo(profile("U0OTHER")) == NotYours()
    assert (ground.state, ground.plain.ignored, ground.rows.leased) == (
        State.CREATED,
        False,
        False,
    )


async def test_where_others_added_to_it() -> None:
    ground = Ground(FakeRows(added_to=True))
    assert await ground.undo() == AddedTo(TICKET)
    assert not ground.plain.ignored


async def test_where_an_agent_acted_the_row_is_let_go() -> None:
    ground = Ground()
    ground.plain._enter(Entry(AGENT, "EmailEntry"))
    assert await ground.undo() == Acted(TICKET)
    assert ground.rows.row is not None
    assert (ground.rows.row.begun_by, ground.plain.notes) == (None, [])


async def test_a_thread_that_is_gone_needs_no_mark() -> None:
    ground = Ground(plain=FakeThread(seen_as=None))
    assert await ground.undo() == Undone(TICKET)
    assert (ground.state, ground.plain.notes) == (State.UNDONE, [])


async def test_a_key_that_may_not_is_asked_for_nothing() -> None:
    ground = Ground()
    assert ground.plain.seen_as is not None
    ground.plain.seen_as = replace(ground.plain.seen_as, permissions=frozenset({"thread:edit"}))
    assert await ground.undo() == Lacking(TICKET, ("note:create",))
    assert (ground.plain.notes, ground.plain.ignored) == ([], False)
    assert ground.rows.row is not None
    assert ground.rows.row.begun_by is None


FORBIDDEN = Refused(Reason.PLAIN_FORBIDDEN, message="Missing thread:edit")
REFUSED = Refused(Reason.PLAIN_REFUSED, code="x", message="No")


@pytest.mark.parametrize("step", ["look", "noting", "marking"])
@pytest.mark.parametrize(
    ("fault", "result"),
    [(FORBIDDEN, Lacking(TICKET, ())), (REFUSED, Declined(TICKET))],
)
async def test_what_plain_refuses_changes_no_row(step: str, fault: Fault, result: object) -> None:
    ground = Ground()
    getattr(ground.plain, step).append(fault)
    assert await ground.undo() == result
    assert ground.rows.row is not None
    assert (ground.state, ground.rows.row.begun_by) == (State.CREATED, None)


@pytest.mark.parametrize(
    ("step", "fault", "goes_on"),
    [
        pytest.param("look", TryLater("plain_unreachable"), False, id="before the look"),
        pytest.param("noting", TryLater("plain_unreachable"), False, id="the note was not sent"),
        pytest.param("noting", Wait("paced", 3.0), False, id="the note has to wait its turn"),
        pytest.param("noting", TryLater("plain_timeout", unknown=True), True, id="the note may be"),
        pytest.param("marking", TryLater("plain_timeout"), True, id="the note is there"),
    ],
)
@pytest.mark.parametrize("committed", [True, False])
async def test_what_was_cut_off_is_finished_by_the_next_click(
    step: str, fault: Fault, goes_on: bool, committed: bool
) -> None:
    ground = Ground(plain=FakeThread(committed=committed and goes_on))
    getattr(ground.plain, step).append(fault)
    assert await ground.undo() == Unreached(TICKET, goes_on=goes_on)
    assert ground.rows.row is not None
    assert (ground.rows.row.begun_by is not None, ground.rows.leased) == (goes_on, False)
    assert ground.state is State.CREATED
    if goes_on:
        ground.rows.row = replace(ground.rows.row, age=UNDO_SECONDS + 60)  # no longer too late
    assert await ground.undo() == Undone(TICKET)
    assert ground.plain.ignored
    assert len(ground.plain.notes) == 1


async def test_plain_is_done_and_the_row_is_not() -> None:
    ground = Ground(FakeRows(faults=[TryLater("database")]))
    assert await ground.undo() == Unreached(TICKET, goes_on=True)
    assert (ground.plain.ignored, ground.state) == (True, State.CREATED)
    assert await ground.undo(profile("U0LINKER")) == Undone(TICKET)
    assert len(ground.plain.notes) == 1


async def test_one_waits_for_the_other() -> None:
    ground = Ground(FakeRows(held=3))
    assert await ground.undo() == Undone(TICKET)
    assert ground.slept == [undo.IN_HAND_PAUSE] * 3


async def test_nobody_waits_for_ever() -> None:
    ground = Ground(FakeRows(held=10_000))
    assert await ground.undo() == Unreached(TICKET, goes_on=True)


async def test_what_is_left_over_is_finished() -> None:
    ground = Ground()
    assert ground.rows.row is not None
    ground.rows.row = replace(ground.rows.row, begun_by="U0ASKER", age=1e6)
    (row,) = await undo.finish_left_over(ground.world)
    assert row.id == 7
    assert "Asker undid" in ground.plain.notes[0]
    assert ground.state is State.UNDONE
    assert await undo.finish_left_over(ground.world) == []


# By the reaction


def waiting() -> Row:
    return Row(7, State.WAITING, "U0ASKER", 1.0, emoji="ticket")


async def removed(ground: Ground, user: str = "U0ASKER", emoji: str = "ticket") -> Told | None:
    return await undo.undo_reaction(KEY, user, emoji, ground.world)


async def test_the_reaction_that_asked_is_an_undo() -> None:
    ground = Ground()
    told = await removed(ground)
    assert told is not None
    assert told.result == Undone(TICKET)
    assert await removed(ground) is None  # delivered once more


@pytest.mark.parametrize(
    ("user", "emoji"), [("U0OTHER", "ticket"), ("U0ASKER", "eyes")], ids=["somebody's", "another"]
)
async def test_any_other_reaction_is_just_a_reaction(user: str, emoji: str) -> None:
    ground = Ground()
    assert await removed(ground, user, emoji) is None
    assert ground.state is State.CREATED


@pytest.mark.parametrize(
    "row",
    [
        None,
        Row(7, State.CREATED, "U0ASKER", UNDO_SECONDS + 1, TICKET, emoji="ticket"),
        Row(7, State.ADDED, "U0ASKER", UNDO_SECONDS + 1, TICKET, emoji="ticket"),
        Row(7, State.OTHER, "U0ASKER", 1.0, emoji="ticket"),
        Row(7, State.UNDONE, "U0ASKER", 1.0, TICKET, emoji="ticket"),
    ],
    ids=["nothing asked", "long ago", "an addition of long ago", "refused", "undone"],
)
async def test_what_is_nothing_to_undo_is_passed_over_in_silence(row: Row | None) -> None:
    assert await removed(Ground(FakeRows(row=row))) is None


async def test_an_addition_is_said_to_stay() -> None:
    row = Row(7, State.ADDED, "U0ASKER", 1.0, TICKET, emoji="ticket")
    told = await removed(Ground(FakeRows(row=row)))
    assert told is not None
    assert told.result == NotUndoable(TICKET)


async def test_what_has_sent_nothing_is_withdrawn() -> None:
    ground = Ground(FakeRows(row=waiting()))
    told = await removed(ground)
    assert told is not None
    assert told.result == Undone(None)
    assert (ground.state, ground.plain.notes) == (State.UNDONE, [])


async def test_what_is_being_made_is_undone_once_it_stands() -> None:
    made = Row(7, State.CREATED, "U0ASKER", 1.0, TICKET, emoji="ticket")
    ground = Ground(FakeRows(row=waiting(), coming=[waiting(), waiting(), made], sent=True))
    told = await removed(ground)
    assert told is not None
    assert told.result == Undone(TICKET)
    assert len(ground.slept) == 2


async def test_nobody_waits_for_ever_for_a_ticket() -> None:
    ground = Ground(FakeRows(row=waiting(), sent=True))
    assert await removed(ground) is None
    assert 60 < sum(ground.slept) < 600


# What the bot had said


@dataclass
class FakeSaid:
    """What is remembered, and what was said in its place."""

    kept: dict[int, Ended] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    edits: list[tuple[str, Said]] = field(default_factory=list)
    told: Said | None = None

    def said(self, row_id: int, said: object) -> None:
        if self.faults:
            raise self.faults.pop(0)
        self.kept[row_id] = Ended(row_id, tuple(said), TICKET)  # type: ignore[arg-type]

    def where_said(self, row_id: int) -> Ended | None:
        return self.kept.get(row_id)

    def ended(self, limit: int) -> list[Ended]:
        return list(self.kept.values())[:limit]

    def forget_said(self, row_id: int) -> None:
        del self.kept[row_id]

    async def tell(self, trigger: Trigger, outcome: Outcome, reference: str) -> Said | None:
        return self.told

    async def edit_undone(self, said: Said, ticket: Ticket | None, by: str) -> None:
        assert ticket == TICKET
        self._edit(f"undone by {by}", said)

    async def edit_ended(self, said: Said, ticket: Ticket | None) -> None:
        assert ticket == TICKET
        self._edit("ended", said)

    def _edit(self, what: str, said: Said) -> None:
        if self.faults:
            raise self.faults.pop(0)
        self.edits.append((what, said))

    @property
    def world(self) -> retract.World:
        return retract.World(self, self, run)


SAID = Said("C1", "1.000001")


@pytest.mark.parametrize("told", [SAID, None])
async def test_what_can_be_edited_is_remembered(told: Said | None) -> None:
    fake = FakeSaid(told=told)
    await retract.tell(trigger(), Created(TICKET), "PB-7", fake.world)
    assert [one.said for one in fake.kept.values()] == ([(SAID,)] if told else [])


async def test_what_cannot_be_remembered_was_said_all_the_same() -> None:
    fake = FakeSaid(told=SAID, faults=[TryLater("database")])
    await retract.tell(trigger(), Created(TICKET), "PB-7", fake.world)
    assert fake.kept == {}


async def test_an_answer_to_what_is_undone_is_edited_once() -> None:
    fake = FakeSaid({7: Ended(7, (SAID,), TICKET, undone_by="U1")})
    assert await retract.retract(7, fake.world) == (SAID,)
    assert fake.edits == [("undone by U1", SAID)]
    assert await retract.retract(7, fake.world) == ()


async def test_an_answer_to_what_stands_is_left_alone() -> None:
    fake = FakeSaid({7: Ended(7, (SAID,), TICKET)})
    assert await retract.retract(7, fake.world) == ()
    assert (fake.edits, len(fake.kept)) == ([], 1)


async def test_the_round_edits_what_is_over_and_what_was_undone() -> None:
    fake = FakeSaid({7: Ended(7, (SAID,), TICKET), 8: Ended(8, (SAID,), TICKET, undone_by="U1")})
    assert await retract.end_old(fake.world) == 2
    assert [what for what, _ in fake.edits] == ["ended", "undone by U1"]
    assert await retract.end_old(fake.world) == 0


@pytest.mark.parametrize(
    ("fault", "left"),
    [(TryLater("slack_timeout"), 1), (Refused(Reason.SLACK_REFUSED, code="message_not_found"), 0)],
    ids=["it comes again", "it is gone"],
)
async def test_an_edit_that_fails(fault: Fault, left: int) -> None:
    fake = FakeSaid({7: Ended(7, (SAID,), TICKET)}, faults=[fault])
    await retract.end_old(fake.world)
    assert len(fake.kept) == left


@pytest.mark.parametrize(
    ("reference", "row"),
    [("PB-7", 7), ("PB-", 0), ("", 0), ("7", 7), ("PB-x", 0), ("PB-²", 0), (f"PB-{10**30}", 0)],
)
def test_which_row_a_reference_names(reference: str, row: int) -> None:
    assert retract.row_id(reference) == row
