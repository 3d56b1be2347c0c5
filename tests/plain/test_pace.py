"""The pace on a virtual clock: requests and whole deliveries against Plain's count of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest

from bot.core import rate_limit
from bot.core.faults import Postponed, TryLater
from bot.core.rate_limit import Grant, ReportedLimit
from bot.plain.client import PlainClient
from bot.plain.pace import PATIENCE, Pace, read
from bot.worker import AT_ONCE
from tests.flows.fakes import run
from tests.plain.paced import TRIP, Plain, Shared, T, now, simulated
from tests.simulation.clock import START


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
        with pytest.raises(Postponed) as raised:
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
        with pytest.raises(Postponed) as raised:
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
        with pytest.raises(Postponed):
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

        hanging = [asyncio.create_task(hang()) for _ in range(rate_limit.AT_FIRST)]
        await asyncio.sleep(0)
        with pytest.raises(Postponed):
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

        for _ in range(2 * rate_limit.AT_FIRST):
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
        with pytest.raises(Postponed):
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
    with pytest.raises(Postponed) as raised:
        await client.workspace_id()
    assert raised.value.after == 30.0
    assert observed == ["plain_rate_limited"]
    await http.aclose()


SAID: dict[str, tuple[dict[str, str], ReportedLimit | None]] = {
    "all three": (
        {"limit": "600", "remaining": "3", "reset": "2023-11-14T22:13:25.500Z"},
        ReportedLimit(600, 3, START + 5.5),
    ),
    "an end that is past": (
        {"limit": "600", "remaining": "3", "reset": "2023-11-14T22:13:15Z"},
        ReportedLimit(600, 3, START - 5.0),
    ),
    "more left than there is": (
        {"limit": "600", "remaining": "900", "reset": "2023-11-14T22:13:20Z"},
        ReportedLimit(600, 600, START),
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
def test_what_an_answer_says(headers: Mapping[str, str], said: ReportedLimit | None) -> None:
    assert read({f"x-ratelimit-{name}": text for name, text in headers.items()}, START) == said
