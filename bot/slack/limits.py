"""Call no method of Slack's that is rate limited before its wait is over."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.core.faults import TryLater

DEFAULT_WAIT = 1.0
"""Seconds that a limit lasts whose answer has no Retry-After."""
LONGEST_WAIT = 86_400.0
"""Seconds; a longer wait is ignored."""
SHORTEST_WAIT = 1.0
"""Seconds; a `Retry-After: 0` of Slack's, or of a proxy in between, would cause hundreds of calls
a second."""

CODES = frozenset({"ratelimited", "rate_limited"})


class Limits:
    """The moments until which methods are limited. `clock` is in seconds.

    Slack limits each method on its own, for an app in a workspace, and so for one token.
    https://docs.slack.dev/apis/web-api/rate-limits
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}

    def check(self, method: str) -> None:
        """Raise TryLater for as long as `method` is limited."""
        until = self._until.get(method)
        if until is None:
            return
        rest = until - self._clock()
        if rest > 0:
            raise TryLater("slack_ratelimited", after=rest)
        del self._until[method]

    def note(self, method: str, after: float | None) -> None:
        """Note that `method` is limited for `after` seconds; None if unknown."""
        until = self._clock() + (DEFAULT_WAIT if after is None else after)
        self._until[method] = max(until, self._until.get(method, until))


Observe = Callable[[str, str, float], None]
"""Called after each request with the method, its result, and the seconds that it took."""


class LimitedWebClient(AsyncWebClient):
    """slack_sdk's client, which calls no method that is limited; it never waits.

    The result for `observe` is "ok", "limited", "declined" (a refusal) or "failed" (no answer).
    """

    def __init__(
        self, *, limits: Limits | None = None, observe: Observe | None = None, **settings: Any
    ) -> None:
        super().__init__(**settings)
        self._limits = limits or Limits()
        self._observe = observe

    async def api_call(self, api_method: str, **request: Any) -> AsyncSlackResponse:
        """Call a method; raise TryLater without sending anything while it is limited."""
        self._limits.check(api_method)
        started, status = time.monotonic(), "failed"
        try:
            answer = await super().api_call(api_method, **request)
            status = "ok"
        except SlackApiError as error:
            status = "declined"
            if is_limit(error):
                status = "limited"
                headers: Mapping[str, str] = getattr(error.response, "headers", {})
                self._limits.note(api_method, seconds(headers.get("Retry-After")))
            raise
        finally:
            if self._observe is not None:
                self._observe(api_method, status, time.monotonic() - started)
        return answer


def is_limit(error: SlackApiError) -> bool:
    """Return whether there were too many requests."""
    answer = error.response
    if not isinstance(answer, AsyncSlackResponse):  # a body that is no JSON: aiohttp's response
        return getattr(answer, "status", 200) == 429
    said = answer.data if isinstance(answer.data, dict) else {}
    code = said.get("error")
    return answer.status_code == 429 or (isinstance(code, str) and code in CODES)


def seconds(text: str | None) -> float | None:
    """Return a `Retry-After` in seconds; None if it is missing, unreadable or too long."""
    try:
        wait = float(text or "")
    except ValueError:
        return None
    return max(SHORTEST_WAIT, wait) if 0 <= wait < LONGEST_WAIT else None
