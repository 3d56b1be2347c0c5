"""Slack's client: a method that was limited is left alone until its wait is over."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.core.faults import TryLater

WITHOUT_A_WORD = 1.0
"""Seconds for a limit whose answer does not say how long it lasts."""
LONGEST = 86_400.0
"""Seconds; a longer wait is not believed."""
SHORTEST = 1.0
"""Seconds; a `Retry-After: 0` would be obeyed hundreds of times a second for as long as Slack, or
a proxy in between, says it."""

CODES = frozenset({"ratelimited", "rate_limited"})


class Limits:
    """Until when which method is limited. `clock` is in seconds.

    Slack limits each method by itself, for an app in a workspace, and so for one token.
    https://docs.slack.dev/apis/web-api/rate-limits
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}

    def check(self, method: str) -> None:
        """Raises TryLater while `method` is limited, for as long as it still is."""
        until = self._until.get(method)
        if until is None:
            return
        rest = until - self._clock()
        if rest > 0:
            raise TryLater("slack_ratelimited", after=rest)
        del self._until[method]

    def limited(self, method: str, after: float | None) -> None:
        """`method` is limited, for `after` seconds."""
        until = self._clock() + (WITHOUT_A_WORD if after is None else after)
        self._until[method] = max(until, self._until.get(method, until))


Observe = Callable[[str, str, float], None]
"""Is told of each request: the method, how it ended, and how many seconds it took."""


class LimitedWebClient(AsyncWebClient):
    """Slack's client, which asks nothing of a method that is limited; nothing ever waits here.

    `observe` hears "ok", "limited", "declined" (Slack's no) or "failed" (no answer of Slack's).
    """

    def __init__(
        self, *, limits: Limits | None = None, observe: Observe | None = None, **settings: Any
    ) -> None:
        super().__init__(**settings)
        self._limits = limits or Limits()
        self._observe = observe

    async def api_call(self, api_method: str, **request: Any) -> AsyncSlackResponse:
        """As slack_sdk's; raises TryLater without sending anything while the method is limited."""
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
                self._limits.limited(api_method, seconds(headers.get("Retry-After")))
            raise
        finally:
            if self._observe is not None:
                self._observe(api_method, status, time.monotonic() - started)
        return answer


def is_limit(error: SlackApiError) -> bool:
    """Whether the answer says that there were too many requests."""
    answer = error.response
    if not isinstance(answer, AsyncSlackResponse):  # a body that is no JSON: aiohttp's response
        return getattr(answer, "status", 200) == 429
    said = answer.data if isinstance(answer.data, dict) else {}
    code = said.get("error")
    return answer.status_code == 429 or (isinstance(code, str) and code in CODES)


def seconds(text: str | None) -> float | None:
    """A `Retry-After`, in seconds; None where it is none to be believed."""
    try:
        wait = float(text or "")
    except ValueError:
        return None
    return max(SHORTEST, wait) if 0 <= wait < LONGEST else None
