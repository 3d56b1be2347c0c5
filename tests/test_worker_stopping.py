"""A worker that is told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from bot.core.model import Created, Outcome
from bot.flows.deliver import Progress
from bot.store.claims import Claim
from tests.nouns import TICKET, escalation
from tests.working import Bench, bench, creates, working

__all__ = ["bench"]


async def test_stopping_lets_deliveries_finish(bench: Bench) -> None:
    started = asyncio.Event()

    async def slow(_claim: Claim, _progress: Progress) -> Outcome:
        started.set()
        await asyncio.sleep(0.05)
        return Created(TICKET)

    bench.ledger.record(escalation())
    async with working(bench.worker(slow)):
        await asyncio.wait_for(started.wait(), 5)
    assert bench.entry().state == "created"


async def test_stopping_gives_back_what_does_not_finish_in_time(bench: Bench) -> None:
    started = asyncio.Event()

    async def endless(_claim: Claim, _progress: Progress) -> Outcome:
        started.set()
        await asyncio.Event().wait()
        raise AssertionError

    bench.ledger.record(escalation())
    worker = bench.worker(endless)
    task = asyncio.create_task(worker.work())
    await asyncio.wait_for(started.wait(), 5)
    await worker.stop(grace=0.01)
    await task
    (job,) = bench.ledger.claim("two", 8)  # at once, without waiting for a lease
    assert job.attempt == 1


async def test_a_claim_that_comes_back_while_stopping_is_given_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was started after the stop had counted what ran, and its create was cut off."""
    bench.ledger.record(escalation())
    worker = bench.worker(creates)
    asked, claim = asyncio.Event(), bench.ledger.claim

    async def slow(work: Callable[..., object], *args: object, **more: object) -> object:
        found = work(*args, **more)
        if work is bench.ledger.claim:
            asked.set()
            await asyncio.sleep(0.05)
        return found

    monkeypatch.setattr(bench.ledger, "claim", claim)
    worker.run = slow  # type: ignore[assignment]
    task = asyncio.create_task(worker.work())
    await asyncio.wait_for(asked.wait(), 5)
    await worker.stop(grace=5)
    await task
    assert bench.told == []
    (again,) = bench.ledger.claim("two", 8)
    assert again.attempt == 1
