"""One asking at a time, whoever waits, and its result for as long as it is fresh."""

from __future__ import annotations

import asyncio
import gc

import pytest

from bot.plain.cached import Cached


class Source:
    """Gives 1, 2, 3, … once `gate` is open; raises for the numbers in `faults`."""

    def __init__(self, *faults: int) -> None:
        self.now = 1000.0
        self.asked = 0
        self.faults = faults
        self.gate = asyncio.Event()
        self.gate.set()
        self.remembered = Cached(self.ask, lifetime=300, clock=lambda: self.now)

    async def ask(self) -> int:
        self.asked += 1
        number = self.asked
        await self.gate.wait()
        if number in self.faults:
            raise LookupError(number)
        return number


async def test_a_value_is_kept_for_its_lifetime() -> None:
    source = Source()
    assert await source.remembered.get() == 1
    source.now += 299
    assert await source.remembered.get() == 1
    source.now += 1
    assert await source.remembered.get() == 2


async def test_an_old_value_is_served_while_it_is_asked_for_anew() -> None:
    source = Source(3)
    assert source.remembered.peek(0) == 0
    assert await source.remembered.recent() == 1
    source.now += 300
    source.gate.clear()
    for _ in range(3):
        assert await source.remembered.recent() == 1
        assert source.remembered.peek(0) == 1
        await asyncio.sleep(0)
    assert source.asked == 2
    source.gate.set()
    assert await source.remembered.get() == 2
    source.now += 300
    assert await source.remembered.recent() == 2  # the third asking fails, and nobody hears it
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert await source.remembered.recent() == 2
    assert source.asked == 3


async def test_a_clock_that_is_set_back_does_not_keep_a_value_for_ever() -> None:
    source = Source()
    await source.remembered.get()
    source.now -= 3600
    assert await source.remembered.get() == 2


async def test_all_who_wait_share_one_asking() -> None:
    source = Source()
    assert await asyncio.gather(*(source.remembered.get() for _ in range(20))) == [1] * 20


async def test_a_fault_reaches_all_who_wait_and_is_not_kept() -> None:
    source = Source(1)
    came = await asyncio.gather(
        *(source.remembered.get() for _ in range(3)), return_exceptions=True
    )
    assert [type(one) for one in came] == [LookupError] * 3
    assert await source.remembered.get() == 2


async def test_one_who_is_cancelled_leaves_the_others_their_value() -> None:
    source = Source()
    source.gate.clear()
    first, second = (asyncio.create_task(source.remembered.get()) for _ in range(2))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    first.cancel()
    source.gate.set()
    assert await second == 1
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_fault_that_nobody_waits_for_any_more_is_quiet(
    caplog: pytest.LogCaptureFixture,
) -> None:
    source = Source(1)
    source.gate.clear()
    only = asyncio.create_task(source.remembered.get())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    only.cancel()
    source.gate.set()
    await asyncio.gather(only, return_exceptions=True)
    await asyncio.sleep(0)
    gc.collect()
    assert caplog.records == []


async def test_forgetting_ends_what_is_under_way() -> None:
    source = Source()
    source.gate.clear()
    waiting = asyncio.create_task(source.remembered.get())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await source.remembered.forget()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    source.gate.set()
    assert await source.remembered.get() == 2
    await source.remembered.forget()
    assert await source.remembered.get() == 3
