"""The pace against a server that counts in windows: its share of each, no more and hardly less."""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core import rate_limit
from bot.core.rate_limit import Rate, ReportedLimit, Step, Tally, budget

NOW = 1_700_000_000.0
WINDOW = 60.0


@dataclass
class Server:
    """Counts as Plain is believed to: in windows on the minute, or as a request opens them.

    `behind`: how many seconds its clock goes behind the submitter's.
    """

    limit: int
    on_the_minute: bool = False
    behind: float = 0.0
    ends: float = 0.0
    ours: Counter[float] = field(default_factory=Counter)
    used: Counter[float] = field(default_factory=Counter)
    refused: int = 0

    def ask(self, now: float, *, other: bool = False) -> tuple[ReportedLimit, bool]:
        now -= self.behind
        if now >= self.ends:
            start = now // WINDOW * WINDOW if self.on_the_minute else now
            self.ends = start + WINDOW
        taken = self.used[self.ends] < self.limit
        self.used[self.ends] += taken
        if not other:
            self.ours[self.ends] += taken
            self.refused += not taken
        return ReportedLimit(self.limit, self.limit - self.used[self.ends], self.ends), taken


@dataclass
class Run:
    """Askers of one or more processes who always want one more, in a time of their own.

    `there` and `back`: seconds that a request and its answer take.
    """

    server: Server
    rates: list[Rate]
    submitters: int
    there: float
    back: float
    tally: Tally = field(default_factory=Tally)
    now: float = NOW
    leases: int = 0
    _events: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)
    _listening: list[list[Callable[[], None]]] = field(default_factory=list)

    def go(self, until: float) -> None:
        self._listening = [[] for _ in self.rates]
        for process in range(len(self.rates)):
            for _ in range(self.submitters):
                self.at(0.0, lambda process=process: self.want(process))  # type: ignore[misc]
        while self._events and self._events[0][0] < NOW + until:
            self.now, _, then = heapq.heappop(self._events)
            then()

    def at(self, seconds: float, then: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.now + seconds, next(self._numbers), then))

    def want(self, process: int) -> None:
        rate = self.rates[process]
        match rate.step(self.now):
            case Step.GO:
                self.rates[process] = rate.sent()
                sent_at = self.now
                self.at(self.there, lambda: self.arrive(process, sent_at))
            case Step.LISTEN:
                self._listening[process].append(lambda: self.want(process))
            case Step.PAUSE:
                self.at(rate.opens_in(self.now) + 0.001, lambda: self.want(process))
            case Step.ASK:
                self.leases += 1
                known = rate.known(self.now)
                self.tally, grant = rate_limit.grant(
                    self.tally, rate.share, known, rate.one_more(), self.now
                )
                self.rates[process] = rate.granted(grant, known[0] if known else None, self.now)
                self.want(process)

    def arrive(self, process: int, sent_at: float) -> None:
        said, taken = self.server.ask(self.now)
        self.at(self.back, lambda: self.hear(process, said, taken, sent_at))

    def hear(self, process: int, said: ReportedLimit, taken: bool, sent_at: float) -> None:
        rate = self.rates[process].answered(said, sent_at, self.now, counted=taken)
        self.rates[process] = rate if taken else rate.shut(said.reset)
        listeners, self._listening[process] = self._listening[process], []
        for listener in listeners:
            listener()
        self.want(process)


shares = st.sampled_from([0.1, 0.5, 0.8, 0.95, 1.0])

limits = st.one_of(
    st.sampled_from([450, 600, 1000]), st.integers(80, 1200)
)  # more than the first few, unpaced

trips = st.floats(0.001, 0.3)


@settings(deadline=None, max_examples=60)
@given(limits, shares, st.booleans(), trips, trips, st.integers(1, 12), st.floats(0, 59.9))
def test_one_process_takes_its_share_of_every_window_and_hardly_less(
    limit: int,
    share: float,
    on_the_minute: bool,
    there: float,
    back: float,
    submitters: int,
    phase: float,
) -> None:
    server = Server(limit, on_the_minute)
    run = Run(server, [Rate(share)], submitters, there, back)
    run.now += phase
    minutes = 6
    run.go(phase + minutes * WINDOW)
    assert server.refused == 0
    assert max(server.ours.values()) <= budget(limit, share)
    demand = submitters * (WINDOW - 1) / (there + back)
    whole = sorted(server.ours)[1:-1]  # the first and the last may be cut off
    if demand > budget(limit, share):
        assert {server.ours[ends] for ends in whole} == {budget(limit, share)}
        # By the clock as well, not only in the windows that its requests opened.
        assert sum(server.ours.values()) >= 0.95 * minutes * budget(limit, share)
    else:
        assert all(server.ours[ends] >= 0.95 * demand - submitters for ends in whole)


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from([450, 600, 1000]),
    st.sampled_from([0.5, 0.8]),
    st.booleans(),
    trips,
    trips,
    st.integers(2, 5),
    st.integers(1, 8),
)
def test_several_processes_take_one_share_together(
    limit: int,
    share: float,
    on_the_minute: bool,
    there: float,
    back: float,
    processes: int,
    submitters: int,
) -> None:
    server = Server(limit, on_the_minute)
    run = Run(server, [Rate(share, pooled=True)] * processes, submitters, there, back)
    minutes = 5
    run.go(minutes * WINDOW)
    assert server.refused == 0
    # A request that finds out that a window is over counts before anybody is asked.
    assert max(server.ours.values()) <= budget(limit, share) + processes
    wanted = min(budget(limit, share), processes * submitters * WINDOW / (there + back + 0.002))
    whole = sorted(server.ours)[1:-1]
    assert all(server.ours[ends] >= 0.95 * wanted - processes * submitters for ends in whole)
    assert run.leases < 0.35 * sum(server.ours.values()) + 20 * minutes


@settings(deadline=None, max_examples=40)
@given(
    st.floats(-4.0, 4.0),
    st.booleans(),
    trips,
    trips,
)
def test_clocks_that_disagree_cost_little(
    behind: float, on_the_minute: bool, there: float, back: float
) -> None:
    server = Server(600, on_the_minute, behind)
    run = Run(server, [Rate(0.8)], 8, there, back)
    run.go(8 * WINDOW)
    assert server.refused == 0
    assert max(server.ours.values()) <= 480 + 25  # looks whether the window is over yet
    # Once it was seen how far behind the server is, there are none of these.
    assert all(server.ours[ends] <= 481 for ends in sorted(server.ours)[2:])
    rate = sum(server.ours.values()) / 8
    assert rate >= 480 * (0.95 if behind >= 0 else 0.9)


@given(st.integers(0, 120), trips)
def test_what_the_others_leave_is_not_exceeded(others: int, trip: float) -> None:
    """They may use more than the rest at times: then it is less for the bridge, and no 429."""
    server = Server(600)
    run = Run(server, [Rate(1.0)], 8, trip, trip)
    for number in range(others):
        run.at(1.0 + number * 0.01, lambda: other(server, run))
    run.go(2 * WINDOW)
    assert max(server.used.values()) <= 600
    assert server.refused <= 8  # those that were under way when the others took the last


def other(server: Server, run: Run) -> None:
    server.ask(run.now, other=True)
