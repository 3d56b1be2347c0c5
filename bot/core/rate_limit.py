"""The rate limit: how many requests may go to Plain, learnt from its answers.

Plain counts in windows: so many requests until a moment at which the count starts anew. The
bridge takes its share of each, as fast as there is work for it, and then waits for that moment.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

AT_FIRST = 8
"""Requests under way while nothing is known of the limit."""

PER_DELIVERY = 3
"""Requests that a delivery may need: to find its customer, an assignee, and to create."""

MARGIN = 0.05
"""Seconds that a window is given beyond its end, for clocks that agree but for so much."""

LATEST = 60.0
"""The most seconds that a server's clock is taken to be behind."""

_WINDOW = 60.0
"""How long Plain's windows are: its limits are told as requests a minute."""
_SAME = 1.0
"""Ends that are nearer to each other than so many seconds are one window's."""
_EARLY = 5.0
"""How many seconds before its end a window is believed to have given way to another."""
_AGAIN = 0.25
"""Seconds between two looks whether a window is over."""


@dataclass(frozen=True, slots=True)
class ReportedLimit:
    """The limit in an answer: requests in a window, those left, and its end (Unix seconds)."""

    limit: int
    remaining: int
    reset: float


@dataclass(frozen=True, slots=True)
class Window:
    """The latest known window.

    `reset` names it and ends it, by Plain's clock. `granted`: requests that this process may
    make in it; `spare`: what the other replicas' pool still had for the asking; `used`: those
    made that are not under way any more.
    """

    reset: float
    limit: int
    remaining: int
    granted: int
    spare: int = 0
    used: int = 0


@dataclass(frozen=True, slots=True)
class Grant:
    """A grant of the pool: `permits` in the window that ends at `reset`, and what it still has.

    `reset` is None where the pool knows of no window that lasts.
    """

    permits: int = 0
    spare: int = 0
    reset: float | None = None
    limit: int = 0
    shut_until: float = 0.0


@dataclass(frozen=True, slots=True)
class Tally:
    """The pool: the permits granted to all replicas in one window."""

    reset: float = 0.0
    limit: int = 0
    granted: int = 0
    shut_until: float = 0.0


class Step(Enum):
    """The next step of a request."""

    GO = "go"
    LISTEN = "listen"
    """Wait for an answer that is under way."""
    ASK = "ask"
    """Ask the pool for permits."""
    PAUSE = "pause"
    """Wait for `opens_in` seconds."""


def budget(limit: int, share: float) -> int:
    """Return the bridge's share of the requests in a window; at least one."""
    return max(1, int(limit * share + 1e-9))


@dataclass(frozen=True, slots=True)
class Rate:
    """One process's view of the limit; every change is a new value. `now` is in Unix seconds.

    `pooled`: what may be requested is granted by the pool that the replicas share. `late`: how
    much later than by this clock a window ends. `in_flight`: requests under way; in which
    window they count, their answers will tell, so that until then they count in every one.
    `adrift`: when those ended that got no answer while nothing was known of the window.
    """

    share: float
    pooled: bool = False
    window: Window | None = None
    in_flight: int = 0
    shut_until: float = 0.0
    late: float = MARGIN
    pool_silent_until: float = 0.0
    adrift: tuple[float, ...] = ()

    def step(self, now: float) -> Step:
        """Return the next step of a request."""
        if now < self.shut_until:
            return Step.PAUSE
        window = self.window
        if window is None or (self._is_over(now) and (self.pooled or self._left() <= 0)):
            # What the pool gave in a window that is over, it gives to others in the next.
            if self.pooled and now >= self.pool_silent_until:
                return Step.ASK
            most = AT_FIRST if window is None else 1  # the first answer opens the next window
            return Step.GO if self.in_flight < most else Step.LISTEN
        if self._left() > 0:
            return Step.GO
        if window.remaining > self.in_flight and window.spare > 0:
            return Step.ASK
        may_come_free = min(window.granted - window.used, window.remaining) > 0
        return Step.LISTEN if may_come_free and self.in_flight else Step.PAUSE

    def opens_in(self, now: float) -> float:
        """Return the seconds until asking again may help, if it does not help now."""
        if now < self.shut_until:
            return self.shut_until - now
        if self.window is None or self._is_over(now):
            return _AGAIN
        return self._end() - now

    def room(self, running: int, wanted: int, now: float) -> int:
        """Return how many of `wanted` deliveries may start beside `running` ones and be completed.

        With a pool, for all that is known: `covers` tells for sure.
        """
        if now < self.shut_until:
            return 0
        window = self.window
        if window is None:
            return wanted
        if self._is_over(now):
            return wanted if self._left() > 0 else min(wanted, 1)
        permits = min(window.granted + window.spare - window.used, window.remaining)
        return max(0, min(wanted, permits // self._need() - running))

    def missing(self, deliveries: int, now: float) -> int:
        """Return the permits to request from the pool for so many deliveries; 0 or less for none.

        More than they need while there is plenty, so that not each of them has to ask.
        """
        window = self.window
        if not self.pooled or window is None or self._is_over(now):
            return 0
        need = deliveries * self._need() - (window.granted - window.used)
        return need + _extra(window) if need > 0 else 0

    def covers(self, now: float) -> float:
        """Return for how many deliveries, running ones included, the held permits suffice."""
        window = self.window
        if window is None or self._is_over(now):
            return float("inf")  # the first answer will tell
        return (window.granted - window.used) // self._need()

    def one_more(self) -> int:
        """Return the permits to request from the pool for one more request."""
        window = self.window
        if window is None:
            return 1
        return max(1, self.in_flight + 1 - (window.granted - window.used)) + _extra(window)

    def unneeded(self, now: float) -> int:
        """Return the permits that others may need, if nothing is under way."""
        window = self.window
        if not self.pooled or window is None or self.in_flight or self._is_over(now):
            return 0
        scarce = window.spare < budget(window.limit, self.share) // 2
        return max(0, window.granted - window.used) if scarce else 0

    def known(self, now: float) -> tuple[float, int] | None:
        """Return the end and the limit of the current window, if one is known."""
        if self.window is None or self._is_over(now):
            return None
        return self.window.reset, self.window.limit

    def left(self, now: float) -> int | None:
        """Return how many requests may go out in this window; None if no window is known."""
        if self.window is None or self._is_over(now):
            return None
        return max(0, self._left() + self.window.spare)

    # What happens

    def without(self, permits: int) -> Rate:
        """Drop so many permits, which are about to be returned to the pool."""
        window = self.window and replace(self.window, granted=self.window.granted - permits)
        return replace(self, window=window)

    def sent(self) -> Rate:
        """Count a request that goes out."""
        return replace(self, in_flight=self.in_flight + 1)

    def unanswered(self, now: float) -> Rate:
        """Count a request without an answer, or with one that says nothing, as one that counts."""
        rate = replace(self, in_flight=self.in_flight - 1)
        if self.window is None or self._is_over(now):
            return replace(rate, adrift=(*self.adrift[1 - AT_FIRST :], now))
        return replace(rate, window=replace(self.window, used=self.window.used + 1))

    def answered(
        self, said: ReportedLimit, sent_at: float, now: float, *, counted: bool = True
    ) -> Rate:
        """Take in the answer to a request that went out at `sent_at`.

        Not `counted`: it was refused for the rate limit.
        """
        rate = replace(self, in_flight=self.in_flight - 1)
        window, one = self.window, int(counted)
        if window is None or (said.reset > window.reset + _SAME and now >= self._end() - _EARLY):
            counted_before = max(0, said.limit - said.remaining - one)
            adrift = min(self._adrift_in(said.reset), counted_before)
            return replace(rate, window=self._opened(said, one + adrift), adrift=())
        if said.reset < window.reset - _SAME:
            return rate  # it was counted in a window that is over
        late, remaining = self.late, said.remaining
        if said.reset <= window.reset + _SAME:
            remaining = min(remaining, window.remaining)  # answers overtake each other
            if sent_at >= self._end():
                late = min(LATEST, sent_at - window.reset + _AGAIN)  # it was not over yet
        used = replace(window, used=window.used + one, remaining=remaining)
        return replace(rate, window=used, late=late)

    def shut(self, until: float) -> Rate:
        """Send nothing until then, as Plain asked."""
        return replace(self, shut_until=max(self.shut_until, until))

    def granted(self, grant: Grant, asked_in: float | None, now: float) -> Rate:
        """Take in the pool's answer; `asked_in` was the window's `reset` when it was asked."""
        rate = self.shut(grant.shut_until)
        if grant.reset is None:
            return replace(rate, pool_silent_until=now + 1.0)
        window = rate.window
        if window is None or grant.reset > window.reset + _SAME:
            used = self._adrift_in(grant.reset)
            opened = Window(grant.reset, grant.limit, grant.limit, grant.permits, grant.spare, used)
            return replace(rate, window=opened, adrift=())
        if grant.reset < window.reset - _SAME and window.reset != asked_in:
            return rate  # meanwhile that window gave way to another
        taken = replace(
            window,
            reset=grant.reset,
            granted=window.granted + grant.permits,
            spare=grant.spare,
        )
        return replace(rate, window=taken)

    def _opened(self, said: ReportedLimit, used: int) -> Window:
        share = budget(said.limit, self.share)
        if self.pooled:
            # What went out before it was known is asked of the pool belatedly.
            return Window(said.reset, said.limit, said.remaining, 0, share, used)
        if self.window is None:
            # A start amid a window: what was used of it may have been this bridge's, before.
            others = self.in_flight - 1
            before = max(0, said.limit - said.remaining - used - others)
            share = max(share - before, min(share, AT_FIRST))
        return Window(said.reset, said.limit, said.remaining, share, 0, used)

    def _adrift_in(self, reset: float) -> int:
        """Return how many unanswered requests may have counted in the window that ends then."""
        return sum(ended_at > reset - _WINDOW for ended_at in self.adrift)

    def _left(self) -> int:
        """Return the held permits, in the latest known window."""
        window = self.window
        if window is None:
            return 0
        return min(window.granted - window.used, window.remaining) - self.in_flight

    def _need(self) -> int:
        limit = self.window.limit if self.window else 0
        return min(PER_DELIVERY, budget(limit, self.share))

    def _end(self) -> float:
        return self.window.reset + self.late if self.window else 0.0

    def _is_over(self, now: float) -> bool:
        return now >= self._end()


def grant(
    tally: Tally, share: float, known: tuple[float, int] | None, wanted: int, now: float
) -> tuple[Tally, Grant]:
    """Return the grant for a process that wants so many permits, and the pool after it.

    `known`: the end and the limit of the window that the submitter knows to last. `wanted` below
    zero gives back.
    """
    lasts = now < tally.reset
    if known is not None and known[0] > tally.reset + _SAME and now >= tally.reset - _EARLY:
        tally = Tally(known[0], known[1], 0, tally.shut_until)
    elif known is None and not lasts:
        return tally, Grant(shut_until=tally.shut_until)
    spare = max(0, budget(tally.limit, share) - tally.granted)
    permits = max(-tally.granted, min(wanted, spare))
    tally = replace(tally, granted=tally.granted + permits)
    left = max(0, spare - permits)
    return tally, Grant(permits, left, tally.reset, tally.limit, tally.shut_until)


def shut(tally: Tally, until: float) -> Tally:
    """Return the pool, shut until then."""
    return replace(tally, shut_until=max(tally.shut_until, until))


def _extra(window: Window) -> int:
    """Return the reserve to request beyond the need: less, the less there is for others."""
    return min(16, window.spare // 12)
