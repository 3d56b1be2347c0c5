"""What `tests/simulation` found wrong with deliveries, each as it was found."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core.faults import Postponed, Reason, Rejected, Rejection, TryLater
from bot.core.model import Joined
from tests.flows.delivering import UNKNOWN, Bench, bench
from tests.nouns import TICKET, escalation, ts

__all__ = ["bench"]


async def test_a_refused_look_up_does_not_make_a_create_undone_whose_answer_was_lost(
    bench: Bench,
) -> None:
    """The key lost a permission in between; whoever asked again got a second thread."""
    bench.post()
    bench.plain.after = [UNKNOWN]
    bench.plain.look_ups = [TryLater("plain_502"), Rejected(Rejection(Reason.PLAIN_FORBIDDEN))]
    await bench.fail(bench.react(), 40)
    claim = bench.claim()
    with pytest.raises(Rejected) as refusal:
        await bench.deliver(claim)
    bench.ledger.settle(claim, refusal.value.rejection)
    bench.ledger.answered(claim, said=True)
    bench.ledger.record(escalation(request="Ev9"))
    await bench.fail(bench.claim())  # what became of the first one's is noted
    assert await bench.settle(bench.claim()) == Joined(TICKET)
    assert bench.plain.sent == 1


async def test_a_process_that_stood_still_past_the_settle_windows_margin_sends_nothing(
    bench: Bench,
) -> None:
    """Its create landed when the next process had stopped looking for it: two threads."""
    bench.post()
    bench.moments = iter((0.0, 6.0))
    with pytest.raises(Postponed):
        await bench.deliver(bench.react())
    assert bench.plain.sent == 0


async def test_a_sibling_that_waits_for_long_looks_less_often(bench: Bench) -> None:
    """It read its message from Slack once a second, for as long as Plain was down."""
    bench.post(1)
    bench.post(2, thread_ts=ts(1))
    bench.plain.before = [UNKNOWN]
    await bench.fail(bench.react(1), 300, wait=False)
    bench.ledger.record(escalation(2))
    pauses = []
    for _ in range(10):
        claim = bench.claim()
        fault = await bench.fail(claim)
        assert (fault.cause, claim.job.attempt) == ("conversation_held", 1)
        pauses.append(fault.after or 0.0)
        bench.clock.move(pauses[-1])
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (1.0, 15.0)


async def test_a_clock_that_was_set_back_does_not_make_it_look_every_second(bench: Bench) -> None:
    bench.post()
    bench.plain.before = [UNKNOWN]
    await bench.fail(bench.react())
    claim = bench.claim()
    with pytest.raises(Postponed) as wait:
        await bench.deliver(replace(claim, job=replace(claim.job, now=claim.now - 300)))
    assert wait.value.after == 150.0
