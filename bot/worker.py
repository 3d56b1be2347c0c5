"""Claim due rows, deliver and settle them, answer, and obey the faults."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import ParamSpec, Protocol

import structlog

from bot.core.faults import (
    LEASE_LOST,
    Fault,
    LeaseLost,
    Reason,
    Rejected,
    Rejection,
    TryLater,
    delay,
)
from bot.core.model import Added, Created, Ignored, Outcome, Trigger
from bot.flows.deliver import Progress
from bot.flows.thread_order import ThreadOrder, Turn
from bot.store import rejections
from bot.store.claims import Claim
from bot.store.deliveries import Ledger
from bot.store.executor import Run

AT_ONCE = 8
"""Deliveries at a time."""

LONGEST_DELIVERY = 600.0
"""Seconds for one attempt, waiting for its turn included. Its lease is renewed for no longer: a
step that never ends must not keep its row, and its place in the worker, for ever."""

RENEWALS_PER_LEASE = 3

_WRITE_PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0)

IDLE_SECONDS = 30.0
"""The longest sleep: a safety net, because work wakes the worker."""

HELD_BACK_SECONDS = 1.0
"""Seconds before looking again at a due row that may not be claimed, because another worker has
an earlier one of its channel."""

LOOK_AHEAD_SECONDS = 0.1
"""Seconds before looking for what is due next after a claim, which goes first."""

P = ParamSpec("P")

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


@dataclass
class Worker:
    """One process's worker. `name` is unique among the replicas.

    `tell` answers the submitter; `observe` counts outcomes by name, for the metrics.
    """

    name: str
    ledger: Ledger
    deliver: Deliver
    tell: Tell
    run: Run
    observe: Observe = lambda _claim, _outcome: None
    chance: Callable[[], float] = random.random
    at_once: int = AT_ONCE
    longest: float = LONGEST_DELIVERY
    pace: DeliveryPace = field(default_factory=Unpaced)
    _work: asyncio.Event = field(default_factory=asyncio.Event)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _claiming: asyncio.Event = field(default_factory=asyncio.Event)
    _claimed_last: asyncio.Event = field(default_factory=asyncio.Event)
    _running: dict[asyncio.Task[None], Claim] = field(default_factory=dict)
    _order: ThreadOrder = field(default_factory=ThreadOrder)
    last_turn: float = field(default_factory=time.monotonic)
    """When the loop last ran (monotonic seconds), which shows if the worker hangs."""

    def wake(self) -> None:
        """Look for work now: there may be some."""
        self._work.set()

    @property
    def is_busy(self) -> bool:
        """Return True while anything is being delivered."""
        return bool(self._running)

    async def work(self) -> None:
        """Deliver what is due until `stop` is called; then finish what has begun."""
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
        """Claim no more; let deliveries finish for `grace` seconds, then give their rows back."""
        self._stopping.set()
        self._work.set()
        if self._claiming.is_set():
            # A claim may be in progress; its rows are to be given back.
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

    async def _give_back(self, claims: list[Claim]) -> None:
        for claim in claims:
            with suppress(Fault):
                await self.run(self.ledger.give_back, claim)

    async def _run_once(self) -> float:
        """Claim as much as there is room for; return how long to sleep unless woken."""
        wanted = self.at_once - len(self._running)
        if wanted <= 0:
            return IDLE_SECONDS
        room = self.pace.room(len(self._running), wanted)
        claims = await self.run(self.ledger.claim, self.name, room) if room else []
        if self._stopping.is_set():
            await self._give_back(claims)
            return 0.0
        served = await self._served(claims)
        for claim in claims[:served]:
            self._start(claim)
        if served < len(claims) or len(claims) == room < wanted:
            return min(IDLE_SECONDS, self.pace.opens_in())
        if len(claims) == room:
            return IDLE_SECONDS  # a delivery that ends wakes us
        if claims:
            return LOOK_AHEAD_SECONDS
        if not self._running:
            await self.pace.rest()
        due = await self.run(self.ledger.next_due)
        if due is not None and due <= 0:
            return HELD_BACK_SECONDS
        return IDLE_SECONDS if due is None else min(IDLE_SECONDS, max(0.01, due))

    async def _served(self, claims: list[Claim]) -> int:
        """Return for how many of `claims` there are permits; give the others back."""
        if not claims:
            return 0
        running = len(self._running)
        try:
            served = max(0, await self.pace.reserve(running + len(claims)) - running)
        except TryLater:
            served = 0
        await self._give_back(claims[served:])
        return served

    def _start(self, claim: Claim) -> None:
        self._order.enter(claim)
        task = asyncio.create_task(self._handle(claim), name=claim.reference)
        self._running[task] = claim
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._order.leave(self._running.pop(task))
        self._work.set()

    async def _sleep(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._work.wait()

    # One row

    async def _handle(self, claim: Claim) -> None:
        turn = Turn(claim, self._order)
        try:
            outcome = claim.outcome or await self._settle(claim, turn)
            if outcome is not None:
                await self._answer(claim, turn.trigger, outcome)
        except LeaseLost:
            log.warning("lease_lost", key=claim.external_id)
        except TryLater as fault:
            # The ledger could not be written: the lease expires, and another attempt looks for
            # what this one sent.
            log.warning("ledger_unwritable", key=claim.external_id, cause=fault.cause)
        except Exception:
            log.exception("delivery_crashed", key=claim.external_id)
            with suppress(Fault):
                await self._retry(claim, TryLater("bug", outcome_unknown=True))

    async def _settle(self, claim: Claim, turn: Turn) -> Outcome | None:
        """Deliver and settle the row; return None if it is to be tried again."""
        try:
            if claim.hopeless:
                raise TryLater(LEASE_LOST, outcome_unknown=True)
            outcome = await self._delivered(claim, turn)
        except Rejected as refusal:
            outcome = refusal.rejection
        except TryLater as fault:
            if not claim.hopeless and not await self._is_hopeless(claim, fault):
                await self._retry(claim, fault)
                return None
            outcome = Rejection(Reason.GAVE_UP, cause=fault.cause)
        await self._write(self.ledger.settle, claim, outcome)
        self._note(claim, outcome)
        return outcome

    async def _is_hopeless(self, claim: Claim, fault: TryLater) -> bool:
        return fault.is_failure and await self.run(self.ledger.is_hopeless, claim)

    async def _delivered(self, claim: Claim, turn: Turn) -> Outcome:
        """Deliver, for at most `longest` seconds, and renew the lease meanwhile.

        A bug counts as a failure like others, so that its row is parked too.
        """
        renewing = asyncio.create_task(self._keep_lease(claim))
        limit = asyncio.timeout(self.longest)
        try:
            async with limit:
                return await self.deliver(claim, turn)
        except Fault:
            raise
        except Exception as error:
            if limit.expired():
                raise turn.too_long() from error
            log.exception("delivery_crashed", key=claim.external_id)
            raise TryLater("bug", outcome_unknown=True) from error
        finally:
            renewing.cancel()

    async def _keep_lease(self, claim: Claim) -> None:
        """Renew the lease until cancelled, or until it is lost.

        A renewal that fails is tried again; the lease expires if none succeeds in time.
        """
        while math.isfinite(claim.lease):
            await asyncio.sleep(claim.lease / RENEWALS_PER_LEASE)
            try:
                await self.run(self.ledger.renew, claim)
            except LeaseLost:
                return
            except TryLater:
                """There are two more renewals before the lease expires."""

    async def _retry(self, claim: Claim, fault: TryLater) -> None:
        after = self._delay(claim, fault)
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
            key=claim.external_id,
            cause=fault.cause,
            attempt=claim.attempt,
            retry_in=round(after, 1),
            request_id=fault.request_id,
        )
        self.observe(claim, "retried" if fault.is_failure else "postponed")

    async def _answer(self, claim: Claim, trigger: Trigger, outcome: Outcome) -> None:
        refused = isinstance(outcome, Rejection)
        if claim.outcome is not None and not refused:
            # A late answer to a success counts as given before it is: never an answer twice.
            await self._write(self.ledger.answered, claim, said=True)
        try:
            await self.tell(trigger, outcome, claim.reference)
        except TryLater as fault:
            if fault.outcome_unknown and not refused:
                return  # it may have been given
            after = self._delay(claim, fault, answering=True)
            await self._write(
                self.ledger.answer_later, claim, after, fault.cause, failed=fault.is_failure
            )
            log.info("answer_postponed", key=claim.external_id, cause=fault.cause)
        except Rejected as refusal:
            log.warning("answer_rejected", key=claim.external_id, reason=refusal.reason.value)
            await self._write(self.ledger.answered, claim, said=False)
        else:
            if refused:
                await self._write(self.ledger.answered, claim, said=True)

    async def _write(self, method: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        """Write to the ledger, and try again while the lease may last."""
        for pause in _WRITE_PAUSES:
            try:
                await self.run(method, *args, **kwargs)
            except TryLater:
                await asyncio.sleep(pause)
            else:
                return
        await self.run(method, *args, **kwargs)

    def _delay(self, claim: Claim, fault: TryLater, *, answering: bool = False) -> float:
        # What failed before the first answer was the delivery.
        failure = 1 if answering and claim.outcome is None else claim.attempt
        return delay(max(1, failure), fault.after, self.chance())

    def _note(self, claim: Claim, outcome: Outcome) -> None:
        name, fields = _event(outcome)
        via = claim.escalation.trigger.via.value
        log.info(name, key=claim.external_id, reference=claim.reference, via=via, **fields)
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
        case Ignored():
            return "ignored", {}
        case Rejection() as rejection:
            data = rejections.to_data(rejection)
            words = {name: data[name] for name in _LOGGED if name in data}
            return "rejected", {"reason": rejection.reason.value, **words}
