"""Who has waited for a minute hears of it, once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from bot.core.directory import UserKind
from bot.core.faults import Reason, Rejected, Rejection, SlackError, TryLater
from bot.core.model import Created, Rule, Via
from bot.flows.delay_notices import NOTICE_SECONDS, tell_queued
from bot.store.database import Database
from bot.store.delay_notices import DelayNotices
from bot.store.deliveries import Ledger
from tests.conftest import Clock
from tests.flows.fakes import FakeSlack, profile, run, workspace
from tests.nouns import TICKET, escalation

MEMBERS = frozenset({UserKind.MEMBER})


class Bench:
    def __init__(self, database: Database, clock: Clock) -> None:
        self.ledger = Ledger(database)
        self.notices = DelayNotices(database)
        self.clock = clock
        self.slack = FakeSlack()

    async def tell(self) -> list[str]:
        """One round; who was told."""
        self.slack.queued.clear()
        await tell_queued(workspace(self.slack), self.notices, run)
        return [trigger.request for trigger in self.slack.queued]


@pytest.fixture
def bench(database_url: str, clock: Clock) -> Iterator[Bench]:
    database = Database(database_url, clock)
    yield Bench(database, clock)
    database.close()


async def test_each_is_told_once_and_not_before_a_minute(bench: Bench) -> None:
    bench.ledger.record(escalation(1))
    bench.clock.move(NOTICE_SECONDS - 1)
    bench.ledger.record(escalation(2))
    assert await bench.tell() == []
    bench.clock.move(1)
    assert await bench.tell() == ["Ev1"]
    assert await bench.tell() == []
    bench.clock.move(NOTICE_SECONDS)
    assert await bench.tell() == ["Ev2"]
    bench.clock.move(3600)
    assert await bench.tell() == []


async def test_what_is_settled_is_not_queued(bench: Bench) -> None:
    bench.ledger.record(escalation())
    (claim,) = bench.ledger.claim("one", 1)
    bench.ledger.settle(claim, Created(TICKET))
    bench.clock.move(NOTICE_SECONDS)
    assert await bench.tell() == []


async def test_asking_again_after_a_refusal_waits_its_own_minute(bench: Bench) -> None:
    bench.ledger.record(escalation())
    (claim,) = bench.ledger.claim("one", 1)
    bench.ledger.settle(claim, Rejection(Reason.EMPTY))
    bench.clock.move(NOTICE_SECONDS)
    bench.ledger.record(escalation(request="Ev9"))
    assert await bench.tell() == []
    bench.clock.move(NOTICE_SECONDS)
    assert await bench.tell() == ["Ev9"]


async def test_a_reaction_that_would_be_settled_in_silence_stays_silent(bench: Bench) -> None:
    bench.slack.profiles["U0GUEST"] = profile("U0GUEST", kind=UserKind.GUEST)
    bench.slack.profiles["U0ROBOT"] = profile("U0ROBOT", kind=UserKind.BOT)
    bench.ledger.record(escalation(1, submitter="U0GUEST"))
    bench.ledger.record(escalation(2, submitter="U0ROBOT"))
    elsewhere = Rule(emoji=("ticket",), channels=("#billing",))
    bench.ledger.record(replace(escalation(3), rules=(elsewhere,)))
    bench.ledger.record(escalation(4, submitter="U0GUEST", via=Via.COMMAND))
    bench.clock.move(NOTICE_SECONDS)
    assert await bench.tell() == ["Ev4"]


async def test_a_notice_that_was_surely_not_said_is_said_in_a_later_round(bench: Bench) -> None:
    for number in (1, 2, 3):
        bench.ledger.record(escalation(number))
    bench.clock.move(NOTICE_SECONDS)
    bench.slack.tell_faults = [TryLater("slack_ratelimited", after=1.0)]
    assert await bench.tell() == []
    assert await bench.tell() == ["Ev1", "Ev2", "Ev3"]


async def test_a_notice_that_may_have_been_said_is_not_repeated(bench: Bench) -> None:
    for number in (1, 2):
        bench.ledger.record(escalation(number))
    bench.clock.move(NOTICE_SECONDS)
    bench.slack.tell_faults = [TryLater("slack_timeout", outcome_unknown=True)]
    assert await bench.tell() == []
    assert await bench.tell() == ["Ev2"]


async def test_a_notice_that_slack_takes_nowhere_holds_up_nobody(bench: Bench) -> None:
    for number in (1, 2):
        bench.ledger.record(escalation(number))
    bench.clock.move(NOTICE_SECONDS)
    bench.slack.tell_faults = [
        Rejected(Rejection(Reason.SLACK_REFUSED, slack_error=SlackError(code="x", method="y")))
    ]
    assert await bench.tell() == ["Ev2"]
    assert await bench.tell() == []
