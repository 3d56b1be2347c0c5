"""The pace on a virtual clock: requests and whole deliveries against Plain's count of them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

import httpx
import pytest

from bot.core import pacing
from bot.core.faults import TryLater, Wait
from bot.core.model import Created, Outcome, Trigger
from bot.core.pacing import Grant, Said, Tally
from bot.flows.deliver import Progress
from bot.flows.ports import Claim
from bot.plain.client import PlainClient
from bot.plain.pace import PATIENCE, Pace, read
from bot.sandbox.plain.limits import RateLimit
from bot.worker import AT_ONCE, Worker
from tests.flows.fakes import run
from tests.nouns import TICKET, escalation
from tests.simulation.clock import START, VirtualLoop

T = TypeVar("T")

TRIP = 0.05
"""Seconds that a request takes to Plain, and its answer back."""


def now() -> float:
    return START + asyncio.get_running_loop().time()


def simulated(work: Callable[[], Coroutine[object, object, T]]) -> T:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work())


class Plain:
    """Answers when asked, by the sandbox's count."""

    def __init__(self, per_minute: int = 600) -> None:
        self.limit = RateLimit(per_minute, now)
        self.statuses: list[int] = []
        self.by_window: Counter[str] = Counter()
        self.more: dict[str, str] = {}

    async def ask(self, pace: Pace) -> int:
        async with pace.request() as heard:
            await asyncio.sleep(TRIP)
            status = 200 if self.limit.take() else 429
            headers = self.limit.headers() | self.more
            self.statuses.append(status)
            self.by_window[headers["x-ratelimit-reset"]] += status == 200
            await asyncio.sleep(TRIP)
            heard(status, headers)
        return status


class Shared:
    """A pool in memory; it counts its transactions."""

    def __init__(self) -> None:
        self.tally = Tally()
        self.commits = 0

    def lease(
        self, share: float, known: tuple[float, int] | None, wanted: int, now: float
    ) -> Grant:
        self.commits += 1
        self.tally, grant = pacing.grant(self.tally, share, known, wanted, now)
        return grant

    def shut(self, until: float) -> None:
        self.commits += 1
        self.tally = pacing.shut(self.tally, until)


def test_a_burst_goes_out_at_once() -> None:
    async def story() -> float:
        plain, pace = Plain(), Pace(0.8, clock=now)
        await asyncio.gather(*(plain.ask(pace) for _ in range(480)))
        assert set(plain.statuses) == {200}
        return now() - START

    assert simulated(story) == pytest.approx(4 * TRIP)  # the first few told how many may


def test_who_would_wait_long_is_sent_away_before_anything_is_sent() -> None:
    async def story() -> None:
        plain, pace = Plain(10), Pace(0.8, clock=now)
        await asyncio.gather(*(plain.ask(pace) for _ in range(8)))
        asked_at = now()
        with pytest.raises(Wait) as raised:
            await plain.ask(pace)
        assert now() == asked_at
        assert asked_at + raised.value.after == pytest.approx(START + TRIP + 60, abs=0.1)
        await asyncio.sleep(60 - PATIENCE)
        assert await plain.ask(pace) == 200  # waits for the rest
        assert len(plain.statuses) == 9

    simulated(story)


@pytest.mark.parametrize(
    ("more", "seconds"),
    [
        pytest.param({"retry-after": "12"}, 12.0, id="for as long as it says"),
        pytest.param({}, 60.0, id="else until the window's end"),
        pytest.param({"x-ratelimit-reset": "soon"}, 5.0, id="else for a while"),
    ],
)
def test_after_a_429_nobody_asks(more: Mapping[str, str], seconds: float) -> None:
    async def story() -> None:
        plain, pace = Plain(1000), Pace(1.0, clock=now)
        await plain.ask(pace)
        plain.limit.per_minute = 1
        plain.more = dict(more)
        assert await plain.ask(pace) == 429
        plain.limit.per_minute = 1000
        plain.more = {}
        with pytest.raises(Wait) as raised:
            await plain.ask(pace)
        assert raised.value.after == pytest.approx(seconds, abs=0.3)
        assert pace.room(0, AT_ONCE) == 0
        await asyncio.sleep(raised.value.after)
        assert await plain.ask(pace) == 200

    simulated(story)


def test_after_a_429_of_one_replica_the_others_do_not_ask() -> None:
    async def story() -> None:
        plain, pool = Plain(1000), Shared()
        plain.limit.per_minute = 0
        one, two = (Pace(1.0, clock=now, pool=pool, run=run) for _ in range(2))
        assert await plain.ask(one) == 429
        with pytest.raises(Wait):
            await plain.ask(two)
        assert len(plain.statuses) == 1

    simulated(story)


def test_a_plain_that_tells_no_limit_is_asked_as_there_is_need() -> None:
    async def story() -> None:
        pace, answered = Pace(0.8, clock=now), 0

        async def ask() -> None:
            nonlocal answered
            async with pace.request() as heard:
                await asyncio.sleep(TRIP)
                heard(200, {})
                answered += 1

        await asyncio.gather(*(ask() for _ in range(100)))
        assert answered == 100
        assert pace.room(0, AT_ONCE) == AT_ONCE
        assert pace.left() != pace.left()  # nobody knows

    simulated(story)


def test_the_first_answer_is_not_waited_for_without_end() -> None:
    async def story() -> None:
        pace = Pace(0.8, clock=now)

        async def hang() -> None:
            async with pace.request():
                await asyncio.sleep(30)

        hanging = [asyncio.create_task(hang()) for _ in range(pacing.AT_FIRST)]
        await asyncio.sleep(0)
        with pytest.raises(Wait):
            await Plain().ask(pace)
        assert now() - START == pytest.approx(PATIENCE)
        await asyncio.gather(*hanging)

    simulated(story)


def test_requests_that_break_leave_their_place_to_others() -> None:
    async def story() -> None:
        plain, pace = Plain(), Pace(0.8, clock=now)

        async def breaks() -> None:
            async with pace.request():
                raise ConnectionError

        for _ in range(2 * pacing.AT_FIRST):
            with pytest.raises(ConnectionError):
                await breaks()
        assert await plain.ask(pace) == 200
        await asyncio.gather(breaks(), breaks(), return_exceptions=True)
        assert pace.left() == 480 - 3  # nobody knows whether Plain counted them

    simulated(story)


def test_a_pool_that_cannot_be_asked_is_a_fault_before_anything_is_sent() -> None:
    class Away(Shared):
        def lease(self, *_asked: object) -> Grant:
            raise TryLater("database")

    async def story() -> None:
        plain = Plain()
        with pytest.raises(TryLater, match="database"):
            await plain.ask(Pace(0.8, clock=now, pool=Away(), run=run))
        assert plain.statuses == []

    simulated(story)


def test_who_stood_still_in_its_turn_sends_nothing() -> None:
    """What the caller looked at before, its lease above all, may be over by now."""

    class Slow(Shared):
        seconds = 30.0

    async def story() -> None:
        plain, pool = Plain(), Slow()

        async def slowly(work: Callable[..., T], *asked: Any, **more: Any) -> T:
            await asyncio.sleep(pool.seconds)
            return work(*asked, **more)

        pace = Pace(0.8, clock=now, pool=pool, run=slowly)
        with pytest.raises(Wait):
            await plain.ask(pace)
        assert plain.statuses == []
        pool.seconds = 0.0
        assert await plain.ask(pace) == 200

    simulated(story)


def test_permits_of_which_nobody_heard_whether_they_went_back_are_not_used() -> None:
    class Forgetful(Shared):
        def lease(
            self, share: float, known: tuple[float, int] | None, wanted: int, now: float
        ) -> Grant:
            grant = super().lease(share, known, wanted, now)
            if wanted < 0:
                raise TryLater("database")
            return grant

    async def story() -> None:
        plain, pool = Plain(600), Forgetful()
        busy, resting = (Pace(0.8, clock=now, pool=pool, run=run) for _ in range(2))
        await asyncio.gather(*(plain.ask(busy) for _ in range(430)))
        await plain.ask(resting)
        await resting.reserve(8)
        with pytest.raises(TryLater):
            await resting.rest()
        asked = [busy] * 100 + [resting] * 100
        await asyncio.gather(*(plain.ask(pace) for pace in asked), return_exceptions=True)
        assert max(plain.by_window.values()) == 480

    simulated(story)


# Deliveries


class Backlog:
    """As many rows as there is time for; fits the worker's ledger. Each needs `requests`."""

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

        return Worker(name, self, deliver, tell, run, chance=lambda: 0.5, pace=pace)

    def claim(self, worker: str, limit: int) -> list[Claim]:
        first, self._next = self._next + 1, self._next + limit
        return [
            Claim(number, f"{worker}:t", escalation(number), 1, now(), 1)
            for number in range(first, first + limit)
        ]

    def next_due(self) -> float | None:
        return None

    def give_back(self, _claim: Claim) -> None:
        self.given_back += 1

    def settle(self, _claim: Claim, _outcome: Outcome) -> None:
        self.settled += 1

    def retry_later(
        self, _claim: Claim, _after: float, cause: str, *, failed: bool, unknown: bool
    ) -> None:
        self.put_back[cause] += 1

    def is_hopeless(self, _claim: Claim) -> bool:
        return False

    def answered(self, _claim: Claim, *, said: bool) -> None:
        raise NotImplementedError

    def answer_later(self, _claim: Claim, _after: float, _cause: str) -> None:
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
        with pytest.raises(Wait):
            await plain.ask(busy)

    simulated(story)


# The client


def answering(status: int, headers: Mapping[str, str]) -> httpx.AsyncClient:
    body = b'{"data": {"myWorkspace": {"id": "w_1"}}}'
    transport = httpx.MockTransport(lambda _: httpx.Response(status, headers=headers, content=body))
    return httpx.AsyncClient(transport=transport)


async def test_the_client_reports_what_every_answer_says() -> None:
    headers = {
        "X-RateLimit-Limit": "600",
        "X-RateLimit-Remaining": "599",
        "X-RateLimit-Reset": "2023-11-14T22:14:20.000Z",
    }
    pace = Pace(0.8, clock=lambda: START)
    http = answering(200, headers)
    client = PlainClient("https://plain.test", "key", http=http, clock=lambda: START, pace=pace)
    assert await client.workspace_id() == "w_1"
    assert pace.left() == 479
    await http.aclose()


async def test_the_client_sends_nothing_while_it_is_not_its_turn() -> None:
    observed: list[str] = []
    pace = Pace(0.8, clock=lambda: START)
    http = answering(429, {"Retry-After": "30"})
    client = PlainClient(
        "https://plain.test",
        "key",
        http=http,
        clock=lambda: START,
        pace=pace,
        observe=lambda _operation, status, _seconds: observed.append(status),
    )
    with pytest.raises(TryLater):
        await client.workspace_id()
    with pytest.raises(Wait) as raised:
        await client.workspace_id()
    assert raised.value.after == 30.0
    assert observed == ["plain_rate_limited"]
    await http.aclose()


SAID: dict[str, tuple[dict[str, str], Said | None]] = {
    "all three": (
        {"limit": "600", "remaining": "3", "reset": "2023-11-14T22:13:25.500Z"},
        Said(600, 3, START + 5.5),
    ),
    "an end that is past": (
        {"limit": "600", "remaining": "3", "reset": "2023-11-14T22:13:15Z"},
        Said(600, 3, START - 5.0),
    ),
    "more left than there is": (
        {"limit": "600", "remaining": "900", "reset": "2023-11-14T22:13:20Z"},
        Said(600, 600, START),
    ),
    "no limit": ({"remaining": "3", "reset": "2023-11-14T22:13:25Z"}, None),
    "no number": ({"limit": "many", "remaining": "3", "reset": "2023-11-14T22:13:25Z"}, None),
    "no moment": ({"limit": "600", "remaining": "3", "reset": "60"}, None),
    "nothing left": (
        {"limit": "600", "remaining": "-1", "reset": "2023-11-14T22:13:25Z"},
        None,
    ),
    "an end in a year": ({"limit": "600", "remaining": "3", "reset": "2024-11-14T22:13Z"}, None),
    "none at all": ({"limit": "0", "remaining": "0", "reset": "2023-11-14T22:13:25Z"}, None),
}


@pytest.mark.parametrize(("headers", "said"), SAID.values(), ids=SAID)
def test_what_an_answer_says(headers: Mapping[str, str], said: Said | None) -> None:
    assert read({f"x-ratelimit-{name}": text for name, text in headers.items()}, START) == said
