"""How long a row waits, and when it is given up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.faults import LONGEST_DELAY, Postponed, TryLater, delay, should_park


@pytest.mark.parametrize(
    ("attempt", "after", "chance", "seconds"),
    [
        pytest.param(1, None, 0.0, 0.5, id="first, least"),
        pytest.param(1, None, 1.0, 1.0, id="first, most"),
        pytest.param(2, None, 1.0, 2.0, id="doubles"),
        pytest.param(5, None, 0.5, 12.0, id="half of it jittered"),
        pytest.param(50, None, 1.0, LONGEST_DELAY, id="capped"),
        pytest.param(10**6, None, 1.0, LONGEST_DELAY, id="capped for ever"),
        pytest.param(1, 30.0, 0.0, 30.0, id="when it was told to"),
        pytest.param(1, 30.0, 0.5, 30.5, id="spread by up to a second"),
        pytest.param(1, 1.0, 1.0, 1.25, id="spread by up to a quarter"),
        pytest.param(9, 2.0, 1.0, 2.5, id="a named wait does not back off"),
        pytest.param(1, 0.0, 1.0, 0.0, id="at once"),
        pytest.param(1, 1000.0, 0.0, 1000.0, id="a named wait is not capped"),
    ],
)
def test_the_delay(attempt: int, after: float | None, chance: float, seconds: float) -> None:
    assert delay(attempt, after, chance) == pytest.approx(seconds)


@given(
    attempt=st.integers(1, 10_000),
    after=st.none() | st.floats(0, 3600),
    chance=st.floats(0, 1, exclude_max=True),
)
def test_the_delay_is_never_shorter_than_asked_nor_longer_than_needed(
    attempt: int, after: float | None, chance: float
) -> None:
    seconds = delay(attempt, after, chance)
    if after is not None:
        assert after <= seconds <= after + 1
    else:
        backoff = min(LONGEST_DELAY, 2.0 ** min(attempt - 1, 20))
        assert 0.5 * backoff <= seconds <= backoff


@pytest.mark.parametrize(
    ("fault", "failed"),
    [
        (TryLater("plain_http_500"), True),
        (TryLater("slack_timeout", outcome_unknown=True), True),
        (TryLater("slack_ratelimited", after=1.0), False),
        (TryLater("plain_http_503", after=0.0, outcome_unknown=True), False),
        (Postponed("conversation_held", 1.0), False),
    ],
)
def test_a_wait_that_somebody_named_is_no_failure(fault: TryLater, failed: bool) -> None:
    assert fault.is_failure is failed


@pytest.mark.parametrize(
    ("strikes", "hours", "given_up"),
    [(20, 6, True), (19, 6, False), (20, 5.9, False), (0, 100, False), (200, 1, False)],
)
def test_a_row_is_given_up_after_20_strikes_over_6_hours(
    strikes: int, hours: float, given_up: bool
) -> None:
    assert should_park(strikes, hours * 3600) is given_up


def test_a_wait_is_a_time_to_look_again_and_no_failure() -> None:
    fault = Postponed("settling", 3.0)
    assert isinstance(fault, TryLater)
    assert (fault.cause, fault.after, fault.outcome_unknown) == ("settling", 3.0, False)
