"""Background tasks: their faults and bugs are logged, and raised nowhere."""

from __future__ import annotations

import asyncio

from structlog.testing import capture_logs

from bot.core.faults import TryLater
from bot.slack.background import BackgroundTasks


async def _fails(error: Exception) -> None:
    raise error


async def _logged(error: Exception) -> dict[str, object]:
    tasks = BackgroundTasks()
    with capture_logs() as lines:
        tasks.spawn(_fails(error))
        await tasks.drain()
    (line,) = lines
    return dict(line)


async def test_a_fault_is_logged_by_its_cause() -> None:
    line = await _logged(TryLater("slack_timeout"))
    assert (line["event"], line["cause"]) == ("background_task_failed", "slack_timeout")


async def test_a_bug_is_logged_by_its_place_and_not_by_its_words() -> None:
    """asyncio would log the exception itself, with what it quotes, once the task is collected."""
    line = await _logged(KeyError("what somebody wrote"))
    assert (line["event"], line["error"]) == ("background_task_crashed", "KeyError")
    assert str(line["at"]).startswith("tests.slack.test_background:")
    assert "wrote" not in str(line)


async def test_what_takes_long_can_be_cancelled() -> None:
    tasks = BackgroundTasks()
    tasks.spawn(asyncio.sleep(3600))
    await asyncio.sleep(0)
    await tasks.cancel()
