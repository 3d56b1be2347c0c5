"""A message whose Slack thread has its ticket is added to it."""

from __future__ import annotations

import pytest

from bot.core.faults import OutOfTurn, PlainError, Reason, Rejected, Rejection
from bot.core.model import Added
from bot.flows.workspace import Policy
from tests.flows.delivering import UNKNOWN, Bench, bench
from tests.nouns import TICKET, escalation, ts

__all__ = ["bench"]


async def test_a_reply_of_a_slack_thread_that_has_its_ticket_is_added_to_it(bench: Bench) -> None:
    bench.post(1)
    bench.post(2, "Me too", thread_ts=ts(1), author="U0SECOND")
    await bench.settle(bench.react(1))
    assert await bench.settle(bench.react(2)) == Added(TICKET)
    assert len(bench.plain.threads) == 1
    (event,) = bench.plain.events
    assert (event.thread, event.external_id) == ("th_1", escalation(2).key)


async def test_one_thread_per_message_where_that_is_wanted(bench: Bench) -> None:
    bench.policy = Policy(one_thread_per="message")
    bench.post(1)
    bench.post(2, thread_ts=ts(1))
    await bench.settle(bench.react(1))
    await bench.settle(bench.react(2))
    assert len(bench.plain.threads) == 2


async def test_a_sibling_waits_while_the_thread_may_come_about(bench: Bench) -> None:
    bench.post(1)
    bench.post(2, thread_ts=ts(1))
    bench.plain.before = [UNKNOWN]
    await bench.fail(bench.react(1), 40, wait=False)
    assert (await bench.fail(bench.react(2))).cause == "conversation_held"
    assert bench.plain.sent == 1


async def test_a_sibling_gives_way_while_the_first_is_being_delivered(bench: Bench) -> None:
    """Only once its message was read it is known that both are of one Slack thread."""
    bench.post(1)
    bench.post(2, thread_ts=ts(1))
    bench.ledger.record(escalation(1))
    bench.ledger.record(escalation(2))
    first, second = bench.claims()
    with pytest.raises(OutOfTurn):
        await bench.deliver(second)
    assert bench.claims() == []
    await bench.settle(first)
    assert await bench.settle(bench.claim()) == Added(TICKET)


async def test_an_addition_whose_answer_is_lost_is_there_once(bench: Bench) -> None:
    bench.post(1)
    bench.post(2, thread_ts=ts(1))
    await bench.settle(bench.react(1))
    bench.plain.after = [UNKNOWN]
    assert isinstance(await bench.settle(bench.react(2)), Added)
    assert len(bench.plain.events) == 1


@pytest.mark.parametrize("committed", [True, False])
async def test_an_addition_that_cannot_be_seen_is_sent_again_after_the_window_only(
    bench: Bench, committed: bool
) -> None:
    bench.post(1)
    bench.post(2, thread_ts=ts(1))
    await bench.settle(bench.react(1))
    (bench.plain.after if committed else bench.plain.before).append(UNKNOWN)
    bench.plain.hidden = True
    await bench.fail(bench.react(2), 1)
    assert (await bench.fail(bench.claim(), 40)).cause == "settling"
    bench.plain.hidden = not committed
    outcome = await bench.settle(bench.claim())
    assert isinstance(outcome, Added)
    assert len(bench.plain.events) == 1


async def test_a_refused_addition_that_is_there_counts(bench: Bench) -> None:
    bench.post(1)
    bench.post(2, thread_ts=ts(1))
    await bench.settle(bench.react(1))
    bench.plain.after = [
        Rejected(Rejection(Reason.PLAIN_REFUSED, plain_error=PlainError(code="duplicate")))
    ]
    assert isinstance(await bench.settle(bench.react(2)), Added)
    bench.post(3, thread_ts=ts(1))
    bench.plain.before = [
        Rejected(Rejection(Reason.PLAIN_REFUSED, plain_error=PlainError(code="input_validation")))
    ]
    with pytest.raises(Rejected):
        await bench.deliver(bench.react(3))
