"""Define failpoints: named moments at which the crash matrix ends the process.

In production a failpoint is the call of an empty function, and nothing can arm one from outside:
a program has to import this module to do so.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum


class Failpoint(StrEnum):
    """A moment that recurs, such as right before a request to Plain."""

    BEFORE_COMMIT = "commit.before"
    AFTER_COMMIT = "commit.after"
    BEFORE_SLACK = "slack.before"
    """A request to Slack's Web API, or to a `response_url`, is about to go out."""
    AFTER_SLACK = "slack.after"
    BEFORE_PLAIN = "plain.before"
    AFTER_PLAIN = "plain.after"


Watcher = Callable[[Failpoint, str], None]
"""Called with the point and its subject: Slack's method, Plain's operation, or nothing.

Runs wherever the point is: in the event loop, or in one of the store's threads.
"""


def _unwatched(_point: Failpoint, _about: str) -> None:
    """Ignore the failpoint."""


_watcher: Watcher = _unwatched


def arm(watcher: Watcher) -> None:
    """Call `watcher` at every failpoint from now on."""
    global _watcher
    _watcher = watcher


def hit(point: Failpoint, about: str = "") -> None:
    """Tell the watcher that the process is at `point`."""
    _watcher(point, about)
