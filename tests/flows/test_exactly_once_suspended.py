"""A process that stood still between noting a create and sending it does not send it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

import pytest

from bot.core.faults import LeaseLost, Postponed
from bot.core.model import Created, Message
from bot.flows.deliver import deliver
from bot.flows.exactly_once import SENDING_SECONDS
from bot.flows.workspace import Runtime, Workspace
from bot.store.claims import Claim, load
from bot.store.database import Database
from bot.store.jobs import LEASE_SECONDS
from bot.store.tickets import Ledger
from tests.conftest import Clock
from tests.flows import fakes
from tests.flows.fakes import FakePlain, FakeSlack
from tests.nouns import escalation, message, ts

P = ParamSpec("P")
T = TypeVar("T")


class Onward:
    async def read(self, message: Message | None, conversation_key: str) -> None:
        """Nobody is in the way."""


@dataclass
class Stopping:
    """`executor.Run`; the process stands still for so long after each `stop_after`."""

    clock: Clock
    stop_after: str
    seconds: float

    async def __call__(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        done = work(*args, **kwargs)
        if work.__name__ == self.stop_after:
            self.clock.move(self.seconds)
        return done


def _workspace(plain: FakePlain) -> Workspace:
    slack = FakeSlack()
    for number in (1, 2):
        posted = message(number, thread_ts=ts(1))
        assert posted.ref is not None
        slack.messages[posted.ref] = posted
    return fakes.workspace(slack, plain)


def _runtime(database: Database, clock: Clock, stop_after: str, seconds: float) -> Runtime:
    run = Stopping(clock, stop_after, seconds)
    return Runtime(database, Ledger(database), run=run, clock=clock)


def _claim(database: Database, number: int) -> Claim:
    ledger = Ledger(database)
    ledger.record(escalation(number))
    (claim,) = load(database, ledger.claim("one", 1))
    return claim


@pytest.mark.parametrize(
    ("seconds", "raised"), [(SENDING_SECONDS + 1, Postponed), (LEASE_SECONDS * 10, LeaseLost)]
)
async def test_a_create_is_not_sent_after_a_pause(
    database: Database, clock: Clock, seconds: float, raised: type[Exception]
) -> None:
    plain = FakePlain()
    runtime = _runtime(database, clock, "note_thread", seconds)
    with pytest.raises(raised):
        await deliver(_claim(database, 1), _workspace(plain), runtime, Onward())
    assert plain.sent == 0


async def test_a_short_pause_does_not_matter(database: Database, clock: Clock) -> None:
    plain = FakePlain()
    runtime = _runtime(database, clock, "note_thread", SENDING_SECONDS - 1)
    outcome = await deliver(_claim(database, 1), _workspace(plain), runtime, Onward())
    assert isinstance(outcome, Created)
    assert plain.sent == 1


async def test_an_addition_is_not_sent_after_a_pause(database: Database, clock: Clock) -> None:
    plain = FakePlain()
    workspace = _workspace(plain)
    runtime = _runtime(database, clock, "note_addition", LEASE_SECONDS)
    first = _claim(database, 1)
    runtime.ledger.settle(first, await deliver(first, workspace, runtime, Onward()))
    with pytest.raises(LeaseLost):
        await deliver(_claim(database, 2), workspace, runtime, Onward())
    assert plain.events == []
