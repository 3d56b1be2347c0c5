"""Claim due jobs, decide requests and answer them, run the other jobs, and obey the faults."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, ParamSpec, Protocol, TypeVar

import structlog

from bot.core.faults import (
    LEASE_LOST,
    Fault,
    LeaseLost,
    OutOfTurn,
    Rejected,
    Rejection,
    TryLater,
    delay,
)
from bot.core.model import Added, Created, Ignored, Joined, Outcome, Trigger
from bot.flows.deliver import Progress, give_up
from bot.flows.thread_order import ThreadOrder, Turn
from bot.store import rejections
from bot.store.claims import Claim, load
from bot.store.executor import Run
from bot.store.jobs import Job, Kind
from bot.store.tickets import Ledger

AT_ONCE = 8
"""Decisions at a time."""

OTHERS_AT_ONCE = 4
"""Other jobs at a time: answers, edits, undos and the like, which no backlog delays."""

LONGEST_DELIVERY = 600.0
"""Seconds for one attempt. Its lease is renewed for no longer: a step that never ends must not keep
its job, and its place in the worker, for ever."""

LONGEST_JOB = 86400.0
"""Seconds after which a job that is no decision is given up, if it still fails."""

RENEWALS_PER_LEASE = 3

_WRITE_PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0)

IDLE_SECONDS = 30.0
"""The longest sleep: a safety net, because work wakes the worker."""

HELD_BACK_SECONDS = 1.0
"""Seconds before looking again where what is due may not be claimed: all places are taken, or
another worker has one of the conversation."""

LOOK_AHEAD_SECONDS = 0.1
"""Seconds before looking for what is due next after a claim, which goes first."""

P = ParamSpec("P")
T = TypeVar("T")

_LOGGED = ("code", "method", "fields", "request_id")
"""Data of a refusal that is logged with its reason: Slack's and Plain's words, nobody's text."""

log = structlog.get_logger("bot.worker")


class DeliveryPace(Protocol):
    """The share of the rate limit: the worker claims no more than it can serve."""

    def room(self, running: int, wanted: int) -> int:
        """Return for how many of `wanted` deliveries there is room besides `running` ones."""

    def opens_in(self) -> float:
        """Return the seconds until there may be more room."""

    async def reserve(self, deliveries: int) -> int:
        """Return for how many of these deliveries, running ones included, there are permits."""

    async def rest(self) -> None:
        """Take note that nothing is left to deliver."""


class Unpaced:
    """A rate limit that always has room."""

    def room(self, running: int, wanted: int) -> int:  # noqa: ARG002
        return wanted

    def opens_in(self) -> float:
        return IDLE_SECONDS

    async def reserve(self, deliveries: int) -> int:
        return deliveries

    async def rest(self) -> None:
        pass


Deliver = Callable[[Claim, Progress], Awaitable[Outcome]]
Tell = Callable[[Trigger, Outcome, str], Awaitable[None]]
Observe = Callable[[Claim, str], None]

Handler = Callable[[Job], Awaitable[None]]
"""Run a job that is no decision, and end it in the transaction that records what came of it.

Raise TryLater to have it put back, Rejected to have it ended.
"""


def _took_too_long() -> TryLater:
    return TryLater("took_too_long")


@dataclass
class Worker:
    """One process's worker. `name` is unique among the replicas.

    `deliver` decides a request, `tell` answers the submitter, `handlers` run the other jobs by
    their kind; `observe` counts outcomes by name, for the metrics.
    """

    name: str
    ledger: Ledger
    deliver: Deliver
    tell: Tell
    run: Run
    handlers: Mapping[Kind, Handler] = field(default_factory=dict)
    observe: Observe = lambda _claim, _outcome: None
    chance: Callable[[], float] = random.random
    at_once: int = AT_ONCE
    others_at_once: int = OTHERS_AT_ONCE
    longest: float = LONGEST_DELIVERY
    pace: DeliveryPace = field(default_factory=Unpaced)
    _work: asyncio.Event = field(default_factory=asyncio.Event)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _claiming: asyncio.Event = field(default_factory=asyncio.Event)
    _claimed_last: asyncio.Event = field(default_factory=asyncio.Event)
    _running: dict[asyncio.Task[None], Job] = field(default_factory=dict)
    _order: ThreadOrder = field(default_factory=ThreadOrder)
    last_turn: float = field(default_factory=time.monotonic)
    """When the loop last ran (monotonic seconds), which shows if the worker hangs."""

    def wake(self) -> None:
        """Look for work now: there may be some."""
        self._work.set()

    @property
    def is_busy(self) -> bool:
        """Return True while anything is being done."""
        return bool(self._running)

    async def work(self) -> None:
        """Do what is due until `stop` is called; then finish what has begun."""
        self._claiming.set()
        while not self._stopping.is_set():
            self.last_turn = time.monotonic()
            self._work.clear()
            try:
                pause = await self._run_once()
            except TryLater as fault:
                log.warning("claim_failed", cause=fault.cause)
                pause = 1.0
            except Exception:
                log.exception("worker_crashed")
                pause = 5.0
            await self._sleep(pause)
        self._claiming.clear()
        self._claimed_last.set()
        if self._running:
            await asyncio.wait(self._running)

    async def stop(self, grace: float = 30.0) -> None:
        """Claim no more; let what has begun finish for `grace` seconds, then give it back."""
        self._stopping.set()
        self._work.set()
        if self._claiming.is_set():
            # A claim may be in progress; its jobs are to be given back.
            with suppress(TimeoutError):
                async with asyncio.timeout(grace):
                    await self._claimed_last.wait()
        if self._running:
            await asyncio.wait(self._running, timeout=grace)
        left = dict(self._running)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self._give_back(list(left.values()))

    async def _give_back(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            with suppress(Fault):
                await self.run(self.ledger.give_back, job)

    async def _run_once(self) -> float:
        """Claim as much as there is room for; return how long to sleep unless woken."""
        running = self._count(decisions=True)
        others_wanted = self.others_at_once - self._count(decisions=False)
        wanted = self.at_once - running
        room = self.pace.room(running, wanted) if wanted > 0 else 0
        claimed: Sequence[Job] = []
        if room > 0 or others_wanted > 0:
            claimed = await self.run(self.ledger.claim, self.name, room, others_wanted)
        if self._stopping.is_set():
            await self._give_back(claimed)
            return 0.0
        decisions = [job for job in claimed if job.kind is Kind.DECIDE]
        served = await self._start_all(claimed, decisions)
        if served < len(decisions):
            return min(IDLE_SECONDS, self.pace.opens_in())
        if len(decisions) == room < wanted:
            # A job of another kind may be due before there is room for a decision.
            return min(HELD_BACK_SECONDS, self.pace.opens_in())
        if len(decisions) == room or len(claimed) - len(decisions) == others_wanted > 0:
            return HELD_BACK_SECONDS  # or until one of them ends, which wakes us
        if claimed:
            return LOOK_AHEAD_SECONDS
        return await self._until_due()

    async def _start_all(self, claimed: Sequence[Job], decisions: Sequence[Job]) -> int:
        """Start the jobs that were claimed; return for how many decisions there are permits."""
        for job in claimed:
            if job.kind is not Kind.DECIDE:
                self._start(job, self._do(job))
        served = await self._served(decisions)
        claims = await self._load(decisions[:served])
        for claim in claims:
            self._order.enter(claim)
            self._start(claim.job, self._handle(claim))
        there = {claim.id for claim in claims}
        for job in decisions[:served]:
            if job.key not in there:  # its person is forgotten
                self._start(job, self._do(job))
        return served

    async def _until_due(self) -> float:
        """Return the seconds until something is due."""
        if not self._running:
            await self.pace.rest()
        due = await self.run(self.ledger.next_due)
        if due is not None and due <= 0:
            return HELD_BACK_SECONDS
        return IDLE_SECONDS if due is None else min(IDLE_SECONDS, max(0.01, due))

    async def _load(self, jobs: Sequence[Job]) -> Sequence[Claim]:
        """Read what the jobs are about. Give them back, and raise TryLater, if that fails."""
        if not jobs:
            return []
        try:
            return await self.run(load, self.ledger.database, jobs)
        except TryLater:
            await self._give_back(jobs)
            raise

    def _count(self, *, decisions: bool) -> int:
        running = self._running.values()
        return sum((job.kind is Kind.DECIDE) is decisions for job in running)

    async def _served(self, jobs: Sequence[Job]) -> int:
        """Return for how many of the decisions `jobs` there are permits; give the others back."""
        if not jobs:
            return 0
        running = self._count(decisions=True)
        try:
            served = max(0, await self.pace.reserve(running + len(jobs)) - running)
        except TryLater:
            served = 0
        await self._give_back(jobs[served:])
        return served

    def _start(self, job: Job, doing: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(doing, name=f"{job.kind}-{job.key}")
        self._running[task] = job
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        self._work.set()

    async def _sleep(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._work.wait()

    # Any job

    async def _limited(
        self, job: Job, doing: Awaitable[T], too_long: Callable[[], TryLater] = _took_too_long
    ) -> T:
        """Do it for at most `longest` seconds, and renew the lease meanwhile.

        A bug counts as a failure like others, so that its job is given up too.
        """
        renewing = asyncio.create_task(self._keep_lease(job))
        limit = asyncio.timeout(self.longest)
        try:
            async with limit:
                return await doing
        except Fault:
            raise
        except Exception as error:
            if limit.expired():
                raise too_long() from error
            log.exception("job_crashed", kind=job.kind.value, id=job.key)
            raise TryLater("bug", outcome_unknown=True) from error
        finally:
            renewing.cancel()

    async def _keep_lease(self, job: Job) -> None:
        """Renew the lease until cancelled, or until it is lost.

        A renewal that fails is tried again; the lease expires if none succeeds in time.
        """
        while math.isfinite(job.lease):
            await asyncio.sleep(job.lease / RENEWALS_PER_LEASE)
            try:
                await self.run(self.ledger.renew, job)
            except LeaseLost:
                return
            except TryLater:
                """There are two more renewals before the lease expires."""

    async def _write(self, method: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Write to the database, and try again while the lease may last."""
        for pause in _WRITE_PAUSES:
            try:
                return await self.run(method, *args, **kwargs)
            except TryLater:
                await asyncio.sleep(pause)
        return await self.run(method, *args, **kwargs)

    def _delay(self, job: Job, fault: TryLater) -> float:
        return delay(job.failures + 1, fault.after, self.chance())

    # A job that is no decision

    async def _do(self, job: Job) -> None:
        try:
            if job.hopeless:
                await self._give_up(job, LEASE_LOST)
                return
            await self._limited(job, self._handler(job)(job))
        except LeaseLost:
            log.warning("lease_lost", kind=job.kind.value, id=job.key)
        except TryLater as fault:
            with suppress(Fault):
                await self._put_back(job, fault)
        except Rejected as refused:
            log.warning("job_rejected", kind=job.kind.value, reason=refused.reason.value)
            with suppress(Fault):
                await self._write(self.ledger.finish, job)

    def _handler(self, job: Job) -> Handler:
        match job.kind:
            case Kind.DECIDE:
                return self._end
            case Kind.ANSWER:
                return self._answer_again
            case kind:
                return self.handlers[kind]

    async def _end(self, job: Job) -> None:
        await self._write(self.ledger.finish, job)

    async def _put_back(self, job: Job, fault: TryLater) -> None:
        if fault.is_failure and job.now - job.created_at > LONGEST_JOB:
            await self._give_up(job, fault.cause)
            return
        after = self._delay(job, fault)
        await self._write(self.ledger.put_back, job, after, fault.cause, failed=fault.is_failure)

    async def _give_up(self, job: Job, cause: str) -> None:
        log.warning("job_given_up", kind=job.kind.value, id=job.key, cause=cause)
        for claim in await self._load([job]) if job.kind is Kind.ANSWER else ():
            await self._write(self.ledger.answered, claim, said=False)
            return
        await self._write(self.ledger.finish, job)

    async def _answer_again(self, job: Job) -> None:
        """Give an answer that could not be given yet."""
        for claim in await self._load([job]):
            if claim.outcome is None:  # it is being decided again, or its person is forgotten
                break
            trigger = claim.escalation.trigger
            if isinstance(claim.outcome, Rejection):
                await self._answer_rejection(claim, trigger, claim.outcome)
                return
            await self._write(self.ledger.answered, claim, said=True)
            await self._answer_success(claim, trigger, claim.outcome)
            return
        await self._write(self.ledger.finish, job)

    # A request

    async def _handle(self, claim: Claim) -> None:
        turn = Turn(claim, self._order)
        try:
            outcome = await self._settle(claim, turn)
            if isinstance(outcome, Rejection):
                await self._answer_rejection(claim, turn.trigger, outcome)
            elif outcome is not None:
                await self._answer_success(claim, turn.trigger, outcome)
        except OutOfTurn:
            pass  # it is claimed again once the other one has ended
        except LeaseLost:
            log.warning("lease_lost", key=claim.name)
        except TryLater as fault:
            # The database could not be written: the lease expires, and another attempt looks for
            # what this one sent.
            log.warning("ledger_unwritable", key=claim.name, cause=fault.cause)
        except Exception:
            log.exception("delivery_crashed", key=claim.name)
            with suppress(Fault):
                await self._retry(claim, TryLater("bug", outcome_unknown=True))
        finally:
            self._order.leave(claim)

    async def _settle(self, claim: Claim, turn: Turn) -> Outcome | None:
        """Decide and settle the request; return None if nothing is to be answered now."""
        if not claim.is_waiting:
            await self._write(self.ledger.finish, claim.job)
            return None
        try:
            if claim.job.hopeless:
                raise TryLater(LEASE_LOST, outcome_unknown=True)
            delivering = self.deliver(claim, turn)
            outcome = await self._limited(claim.job, delivering, turn.too_long)
        except Rejected as refusal:
            outcome = refusal.rejection
        except TryLater as fault:
            if not claim.job.hopeless and not await self._is_hopeless(claim, fault):
                await self._retry(claim, fault)
                return None
            outcome = give_up(claim, fault.cause)
        if not await self._write(self.ledger.settle, claim, outcome):
            self.wake()
            return None
        self._note(claim, outcome)
        return outcome

    async def _is_hopeless(self, claim: Claim, fault: TryLater) -> bool:
        return fault.is_failure and await self.run(self.ledger.is_hopeless, claim.job)

    async def _retry(self, claim: Claim, fault: TryLater) -> None:
        after = self._delay(claim.job, fault)
        await self._write(
            self.ledger.retry_later,
            claim,
            after,
            fault.cause,
            failed=fault.is_failure,
            outcome_unknown=fault.outcome_unknown,
        )
        log.info(
            "retry_scheduled",
            key=claim.name,
            cause=fault.cause,
            attempt=claim.job.attempt,
            retry_in=round(after, 1),
            request_id=fault.request_id,
        )
        self.observe(claim, "retried" if fault.is_failure else "postponed")

    # Its answer

    async def _answer_success(self, claim: Claim, trigger: Trigger, outcome: Outcome) -> None:
        """Answer once: it counts as said already, so that there is never a second answer."""
        try:
            await self.tell(trigger, outcome, claim.reference)
        except TryLater as fault:
            if fault.outcome_unknown:
                return  # it may have been given
            if self._is_too_late(claim, fault):
                log.warning("answer_given_up", key=claim.name, cause=fault.cause)
                return
            after = self._delay(claim.job, fault)
            await self._write(
                self.ledger.answer_later, claim, after, fault.cause, failed=fault.is_failure
            )
            log.info("answer_postponed", key=claim.name, cause=fault.cause)
        except Rejected as refusal:
            log.warning("answer_rejected", key=claim.name, reason=refusal.reason.value)
            await self._write(self.ledger.cannot_answer, claim)

    async def _answer_rejection(self, claim: Claim, trigger: Trigger, outcome: Rejection) -> None:
        """Answer until it was said: the job is that of the answer."""
        said = True
        try:
            await self.tell(trigger, outcome, claim.reference)
        except TryLater as fault:
            if not self._is_too_late(claim, fault):
                after = self._delay(claim.job, fault)
                await self._write(
                    self.ledger.put_back, claim.job, after, fault.cause, failed=fault.is_failure
                )
                log.info("answer_postponed", key=claim.name, cause=fault.cause)
                return
            log.warning("answer_given_up", key=claim.name, cause=fault.cause)
            said = False
        except Rejected as refusal:
            log.warning("answer_rejected", key=claim.name, reason=refusal.reason.value)
            said = False
        await self._write(self.ledger.answered, claim, said=said)

    def _is_too_late(self, claim: Claim, fault: TryLater) -> bool:
        """Return whether Slack has not taken the answer for a day."""
        since = claim.settled_at
        return fault.is_failure and since is not None and claim.now - since > LONGEST_JOB

    def _note(self, claim: Claim, outcome: Outcome) -> None:
        name, fields = _event(outcome)
        via = claim.escalation.trigger.via.value
        log.info(name, key=claim.name, reference=claim.reference, via=via, **fields)
        self.observe(claim, name)


def _event(outcome: Outcome) -> tuple[str, dict[str, object]]:
    """Return the outcome's name for log and metrics, and further fields for the log.

    Of a rejection these are Slack's and Plain's words, nobody's text.
    """
    match outcome:
        case Created(ticket):
            return "created", {"thread": ticket.ref}
        case Added():
            return "added", {}
        case Joined():
            return "joined", {}
        case Ignored():
            return "ignored", {}
        case Rejection() as rejection:
            data = rejections.to_data(rejection)
            words = {name: data[name] for name in _LOGGED if name in data}
            name = "on_hold" if rejection.is_fixed_by_a_link else "rejected"
            return name, {"reason": rejection.reason.value, **words}
