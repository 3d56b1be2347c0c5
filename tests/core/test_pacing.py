"""The pace against a server that counts in windows: its share of each, no more and hardly less."""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core import pacing
from bot.core.pacing import (
    AT_FIRST,
    MARGIN,
    PER_DELIVERY,
    Grant,
    Rate,
    Said,
    Step,
    Tally,
    Window,
    budget,
)

NOW = 1_700_000_000.0
WINDOW = 60.0


@dataclass
class Server:
    """Counts as Plain is believed to: in windows on the minute, or as a request opens them.

    `behind`: how many seconds its clock goes behind the asker's.
    """

    limit: int
    on_the_minute: bool = False
    behind: float = 0.0
    ends: float = 0.0
    ours: Counter[float] = field(default_factory=Counter)
    used: Counter[float] = field(default_factory=Counter)
    refused: int = 0

    def ask(self, now: float, *, other: bool = False) -> tuple[Said, bool]:
        now -= self.behind
        if now >= self.ends:
            start = now // WINDOW * WINDOW if self.on_the_minute else now
            self.ends = start + WINDOW
        taken = self.used[self.ends] < self.limit
        self.used[self.ends] += taken
        if not other:
            self.ours[self.ends] += taken
            self.refused += not taken
        return Said(self.limit, self.limit - self.used[self.ends], self.ends), taken


@dataclass
class Run:
    """Askers of one or more processes who always want one more, in a time of their own.

    `there` and `back`: seconds that a request and its answer take.
    """

    server: Server
    rates: list[Rate]
    askers: int
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
            for _ in range(self.askers):
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
                self.tally, grant = pacing.grant(
                    self.tally, rate.share, known, rate.one_more(), self.now
                )
                self.rates[process] = rate.granted(grant, known[0] if known else None, self.now)
                self.want(process)

    def arrive(self, process: int, sent_at: float) -> None:
        said, taken = self.server.ask(self.now)
        self.at(self.back, lambda: self.hear(process, said, taken, sent_at))

    def hear(self, process: int, said: Said, taken: bool, sent_at: float) -> None:
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
    askers: int,
    phase: float,
) -> None:
    server = Server(limit, on_the_minute)
    run = Run(server, [Rate(share)], askers, there, back)
    run.now += phase
    minutes = 6
    run.go(phase + minutes * WINDOW)
    assert server.refused == 0
    assert max(server.ours.values()) <= budget(limit, share)
    demand = askers * (WINDOW - 1) / (there + back)
    whole = sorted(server.ours)[1:-1]  # the first and the last may be cut off
    if demand > budget(limit, share):
        assert {server.ours[ends] for ends in whole} == {budget(limit, share)}
        # By the clock as well, not only in the windows that its requests opened.
        assert sum(server.ours.values()) >= 0.95 * minutes * budget(limit, share)
    else:
        assert all(server.ours[ends] >= 0.95 * demand - askers for ends in whole)


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
    askers: int,
) -> None:
    server = Server(limit, on_the_minute)
    run = Run(server, [Rate(share, pooled=True)] * processes, askers, there, back)
    minutes = 5
    run.go(minutes * WINDOW)
    assert server.refused == 0
    # A request that finds out that a window is over counts before anybody is asked.
    assert max(server.ours.values()) <= budget(limit, share) + processes
    wanted = min(budget(limit, share), processes * askers * WINDOW / (there + back + 0.002))
    whole = sorted(server.ours)[1:-1]
    assert all(server.ours[ends] >= 0.95 * wanted - processes * askers for ends in whole)
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


def known(remaining: int = 600, *, limit: int = 600, used: int = 0, ends: float = 60.0) -> Rate:
    window = Window(NOW + ends, limit, remaining, budget(limit, 0.8), used=used)
    return Rate(0.8, window=window)


STEPS = {
    "nothing is known yet": (Rate(0.8), Step.GO, None),
    "as many under way as are let go unknown": (
        replace(Rate(0.8), in_flight=AT_FIRST),
        Step.LISTEN,
        None,
    ),
    "plenty": (known(), Step.GO, None),
    "the share is used": (known(used=480), Step.PAUSE, 60.0 + MARGIN),
    "the last of the share is under way": (
        replace(known(used=479), in_flight=1),
        Step.LISTEN,
        None,
    ),
    "others have used up the rest": (known(0), Step.PAUSE, 60.0 + MARGIN),
    "the window is over, and was not used up": (known(ends=-1.0), Step.GO, None),
    "the window is over: one goes to see": (known(used=480, ends=-1.0), Step.GO, None),
    "the window is over, and one is under way": (
        replace(known(used=480, ends=-1.0), in_flight=1),
        Step.LISTEN,
        None,
    ),
    "shut": (known().shut(NOW + 7.0), Step.PAUSE, 7.0),
    "was shut": (known().shut(NOW - 7.0), Step.GO, None),
    "the pool may know more": (Rate(0.8, pooled=True), Step.ASK, None),
    "the pool knows nothing": (
        Rate(0.8, pooled=True).granted(Grant(), None, NOW),
        Step.GO,
        None,
    ),
    "the pool is empty": (
        Rate(0.8, pooled=True).granted(Grant(0, 0, NOW + 60, 600), None, NOW),
        Step.PAUSE,
        60.0 + MARGIN,
    ),
    "the pool has some": (
        Rate(0.8, pooled=True).granted(Grant(0, 5, NOW + 60, 600), None, NOW),
        Step.ASK,
        None,
    ),
}


@pytest.mark.parametrize(("rate", "step", "opens_in"), STEPS.values(), ids=STEPS)
def test_what_a_request_has_to_do(rate: Rate, step: Step, opens_in: float | None) -> None:
    assert rate.step(NOW) is step
    if opens_in is not None:
        assert rate.opens_in(NOW) == pytest.approx(opens_in)


ROOMS = {
    "nothing is known yet": (Rate(0.8), 0, 8),
    "plenty": (known(), 0, 8),
    "for two, of which one runs": (known(used=480 - 2 * PER_DELIVERY), 1, 1),
    "for one and a bit": (known(used=480 - 2 * PER_DELIVERY + 1), 0, 1),
    "not for a whole one": (known(used=480 - PER_DELIVERY + 1), 0, 0),
    "others have used up the rest": (known(PER_DELIVERY), 1, 0),
    "over, not used up": (known(ends=-1.0), 0, 8),
    "over, used up: one to see": (known(used=480, ends=-1.0), 0, 1),
    "shut": (known().shut(NOW + 7.0), 0, 0),
    "a limit of one a window": (known(1, limit=1), 0, 1),
}


@pytest.mark.parametrize(("rate", "running", "room"), ROOMS.values(), ids=ROOMS)
def test_how_many_deliveries_may_begin(rate: Rate, running: int, room: int) -> None:
    assert rate.room(running, 8, NOW) == room


def test_a_burst_goes_at_once_as_far_as_the_share_allows() -> None:
    rate = known()
    for _ in range(480):
        assert rate.step(NOW) is Step.GO
        rate = rate.sent()
    assert rate.step(NOW) is not Step.GO


def test_what_was_used_before_a_start_counts_as_ones_own() -> None:
    rate = Rate(0.8).sent().answered(Said(600, 200, NOW + 30), NOW, NOW)
    assert rate.left(NOW) == 80
    rate = Rate(0.8).sent().answered(Said(600, 100, NOW + 30), NOW, NOW)
    assert rate.left(NOW) == AT_FIRST - 1


def test_a_late_answer_of_a_window_that_is_over_does_not_count_in_the_next() -> None:
    rate = known(used=470).sent().sent()
    rate = rate.answered(Said(600, 599, NOW + 120), NOW + 60.1, NOW + 60.2)
    assert (rate.window, rate.in_flight) == (Window(NOW + 120, 600, 599, 480, used=1), 1)
    rate = rate.answered(Said(600, 2, NOW + 60), NOW + 59.9, NOW + 60.3)
    assert (rate.window, rate.in_flight) == (Window(NOW + 120, 600, 599, 480, used=1), 0)


def test_answers_that_overtake_each_other_bring_nothing_back() -> None:
    rate = known(3).sent().sent()
    rate = rate.answered(Said(600, 1, NOW + 60), NOW, NOW)
    rate = rate.answered(Said(600, 2, NOW + 60), NOW, NOW)
    assert rate.left(NOW) == 1


def test_an_end_that_wanders_does_not_begin_a_new_window_with_every_answer() -> None:
    """A server that always says "in a minute" would else give the whole share every second."""
    rate, now = known(), NOW
    for _ in range(100):
        now += 0.3
        rate = rate.sent().answered(Said(600, 300, now + 60), now, now)
    assert rate.window is not None
    assert rate.window.used == 100


def test_a_request_without_an_answer_counts() -> None:
    assert known(used=479).sent().unanswered(NOW).step(NOW) is Step.PAUSE


def test_a_request_without_an_answer_counts_in_the_window_that_it_may_have_opened() -> None:
    """It went out when the window was over, and nobody heard when the next one ends."""
    rate = known().sent().unanswered(NOW + 70)
    answered = rate.sent().answered(Said(600, 598, NOW + 120), NOW + 71, NOW + 71)
    assert answered.window == Window(NOW + 120, 600, 598, 480, used=2)
    told_it_was_not = rate.sent().answered(Said(600, 599, NOW + 120), NOW + 71, NOW + 71)
    assert told_it_was_not.window == Window(NOW + 120, 600, 599, 480, used=1)
    much_later = rate.sent().answered(Said(600, 598, NOW + 240), NOW + 181, NOW + 181)
    assert much_later.window == Window(NOW + 240, 600, 598, 480, used=1)


def test_what_the_pool_gave_in_a_window_that_is_over_is_not_used_in_the_next() -> None:
    rate = Rate(0.8, pooled=True).granted(Grant(20, 300, NOW + 60, 600), None, NOW)
    assert rate.step(NOW) is Step.GO
    assert rate.step(NOW + 61) is Step.ASK
    silent = rate.granted(Grant(), None, NOW + 61)
    assert silent.step(NOW + 61) is Step.GO  # its answer opens the next window
    assert silent.sent().step(NOW + 61) is Step.LISTEN


def test_the_pool_gives_no_more_than_the_share_and_takes_back() -> None:
    tally, window = Tally(), (NOW + 60, 600)
    tally, first = pacing.grant(tally, 0.8, window, 470, NOW)
    tally, second = pacing.grant(tally, 0.8, window, 470, NOW)
    assert (first.permits, first.spare, second.permits, second.spare) == (470, 10, 10, 0)
    tally, back = pacing.grant(tally, 0.8, window, -25, NOW)
    assert (back.permits, back.spare) == (-25, 25)
    tally, adopted = pacing.grant(tally, 0.8, None, 5, NOW)
    assert (adopted.permits, adopted.reset, adopted.limit) == (5, NOW + 60, 600)
    tally, unknown = pacing.grant(tally, 0.8, None, 5, NOW + 61)
    assert unknown.reset is None
    tally, opened = pacing.grant(tally, 0.8, (NOW + 120, 600), 5, NOW + 61)
    assert (opened.permits, opened.spare) == (5, 475)


def test_who_lags_behind_does_not_bring_back_a_window_that_is_over() -> None:
    tally = Tally(NOW + 60, 600, granted=480)
    _, late = pacing.grant(tally, 0.8, (NOW + 1, 600), 5, NOW)
    assert (late.permits, late.reset) == (0, NOW + 60)


def test_a_grant_for_a_window_that_is_over_by_then_is_no_permit() -> None:
    rate = Rate(0.8, pooled=True).granted(Grant(5, 5, NOW + 1, 600), None, NOW)
    rate = rate.sent().answered(Said(600, 599, NOW + 61), NOW + 1.1, NOW + 1.2)
    assert rate.granted(Grant(99, 0, NOW + 1, 600), NOW + 1, NOW + 1.3) == rate


def test_what_is_not_needed_is_given_back_only_where_somebody_may_lack_it() -> None:
    def resting(spare: int) -> Rate:
        return Rate(0.8, pooled=True).granted(Grant(20, spare, NOW + 60, 600), None, NOW)

    assert resting(spare=400).unneeded(NOW) == 0
    assert resting(spare=100).unneeded(NOW) == 20
    assert resting(spare=100).sent().unneeded(NOW) == 0
    assert known(used=460).unneeded(NOW) == 0
