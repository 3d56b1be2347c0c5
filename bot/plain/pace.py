"""Pacing: requests to Plain stay within the bridge's share of the workspace's rate limit."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Protocol

from bot.core.faults import Fault, Postponed
from bot.core.rate_limit import Grant, Rate, ReportedLimit, Step
from bot.plain.protocol import LONGEST_WAIT, limit_ends, limit_reset, retry_after
from bot.store.executor import Run

PATIENCE = 2.0
"""Seconds that a request waits for its turn before its row is put back. Short, for it is within
the settle window: that a create is about to go was committed before."""

SHUT_SECONDS = 5.0
"""For how long Plain is left alone after a 429 that does not say."""

LISTEN_SECONDS = 1.0
"""For how long a row is put back that was not told in time whether it may go."""

SHORTEST_SLEEP = 0.01

Heard = Callable[[int, Mapping[str, str]], None]
"""Told of an answer: its status and its headers, whose names are in lower case."""


class Pool(Protocol):
    """Permits shared by the replicas; every method is one short transaction."""

    def lease(
        self, share: float, known: tuple[float, int] | None, wanted: int, now: float
    ) -> Grant:
        """Lease permits in the window whose end and limit are `known`, else in the current one.

        At most `wanted`; below zero they are given back. `now`: Unix seconds.
        """

    def shut(self, until: float) -> None:
        """Stop all replicas until then, for Plain rejected a request for the rate."""


class Pace:
    """Delays requests that the share has no room for; `core.rate_limit` decides, this waits.

    `clock` gives Unix seconds, and `sleep` waits for seconds of it. `pool` with `run` where
    several processes use one key.
    """

    def __init__(
        self,
        share: float,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        pool: Pool | None = None,
        run: Run | None = None,
        patience: float = PATIENCE,
    ) -> None:
        self._rate = Rate(share, pooled=pool is not None)
        self._clock = clock
        self._sleep = sleep
        self._pool = pool
        self._run = run
        self._patience = patience
        self._asking = asyncio.Lock()
        self._moved = asyncio.Event()

    # For the client

    @asynccontextmanager
    async def request(self) -> AsyncIterator[Heard]:
        """Wait for a permit, and yield what is to be called with the answer.

        Raises Postponed, before anything is sent, where the turn would come too late.
        """
        await self._turn()
        sent_at = self._clock()
        self._rate = self._rate.sent()
        under_way = True
        shut_until = None

        def heard(status: int, headers: Mapping[str, str]) -> None:
            nonlocal under_way, shut_until
            under_way = False
            shut_until = self._hear(status, headers, sent_at)

        try:
            yield heard
        finally:
            if under_way:
                self._rate = self._rate.unanswered(self._clock())
            self._tell()
            if shut_until is not None and self._pool is not None and self._run is not None:
                with suppress(Fault):  # the others will hear it themselves
                    await self._run(self._pool.shut, shut_until)

    # For the worker

    def room(self, running: int, wanted: int) -> int:
        """Return how many of `wanted` deliveries the share has room for, beside `running` ones."""
        return self._rate.room(running, wanted, self._clock())

    def opens_in(self) -> float:
        """Return the seconds until there may be room again."""
        return max(SHORTEST_SLEEP, self._rate.opens_in(self._clock()))

    async def reserve(self, deliveries: int) -> int:
        """Return for how many of these deliveries, running ones included, there are permits."""
        missing = self._rate.missing(deliveries, self._clock())
        if missing > 0:
            await self._lease(lambda: self._rate.missing(deliveries, self._clock()))
        return int(min(deliveries, self._rate.covers(self._clock())))

    async def rest(self) -> None:
        """Return unused permits to the pool: nothing is left to deliver."""
        if self._rate.unneeded(self._clock()) > 0:
            await self._lease(lambda: -self._rate.unneeded(self._clock()))

    def left(self) -> float:
        """Return how many requests may still go out in this window; NaN if none is known."""
        left = self._rate.left(self._clock())
        return float("nan") if left is None else left

    # The turn of one request

    async def _turn(self) -> None:
        until = self._clock() + self._patience
        while (step := self._rate.step(self._clock())) is not Step.GO:
            if step is Step.ASK:
                await self._lease(self._one_more)
                continue
            pause = self._rate.opens_in(self._clock()) if step is Step.PAUSE else LISTEN_SECONDS
            rest = until - self._clock()
            if rest <= 0 or (step is Step.PAUSE and pause > rest):
                raise Postponed("plain_paced", max(SHORTEST_SLEEP, pause))
            if step is Step.PAUSE:
                await self._sleep(max(SHORTEST_SLEEP, pause))
            else:
                await self._listen(rest)
        if self._clock() > until + LISTEN_SECONDS:
            # The process stood still, or the pool did: what the caller knew may be over by now.
            raise Postponed("plain_paced", LISTEN_SECONDS)

    async def _listen(self, seconds: float) -> None:
        """Wait until an answer arrives, for so many seconds at most."""
        moved = asyncio.ensure_future(self._moved.wait())
        late = asyncio.ensure_future(self._sleep(seconds))
        try:
            await asyncio.wait((moved, late), return_when=asyncio.FIRST_COMPLETED)
        finally:
            moved.cancel()
            late.cancel()

    def _tell(self) -> None:
        """Wake the waiting requests; whoever waits from now on waits for the next answer."""
        self._moved.set()
        self._moved = asyncio.Event()

    def _hear(self, status: int, headers: Mapping[str, str], sent_at: float) -> float | None:
        """Take in an answer, and return until when nothing may be sent, if it says so."""
        now = self._clock()
        said = read(headers, now)
        if status != 429:
            self._rate = self._taken(said, sent_at, now, counted=True)
            return None
        after = retry_after(headers, now)
        if said is not None and after is not None:
            # How long to wait is told: that nothing is left says nothing of the time after.
            said = ReportedLimit(said.limit, said.limit, said.reset)
        if after is None:
            after = limit_reset(headers, now) or SHUT_SECONDS
        self._rate = self._taken(said, sent_at, now, counted=False).shut(now + after)
        return now + after

    def _taken(
        self, said: ReportedLimit | None, sent_at: float, now: float, *, counted: bool
    ) -> Rate:
        if said is None:
            return self._rate.unanswered(now)
        return self._rate.answered(said, sent_at, now, counted=counted)

    # The pool

    def _one_more(self) -> int:
        return self._rate.one_more() if self._rate.step(self._clock()) is Step.ASK else 0

    async def _lease(self, wanted: Callable[[], int]) -> None:
        """Ask the pool, one at a time: who waits here finds what another got."""
        if self._pool is None or self._run is None:
            return
        async with self._asking:
            permits = wanted()
            if permits == 0:
                return
            now = self._clock()
            known = self._rate.known(now)
            if permits < 0:
                # First: if nobody hears whether the pool has them, they must not be here too.
                self._rate = self._rate.without(-permits)
            got = await self._run(self._pool.lease, self._rate.share, known, permits, now)
            if permits < 0:
                got = replace(got, permits=got.permits - permits)
            self._rate = self._rate.granted(got, known[0] if known else None, self._clock())
        self._tell()


def read(headers: Mapping[str, str], now: float) -> ReportedLimit | None:
    """Return the values of the rate limit's three headers; None if one is missing or invalid.

    Plain's help centre, "Understanding rate limits and their impact on API usage".
    """
    ends = limit_ends(headers)
    try:
        limit = int(headers.get("x-ratelimit-limit", ""))
        remaining = int(headers.get("x-ratelimit-remaining", ""))
    except ValueError:
        return None
    if ends is None or ends - now > LONGEST_WAIT or limit < 1 or remaining < 0:
        return None
    return ReportedLimit(limit, min(remaining, limit), ends)
