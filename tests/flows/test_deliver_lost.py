"""Answers of Plain that are lost, refused or too late."""

from __future__ import annotations

import pytest

from bot.core.faults import LeaseLost, PlainError, Postponed, Reason, Rejected, Rejection, TryLater
from bot.core.model import Created, Joined
from bot.store.claims import Claim
from bot.store.customer_links import CustomerLink
from bot.store.jobs import LEASE_SECONDS
from tests.flows.delivering import UNKNOWN, Bench, bench
from tests.nouns import TEAM, TICKET, escalation

__all__ = ["bench"]

SURE = TryLater("plain_429", after=2.0)


async def test_a_thread_whose_answer_is_lost_is_found_at_once(bench: Bench) -> None:
    bench.post()
    bench.plain.after = [UNKNOWN]
    assert isinstance(await bench.settle(bench.react()), Created)
    assert (len(bench.plain.threads), bench.plain.sent) == (1, 1)


@pytest.mark.parametrize("refuses", [True, False], ids=["refuses a second", "allows a second"])
async def test_a_thread_that_comes_about_late_is_found_within_the_window(
    bench: Bench, refuses: bool
) -> None:
    bench.post()
    bench.plain.refuse_duplicates = refuses
    bench.plain.after = [UNKNOWN]
    bench.plain.hidden = True
    await bench.fail(bench.react(), 2)
    for _ in range(3):
        fault = await bench.fail(bench.claim(), 5)
        assert isinstance(fault, Postponed)
    bench.plain.hidden = False
    assert isinstance(await bench.settle(bench.claim()), Created)
    assert (len(bench.plain.threads), bench.plain.sent) == (1, 1)


async def test_a_thread_that_never_came_about_is_created_after_the_window(bench: Bench) -> None:
    bench.post()
    bench.plain.before = [UNKNOWN]
    await bench.fail(bench.react(), 34)
    fault = await bench.fail(bench.claim(), 1)
    assert (fault.cause, fault.after) == ("settling", 1.0)
    assert bench.plain.sent == 1
    assert isinstance(await bench.settle(bench.claim()), Created)
    assert (len(bench.plain.threads), bench.plain.sent) == (1, 2)


async def test_what_was_surely_not_processed_needs_no_window(bench: Bench) -> None:
    bench.post()
    bench.plain.before = [SURE]
    await bench.fail(bench.react(), 2)
    assert isinstance(await bench.settle(bench.claim()), Created)


async def test_the_customer_stays_frozen_when_the_link_changes_between_two_attempts(
    bench: Bench,
) -> None:
    bench.post()
    bench.links.link([CustomerLink(TEAM, "U0AUTHOR", "c_before")])
    bench.plain.after = [UNKNOWN]
    bench.plain.hidden = True
    await bench.fail(bench.react(), 3)
    bench.links.link([CustomerLink(TEAM, "U0AUTHOR", "c_after")])
    bench.plain.hidden = False
    await bench.settle(bench.claim())
    assert [thread.customer for thread in bench.plain.threads] == ["c_before"]


async def test_a_refused_create_is_looked_up_once_more_before_it_is_believed(
    bench: Bench,
) -> None:
    bench.post()
    bench.plain.after = [
        Rejected(Rejection(Reason.PLAIN_REFUSED, plain_error=PlainError(code="duplicate")))
    ]
    assert isinstance(await bench.settle(bench.react()), Created)
    bench.post(2)
    bench.plain.before = [
        Rejected(Rejection(Reason.PLAIN_REFUSED, plain_error=PlainError(code="input_validation")))
    ]
    with pytest.raises(Rejected):
        await bench.deliver(bench.react(2))
    bench.post(3)
    bench.plain.before = [
        Rejected(Rejection(Reason.PLAIN_REFUSED, plain_error=PlainError(code="input_validation")))
    ]
    bench.plain.look_ups = [TryLater("plain_502")]
    fault = await bench.fail(_only(bench, 3))
    assert fault.outcome_unknown


def _only(bench: Bench, number: int) -> Claim:
    bench.ledger.record(escalation(number))
    return next(one for one in bench.claims() if one.escalation.key == escalation(number).key)


async def test_a_create_whose_refusal_and_look_up_are_both_refused_is_looked_for_when_asked_again(
    bench: Bench,
) -> None:
    """Plain may create a thread and refuse to show it for want of a permission."""
    bench.post()
    bench.plain.after = [Rejected(Rejection(Reason.PLAIN_FORBIDDEN))]
    bench.plain.look_ups = [Rejected(Rejection(Reason.PLAIN_FORBIDDEN))]
    claim = bench.react()
    with pytest.raises(Rejected) as refusal:
        await bench.deliver(claim)
    bench.ledger.settle(claim, refusal.value.rejection)
    bench.ledger.answered(claim, said=True)
    bench.ledger.record(escalation(request="Ev9"))
    await bench.fail(bench.claim())  # what became of the first one's is noted
    assert await bench.settle(bench.claim()) == Joined(TICKET)
    assert bench.plain.sent == 1


async def test_a_look_up_that_fails_changes_nothing(bench: Bench) -> None:
    bench.post()
    bench.plain.after = [UNKNOWN]
    bench.plain.look_ups = [TryLater("plain_502"), TryLater("plain_502")]
    await bench.fail(bench.react(), 40)
    assert not (await bench.fail(bench.claim(), 1)).outcome_unknown
    assert isinstance(await bench.settle(bench.claim()), Created)
    assert bench.plain.sent == 1


async def test_who_lost_the_lease_sends_no_create(bench: Bench) -> None:
    bench.post()
    claim = bench.react()
    bench.clock.move(LEASE_SECONDS + 1)
    with pytest.raises(LeaseLost):
        await bench.deliver(claim)
    assert bench.plain.sent == 0
