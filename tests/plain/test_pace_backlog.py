"""A backlog drains at the share, by one replica or by three."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import cast

import pytest

from bot.core.faults import Postponed, TryLater
from bot.core.model import Created, Outcome, Trigger
from bot.flows.deliver import Progress
from bot.plain.pace import Pace
from bot.store.claims import Claim
from bot.store.jobs import Job, Kind
from bot.store.tickets import Ledger
from bot.worker import Worker
from tests.flows.fakes import run
from tests.nouns import TICKET, escalation
from tests.plain.paced import Plain, Shared, now, simulated


class Loading(Worker):
    """Reads the requests out of no database."""

    async def _load(self, jobs: Sequence[Job]) -> Sequence[Claim]:
        return [Claim(job, job.key, escalation(job.key)) for job in jobs]


class Backlog:
    """As many requests as there is time for, in place of a ledger. Each needs `requests`."""

    def __init__(self, plain: Plain, requests: Callable[[int], int]) -> None:
        self.plain = plain
        self.requests = requests
        self.settled = 0
        self.given_back = 0
        self.put_back: Counter[str] = Counter()
        self._next = 0

    def worker(self, name: str, pace: Pace) -> Worker:
        async def deliver(claim: Claim, _progress: Progress) -> Outcome:
            await asyncio.sleep(0.02)  # Slack
            for _ in range(self.requests(claim.id)):
                if await self.plain.ask(pace) == 429:
                    raise TryLater("plain_rate_limited", after=1.0)
            return Created(TICKET)

        async def tell(_trigger: Trigger, _outcome: Outcome, _reference: str) -> None:
            await asyncio.sleep(0.02)

        ledger = cast("Ledger", self)
        return Loading(name, ledger, deliver, tell, run, chance=lambda: 0.5, pace=pace)

    def claim(self, worker: str, decisions: int, _others: int = 0) -> list[Job]:
        first, self._next = self._next + 1, self._next + decisions
        return [
            Job(number, Kind.DECIDE, number, f"{worker}:t", now(), 1)
            for number in range(first, first + decisions)
        ]

    def next_due(self) -> float | None:
        return None

    def give_back(self, _job: Job) -> None:
        self.given_back += 1

    def renew(self, _job: Job) -> None:
        """It has no leases."""

    def settle(self, _claim: Claim, _outcome: Outcome) -> bool:
        self.settled += 1
        return True

    def retry_later(
        self, _claim: Claim, _after: float, cause: str, *, failed: bool, outcome_unknown: bool
    ) -> None:
        self.put_back[cause] += 1

    def is_hopeless(self, _job: Job) -> bool:
        return False

    def answered(self, _claim: Claim, *, said: bool) -> None:
        raise NotImplementedError

    def answer_later(self, _claim: Claim, _after: float, _cause: str, *, failed: bool) -> None:
        raise NotImplementedError


MINUTES = 5
REQUESTS: dict[str, Callable[[int], int]] = {
    "one": lambda _number: 1,
    "two": lambda _number: 2,
    "one to three": lambda number: number % 3 + 1,
    "sometimes more than is reckoned with": lambda number: 5 if number % 40 == 0 else 1,
}


async def drained(backlog: Backlog, *paces: Pace) -> None:
    workers = [backlog.worker(f"w{number}", pace) for number, pace in enumerate(paces)]
    working = [asyncio.create_task(worker.work()) for worker in workers]
    await asyncio.sleep(MINUTES * 60)
    await asyncio.gather(*(worker.stop() for worker in workers), *working)


@pytest.mark.parametrize("requests", REQUESTS.values(), ids=REQUESTS)
def test_a_backlog_drains_at_the_share_and_no_row_is_put_back(
    requests: Callable[[int], int],
) -> None:
    async def story() -> None:
        plain = Plain(600)
        backlog = Backlog(plain, requests)
        await drained(backlog, Pace(0.8, clock=now))
        assert set(plain.statuses) == {200}
        assert len(plain.statuses) >= 0.95 * MINUTES * 480
        assert max(plain.by_window.values()) <= 480
        assert not backlog.put_back
        assert backlog.given_back == 0

    simulated(story)


@pytest.mark.parametrize("requests", REQUESTS.values(), ids=REQUESTS)
def test_three_replicas_drain_a_backlog_at_one_share(requests: Callable[[int], int]) -> None:
    async def story() -> None:
        plain, pool = Plain(600), Shared()
        backlog = Backlog(plain, requests)
        await drained(backlog, *(Pace(0.8, clock=now, pool=pool, run=run) for _ in range(3)))
        assert set(plain.statuses) == {200}
        assert len(plain.statuses) >= 0.95 * MINUTES * 480
        assert max(plain.by_window.values()) <= 480 + 3
        assert not backlog.put_back
        assert backlog.given_back <= 0.03 * backlog.settled
        assert pool.commits <= 0.25 * backlog.settled

    simulated(story)


def test_a_replica_with_nothing_to_do_leaves_its_permits_to_the_others() -> None:
    async def story() -> None:
        plain, pool = Plain(600), Shared()
        busy, resting = (Pace(0.8, clock=now, pool=pool, run=run) for _ in range(2))
        await asyncio.gather(*(plain.ask(busy) for _ in range(430)))
        await plain.ask(resting)
        assert resting.left() > 0
        await resting.reserve(8)
        await resting.rest()
        for _ in range(480 - 431):
            await plain.ask(busy)
        with pytest.raises(Postponed):
            await plain.ask(busy)

    simulated(story)
