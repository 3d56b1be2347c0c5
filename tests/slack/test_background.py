"""What is done after the answer: nobody waits for it, and what breaks in it is told."""

from __future__ import annotations

import asyncio

from structlog.testing import capture_logs

from bot.core.faults import TryLater
from bot.slack.background import BackgroundTasks


async def _fails(error: Exception) -> None:
    raise error


async def _logged(error: Exception) -> dict[str, object]:
    later = BackgroundTasks()
    with capture_logs() as lines:
        later.do(_fails(error))
        await later.rest()
    (line,) = lines
    return dict(line)


async def test_a_fault_is_logged_by_its_cause() -> None:
    line = await _logged(TryLater("slack_timeout"))
    assert (line["event"], line["cause"]) == ("courtesy_failed", "slack_timeout")


async def test_a_bug_is_logged_by_its_place_and_not_by_its_words() -> None:
    """asyncio would log the exception itself, with what it quotes, once the task is collected."""
    line = await _logged(KeyError("what somebody wrote"))
    assert (line["event"], line["error"]) == ("courtesy_broke", "KeyError")
    assert str(line["at"]).startswith("tests.slack.test_background:")
    assert "wrote" not in str(line)


async def test_what_may_wait_long_is_given_up() -> None:
    later = BackgroundTasks()
    later.do(asyncio.sleep(3600))
    await asyncio.sleep(0)
    await later.give_up()
