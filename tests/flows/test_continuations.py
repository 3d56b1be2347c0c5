"""A thread in several pieces: each piece once, wherever an attempt breaks off."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, repeat
from typing import TypeGuard

import pytest
from sqlalchemy import select

from bot.core.conversation import ThreadLimits
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
from bot.core.model import Added, Created, EventDraft, Message, Via
from bot.core.refs import MessageRef
from bot.core.text.parts import Part, PlainTextPart, TextPart, Tone
from bot.flows.workspace import SETTLE_WINDOW, Policy
from bot.store.claims import Claim, RemainingParts
from bot.store.database import Database
from bot.store.jobs import LEASE_SECONDS
from bot.store.schema import request
from bot.store.tickets import Ledger
from tests.conftest import Clock
from tests.flows.delivering import Bench
from tests.flows.fakes import FakePlain
from tests.nouns import CHANNEL, escalation, form, message, ts

KEY = escalation(1).key
ROOT = MessageRef(CHANNEL, ts(1))
UNKNOWN = TryLater("plain_timeout", outcome_unknown=True)
SURE = TryLater("plain_429", after=2.0)
NO = Rejected(Rejection(Reason.PLAIN_REFUSED, plain_error=PlainError(code="input_validation")))
FORBIDDEN = Rejected(
    Rejection(Reason.PLAIN_FORBIDDEN, plain_error=PlainError(message="threadEvent:create"))
)


@dataclass
class Plain(FakePlain):
    """`on_event` is what the additions meet in turn: None, or a fault, before or after effect."""

    on_event: list[tuple[Fault | None, bool]] = field(default_factory=list)

    async def add_event(self, draft: EventDraft) -> None:
        fault, committed = self.on_event.pop(0) if self.on_event else (None, True)
        if fault is None or committed:
            await super().add_event(draft)
        if fault is not None:
            raise fault


class Unwritable(Ledger):
    """A ledger that fails at the nth `note_rest`."""

    fails_at = 0

    def note_rest(self, claim: Claim, rest: RemainingParts) -> None:
        self.fails_at -= 1
        if self.fails_at == 0:
            raise TryLater("database")
        super().note_rest(claim, rest)


@pytest.fixture
def bench(database_url: str, clock: Clock) -> Iterator[Bench]:
    """Each piece holds one message; the Slack thread has four."""
    database = Database(database_url, clock)
    bench = Bench(database, clock, Unwritable(database), plain=Plain())
    bench.policy = Policy(bounds=ThreadLimits(components=1, first_components=1))
    said = [message(n, f"Number {n}", thread_ts=ts(1)) for n in range(1, 5)]
    bench.slack.messages = {one.ref: one for one in said if one.ref is not None}
    bench.slack.threads = {ROOT: tuple(said)}
    yield bench
    database.close()


def asked(bench: Bench, number: int = 1) -> Claim:
    whole = form(whole_thread=True)
    of: Message = bench.slack.messages[MessageRef(CHANNEL, ts(number))]
    asking = escalation(number, via=Via.SHORTCUT, message=of, form=whole)
    bench.ledger.record(replace(asking, rules=()))
    return bench.claim()


def plain(bench: Bench) -> Plain:
    assert isinstance(bench.plain, Plain)
    return bench.plain


def events(bench: Bench) -> list[str]:
    return [event.external_id for event in bench.plain.events]


def has_text(part: Part) -> TypeGuard[TextPart]:
    return isinstance(part, TextPart)


EVERY = [f"{KEY}#2", f"{KEY}#3", f"{KEY}#4"]


async def go_on(bench: Bench) -> Created | Added:
    """Attempts, as the worker makes them, until one comes to an end."""
    for _ in range(20):
        claim = bench.claim()
        try:
            outcome = await bench.deliver(claim)
        except TryLater as fault:
            bench.ledger.retry_later(
                claim,
                fault.after or 1.0,
                fault.cause,
                failed=not isinstance(fault, Postponed),
                outcome_unknown=fault.outcome_unknown,
            )
            bench.clock.move(fault.after or 1.0)
        else:
            assert isinstance(outcome, Created | Added)
            bench.ledger.settle(claim, outcome)
            return outcome
    raise AssertionError("it never came to an end")


async def test_all_pieces_in_order(bench: Bench) -> None:
    outcome = await bench.settle(asked(bench))
    assert isinstance(outcome, Created)
    assert outcome.missing == 0
    assert events(bench) == EVERY
    assert {event.thread for event in bench.plain.events} == {"th_1"}
    said = [part.text for event in bench.plain.events for part in event.parts if has_text(part)]
    assert [text.split("\n")[-1] for text in said] == ["Number 2", "Number 3", "Number 4"]


async def test_what_is_settled_keeps_no_pieces(bench: Bench) -> None:
    claim = asked(bench)
    await bench.settle(claim)
    with pytest.raises(LeaseLost):
        bench.ledger.note_rest(claim, RemainingParts(()))
    with bench.database.reading() as connection:
        assert connection.scalar(select(request.c.rest)) is None


@pytest.mark.parametrize("piece", [0, 1, 2])
@pytest.mark.parametrize(
    ("fault", "committed"),
    [(UNKNOWN, True), (UNKNOWN, False), (SURE, False), (Postponed("plain_paced", 1.0), False)],
    ids=["committed", "unknown", "sure", "paced"],
)
async def test_a_piece_that_fails_is_there_once(
    bench: Bench, piece: int, fault: TryLater, committed: bool
) -> None:
    plain(bench).on_event = [*[(None, True)] * piece, (fault, committed)]
    claim = asked(bench)
    if committed:
        assert isinstance(await bench.settle(claim), Created)
    else:
        await bench.fail(claim, fault.after or 1.0)
        await go_on(bench)
    assert len(bench.plain.threads) == 1
    assert events(bench) == EVERY


async def test_a_piece_that_does_not_show_yet_is_waited_for(bench: Bench) -> None:
    plain(bench).on_event = [(UNKNOWN, True)]
    bench.plain.hidden = True
    claim = asked(bench)
    await bench.fail(claim, 1.0)
    waits = await bench.fail(bench.claim(), 1.0)
    assert isinstance(waits, Postponed)
    assert waits.cause == "settling"
    bench.plain.hidden = False
    bench.clock.move(waits.after)
    await go_on(bench)
    assert events(bench) == EVERY
    assert len(bench.plain.threads) == 1


async def test_a_piece_is_sent_again_only_after_the_settle_window(bench: Bench) -> None:
    plain(bench).on_event = [(UNKNOWN, False)]
    await bench.fail(asked(bench), SETTLE_WINDOW - 1)
    waits = await bench.fail(bench.claim(), 1.0)
    assert isinstance(waits, Postponed)
    assert events(bench) == []
    bench.clock.move(1.0)
    await go_on(bench)
    assert events(bench) == EVERY


@pytest.mark.parametrize("piece", [0, 1, 2])
@pytest.mark.parametrize("committed", [True, False], ids=["after", "before"])
async def test_a_crash_at_a_piece(bench: Bench, piece: int, committed: bool) -> None:
    """The process dies: nobody writes anything, and the lease runs out."""
    plain(bench).on_event = [*[(None, True)] * piece, (LeaseLost(), committed)]
    with pytest.raises(LeaseLost):
        await bench.deliver(asked(bench))
    bench.clock.move(LEASE_SECONDS + 1)
    outcome = await go_on(bench)
    assert isinstance(outcome, Created)
    assert len(bench.plain.threads) == 1
    assert events(bench) == EVERY


async def test_a_crash_between_the_create_and_the_first_piece(bench: Bench) -> None:
    bench.plain.after = [LeaseLost()]
    with pytest.raises(LeaseLost):
        await bench.deliver(asked(bench))
    bench.slack.threads = {}  # what was frozen needs no second reading
    bench.clock.move(LEASE_SECONDS + 1)
    await go_on(bench)
    assert len(bench.plain.threads) == 1
    assert events(bench) == EVERY


@pytest.mark.parametrize("nth", [1, 2, 3])
async def test_a_ledger_that_cannot_be_written_forgets_no_thread(bench: Bench, nth: int) -> None:
    assert isinstance(bench.ledger, Unwritable)
    bench.ledger.fails_at = nth
    fault = await bench.fail(asked(bench), 1.0)
    assert fault.outcome_unknown
    await go_on(bench)
    assert len(bench.plain.threads) == 1
    assert events(bench) == EVERY


async def test_a_refused_piece_is_missing_and_the_others_are_there(bench: Bench) -> None:
    plain(bench).on_event = [(NO, False)]
    outcome = await bench.settle(asked(bench))
    assert isinstance(outcome, Created)
    assert outcome.missing == 1
    assert events(bench) == EVERY[1:]


async def test_a_piece_that_was_refused_for_being_there_is_not_missing(bench: Bench) -> None:
    plain(bench).on_event = [(NO, True)]
    outcome = await bench.settle(asked(bench))
    assert isinstance(outcome, Created)
    assert outcome.missing == 0
    assert events(bench) == EVERY


async def test_without_the_permission_nothing_more_is_asked(bench: Bench) -> None:
    plain(bench).on_event = [(FORBIDDEN, False), (None, True)]
    outcome = await bench.settle(asked(bench))
    assert isinstance(outcome, Created)
    assert outcome.missing == 3
    assert events(bench) == []


async def test_where_nobody_knows_a_piece_is_missing_rather_than_there_twice(
    bench: Bench,
) -> None:
    plain(bench).on_event = [(UNKNOWN, True)]
    bench.plain.hidden = True
    await bench.fail(asked(bench), SETTLE_WINDOW + 1)
    bench.plain.look_ups = [FORBIDDEN]
    outcome = await go_on(bench)
    assert outcome.missing == 1
    assert events(bench) == EVERY


async def test_what_was_missing_is_remembered(bench: Bench) -> None:
    plain(bench).on_event = [(NO, False), (UNKNOWN, False)]
    await bench.fail(asked(bench), SETTLE_WINDOW + 1)
    outcome = await go_on(bench)
    assert outcome.missing == 1
    assert events(bench) == EVERY[1:]


async def test_an_addition_has_its_pieces_too(bench: Bench) -> None:
    await bench.settle(asked(bench))
    bench.plain.events.clear()
    plain(bench).on_event = [(None, True), (None, True), (UNKNOWN, False)]
    claim = asked(bench, 2)
    await bench.fail(claim, SETTLE_WINDOW + 1)
    outcome = await go_on(bench)
    assert isinstance(outcome, Added)
    key = escalation(2).key
    assert events(bench) == [key, f"{key}#2", f"{key}#3", f"{key}#4"]
    assert len(bench.plain.threads) == 1


async def test_an_addition_that_waits_meets_no_half_thread(bench: Bench) -> None:
    """Until all pieces are there, others of the conversation are held."""
    plain(bench).on_event = [(UNKNOWN, False)]
    await bench.fail(asked(bench), 20.0, wait=False)
    held = await bench.fail(bench.react(2))
    assert isinstance(held, Postponed)
    assert held.cause == "conversation_held"
    assert bench.plain.events == []


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (Reason.NOT_IN_CHANNEL, "the bot is not in that channel"),
        (Reason.MISSING_SCOPE, "the Slack app lacks a permission to read it"),
    ],
)
async def test_a_thread_that_cannot_be_read(bench: Bench, reason: Reason, words: str) -> None:
    bench.slack.faults = [Rejected(Rejection(reason))]
    assert isinstance(await bench.settle(asked(bench)), Created)
    (draft,) = bench.plain.threads
    said = "The whole Slack thread was requested, but only this message is quoted"
    assert PlainTextPart(f"{said}: {words}.", Tone.WARNING) in draft.parts
    assert events(bench) == []


async def test_a_thread_that_cannot_be_read_just_now_is_waited_for(bench: Bench) -> None:
    bench.slack.faults = [TryLater("slack_ratelimited", after=7.0)]
    fault = await bench.fail(asked(bench), 7.0)
    assert not fault.outcome_unknown
    assert bench.plain.sent == 0
    await go_on(bench)
    assert events(bench) == EVERY


async def test_a_reply_that_was_deleted_since_is_quoted_all_the_same(bench: Bench) -> None:
    bench.slack.threads[ROOT] = bench.slack.threads[ROOT][:1]
    await bench.settle(asked(bench, 4))
    assert [event.external_id[-2:] for event in bench.plain.events] == ["#2"]


async def test_a_process_that_stood_still_before_a_piece_forgets_no_thread(bench: Bench) -> None:
    """It let go of the row as if nothing had been sent: its thread came twice."""
    bench.moments = chain((0.0, 0.0, 0.0, 3.0), repeat(3.0))
    fault = await bench.fail(asked(bench), 1.0)
    assert (fault.cause, fault.outcome_unknown) == ("stood_still", True)
    await go_on(bench)
    assert len(bench.plain.threads) == 1
    assert events(bench) == EVERY
