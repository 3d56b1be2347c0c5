"""A write that is not idempotent: every answer, every look, and whatever was noted before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product, repeat

import pytest

from bot.core.faults import (
    Fault,
    LeaseLost,
    PlainError,
    Postponed,
    Reason,
    Rejected,
    Rejection,
    TryLater,
)
from bot.flows.exactly_once import SENDING_SECONDS, Attempt, SentBefore, Write, send_once

NO, NOTED, UNRECORDED = SentBefore.NO, SentBefore.NOTED, SentBefore.UNRECORDED
WINDOW = 35.0
LEASE = 90.0
NOTED_AT = 1000.0
SETTLED = NOTED_AT + WINDOW


def lost(*, done: bool) -> Answer:
    return Answer(TryLater("plain_timeout", outcome_unknown=True), done=done)


def rejected(*, done: bool) -> Answer:
    return Answer(
        Rejected(Rejection(Reason.PLAIN_REFUSED, plain_error=PlainError(code="duplicate"))),
        done=done,
    )


@dataclass(frozen=True)
class Answer:
    """What a send meets: a fault or none, and whether the write takes effect."""

    fault: Fault | None = None
    done: bool = True


@dataclass
class Remote:
    """The other side. `looks` are the faults that its look-ups meet in turn; None is an answer."""

    answer: Answer = field(default_factory=Answer)
    looks: list[Fault | None] = field(default_factory=list)
    notes: Fault | None = None
    there: bool = False
    steps: list[str] = field(default_factory=list)

    async def find(self) -> str | None:
        self.steps.append("look")
        fault = self.looks.pop(0) if self.looks else None
        if fault is not None:
            raise fault
        return "there" if self.there else None

    async def note(self) -> None:
        self.steps.append("note")
        if self.notes is not None:
            raise self.notes

    async def send(self) -> str:
        self.steps.append("send")
        self.there = self.there or self.answer.done
        if self.answer.fault is not None:
            raise self.answer.fault
        return "sent"

    def write(self, sent_before: SentBefore = NO, *, follows: bool = False) -> Write[str]:
        return Write(self.find, self.note, self.send, sent_before, follows)


def attempt(now: float = SETTLED, moments: Iterator[float] | None = None) -> Attempt:
    """Return an attempt that looks when the settle window is over."""
    clock = repeat(0.0) if moments is None else moments
    return Attempt(now, NOTED_AT, WINDOW, LEASE, lambda: next(clock))


def seen(fault: Fault | None) -> tuple[str, ...]:
    """Return what the worker obeys of a fault."""
    match fault:
        case TryLater(cause=cause, outcome_unknown=unknown):
            return (cause, "unknown") if unknown else (cause,)
        case Rejected(reason=reason, outcome_unknown=unsure):
            return (reason.value, "unsure") if unsure else (reason.value,)
    return ()


LOOKED = ["look"]
SENT = ["note", "send"]
SENT_AND_LOOKED = ["note", "send", "look"]
AWAY = TryLater("plain_502", outcome_unknown=True)
PACED = Postponed("plain_paced", 20.0)
LIMITED = TryLater("plain_429", after=2.0)


def forbidden() -> Rejected:
    return Rejected(Rejection(Reason.PLAIN_FORBIDDEN))


# The first write of a row: nothing stands yet that the row must not forget.


@pytest.mark.parametrize(
    ("answer", "look", "result"),
    [
        pytest.param(Answer(), None, "sent", id="answered"),
        pytest.param(Answer(LIMITED, done=False), None, ("plain_429",), id="surely not processed"),
        pytest.param(Answer(PACED, done=False), None, ("plain_paced",), id="not let go"),
        pytest.param(lost(done=True), None, "there", id="lost, seen at a glance"),
        pytest.param(lost(done=False), None, ("plain_timeout", "unknown"), id="lost, not seen"),
        pytest.param(lost(done=True), AWAY, ("plain_timeout", "unknown"), id="lost, look fails"),
        pytest.param(lost(done=True), PACED, ("plain_timeout", "unknown"), id="lost, look waits"),
        pytest.param(
            lost(done=True), forbidden(), ("plain_timeout", "unknown"), id="lost, look rejected"
        ),
        pytest.param(rejected(done=True), None, "there", id="rejected, but there"),
        pytest.param(rejected(done=False), None, ("plain_refused",), id="rejected, not there"),
        pytest.param(
            rejected(done=True), AWAY, ("plain_502", "unknown"), id="rejected, look fails"
        ),
        pytest.param(
            rejected(done=False), PACED, ("plain_paced", "unknown"), id="rejected, look waits"
        ),
        pytest.param(
            rejected(done=True),
            forbidden(),
            ("plain_refused", "unsure"),
            id="rejected, look rejected",
        ),
    ],
)
async def test_an_answer(answer: Answer, look: Fault | None, result: str | tuple[str, ...]) -> None:
    remote = Remote(answer, [look])
    assert await ends(remote.write(), attempt()) == result
    believed = answer.fault in (None, LIMITED, PACED)
    assert remote.steps == (SENT if believed else SENT_AND_LOOKED)


@pytest.mark.parametrize(
    ("there", "look", "now", "result", "steps"),
    [
        pytest.param(True, None, NOTED_AT, "there", LOOKED, id="found at once"),
        pytest.param(True, None, SETTLED, "there", LOOKED, id="found late"),
        pytest.param(False, None, NOTED_AT, ("settling",), LOOKED, id="may still come about"),
        pytest.param(False, None, SETTLED - 0.1, ("settling",), LOOKED, id="just before the end"),
        pytest.param(False, None, SETTLED, "sent", ["look", *SENT], id="never came about"),
        pytest.param(True, AWAY, SETTLED, ("plain_502",), LOOKED, id="look fails"),
        pytest.param(True, PACED, SETTLED, ("plain_paced",), LOOKED, id="look waits"),
        pytest.param(
            True, forbidden(), SETTLED, ("plain_forbidden", "unsure"), LOOKED, id="look rejected"
        ),
    ],
)
@pytest.mark.parametrize("follows", [False, True], ids=["first", "follows"])
async def test_what_was_noted_before(
    there: bool,
    look: Fault | None,
    now: float,
    result: str | tuple[str, ...],
    steps: list[str],
    follows: bool,
) -> None:
    remote = Remote(looks=[look], there=there)
    assert await ends(remote.write(NOTED, follows=follows), attempt(now)) == result
    assert remote.steps == steps


@pytest.mark.parametrize(
    ("there", "look", "first", "follows"),
    [
        pytest.param(True, None, "there", "there", id="found"),
        pytest.param(False, None, "sent", "sent", id="not found: no window"),
        pytest.param(True, AWAY, ("plain_502",), ("plain_502", "unknown"), id="look fails"),
        pytest.param(True, PACED, ("plain_paced",), ("plain_paced", "unknown"), id="look waits"),
        pytest.param(False, forbidden(), ("plain_forbidden",), "sent", id="look rejected"),
    ],
)
async def test_what_a_restored_database_may_have_forgotten(
    there: bool,
    look: Fault | None,
    first: str | tuple[str, ...],
    follows: str | tuple[str, ...],
) -> None:
    remote = Remote(looks=[look], there=there)
    assert await ends(remote.write(UNRECORDED), attempt(NOTED_AT)) == first
    remote = Remote(looks=[look], there=there)
    write = remote.write(UNRECORDED, follows=True)
    assert await ends(write, attempt(NOTED_AT)) == follows


# A write that follows another: the row must not forget that one.


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        pytest.param(Answer(), "sent", id="answered"),
        pytest.param(
            Answer(LIMITED, done=False), ("plain_429", "unknown"), id="surely not processed"
        ),
        pytest.param(Answer(PACED, done=False), ("plain_paced", "unknown"), id="not let go"),
        pytest.param(lost(done=True), "there", id="lost, seen at a glance"),
        pytest.param(lost(done=False), ("plain_timeout", "unknown"), id="lost, not seen"),
        pytest.param(rejected(done=True), "there", id="rejected, but there"),
        pytest.param(rejected(done=False), ("plain_refused",), id="rejected, not there"),
    ],
)
async def test_an_answer_to_what_follows(answer: Answer, result: str | tuple[str, ...]) -> None:
    remote = Remote(answer)
    assert await ends(remote.write(follows=True), attempt()) == result


@pytest.mark.parametrize(
    ("follows", "result"), [(False, ("database",)), (True, ("database", "unknown"))]
)
async def test_what_cannot_be_noted_is_not_sent(follows: bool, result: tuple[str, ...]) -> None:
    remote = Remote(notes=TryLater("database"))
    assert await ends(remote.write(follows=follows), attempt()) == result
    assert remote.steps == ["note"]


@pytest.mark.parametrize(
    ("paused", "first", "follows"),
    [
        pytest.param(0.0, "sent", "sent", id="none"),
        pytest.param(SENDING_SECONDS, "sent", "sent", id="short"),
        pytest.param(
            SENDING_SECONDS + 0.1, ("stood_still",), ("stood_still", "unknown"), id="long"
        ),
        pytest.param(LEASE / 2 + 0.1, "lease lost", "lease lost", id="as long as the lease"),
    ],
)
async def test_a_pause_of_the_process_after_the_note(
    paused: float, first: str | tuple[str, ...], follows: str | tuple[str, ...]
) -> None:
    for is_next, expected in ((False, first), (True, follows)):
        remote = Remote()
        write = remote.write(follows=is_next)
        assert await ends(write, attempt(moments=iter((5.0, 5.0 + paused)))) == expected
        assert remote.steps == (SENT if expected == "sent" else ["note"])


async def test_a_clock_that_was_set_back_does_not_look_every_second() -> None:
    remote = Remote()
    with pytest.raises(Postponed) as raised:
        await send_once(remote.write(NOTED), attempt(NOTED_AT - 300))
    assert raised.value.after == 150.0


ANSWERS: list[Callable[[], Answer]] = [
    Answer,
    lambda: Answer(TryLater("plain_429", after=2.0), done=False),
    lambda: lost(done=True),
    lambda: lost(done=False),
    lambda: rejected(done=True),
    lambda: rejected(done=False),
]
LOOKS: list[Callable[[], Fault | None]] = [
    lambda: None,
    lambda: TryLater("plain_502"),
    lambda: PACED,
    forbidden,
]


@pytest.mark.parametrize("follows", [False, True], ids=["first", "follows"])
@pytest.mark.parametrize(
    ("before", "there"),
    [(NO, False), (NOTED, False), (NOTED, True), (UNRECORDED, False), (UNRECORDED, True)],
)
async def test_in_every_combination(before: SentBefore, there: bool, follows: bool) -> None:
    """What is there is never sent again, nothing is sent without a note, and whoever is told that
    nothing came about is told the truth."""
    for answer, first, second, now in product(ANSWERS, LOOKS, LOOKS, (NOTED_AT, SETTLED)):
        remote = Remote(answer(), [first(), second()], there=there)
        result = await ends(remote.write(before, follows=follows), attempt(now))
        sends = remote.steps.count("send")
        assert sends <= 1
        if sends:
            assert remote.steps[remote.steps.index("send") - 1] == "note"
            assert before is not NOTED or now == SETTLED
        if sends and there:
            assert (before, follows) == (UNRECORDED, True)  # its look was rejected
        if isinstance(result, tuple) and sends and remote.there:
            assert {"unknown", "unsure"} & set(result)
        if isinstance(result, str):
            assert remote.there


async def ends(write: Write[str], of: Attempt) -> str | tuple[str, ...]:
    """Return what comes of the write: its result, or what the worker obeys of the fault."""
    try:
        return await send_once(write, of)
    except LeaseLost:
        return "lease lost"
    except Fault as fault:
        return seen(fault)
