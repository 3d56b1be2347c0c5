"""The workspace's rate limit, as Plain counts it and shows it in every answer."""

from __future__ import annotations

from collections.abc import Callable

from bot.sandbox.plain.nouns import DateTime

WINDOW = 60.0
"""Seconds."""
UNLIMITED = 1_000
"""What an unlimited workspace shows: the highest plan's requests a minute."""


class RateLimit:
    """So many requests in each minute that a request opens; None never refuses.

    Plain's help centre, "Understanding rate limits": 450 to 1,000 a minute by plan, told in
    three headers of which `x-ratelimit-reset` is ISO 8601.
    """

    def __init__(self, per_minute: int | None, clock: Callable[[], float]) -> None:
        self.per_minute = per_minute
        self._clock = clock
        self._opened = clock()
        self._used = 0

    def take(self) -> bool:
        """Whether one more request fits; one that does not is not counted."""
        if self._clock() >= self._opened + WINDOW:
            self._opened, self._used = self._clock(), 0
        if self.per_minute is None:
            return True
        if self._used >= self.per_minute:
            return False
        self._used += 1
        return True

    def headers(self) -> dict[str, str]:
        limit = UNLIMITED if self.per_minute is None else self.per_minute
        return {
            "x-ratelimit-limit": str(limit),
            "x-ratelimit-remaining": str(max(0, limit - self._used)),
            "x-ratelimit-reset": DateTime(self._opened + WINDOW).iso8601,
        }
