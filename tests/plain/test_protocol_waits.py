"""How long Plain asks to wait, in the three ways in which it may be said."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.plain.protocol import LONGEST_WAIT, SHORTEST_WAIT, limit_reset, retry_after

NOW = datetime(2026, 9, 1, 10, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("0", SHORTEST_WAIT),
        ("0.001", SHORTEST_WAIT),
        ("1.5", 1.5),
        ("9" * 400, LONGEST_WAIT),
        ("-3", None),
        ("nan", None),
        ("1_000", None),
        ("٧", None),
        ("", None),
        ("soon", None),
        ("Tue, 01 Sep 2026 10:01:00 GMT", 60.0),
        ("Tue, 01 Sep 2026 10:01:00 -0000", 60.0),
        ("Tue, 01 Sep 2026 09:00:00 GMT", SHORTEST_WAIT),
        ("Tue, 01 Sep 2126 10:00:00 GMT", LONGEST_WAIT),
    ],
)
def test_retry_after(value: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": value}, NOW) == seconds


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("2026-09-01T10:00:30.000Z", 30.0),
        ("2026-09-01T12:00:30+02:00", 30.0),
        ("2026-09-01T10:00:30", 30.0),
        ("2026-09-01T09:59:00Z", None),
        ("2999-01-01T00:00:00Z", LONGEST_WAIT),
        ("1788256830", None),
        ("", None),
    ],
)
def test_limit_reset(value: str, seconds: float | None) -> None:
    assert limit_reset({"x-ratelimit-reset": value}, NOW) == seconds


def test_no_header_is_no_wait() -> None:
    assert retry_after({}, NOW) is None
    assert limit_reset({}, NOW) is None


MOMENTS = st.datetimes().map(datetime.isoformat) | st.text()


@given(
    value=MOMENTS | st.from_regex(r"\w{3}, \d+ \w{3} \d+ [\d:]+ [+-]\d+"), now=st.floats(0, 1e11)
)
def test_any_wait_is_bounded(value: str, now: float) -> None:
    for seconds in (
        retry_after({"retry-after": value}, now),
        limit_reset({"x-ratelimit-reset": value}, now),
    ):
        assert seconds is None or SHORTEST_WAIT <= seconds <= LONGEST_WAIT
