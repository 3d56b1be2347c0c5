"""A request that is not let go in its turn is no failure, and leaves nothing in doubt."""

from __future__ import annotations

import pytest

from bot.core.faults import PlainError, Postponed, Reason, Rejected, Rejection, TryLater
from bot.core.model import Created
from tests.flows.delivering import UNKNOWN, Bench, bench

__all__ = ["bench"]

PACED = Postponed("plain_paced", 20.0)


async def test_a_create_that_may_not_go_yet_leaves_the_row_as_it_was(bench: Bench) -> None:
    bench.post()
    bench.plain.before = [PACED]
    assert await bench.fail(bench.react(), 20) is PACED
    claim = bench.claim()
    assert (claim.sent_at, claim.opening) == (None, None)
    assert isinstance(await bench.settle(claim), Created)


async def test_a_look_up_that_may_not_go_yet_is_no_strike(bench: Bench) -> None:
    bench.post()
    bench.plain.before = [UNKNOWN]
    bench.plain.hidden = True
    await bench.fail(bench.react(), 40)
    bench.plain.look_ups = [PACED]
    claim = bench.claim()
    assert await bench.fail(claim, 20) is PACED
    assert bench.claim().sent_at == claim.sent_at


async def test_a_look_up_after_a_refused_create_that_may_not_go_leaves_it_in_doubt(
    bench: Bench,
) -> None:
    bench.post()
    bench.plain.before = [
        Rejected(Rejection(Reason.PLAIN_REFUSED, plain_error=PlainError(code="input_validation")))
    ]
    bench.plain.look_ups = [PACED]
    with pytest.raises(TryLater) as raised:
        await bench.deliver(bench.react())
    assert raised.value.outcome_unknown
