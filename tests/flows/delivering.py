"""A workspace for deliveries, and the worker's way through one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any

import pytest

from bot.core.faults import TryLater
from bot.core.model import Message, Outcome
from bot.flows.deliver import deliver
from bot.flows.workspace import Policy, Runtime, Workspace
from bot.store.claims import Claim, load
from bot.store.customer_links import CustomerLinks
from bot.store.database import Database
from bot.store.tickets import Ledger
from tests.conftest import Clock
from tests.flows import fakes
from tests.flows.fakes import FakePlain, FakeSlack
from tests.nouns import escalation, message

UNKNOWN = TryLater("plain_timeout", outcome_unknown=True)


@dataclass
class Bench:
    """A workspace, and the worker's way through a delivery in it."""

    database: Database
    clock: Clock
    ledger: Ledger
    slack: FakeSlack = field(default_factory=FakeSlack)
    plain: FakePlain = field(default_factory=FakePlain)
    policy: Policy = field(default_factory=Policy)
    read: list[str] = field(default_factory=list)
    moments: Iterator[float] = field(default_factory=lambda: repeat(0.0))
    """What the process's own clock says, in turn."""

    def post(self, number: int = 1, text: str = "The export fails", **more: Any) -> Message:
        posted = message(number, text, **more)
        assert posted.ref is not None
        self.slack.messages[posted.ref] = posted
        return posted

    def claims(self, limit: int = 8) -> list[Claim]:
        return load(self.database, self.ledger.claim("one", limit))

    def claim(self) -> Claim:
        (claim,) = self.claims(1)
        return claim

    def react(self, number: int = 1, **more: Any) -> Claim:
        self.ledger.record(escalation(number, **more))
        return self.claim()

    @property
    def links(self) -> CustomerLinks:
        return CustomerLinks(self.database)

    @property
    def workspace(self) -> Workspace:
        return fakes.workspace(self.slack, self.plain, policy=self.policy)

    @property
    def runtime(self) -> Runtime:
        return Runtime(self.database, self.ledger, clock=lambda: next(self.moments))

    async def deliver(self, claim: Claim) -> Outcome:
        bench = self

        class Progress:
            async def read(self, message: Message | None, conversation_key: str) -> None:
                bench.read.append(conversation_key)

        return await deliver(claim, self.workspace, self.runtime, Progress())

    async def settle(self, claim: Claim) -> Outcome:
        outcome = await self.deliver(claim)
        self.ledger.settle(claim, outcome)
        return outcome

    async def fail(self, claim: Claim, seconds: float = 0.0, *, wait: bool = True) -> TryLater:
        """Deliver, expecting a fault; obey it as the worker does, and `wait` for it to be due."""
        with pytest.raises(TryLater) as raised:
            await self.deliver(claim)
        fault = raised.value
        self.ledger.retry_later(
            claim,
            seconds,
            fault.cause,
            failed=fault.is_failure,
            outcome_unknown=fault.outcome_unknown,
        )
        self.clock.move(seconds if wait else 0.0)
        return fault


@pytest.fixture
def bench(sqlite_url: str, clock: Clock) -> Iterator[Bench]:
    database = Database(sqlite_url, clock)
    yield Bench(database, clock, Ledger(database))
    database.close()
