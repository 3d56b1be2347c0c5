"""What goes wrong in this Slack on purpose: errors, delays, dropped connections, rate limits."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass

# The tiers of the methods that are served.
# https://docs.slack.dev/apis/web-api/rate-limits
TIERS = {
    "auth.test": "SpecialTier_auth_test",
    "users.info": "Tier4",
    "bots.info": "Tier3",
    "team.info": "Tier3",
    "conversations.info": "Tier3",
    "conversations.list": "Tier2",
    "users.conversations": "Tier2",
    "conversations.history": "Tier3",
    "conversations.replies": "Tier3",
    "conversations.open": "Tier3",
    "conversations.members": "Tier4",
    "reactions.get": "Tier3",
    "reactions.add": "Tier3",
    "reactions.remove": "Tier2",
    "chat.postMessage": "SpecialTier_chat_postMessage",
    "chat.postEphemeral": "Tier4",
    "chat.update": "Tier3",
    "chat.getPermalink": "SpecialTier_chat_getPermalink",
    "usergroups.list": "Tier2",
    "files.list": "Tier3",
    "views.open": "Tier4",
    "views.update": "Tier4",
    "views.publish": "Tier4",
    "apps.connections.open": "Tier1",
}
_PER_MINUTE = {"Tier1": 1, "Tier2": 20, "Tier3": 50, "Tier4": 100}
_SPECIAL_PER_MINUTE = 300
"""Slack says no more than "several hundred"."""


class RateLimits:
    """The calls of the last minute by method; a channel also takes one message a second."""

    def __init__(self) -> None:
        self._calls: defaultdict[str, deque[float]] = defaultdict(deque)

    def wait(self, method: str, channel: str, now: float) -> int | None:
        """Seconds to wait where there were too many calls; else the call is counted."""
        allowed = _PER_MINUTE.get(TIERS[method], _SPECIAL_PER_MINUTE)
        waits = [self._wait(method, allowed, 60, now)]
        if method == "chat.postMessage":
            waits.append(self._wait(f"{method} {channel}", 1, 1, now))
        longest = max(waits)
        if longest > 0:
            return int(longest) + 1
        self._calls[method].append(now)
        self._calls[f"{method} {channel}"].append(now)
        return None

    def _wait(self, key: str, allowed: int, seconds: int, now: float) -> float:
        calls = self._calls[key]
        while calls and calls[0] <= now - seconds:
            calls.popleft()
        return calls[0] + seconds - now if len(calls) >= allowed else 0.0


@dataclass
class Fault:
    """What happens to the next `times` calls of a method; see `Slack.fail`."""

    error: str | None = None
    status: int | None = None
    delay: float | None = None
    drop: bool = False
    retry_after: int | None = None
    after_commit: bool = False
    times: int = 1


class Faults:
    def __init__(self) -> None:
        self._faults: defaultdict[str, deque[Fault]] = defaultdict(deque)

    def add(self, method: str, fault: Fault) -> None:
        self._faults[method].append(fault)

    def next(self, method: str) -> Fault | None:
        """The fault of this call, set for its method or for all ("*")."""
        for name in (method, "*"):
            faults = self._faults[name]
            if faults:
                faults[0].times -= 1
                return faults.popleft() if faults[0].times <= 0 else faults[0]
        return None

    def clear(self) -> None:
        self._faults.clear()
