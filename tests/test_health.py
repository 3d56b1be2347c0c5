"""What `/readyz` remembers."""

from __future__ import annotations

import asyncio

from bot.health import CachedCheck
from tests.conftest import Clock


async def test_an_answer_is_remembered_for_a_second_and_shared(clock: Clock) -> None:
    answers = iter([True, False, True])
    looks = 0

    async def look() -> bool:
        nonlocal looks
        looks += 1
        await asyncio.sleep(0)
        return next(answers)

    remembered = CachedCheck(look, 1.0, clock)
    assert await asyncio.gather(*(remembered() for _ in range(60))) == [True] * 60
    clock.move(0.9)
    assert await remembered()
    assert looks == 1
    clock.move(0.1)
    assert not await remembered()
    assert looks == 2
