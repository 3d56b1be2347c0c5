"""Looks at what the ledger holds: whether events arrive, and how long the oldest work waits."""

from __future__ import annotations

from collections.abc import Iterator

from bot.cli import console
from bot.cli.checks import Check, skip
from bot.core.faults import Fault
from bot.store.database import Database
from bot.store.standing import Backlog, LedgerStats, backlog, standing
from bot.store.waiting import Counts, Waiting

EVENTS = "Slack events"
BACKLOG = "backlog"
PEOPLE = "people to link"

LONGEST_WAIT = 600.0
"""Seconds that work may wait before it is a failure: several attempts lie in them."""


def examine(database: Database) -> Iterator[Check]:
    """The checks, in order."""
    try:
        yield _events(standing(database))
        yield _backlog(backlog(database))
        yield _people(Waiting(database).counts())
    except Fault as fault:
        yield Check(BACKLOG, False, str(fault), "see the checks of the database")


def _events(found: LedgerStats) -> Check:
    """Red where reactions are found in Slack's history, and none was delivered as an event.

    How long nobody asked is no failure: that is for whoever reads it to judge.
    """
    if found.asked_at is None and found.heard_at is None:
        return skip(EVENTS, "nothing was recorded yet: react to a message, and look again")
    heard = max(found.heard_at or 0.0, found.event_at or 0.0)
    if found.found_at is not None and found.found_at > heard:
        since = f"since {console.moment(heard)}" if heard else "yet"
        detail = f"no event was delivered {since}; reactions are found in the history only"
        fix = (
            'https://api.slack.com/apps, your app, "Event Subscriptions": on, with '
            "reaction_added; over HTTP, see that the address reaches the bridge"
        )
        return Check(EVENTS, False, detail, fix)
    if not heard:
        return skip(EVENTS, f"no event yet; asked last {_ago(found, found.asked_at)}")
    return Check(EVENTS, True, f"the last one came {_ago(found, heard)}")


def _backlog(found: Backlog) -> Check:
    parked = f"; {found.parked} parked (`plain-bridge ledger list --state parked`)"
    rest = parked if found.parked else ""
    if not found.waiting:
        return Check(BACKLOG, True, f"nothing waits{rest}")
    detail = f"{found.waiting} waiting, the oldest for {_span(found.oldest_age)}{rest}"
    if found.oldest_age <= LONGEST_WAIT:
        return Check(BACKLOG, True, detail)
    fix = (
        "see that `plain-bridge run` is running; `plain-bridge ledger list --state waiting` "
        "names the last trouble of each"
    )
    return Check(BACKLOG, False, detail, fix)


def _people(found: Counts) -> Check:
    """Nobody's fault, so never red: those who asked were told what to do."""
    if not found.people:
        return Check(PEOPLE, True, "nobody waits")
    detail = f"{found.people} {'waits' if found.people == 1 else 'wait'}"
    if found.unconfirmed:
        detail += f", {found.unconfirmed} of them with an e-mail address that Slack doesn't confirm"
    fix = (
        "link them with `plain-bridge people link`; `plain-bridge ledger list --state on-hold` "
        "names them"
    )
    return Check(PEOPLE, True, detail, fix)


def _ago(found: LedgerStats, moment: float | None) -> str:
    return f"{_span(found.now - (moment or 0.0))} ago"


def _span(seconds: float) -> str:
    """A time as people say it, in its largest unit."""
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 0.0):.0f} s"
