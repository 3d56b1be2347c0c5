"""The worker tells what came of it, and what it does where that fails."""

from __future__ import annotations

from bot.core.faults import Reason, Rejected, Rejection, SlackError, TryLater
from bot.core.model import Outcome
from bot.flows.deliver import Progress
from bot.store.claims import Claim
from bot.store.jobs import LEASE_SECONDS
from tests.nouns import escalation, message, ts
from tests.working import Bench, bench, creates, raises, until, working

__all__ = ["bench"]


async def test_a_refusal_is_told_and_then_nothing_is_left(bench: Bench) -> None:
    bench.ledger.record(escalation())
    async with working(bench.worker(raises(Rejected(Rejection(Reason.MESSAGE_NOT_FOUND))))):
        await until(lambda: bench.entry().answer == "said")
    assert bench.told == [(escalation().trigger, Rejection(Reason.MESSAGE_NOT_FOUND))]
    assert (bench.entry().state, bench.entry().due) == ("rejected", None)


async def test_the_answer_knows_the_message_that_was_read(bench: Bench) -> None:
    async def script(_claim: Claim, progress: Progress) -> Outcome:
        await progress.read(message(thread_ts=ts(9)), "k")
        raise Rejected(Rejection(Reason.NO_CUSTOMER, requester="U0AUTHOR", requester_name="Author"))

    bench.ledger.record(escalation())
    async with working(bench.worker(script)):
        await until(lambda: bench.told)
    assert bench.told[0][0].message == message(thread_ts=ts(9))


async def test_an_answer_that_was_surely_not_said_is_said_later(bench: Bench) -> None:
    bench.tell_faults = [TryLater("slack_ratelimited", after=3.0)]
    bench.ledger.record(escalation())
    worker = bench.worker(bench.opens)
    async with working(worker):
        await until(lambda: bench.entry().answer == "due")
        assert bench.told == []
        bench.clock.move(3)
        worker.wake()
        await until(lambda: bench.told)
        await until(lambda: bench.entry().answer == "said")
    assert len(bench.told) == 1


async def test_a_success_that_may_have_been_said_is_not_said_again(bench: Bench) -> None:
    bench.tell_faults = [TryLater("slack_timeout", outcome_unknown=True)]
    bench.ledger.record(escalation())
    async with working(bench.worker(creates)):
        await until(lambda: not bench.tell_faults)
    assert (bench.entry().due, bench.told) == (None, [])


async def test_a_refusal_that_may_not_have_been_said_is_said_again(bench: Bench) -> None:
    bench.tell_faults = [TryLater("slack_timeout", outcome_unknown=True)]
    bench.ledger.record(escalation())
    worker = bench.worker(raises(Rejected(Rejection(Reason.EMPTY))))
    async with working(worker):
        await until(lambda: bench.entry().due != bench.clock.now)
        bench.clock.move(LEASE_SECONDS)
        worker.wake()
        await until(lambda: bench.told)


async def test_an_answer_that_can_be_said_nowhere_is_noted(bench: Bench) -> None:
    bench.tell_faults = [
        Rejected(
            Rejection(Reason.SLACK_REFUSED, slack_error=SlackError(code="messages_tab_disabled"))
        )
    ]
    bench.ledger.record(escalation())
    async with working(bench.worker(raises(Rejected(Rejection(Reason.EMPTY))))):
        await until(lambda: bench.entry().answer == "unsayable")
    assert bench.entry().due is None
