"""What is seen is told beside the loop where that takes long."""

from __future__ import annotations

import threading

import pytest

from bot.core.conversation import Thread
from bot.core.model import Via
from bot.core.quote import Scene
from bot.flows.seeing import LONG_THREAD, Seen
from tests.nouns import message, trigger


@pytest.mark.parametrize("count", [None, LONG_THREAD - 1, LONG_THREAD])
async def test_a_long_slack_thread_does_not_hold_up_the_doors(count: int | None) -> None:
    """Ten thousand messages took the loop five seconds; Slack waits for three."""
    said = tuple(message(number) for number in range(count or 0))
    whole = None if count is None else Thread(said, {}, None)
    seen = Seen(trigger(), None, Scene(None, "Asker", Via.SHORTCUT, whole=whole))
    beside = await seen.told(threading.get_ident) != threading.get_ident()
    assert beside is (count == LONG_THREAD)
