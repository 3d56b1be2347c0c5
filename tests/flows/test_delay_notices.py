"""Who has waited for a minute hears of it, once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from bot.core.directory import UserKind
from bot.core.faults import LeaseLost, Reason, Rejected, Rejection, SlackError, TryLater
from bot.core.model import Created, Rule, Via
from bot.flows.delay_notices import NOTICE_SECONDS, plan, tell_of_delay
from bot.store.database import Database
from bot.store.delay_notices import DelayNotices
from bot.store.jobs import Kind
from bot.store.requests import decide_again
from bot.store.schema import request
from bot.store.tickets import Ledger
from bot.worker import Worker
from tests.conftest import Clock
from tests.flows.fakes import FakeSlack, profile, run, workspace
from tests.flows.settling import settled
from tests.nouns import TICKET, escalation

NOWHERE = Rejected(Rejection(Reason.SLACK_REFUSED, slack_error=SlackError(code="x", method="y")))


class Bench:
    def __init__(self, database: Database, clock: Clock) -> None:
        self.database = database
        self.ledger = Ledger(database)
        self.notices = DelayNotices(self.ledger)
        self.clock = clock
        self.slack = FakeSlack()
        self.worker = Worker("one", self.ledger, None, None, run, self._handlers(), chance=_never)  # type: ignore[arg-type]

    def _handlers(self) -> object:
        to = workspace(self.slack)
        return {Kind.DELAY: lambda job: tell_of_delay(job, to, self.notices, run)}

    async def work(self) -> None:
        """Do the jobs that are due and are no decisions."""
        while jobs := self.ledger.claim("one", 0, 8):
            for job in jobs:
                await self.worker._do(job)

    async def tell(self) -> list[str]:
        """One round; who was told."""
        self.slack.queued.clear()
        await plan(workspace(self.slack), self.notices, run)
        await self.work()
        return [trigger.request for trigger in self.slack.queued]


def _never() -> float:
    return 0.0


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


async def test_who_plans_twice_tells_once(bench: Bench) -> None:
    """Two leaders for a moment."""
    bench.ledger.record(escalation(1))
    bench.clock.move(NOTICE_SECONDS)
    assert await plan(workspace(), bench.notices, run) == 1
    assert await plan(workspace(), bench.notices, run) == 0
    assert await bench.tell() == ["Ev1"]


async def test_everybody_who_asked_about_one_message_is_told(bench: Bench) -> None:
    for number, submitter in enumerate(("U0ADA", "U0BEN"), start=1):
        bench.ledger.record(escalation(1, request=f"Ev{number}", submitter=submitter))
    bench.clock.move(NOTICE_SECONDS)
    assert await bench.tell() == ["Ev1", "Ev2"]


async def test_at_most_fifty_are_planned_in_one_round(bench: Bench) -> None:
    bench.ledger.record_all([escalation(number) for number in range(1, 61)])
    bench.clock.move(NOTICE_SECONDS)
    assert [len(await bench.tell()) for _ in range(3)] == [50, 10, 0]


async def test_what_is_settled_is_not_late(bench: Bench) -> None:
    settled(bench.database, Created(TICKET))
    bench.clock.move(NOTICE_SECONDS)
    assert await bench.tell() == []


async def test_what_was_settled_after_the_notice_was_planned_is_not_told(bench: Bench) -> None:
    bench.ledger.record(escalation())
    bench.clock.move(NOTICE_SECONDS)
    assert await plan(workspace(), bench.notices, run) == 1
    with bench.database.writing() as connection:
        connection.execute(request.update().values(state="rejected"))
    assert await bench.tell() == []
    assert bench.ledger.claim("one", 0, 8) == []


async def test_what_is_decided_again_waits_its_own_minute(bench: Bench) -> None:
    bench.ledger.record(escalation())
    bench.clock.move(NOTICE_SECONDS)
    assert await bench.tell() == ["Ev1"]
    (decision,) = bench.ledger.claim("one", 8)
    bench.ledger.finish(decision)
    with bench.database.writing() as connection:
        decide_again(bench.database, connection, request.c.id == 1)
    bench.clock.move(NOTICE_SECONDS - 1)
    assert await bench.tell() == []
    bench.clock.move(1)
    assert await bench.tell() == ["Ev1"]


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
    assert await plan(workspace(), bench.notices, run) == 0


async def test_a_notice_that_was_surely_not_said_is_said_later(bench: Bench) -> None:
    for number in (1, 2, 3):
        bench.ledger.record(escalation(number))
    bench.clock.move(NOTICE_SECONDS)
    bench.slack.tell_faults = [TryLater("slack_ratelimited", after=1.0)]
    assert await bench.tell() == ["Ev2", "Ev3"]
    bench.clock.move(1.0)
    assert await bench.tell() == ["Ev1"]


async def test_a_notice_that_may_have_been_said_is_not_repeated(bench: Bench) -> None:
    for number in (1, 2):
        bench.ledger.record(escalation(number))
    bench.clock.move(NOTICE_SECONDS)
    bench.slack.tell_faults = [TryLater("slack_timeout", outcome_unknown=True)]
    assert await bench.tell() == ["Ev2"]
    bench.clock.move(3600)
    assert await bench.tell() == []


async def test_a_notice_that_a_killed_process_was_giving_is_not_repeated(bench: Bench) -> None:
    bench.ledger.record(escalation())
    bench.clock.move(NOTICE_SECONDS)
    bench.slack.tell_faults = [LeaseLost()]
    assert await bench.tell() == []
    bench.clock.move(3600)
    assert await bench.tell() == []


async def test_a_notice_that_slack_takes_nowhere_holds_up_nobody(bench: Bench) -> None:
    for number in (1, 2):
        bench.ledger.record(escalation(number))
    bench.clock.move(NOTICE_SECONDS)
    bench.slack.tell_faults = [NOWHERE]
    assert await bench.tell() == ["Ev2"]
    assert await bench.tell() == []
