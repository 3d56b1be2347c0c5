"""A process that stood still between noting a create and sending it does not send it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

import pytest

from bot.core.directory import Installation
from bot.core.faults import LeaseLost, Postponed
from bot.core.model import Created, Message
from bot.flows.deliver import deliver
from bot.flows.exactly_once import SENDING_SECONDS
from bot.flows.workspace import Policy, Workspace
from bot.store.claims import LEASE_SECONDS, Claim
from bot.store.customer_links import CustomerLinks
from bot.store.database import Database
from bot.store.deliveries import Ledger
from tests.conftest import Clock
from tests.flows.fakes import FakePlain, FakeSlack
from tests.nouns import TEAM, escalation, message, ts

P = ParamSpec("P")
T = TypeVar("T")


class Onward:
    async def read(self, message: Message | None, conversation_key: str) -> None:
        """Nobody is in the way."""


@dataclass
class Stopping:
    """`executor.StyledRun`; the process stands still for so long after each `stop_after`."""

    clock: Clock
    stop_after: str
    seconds: float

    async def __call__(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        done = work(*args, **kwargs)
        if work.__name__ == self.stop_after:
            self.clock.move(self.seconds)
        return done


def _world(database: Database, clock: Clock, plain: FakePlain, run: Stopping) -> Workspace:
    slack = FakeSlack()
    for number in (1, 2):
        posted = message(number, thread_ts=ts(1))
        assert posted.ref is not None
        slack.messages[posted.ref] = posted
    return Workspace(
        slack=slack,
        plain=plain,
        ledger=Ledger(database),
        people=CustomerLinks(database),
        run=run,
        policy=Policy(),
        installation=Installation(TEAM, "https://example.slack.com/", "U0BOT"),
        clock=clock,
    )


def _claim(database: Database, number: int) -> Claim:
    ledger = Ledger(database)
    ledger.record(escalation(number))
    (claim,) = ledger.claim("one", 1)
    return claim


@pytest.mark.parametrize(
    ("seconds", "raised"), [(SENDING_SECONDS + 1, Postponed), (LEASE_SECONDS * 10, LeaseLost)]
)
async def test_a_create_is_not_sent_after_a_pause(
    database: Database, clock: Clock, seconds: float, raised: type[Exception]
) -> None:
    plain = FakePlain()
    world = _world(database, clock, plain, Stopping(clock, "freeze", seconds))
    with pytest.raises(raised):
        await deliver(_claim(database, 1), world, Onward())
    assert plain.sent == 0


async def test_a_short_pause_does_not_matter(database: Database, clock: Clock) -> None:
    plain = FakePlain()
    world = _world(database, clock, plain, Stopping(clock, "freeze", SENDING_SECONDS - 1))
    assert isinstance(await deliver(_claim(database, 1), world, Onward()), Created)
    assert plain.sent == 1


async def test_an_addition_is_not_sent_after_a_pause(database: Database, clock: Clock) -> None:
    plain = FakePlain()
    world = _world(database, clock, plain, Stopping(clock, "freeze_addition", LEASE_SECONDS))
    first = _claim(database, 1)
    world.ledger.settle(first, await deliver(first, world, Onward()))  # type: ignore[attr-defined]
    with pytest.raises(LeaseLost):
        await deliver(_claim(database, 2), world, Onward())
    assert plain.events == []
