"""Count refused HTTP requests, log them at intervals, and keep them for `doctor`."""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Mapping
from typing import Literal, Protocol

import structlog

from bot.store.executor import Run
from bot.store.kv import KeyValueStore

log = structlog.get_logger("bot.http")

SAY_EVERY_SECONDS = 600.0
KEEP_SECONDS = 10.0

Door = Literal["slack", "plain"]


class Cause(enum.StrEnum):
    """The cause of a refused request, or of events that Slack did not send."""

    UNSIGNED = "unsigned"
    WRONG_SIGNATURE = "wrong_signature"
    STALE_TIMESTAMP = "stale_timestamp"
    """Signed with our secret, at another time than our clock's."""
    EVENTS_WITHHELD = "events_withheld"
    """Slack's `app_rate_limited`. https://docs.slack.dev/apis/events-api/#rate-limiting"""


VERIFIED = "verified"

LIKELY: Mapping[tuple[Door, Cause], str] = {
    ("slack", Cause.UNSIGNED): (
        "it was not Slack, or a proxy in front takes the X-Slack-* headers away"
    ),
    ("slack", Cause.WRONG_SIGNATURE): (
        "SLACK_SIGNING_SECRET is not the Signing Secret of the app that sends this, a proxy in "
        "front changes the body, or it was not Slack"
    ),
    ("slack", Cause.STALE_TIMESTAMP): (
        "this machine's clock is wrong: set it by NTP; or a proxy in front holds requests back"
    ),
    ("slack", Cause.EVENTS_WITHHELD): (
        "more than 30,000 events in an hour: take back subscriptions that are not in manifest.yml, "
        "or see what makes so many; reactions are found later by reconciliation"
    ),
    ("plain", Cause.UNSIGNED): "it was not Plain, or request signing is not turned on in Plain",
    ("plain", Cause.WRONG_SIGNATURE): (
        "PLAIN_WEBHOOK_SECRET is not the secret of Plain's request signing, or it was not Plain"
    ),
}
"""The likely cause, for whoever has to fix it."""


class RequestCounts(Protocol):
    """Metrics of verified and refused requests."""

    def verified(self, door: str) -> None: ...
    def refused(self, door: str, cause: str) -> None: ...


class RefusedRequests:
    """A record of what the endpoints verified and refused.

    Anybody can send such requests, so each cause is logged every ten minutes at most, and the
    database is written to every `KEEP_SECONDS`. `clock` is in Unix seconds.
    """

    def __init__(
        self,
        counts: RequestCounts,
        memory: KeyValueStore[float],
        run: Run,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._counts = counts
        self._memory = memory
        self._run = run
        self._clock = clock
        self._fresh: dict[str, float] = {}
        self._unsaid: dict[tuple[Door, Cause], int] = {}
        self._said_at: dict[tuple[Door, Cause], float] = {}

    def verified(self, door: Door) -> None:
        """Count a request with a valid signature."""
        self._counts.verified(door)
        self._fresh[name(door)] = self._clock()

    def note(self, door: Door, cause: Cause, **details: object) -> None:
        """Count a refused request; `details` are for the log."""
        self._counts.refused(door, cause)
        now = self._clock()
        self._fresh[name(door, cause)] = now
        times = self._unsaid.get((door, cause), 0) + 1
        said_at = self._said_at.get((door, cause))
        if said_at is not None and now - said_at < SAY_EVERY_SECONDS:
            self._unsaid[door, cause] = times
            return
        self._unsaid[door, cause] = 0
        self._said_at[door, cause] = now
        event = "events_withheld" if cause is Cause.EVENTS_WITHHELD else "request_refused"
        likely = LIKELY[door, cause]
        log.warning(event, door=door, cause=cause.value, times=times, likely=likely, **details)

    async def keep(self) -> None:
        """Keep the moments that were noted since the last time. Raises TryLater."""
        for key, moment in list(self._fresh.items()):
            await self._run(self._memory.keep, key, moment)
            if self._fresh[key] == moment:
                del self._fresh[key]


PREFIX = "door."
"""The prefix of the names under which the database keeps when something last came."""


def name(door: Door, what: str = VERIFIED) -> str:
    """Return the name under which the last moment of this is kept."""
    return f"{PREFIX}{door}.{what}"
