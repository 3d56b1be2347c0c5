"""What `/readyz` remembers, and who counts as this machine alone."""

from __future__ import annotations

import asyncio

import pytest

from bot.wiring.health import Remembered, is_loopback
from tests.conftest import Clock


async def test_an_answer_is_remembered_for_a_second_and_shared(clock: Clock) -> None:
    answers = iter([True, False, True])
    looks = 0

    async def look() -> bool:
        nonlocal looks
        looks += 1
        await asyncio.sleep(0)
        return next(answers)

    remembered = Remembered(look, 1.0, clock)
    assert await asyncio.gather(*(remembered() for _ in range(60))) == [True] * 60
    clock.move(0.9)
    assert await remembered()
    assert looks == 1
    clock.move(0.1)
    assert not await remembered()
    assert looks == 2


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("localhost", True),
        ("::", False),
        ("0.0.0.0", False),  # noqa: S104
        ("::ffff:10.0.0.1", False),
        ("10.0.0.1", False),
        ("bridge.internal", False),
    ],
)
def test_only_loopback_is_this_machine_alone(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
