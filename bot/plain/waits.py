"""How long Plain asks to wait, read from an answer's headers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_WAIT = 3600.0
"""Seconds; a longer wait is not believed, or one wrong clock would park a row for years."""

SHORTEST_WAIT = 1.0
"""Seconds; a `Retry-After: 0`, or a moment that is over, would be obeyed hundreds of times a
second for as long as it is said."""

_SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?")


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait by `Retry-After`, which is a number or an HTTP date; `now` in Unix seconds.

    `headers` have lower-case names. None where it is absent or not to be understood.
    https://www.rfc-editor.org/rfc/rfc9110#name-retry-after
    """
    value = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(value):
        return _bounded(float(value))
    try:
        return _until(parsedate_to_datetime(value), now)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def limit_reset(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds until the rate limit's window ends; None where no end is told that is to come."""
    ends = limit_ends(headers)
    return _bounded(ends - now) if ends is not None and ends > now else None


def limit_ends(headers: Mapping[str, str]) -> float | None:
    """When the rate limit's window ends (Unix seconds): `x-ratelimit-reset`, an ISO 8601 moment.

    Plain's help centre, "Understanding rate limits and their impact on API usage".
    """
    try:
        return _unix(datetime.fromisoformat(headers.get("x-ratelimit-reset", "").strip()))
    except (ValueError, OverflowError):
        return None


def _until(moment: datetime, now: float) -> float:
    return _bounded(_unix(moment) - now)


def _unix(moment: datetime) -> float:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _bounded(seconds: float) -> float:
    return min(max(seconds, SHORTEST_WAIT), LONGEST_WAIT)
