"""Check the database: its schema, its writability, and what the ledger in it reports."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from bot import telemetry
from bot.cli import console, services
from bot.cli.console import CommandFailed
from bot.cli.doctor.check import Check, each_timed, skip
from bot.core.faults import Fault
from bot.refused_requests import LIKELY, PREFIX, Cause, Door, name
from bot.settings import Settings
from bot.store import migrating, suitable
from bot.store.backlog import (
    Backlog,
    LedgerStats,
    UnlinkedCounts,
    backlog,
    count_unlinked,
    ledger_stats,
)
from bot.store.database import Database
from bot.store.kv import KeyValueStore
from bot.store.postgres import PER_PROCESS
from bot.store.schema import memory
from bot.store.suitable import Unsuitable


class _RolledBack(Exception):
    """Rolls back the write that showed that the database can be written to."""


def examine(settings: Settings) -> list[Check]:
    """Return the checks in order; the first that fails is the last."""
    try:
        database = services.connect(settings)
    except CommandFailed as error:
        return [Check("database", False, str(error), "install what is missing")]
    try:
        return list(each_timed(_examine(database, settings)))
    finally:
        database.close()


def _examine(database: Database, settings: Settings) -> Iterator[Check]:
    name = database.url.render_as_string(hide_password=True)
    if (file := services.missing_file(database)) is not None:
        yield _unmade(file)
        return
    try:
        suitable.check(database)
        revision = migrating.revision(database)
        allowed = suitable.connections_allowed(database)
    except Unsuitable as wrong:
        yield Check("database", False, wrong.what, wrong.fix)
        return
    except (Fault, DBAPIError) as error:
        yield Check("database", False, f"{name}: {_why(error)}", _fix(database))
        return
    yield Check("database", True, f"{name}{_exposed(database)}")
    if allowed is not None:
        yield _connections(allowed)
    if revision != migrating.head():
        yield _not_at_head(database, revision)
        return
    try:
        migrating.check_columns(database)
    except Unsuitable as wrong:
        yield Check("database schema", False, wrong.what, wrong.fix)
        return
    yield Check("database schema", True, f"at {revision}")
    try:
        _write_nothing(database)
    except (Fault, DBAPIError) as error:  # PostgreSQL's "permission denied" is no outage
        fix = "give the bridge's user write permission, and check that the disk is not full"
        yield Check("database writable", False, _why(error), fix)
        return
    yield Check("database writable", True, "a write succeeded and was rolled back")
    yield from _ledger(database)
    yield from check_doors(database, settings)


def _connections(allowed: int) -> Check:
    wrong = suitable.too_few_connections(allowed)
    if wrong is not None:
        return Check("database connections", False, wrong.what, wrong.fix)
    each = f"each `run` or `worker` needs {PER_PROCESS}, a command one"
    return Check("database connections", True, f"{allowed} are allowed; {each}")


def _exposed(database: Database) -> str:
    """Return a remark if others on this machine can read the SQLite file."""
    if database.file is None:
        return ""
    mode = stat.S_IMODE(Path(database.file.path).stat().st_mode)
    return f" (others can read it: chmod 600 {database.file.path})" if mode & 0o044 else ""


def _unmade(file: Path) -> Check:
    folder = file.absolute().parent
    if folder.is_dir() and os.access(folder, os.W_OK):
        return Check("database", True, f"{file} does not exist yet; the first run creates it")
    fix = f"make {folder} a folder the bridge's user can write to, or change DATABASE_URL"
    return Check("database", False, f"{file} cannot be created", fix)


def _not_at_head(database: Database, revision: str | None) -> Check:
    at, head = revision or "no schema", migrating.head()
    if database.is_sqlite:
        return Check("database schema", True, f"at {at}; the next run upgrades it to {head}")
    detail = f"at {at}, this release needs {head}"
    return Check("database schema", False, detail, "run `plain-bridge migrate`")


def _write_nothing(database: Database) -> None:
    try:
        with database.writing() as connection:
            connection.execute(
                database.insert(memory).values(
                    name="doctor", value="null", updated_at=database.now()
                )
            )
            raise _RolledBack
    except _RolledBack:
        return


def _why(error: Exception) -> str:
    raised = error.__cause__ if isinstance(error, Fault) else error
    why = str(getattr(raised, "orig", None) or error)
    return telemetry.masked(" ".join(why.split()))


def _fix(database: Database) -> str:
    if database.is_sqlite:
        return "check that DATABASE_URL names the bridge's file, and who can write to its folder"
    return "check that PostgreSQL is running and that DATABASE_URL is right"


# The ledger

EVENTS = "Slack events"
BACKLOG = "backlog"
PEOPLE = "people to link"

LONGEST_WAIT = 600.0
"""Seconds that a request may wait before it is a failure: long enough for several attempts."""


def _ledger(database: Database) -> Iterator[Check]:
    """Return the checks in order."""
    try:
        yield _events(ledger_stats(database))
        yield _backlog(backlog(database))
        yield _people_to_link(count_unlinked(database))
    except Fault as fault:
        yield Check(BACKLOG, False, str(fault), "see the checks of the database")


def _events(found: LedgerStats) -> Check:
    """Fail if reactions were found in Slack's history but none arrived as an event since.

    Silence alone is no failure: the detail shows its length for people to judge.
    """
    if found.asked_at is None and found.heard_at is None:
        return skip(EVENTS, "nothing recorded yet: react to a message, then check again")
    last_event = max(found.heard_at or 0.0, found.event_at or 0.0)
    if found.found_at is not None and found.found_at > last_event:
        since = f"since {console.moment(last_event)}" if last_event else "yet"
        detail = f"no event {since}; reactions were only found in the history"
        fix = (
            'https://api.slack.com/apps, your app, "Event Subscriptions": on, with '
            "reaction_added; over HTTP, check that the request URL reaches the bridge"
        )
        return Check(EVENTS, False, detail, fix)
    if not last_event:
        return skip(EVENTS, f"no event yet; the last request came {_ago(found, found.asked_at)}")
    return Check(EVENTS, True, f"the last one arrived {_ago(found, last_event)}")


def _backlog(found: Backlog) -> Check:
    parked = f"; {found.parked} parked (`plain-bridge ledger list --state parked`)"
    rest = parked if found.parked else ""
    if not found.waiting:
        return Check(BACKLOG, True, f"nothing is waiting{rest}")
    detail = f"{found.waiting} waiting, the oldest for {_span(found.oldest_age)}{rest}"
    if found.oldest_age <= LONGEST_WAIT:
        return Check(BACKLOG, True, detail)
    fix = (
        "check that `plain-bridge run` is running; `plain-bridge ledger list --state waiting` "
        "shows the last error of each"
    )
    return Check(BACKLOG, False, detail, fix)


def _people_to_link(found: UnlinkedCounts) -> Check:
    """Count the people whose requests are on hold; never fail: the submitters know what to do."""
    if not found.people:
        return Check(PEOPLE, True, "nobody is waiting")
    detail = f"{found.people} waiting"
    if found.unconfirmed:
        detail += f", {found.unconfirmed} of them with an address that Slack hasn't confirmed"
    fix = (
        "link them with `plain-bridge people link`; `plain-bridge ledger list --state on-hold` "
        "lists them"
    )
    return Check(PEOPLE, True, detail, fix)


def _ago(found: LedgerStats, moment: float | None) -> str:
    return f"{_span(found.now - (moment or 0.0))} ago"


def _span(seconds: float) -> str:
    """Return a duration in its largest unit."""
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 0.0):.0f} s"


DOORS: Mapping[Door, str] = {"slack": "Slack requests", "plain": "Plain webhooks"}

LATELY_SECONDS = 86_400.0

_DETAIL = {
    Cause.UNSIGNED: "one without a signature arrived at {at}, and no valid one yet",
    Cause.WRONG_SIGNATURE: "one with a wrong signature arrived at {at}, and no valid one since",
    Cause.STALE_TIMESTAMP: "one with an expired signature arrived at {at}, and no valid one since",
    Cause.EVENTS_WITHHELD: "Slack withheld events at {at} (app_rate_limited)",
}


def check_doors(
    database: Database, settings: Settings, clock: Callable[[], float] = time.time
) -> Iterator[Check]:
    """Yield a check for each HTTP endpoint whose secret is set, and for any that had a problem."""
    secrets: dict[Door, object] = {
        "slack": settings.slack_signing_secret,
        "plain": settings.plain_webhook_secret,
    }
    try:
        found = KeyValueStore(database, float).all(PREFIX)
    except Fault as fault:
        yield Check(DOORS["slack"], False, str(fault), "see the checks of the database")
        return
    kept = {f"{PREFIX}{rest}": at for rest, at in found.items()}
    for door, secret in secrets.items():
        check = _door(door, kept, clock())
        if secret is not None or not check.ok:
            yield check


def _door(door: Door, kept: Mapping[str, float], now: float) -> Check:
    """Fail for the newest problem that no valid request followed.

    Anybody can send invalid requests: among valid ones they are no failure.
    """
    good = kept.get(name(door))
    found = {cause: kept[name(door, cause)] for cause in Cause if name(door, cause) in kept}
    open_still = {cause: at for cause, at in found.items() if _is_open(cause, at, good, now)}
    if open_still:
        cause = max(open_still, key=open_still.__getitem__)
        detail = _DETAIL[cause].format(at=console.moment(open_still[cause]))
        return Check(DOORS[door], False, detail, LIKELY[door, cause])
    if good is None:
        return skip(DOORS[door], "none arrived over HTTP yet")
    return Check(DOORS[door], True, f"the last valid one arrived at {console.moment(good)}")


def _is_open(cause: Cause, at: float, good: float | None, now: float) -> bool:
    if cause is Cause.EVENTS_WITHHELD:
        return now - at < LATELY_SECONDS
    if cause is Cause.UNSIGNED:
        return good is None
    return good is None or good < at
