"""Several people who ask about the same messages, and the worker that decides each of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from bot.core.model import Escalation, Message, Outcome, Rule, Trigger, Via
from bot.core.record import State
from bot.flows.deliver import Progress, deliver
from bot.flows.workspace import Policy, Runtime, Workspace
from bot.store.claims import Claim
from bot.store.customer_links import CustomerLink, CustomerLinks
from bot.store.database import Database
from bot.store.records import Records
from bot.store.tickets import Ledger
from bot.worker import Worker
from tests.conftest import Clock
from tests.flows import fakes
from tests.flows.fakes import FakePlain, FakeSlack, run
from tests.nouns import TEAM, escalation, form, message
from tests.working import working

BOUND_TO_BILLING = (Rule(emoji=("ticket",), channels=("#billing",)),)


@dataclass
class Asking:
    """A bridge without Slack's and Plain's servers: people ask, a worker decides.

    `told` is what each submitter was answered, in order: (submitter, outcome).
    """

    database: Database
    clock: Clock
    slack: FakeSlack = field(default_factory=FakeSlack)
    plain: FakePlain = field(default_factory=FakePlain)
    policy: Policy = field(default_factory=Policy)
    told: list[tuple[str, Outcome]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.database)
        self.links = CustomerLinks(self.database)
        self.records = Records(self.database)
        self._asked = 0

    def post(self, number: int = 1, text: str = "The export fails", **more: Any) -> Message:
        posted = message(number, text, **more)
        assert posted.ref is not None
        self.slack.messages[posted.ref] = posted
        return posted

    def react(self, submitter: str, number: int = 1, **more: Any) -> int:
        """React to the nth message; return the id of the request."""
        return self._record(escalation(number, submitter=submitter, **self._numbered(more)))

    def submit(self, submitter: str, number: int = 1, *, about: Message, **typed: Any) -> int:
        """Submit the form for the nth message; return the id of the request."""
        more = self._numbered({"via": Via.SHORTCUT, "message": about, "form": form(**typed)})
        asked = escalation(number, submitter=submitter, emoji=None, **more)
        return self._record(replace(asked, rules=()))

    def _numbered(self, more: dict[str, Any]) -> dict[str, Any]:
        self._asked += 1
        return {"request": f"Ev{self._asked}"} | more

    def _record(self, asked: Escalation) -> int:
        self.ledger.record(asked)
        return self.records.of_message(asked.key)[-1].id

    def link(self, user: str, customer: str = "c_linked") -> int:
        """Link a user to a customer; return how many requests go on."""
        return self.links.link([CustomerLink(TEAM, user, customer)], by="U0ADMIN", team=TEAM)

    def state(self, row_id: int) -> State:
        (record,) = self.records.find(f"PB-{row_id}")
        return record.state

    @property
    def workspace(self) -> Workspace:
        return fakes.workspace(self.slack, self.plain, policy=self.policy)

    @property
    def runtime(self) -> Runtime:
        return Runtime(self.database, self.ledger)

    async def work(self) -> None:
        """Let a worker decide and answer whatever is due."""

        async def delivered(claim: Claim, progress: Progress) -> Outcome:
            return await deliver(claim, self.workspace, self.runtime, progress)

        async def tell(trigger: Trigger, outcome: Outcome, reference: str) -> None:
            await self.slack.tell(trigger, outcome, reference)
            self.told.append((trigger.submitter, outcome))

        worker = Worker("one", self.ledger, delivered, tell, run, chance=lambda: 0.0)
        async with working(worker):
            while worker.is_busy or _is_due(self.ledger.next_due()):  # noqa: ASYNC110
                await asyncio.sleep(0.002)

    async def work_until(self, seconds: float) -> None:
        """Let so many seconds pass, and do what is due then."""
        self.clock.move(seconds)
        await self.work()


def _is_due(seconds: float | None) -> bool:
    return seconds is not None and seconds <= 0


@pytest.fixture
def asking(database_url: str, clock: Clock) -> Iterator[Asking]:
    database = Database(database_url, clock)
    yield Asking(database, clock)
    database.close()
