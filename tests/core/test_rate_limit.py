"""What a request and a delivery have to do, by what is known of the present window."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core import rate_limit
from bot.core.rate_limit import (
    AT_FIRST,
    MARGIN,
    PER_DELIVERY,
    Grant,
    Rate,
    ReportedLimit,
    Step,
    Tally,
    Window,
    budget,
)

NOW = 1_700_000_000.0


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
    rate = Rate(0.8).sent().answered(ReportedLimit(600, 200, NOW + 30), NOW, NOW)
    assert rate.left(NOW) == 80
    rate = Rate(0.8).sent().answered(ReportedLimit(600, 100, NOW + 30), NOW, NOW)
    assert rate.left(NOW) == AT_FIRST - 1


def test_a_late_answer_of_a_window_that_is_over_does_not_count_in_the_next() -> None:
    rate = known(used=470).sent().sent()
    rate = rate.answered(ReportedLimit(600, 599, NOW + 120), NOW + 60.1, NOW + 60.2)
    assert (rate.window, rate.in_flight) == (Window(NOW + 120, 600, 599, 480, used=1), 1)
    rate = rate.answered(ReportedLimit(600, 2, NOW + 60), NOW + 59.9, NOW + 60.3)
    assert (rate.window, rate.in_flight) == (Window(NOW + 120, 600, 599, 480, used=1), 0)


def test_answers_that_overtake_each_other_bring_nothing_back() -> None:
    rate = known(3).sent().sent()
    rate = rate.answered(ReportedLimit(600, 1, NOW + 60), NOW, NOW)
    rate = rate.answered(ReportedLimit(600, 2, NOW + 60), NOW, NOW)
    assert rate.left(NOW) == 1


def test_an_end_that_wanders_does_not_begin_a_new_window_with_every_answer() -> None:
    """A server that always says "in a minute" would else give the whole share every second."""
    rate, now = known(), NOW
    for _ in range(100):
        now += 0.3
        rate = rate.sent().answered(ReportedLimit(600, 300, now + 60), now, now)
    assert rate.window is not None
    assert rate.window.used == 100


def test_a_request_without_an_answer_counts() -> None:
    assert known(used=479).sent().unanswered(NOW).step(NOW) is Step.PAUSE


def test_a_request_without_an_answer_counts_in_the_window_that_it_may_have_opened() -> None:
    """It went out when the window was over, and nobody heard when the next one ends."""
    rate = known().sent().unanswered(NOW + 70)
    answered = rate.sent().answered(ReportedLimit(600, 598, NOW + 120), NOW + 71, NOW + 71)
    assert answered.window == Window(NOW + 120, 600, 598, 480, used=2)
    told_it_was_not = rate.sent().answered(ReportedLimit(600, 599, NOW + 120), NOW + 71, NOW + 71)
    assert told_it_was_not.window == Window(NOW + 120, 600, 599, 480, used=1)
    much_later = rate.sent().answered(ReportedLimit(600, 598, NOW + 240), NOW + 181, NOW + 181)
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
    tally, first = rate_limit.grant(tally, 0.8, window, 470, NOW)
    tally, second = rate_limit.grant(tally, 0.8, window, 470, NOW)
    assert (first.permits, first.spare, second.permits, second.spare) == (470, 10, 10, 0)
    tally, back = rate_limit.grant(tally, 0.8, window, -25, NOW)
    assert (back.permits, back.spare) == (-25, 25)
    tally, adopted = rate_limit.grant(tally, 0.8, None, 5, NOW)
    assert (adopted.permits, adopted.reset, adopted.limit) == (5, NOW + 60, 600)
    tally, unknown = rate_limit.grant(tally, 0.8, None, 5, NOW + 61)
    assert unknown.reset is None
    tally, opened = rate_limit.grant(tally, 0.8, (NOW + 120, 600), 5, NOW + 61)
    assert (opened.permits, opened.spare) == (5, 475)


def test_who_lags_behind_does_not_bring_back_a_window_that_is_over() -> None:
    tally = Tally(NOW + 60, 600, granted=480)
    _, late = rate_limit.grant(tally, 0.8, (NOW + 1, 600), 5, NOW)
    assert (late.permits, late.reset) == (0, NOW + 60)


def test_a_grant_for_a_window_that_is_over_by_then_is_no_permit() -> None:
    rate = Rate(0.8, pooled=True).granted(Grant(5, 5, NOW + 1, 600), None, NOW)
    rate = rate.sent().answered(ReportedLimit(600, 599, NOW + 61), NOW + 1.1, NOW + 1.2)
    assert rate.granted(Grant(99, 0, NOW + 1, 600), NOW + 1, NOW + 1.3) == rate


def test_what_is_not_needed_is_given_back_only_where_somebody_may_lack_it() -> None:
    def resting(spare: int) -> Rate:
        return Rate(0.8, pooled=True).granted(Grant(20, spare, NOW + 60, 600), None, NOW)

    assert resting(spare=400).unneeded(NOW) == 0
    assert resting(spare=100).unneeded(NOW) == 20
    assert resting(spare=100).sent().unneeded(NOW) == 0
    assert known(used=460).unneeded(NOW) == 0
