"""Where the bridge touches the world, by name, for a program that watches it from inside.

Nobody watches the bridge at work, and then a point is the call of an empty function. Nothing
arms one from outside: a program that wants to watch has to import this module and say so, as
the crash matrix does, which ends the process at each of them in turn.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum


class Failpoint(StrEnum):
    """A moment that comes again and again; what it is about is told beside it."""

    BEFORE_COMMIT = "commit.before"
    AFTER_COMMIT = "commit.after"
    BEFORE_SLACK = "slack.before"
    """A request to Slack's Web API, or to a `response_url`, is about to go out."""
    AFTER_SLACK = "slack.after"
    BEFORE_PLAIN = "plain.before"
    AFTER_PLAIN = "plain.after"


Watcher = Callable[[Failpoint, str], None]
"""Told of the point and of what it is about: Slack's method, Plain's operation, or nothing.

Called wherever the point lies: in the event loop, or in one of the store's threads.
"""


def _unwatched(_point: Failpoint, _about: str) -> None:
    """Nobody watches."""


_watcher: Watcher = _unwatched


def arm(watcher: Watcher) -> None:
    """From now on tell `watcher` of every point."""
    global _watcher
    _watcher = watcher


def hit(point: Failpoint, about: str = "") -> None:
    """The process is at `point`."""
    _watcher(point, about)
