"""An undo that takes long lets its row go while it is still its own."""

from __future__ import annotations

import asyncio

import pytest

from bot.core.undo import Unreached
from bot.flows import undo
from bot.store.undo import LEASE_SECONDS
from tests.flows.undoing import Ground
from tests.nouns import TICKET


@pytest.mark.parametrize(("slow", "goes_on"), [("seen", False), ("add_note", True)])
async def test_who_is_slow_lets_go_before_another_takes_over(
    monkeypatch: pytest.MonkeyPatch, slow: str, goes_on: bool
) -> None:
    """Let go later, the row stood again while its thread was marked as ignored."""
    monkeypatch.setattr(undo, "FINISH_SECONDS", 0.01)

    async def hangs(*_: object) -> None:
        await asyncio.sleep(3600)

    ground = Ground()
    monkeypatch.setattr(ground.plain, slow, hangs)
    assert await ground.undo() == Unreached(TICKET, goes_on=goes_on)
    assert ground.rows.row is not None
    assert (ground.rows.row.begun_by is not None, ground.rows.leased) == (goes_on, False)


def test_the_time_in_plain_is_shorter_than_the_lease() -> None:
    assert undo.FINISH_SECONDS < LEASE_SECONDS
