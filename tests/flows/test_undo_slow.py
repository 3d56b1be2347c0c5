"""An undo that takes long lets its row go while it is still its own."""

from __future__ import annotations

import asyncio

import pytest

from bot.core.undo import Unreached
from bot.flows import undo
from bot.store.undo import LEASE_SECONDS
from tests.flows.undoing import UndoBench
from tests.nouns import TICKET


@pytest.mark.parametrize(("slow", "goes_on"), [("thread_snapshot", False), ("add_note", True)])
async def test_who_is_slow_lets_go_before_another_takes_over(
    undo_bench: UndoBench, monkeypatch: pytest.MonkeyPatch, slow: str, goes_on: bool
) -> None:
    """Let go later, the row stood again while its thread was marked as ignored."""
    monkeypatch.setattr(undo, "FINISH_SECONDS", 0.01)

    async def hangs(*_: object) -> None:
        await asyncio.sleep(3600)

    monkeypatch.setattr(undo_bench.plain, slow, hangs)
    assert await undo_bench.undo() == Unreached(TICKET, goes_on=goes_on)
    assert (undo_bench.record.undo_begun_by is not None, undo_bench.is_leased) == (goes_on, False)


def test_the_time_in_plain_is_shorter_than_the_lease() -> None:
    assert undo.FINISH_SECONDS < LEASE_SECONDS
