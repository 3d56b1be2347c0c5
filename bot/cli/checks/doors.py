"""Looks at what the running bridge noted of requests that it refused, and of withheld events."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping

from bot.cli import console
from bot.cli.checks import Check, skip
from bot.core.faults import Fault
from bot.refused_requests import LIKELY, PREFIX, Cause, Door, name
from bot.settings import Settings
from bot.store.database import Database
from bot.store.standing import moments

NAMES: Mapping[Door, str] = {"slack": "Slack requests", "plain": "Plain webhooks"}

LATELY_SECONDS = 86_400.0

_DETAIL = {
    Cause.UNSIGNED: "one without a signature came at {at}, and none with a good one yet",
    Cause.WRONG_SIGNATURE: "one with a wrong signature came at {at}, and no good one since",
    Cause.STALE_TIMESTAMP: "one whose signature is out of date came at {at}, and no good one since",
    Cause.EVENTS_WITHHELD: "Slack held back events at {at} (app_rate_limited)",
}


def examine(
    database: Database, settings: Settings, clock: Callable[[], float] = time.time
) -> Iterator[Check]:
    """Yield a check for each door that has its secret; over Socket Mode, of what went wrong."""
    secrets: dict[Door, object] = {
        "slack": settings.slack_signing_secret,
        "plain": settings.plain_webhook_secret,
    }
    try:
        kept = moments(database, PREFIX)
    except Fault as fault:
        yield Check(NAMES["slack"], False, str(fault), "see the checks of the database")
        return
    for door, secret in secrets.items():
        check = _door(door, kept, clock())
        if secret is not None or not check.ok:
            yield check


def _door(door: Door, kept: Mapping[str, float], now: float) -> Check:
    """Return the newest problem that no good request followed.

    Anybody can send what is refused; that alone, beside good requests, is no failure.
    """
    good = kept.get(name(door))
    found = {cause: kept[name(door, cause)] for cause in Cause if name(door, cause) in kept}
    open_still = {cause: at for cause, at in found.items() if _stands(cause, at, good, now)}
    if open_still:
        cause = max(open_still, key=open_still.__getitem__)
        detail = _DETAIL[cause].format(at=console.moment(open_still[cause]))
        return Check(NAMES[door], False, detail, LIKELY[door, cause])
    if good is None:
        return skip(NAMES[door], "none came yet over HTTP")
    return Check(NAMES[door], True, f"the last good one came at {console.moment(good)}")


def _stands(cause: Cause, at: float, good: float | None, now: float) -> bool:
    if cause is Cause.EVENTS_WITHHELD:
        return now - at < LATELY_SECONDS
    if cause is Cause.UNSIGNED:
        return good is None
    return good is None or good < at
