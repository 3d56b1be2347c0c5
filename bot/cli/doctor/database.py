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
from bot.cli.doctor.check import Check, skip, timed
from bot.core.faults import Fault
from bot.refused_requests import LIKELY, PREFIX, Cause, Door, name
from bot.settings import Settings
from bot.store import migrating, suitable
from bot.store.database import Database
from bot.store.kv import KeyValueStore
from bot.store.postgres import PER_PROCESS
from bot.store.records import (
    Backlog,
    LedgerStats,
    UnlinkedCounts,
    backlog,
    count_unlinked,
    ledger_stats,
)
from bot.store.schema import memory
from bot.store.suitable import Unsuitable


class _Undone(Exception):
    """Takes back what was written to see whether it can be."""


def examine(settings: Settings) -> list[Check]:
    """The checks, in order; the first that fails is the last."""
    try:
        database = services.connect(settings)
    except CommandFailed as error:
        return [Check("database", False, str(error), "install what is missing")]
    try:
        return list(timed(_examine(database, settings)))
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
        fix = "give the bridge's user the right to write, and see whether the disk is full"
        yield Check("database writable", False, _why(error), fix)
        return
    yield Check("database writable", True, "a write was tried and taken back")
    yield from _ledger(database)
    yield from check_doors(database, settings)


def _connections(allowed: int) -> Check:
    wrong = suitable.too_few_connections(allowed)
    if wrong is not None:
        return Check("database connections", False, wrong.what, wrong.fix)
    each = f"each `run` or `worker` needs {PER_PROCESS}, and a command one"
    return Check("database connections", True, f"{allowed} are allowed; {each}")


def _exposed(database: Database) -> str:
    """Whether others on this machine may read the SQLite file; it is made for its owner alone."""
    if database.file is None:
        return ""
    mode = stat.S_IMODE(Path(database.file.path).stat().st_mode)
    return f" (others may read it: chmod 600 {database.file.path})" if mode & 0o044 else ""


def _unmade(file: Path) -> Check:
    folder = file.absolute().parent
    if folder.is_dir() and os.access(folder, os.W_OK):
        return Check("database", True, f"{file} is not there yet; the first run makes it")
    fix = f"make {folder} a folder that the bridge's user may write to, or change DATABASE_URL"
    return Check("database", False, f"{file} cannot be made", fix)


def _not_at_head(database: Database, revision: str | None) -> Check:
    at, head = revision or "no schema", migrating.head()
    if database.is_sqlite:
        return Check("database schema", True, f"at {at}; the next run brings it to {head}")
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
            raise _Undone
    except _Undone:
        return


def _why(error: Exception) -> str:
    raised = error.__cause__ if isinstance(error, Fault) else error
    why = str(getattr(raised, "orig", None) or error)
    return telemetry.masked(" ".join(why.split()))


def _fix(database: Database) -> str:
    if database.is_sqlite:
        return "see whether DATABASE_URL names the bridge's file, and who may write to its folder"
    return "see whether PostgreSQL runs, and whether DATABASE_URL is right"


EVENTS = "Slack events"
BACKLOG = "backlog"
PEOPLE = "people to link"

LONGEST_WAIT = 600.0
"""Seconds that work may wait before it is a failure: several attempts lie in them."""


def _ledger(database: Database) -> Iterator[Check]:
    """The checks, in order."""
    try:
        yield _events(ledger_stats(database))
        yield _backlog(backlog(database))
        yield _people_to_link(count_unlinked(database))
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


def _people_to_link(found: UnlinkedCounts) -> Check:
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


DOORS: Mapping[Door, str] = {"slack": "Slack requests", "plain": "Plain webhooks"}

LATELY_SECONDS = 86_400.0

_DETAIL = {
    Cause.UNSIGNED: "one without a signature came at {at}, and none with a good one yet",
    Cause.WRONG_SIGNATURE: "one with a wrong signature came at {at}, and no good one since",
    Cause.STALE_TIMESTAMP: "one whose signature is out of date came at {at}, and no good one since",
    Cause.EVENTS_WITHHELD: "Slack held back events at {at} (app_rate_limited)",
}


def check_doors(
    database: Database, settings: Settings, clock: Callable[[], float] = time.time
) -> Iterator[Check]:
    """Yield a check for each door that has its secret; over Socket Mode, of what went wrong."""
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
    """Return the newest problem that no good request followed.

    Anybody can send what is refused; that alone, beside good requests, is no failure.
    """
    good = kept.get(name(door))
    found = {cause: kept[name(door, cause)] for cause in Cause if name(door, cause) in kept}
    open_still = {cause: at for cause, at in found.items() if _is_open(cause, at, good, now)}
    if open_still:
        cause = max(open_still, key=open_still.__getitem__)
        detail = _DETAIL[cause].format(at=console.moment(open_still[cause]))
        return Check(DOORS[door], False, detail, LIKELY[door, cause])
    if good is None:
        return skip(DOORS[door], "none came yet over HTTP")
    return Check(DOORS[door], True, f"the last good one came at {console.moment(good)}")


def _is_open(cause: Cause, at: float, good: float | None, now: float) -> bool:
    if cause is Cause.EVENTS_WITHHELD:
        return now - at < LATELY_SECONDS
    if cause is Cause.UNSIGNED:
        return good is None
    return good is None or good < at
