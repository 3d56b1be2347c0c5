"""The worker runs the jobs that are no decisions, and gives up those that fail for a day."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import delete

from bot.core.faults import (
    Fault,
    LeaseLost,
    OutOfTurn,
    Reason,
    Rejected,
    Rejection,
    SlackError,
    TryLater,
)
from bot.core.model import Outcome
from bot.flows.deliver import Progress
from bot.store.claims import Claim
from bot.store.customer_links import CustomerLink, CustomerLinks
from bot.store.jobs import Job, Kind
from bot.store.schema import request
from bot.worker import LONGEST_JOB, Handler, Unpaced
from tests.nouns import TEAM, escalation
from tests.working import Bench, bench, creates, raises, until, working

__all__ = ["bench"]

OUTAGE = TryLater("slack_unreachable")


def handling(bench: Bench, *faults: Exception) -> list[int]:
    """Handle undos, which meet these faults in turn; return the keys of those that were tried."""
    tried: list[int] = []
    left = list(faults)

    async def handle(job: Job) -> None:
        tried.append(job.key)
        if left:
            raise left.pop(0)
        bench.ledger.finish(job)

    handler: Handler = handle
    bench.handlers[Kind.UNDO] = handler
    return tried


async def test_each_kind_has_its_handler(bench: Bench) -> None:
    tried = handling(bench)
    bench.plan(Kind.UNDO, 7)
    async with working(bench.worker(creates)):
        await until(lambda: not bench.jobs())
    assert tried == [7]


@pytest.mark.parametrize("fault", [OUTAGE, ZeroDivisionError()], ids=["a fault", "a bug"])
async def test_a_job_that_fails_is_tried_again(bench: Bench, fault: Exception) -> None:
    tried = handling(bench, fault)
    bench.plan(Kind.UNDO)
    worker = bench.worker(creates)
    async with working(worker):
        await until(lambda: tried == [1] and not worker.is_busy)
        assert bench.jobs() == [("undo", 1)]
        bench.clock.move(1)
        worker.wake()
        await until(lambda: not bench.jobs())
    assert tried == [1, 1]


async def test_a_job_that_is_rejected_is_done(bench: Bench) -> None:
    tried = handling(bench, Rejected(Rejection(Reason.SLACK_REFUSED)))
    bench.plan(Kind.UNDO)
    async with working(bench.worker(creates)):
        await until(lambda: not bench.jobs())
    assert tried == [1]


async def test_a_job_whose_lease_was_lost_is_left_to_the_other_worker(bench: Bench) -> None:
    tried = handling(bench, LeaseLost())
    bench.plan(Kind.UNDO)
    worker = bench.worker(creates)
    async with working(worker):
        await until(lambda: tried and not worker.is_busy)
    assert bench.jobs() == [("undo", 1)]


@pytest.mark.parametrize(
    ("fault", "left"),
    [(OUTAGE, []), (TryLater("slack_ratelimited", after=60.0), [("undo", 1)])],
    ids=["a failure", "a wait that somebody named"],
)
async def test_a_job_that_still_fails_after_a_day_is_given_up(
    bench: Bench, fault: Fault, left: list[tuple[str, int]]
) -> None:
    tried = handling(bench, fault)
    bench.plan(Kind.UNDO)
    bench.clock.move(LONGEST_JOB + 1)
    worker = bench.worker(creates)
    async with working(worker):
        await until(lambda: tried and not worker.is_busy)
    assert bench.jobs() == left


async def test_the_job_of_a_request_that_is_gone_ends(bench: Bench) -> None:
    """It was claimed again and again, each time for a whole lease."""
    bench.ledger.record(escalation())
    with bench.database.writing() as connection:
        connection.execute(delete(request))
    async with working(bench.worker(creates)):
        await until(lambda: not bench.jobs())
    assert bench.told == []


# Beside a backlog


class Shut(Unpaced):
    """A rate limit without room for a delivery."""

    def room(self, running: int, wanted: int) -> int:
        return 0


async def test_what_becomes_due_is_done_while_the_rate_limit_is_shut(bench: Bench) -> None:
    """It waited for the limit, which is Plain's and none of Slack's."""
    tried = handling(bench, OUTAGE)
    bench.plan(Kind.UNDO)
    bench.ledger.record(escalation())
    worker = bench.worker(creates)
    worker.pace = Shut()
    async with working(worker):
        await until(lambda: tried and not worker.is_busy)
        bench.clock.move(1)
        await until(lambda: len(tried) == 2)
    assert bench.jobs() == [("decide", 1)]


# Decisions


async def test_a_request_that_is_not_in_its_turn_is_decided_later(bench: Bench) -> None:
    first = True

    async def script(claim: Claim, _progress: Progress) -> Outcome:
        nonlocal first
        if first:
            first = False
            bench.ledger.give_back(claim.job)
            raise OutOfTurn
        return await bench.opens(claim, _progress)

    bench.ledger.record(escalation())
    worker = bench.worker(script)
    async with working(worker):
        await until(lambda: bench.told)
    assert bench.entry().state == "created"
    assert len(bench.told) == 1


async def test_a_link_that_comes_meanwhile_is_used_at_once_and_no_rejection_told(
    bench: Bench,
) -> None:
    async def script(claim: Claim, progress: Progress) -> Outcome:
        if not CustomerLinks(bench.database).all():
            CustomerLinks(bench.database).link([CustomerLink(TEAM, "U0AUTHOR", "c_1")])
            raise Rejected(Rejection(Reason.NO_CUSTOMER, requester="U0AUTHOR"))
        return await bench.opens(claim, progress)

    bench.ledger.record(escalation())
    async with working(bench.worker(script)):
        await until(lambda: bench.told)
    assert bench.entry().state == "created"
    assert len(bench.told) == 1


# Answers


async def test_an_answer_that_slack_will_not_take_is_given_up_after_a_day(bench: Bench) -> None:
    """It was tried for ever, and its address was kept for as long."""
    bench.tell_faults = [OUTAGE, OUTAGE]
    bench.ledger.record(escalation())
    worker = bench.worker(raises(Rejected(Rejection(Reason.EMPTY))))
    async with working(worker):
        await until(lambda: len(bench.tell_faults) == 1 and not worker.is_busy)
        assert bench.entry().answer == "due"
        bench.clock.move(LONGEST_JOB + 1)
        worker.wake()
        await until(lambda: bench.entry().answer == "unsayable")
    assert (bench.jobs(), bench.told) == ([], [])


async def test_a_successs_answer_is_given_up_after_a_day_too(bench: Bench) -> None:
    bench.tell_faults = [OUTAGE, OUTAGE]
    bench.ledger.record(escalation())
    worker = bench.worker(bench.opens)
    async with working(worker):
        await until(lambda: len(bench.tell_faults) == 1 and not worker.is_busy)
        bench.clock.move(LONGEST_JOB + 1)
        worker.wake()
        await until(lambda: not bench.jobs())
    assert (bench.told, bench.entry().state) == ([], "created")


async def test_a_success_that_can_be_said_nowhere_is_noted(bench: Bench) -> None:
    error = SlackError(code="messages_tab_disabled")
    bench.tell_faults = [Rejected(Rejection(Reason.SLACK_REFUSED, slack_error=error))]
    bench.ledger.record(escalation())
    async with working(bench.worker(bench.opens)):
        await until(lambda: bench.entry().answer == "unsayable")
    assert bench.entry().state == "created"


async def test_no_answer_is_given_to_a_request_that_is_decided_again(bench: Bench) -> None:
    bench.ledger.record(escalation())
    bench.plan(Kind.ANSWER)
    worker = bench.worker(raises(TryLater("plain_500", after=60.0)))
    async with working(worker):
        await until(lambda: bench.jobs() == [("decide", 1)])
    assert bench.told == []


async def test_jobs_that_take_their_process_along_are_given_up(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were claimed for ever, without a pause."""
    bench.tell_faults = [OUTAGE]
    bench.ledger.record(escalation())
    async with working(bench.worker(raises(Rejected(Rejection(Reason.EMPTY))))):
        await until(lambda: bench.jobs() == [("answer", 1)] and not bench.tell_faults)
    bench.clock.move(1)
    tried = handling(bench)
    bench.plan(Kind.UNDO)
    claim_all = bench.ledger.claim

    def struck_out(worker: str, decisions: int, others: int = 0) -> list[Job]:
        return [replace(job, hopeless=True) for job in claim_all(worker, decisions, others)]

    monkeypatch.setattr(bench.ledger, "claim", struck_out)
    async with working(bench.worker(creates)):
        await until(lambda: not bench.jobs())
    assert (tried, bench.told) == ([], [])
    assert bench.entry().answer == "unsayable"
