"""Read the ledger: rows as records, for people, for flows and for metrics."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    func,
    literal_column,
    or_,
    select,
    update,
)

from bot.core import refs
from bot.core.faults import FIXED_BY_A_LINK
from bot.core.home import WaitingPerson
from bot.core.model import Escalation, Via
from bot.core.record import Evidence, Record, State
from bot.store import rejections, rows
from bot.store.database import Database
from bot.store.kv import KeyValueStore
from bot.store.schema import escalation as table

ON_HOLD = "on-hold"
"""The refused rows that resume once somebody links their requester to a customer."""

STATES = ("waiting", "created", "added", ON_HOLD, "refused", "parked", "unwanted", "undone")
"""The states by which rows can be listed; those on hold are listed among the refused ones too."""

HEARD = "slack.heard"
"""The key under which the key-value store has when Slack last sent anything (Unix seconds)."""

_PORTION = 1000
_NEWEST = 200
"""The newest rows that are read to find when the last request came."""


@dataclass(frozen=True, slots=True)
class EarlierRequest:
    """A record with what was requested, whose texts may be erased by now."""

    record: Record
    escalation: Escalation


class Records:
    """Reads the ledger. Methods block; each is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # For people in Slack

    def of_submitter(
        self, team: str, submitter: str, before: int | None = None, limit: int = 20
    ) -> list[Record]:
        """Return the newest `limit` records of this submitter, with ids below `before`.

        Without those that were ignored.
        """
        own = (table.c.team == team) & (table.c.asker == submitter)
        found = self._rows().where(own, table.c.state != State.UNWANTED.value)
        if before is not None:
            found = found.where(table.c.id < before)
        return self._records(found.order_by(table.c.id.desc()).limit(limit))

    def generations(self, key: str) -> list[Record]:
        """Return the records of the message with this key, the first request first."""
        return self._records(self._rows().where(table.c.key == key).order_by(table.c.generation))

    def by_reference(self, team: str, reference: str) -> Record | None:
        """Return the record that "PB-7" names; None if there is none."""
        found = self._records(self._named(team, reference))
        return found[0] if found else None

    def request(self, team: str, reference: str) -> EarlierRequest | None:
        """Return what was requested by the row that "PB-7" names; None if there is none."""
        with self._database.reading() as connection:
            row = connection.execute(self._named(team, reference)).first()
        return None if row is None else EarlierRequest(record_of(row), rows.escalation(row))

    def to_link(self, team: str, limit: int) -> list[WaitingPerson]:
        """Return the people whom somebody has to link, at most `limit`.

        Those with the latest request come first, because some will never be linked.
        """
        since, last = func.min(table.c.asked_at), func.max(table.c.id)
        with self._database.reading() as connection:
            found = connection.execute(
                select(table.c.requester, since.label("since"), last.label("last"))
                .where(table.c.team == team, is_on_hold(), table.c.requester.is_not(None))
                .group_by(table.c.requester)
                .order_by(func.max(table.c.asked_at).desc(), last.desc())
                .limit(limit)
            ).all()
        return [WaitingPerson(row.requester, row.since, refs.reference(row.last)) for row in found]

    # For the command line

    def newest(
        self,
        limit: int,
        state: str | None = None,
        *,
        age: float | None = None,
        user: str | None = None,
        channel: str | None = None,
    ) -> list[Record]:
        """Return the newest `limit` records, optionally filtered.

        By state (one of `STATES`), by the age of the request in seconds, by a user who is the
        submitter or the requester, and by a channel id.
        """
        found = self._rows().order_by(table.c.id.desc()).limit(limit)
        if state is not None:
            found = found.where(is_on_hold() if state == ON_HOLD else table.c.state == state)
        if age is not None:
            found = found.where(table.c.asked_at >= self._database.now() - age)
        if user is not None:
            found = found.where(or_(table.c.asker == user, table.c.requester == user))
        if channel is not None:
            found = found.where(table.c.channel == channel)
        return self._records(found)

    def find(self, name: str) -> list[Record]:
        """Return the records that "PB-7", a key (all its generations) or a ref "T-123" names."""
        return self._records(self._rows().where(_names(name)).order_by(table.c.id))

    def export(self) -> Iterator[Record]:
        """Yield every record, the oldest first, read in portions."""
        last = 0
        while portion := self._records(
            self._rows().where(table.c.id > last).order_by(table.c.id).limit(_PORTION)
        ):
            yield from portion
            last = portion[-1].id

    def retry(self, name: str) -> list[Record]:
        """Reopen the refused and parked rows that `name` names; return those."""
        with self._database.writing(wake=True) as connection:
            opened = connection.execute(
                update(table)
                .where(_names(name), table.c.state.in_(("refused", "parked")))
                .values(rows.reopened(self._database.now()))
                .returning(*table.c, self._database.now().label("now"))
            ).all()
        return [record_of(row) for row in opened]

    def _rows(self) -> Select[Any]:
        return select(*table.c, self._database.now().label("now"))

    def _named(self, team: str, reference: str) -> Select[Any]:
        # No row has the id 0.
        return self._rows().where(table.c.id == (refs.row_id(reference) or 0), table.c.team == team)

    def _records(self, statement: Select[Any]) -> list[Record]:
        with self._database.reading() as connection:
            return [record_of(row) for row in connection.execute(statement)]


def record_of(row: Row[Any]) -> Record:
    """Return a row as a record; `row.now` is the database's clock."""
    escalation = rows.bare_escalation(row)
    data = rows.DATA.value(row.reason_data)
    return Record(
        id=row.id,
        key=row.key,
        generation=row.generation,
        state=State(row.state),
        via=Via(row.via),
        team=row.team,
        submitter=row.asker,
        created_at=row.created_at,
        asked_at=row.asked_at,
        answer=row.answer,
        ref=escalation.trigger.ref,
        thread_ts=rows.slack_thread(row),
        channel=row.channel,
        emoji=escalation.trigger.emoji,
        rules=escalation.rules,
        requester=row.requester,
        attempts=row.attempts,
        cause=row.cause,
        due=row.due,
        customer=row.customer,
        evidence=Evidence(row.evidence) if row.evidence in set(Evidence) else None,
        ticket=rows.ticket(row),
        reason=row.reason,
        reason_data=data,
        rejection=rejections.rejection_of(row.reason, data),
        settled_at=row.settled_at,
        verify_at=row.verify_at,
        duplicates=tuple(rows.REFS.value(row.doubles) or ()),
        undone_at=row.undone_at,
        undone_by=row.undone_by,
        found=refs.is_found(row.request),
        read_at=row.now,
    )


def is_on_hold() -> ColumnElement[bool]:
    """Return the condition of `Record.is_on_hold` in SQL.

    A broken link that the settings name has no requester in its data, and a forgotten person's
    row has no data left: linking somebody resumes neither.
    """
    return (
        (table.c.state == "refused")
        & table.c.reason.in_(sorted(FIXED_BY_A_LINK))
        & table.c.reason_data.contains('"requester":', autoescape=True)
    )


def _names(name: str) -> ColumnElement[bool]:
    row_id = refs.row_id(name)
    if row_id is not None:
        return table.c.id == row_id
    return or_(table.c.key == name, table.c.thread_ref == name.upper())


# Counts and moments, for metrics and `doctor`


@dataclass(frozen=True, slots=True)
class Backlog:
    """The numbers of waiting rows (with the age in seconds of the oldest), of parked ones, and of
    people whom somebody has to link."""

    waiting: int
    oldest_age: float
    parked: int
    people: int


def backlog(database: Database) -> Backlog:
    """Read the backlog without looking at settled rows; raises TryLater."""
    now = database.now()
    with database.reading() as connection:
        waiting, oldest = connection.execute(
            select(func.count(), now - func.min(table.c.asked_at)).where(
                table.c.due.is_not(None), table.c.state == "waiting"
            )
        ).one()
        parked = connection.scalar(
            select(func.count()).where(table.c.state == literal_column("'parked'"))
        )
        people = _count_people(connection)
    return Backlog(waiting, max(0.0, oldest or 0.0), parked or 0, people)


class UnlinkedCounts(NamedTuple):
    """The number of people who wait to be linked; `unconfirmed`: those of them whose e-mail
    address in Slack only lacks Slack's confirmation."""

    people: int
    unconfirmed: int


def count_unlinked(database: Database) -> UnlinkedCounts:
    """Count the people whom somebody has to link, each once; raises TryLater."""
    unconfirmed = table.c.reason_data.contains('"address":"unconfirmed"', autoescape=True)
    people = select(func.count(table.c.requester.distinct()))
    with database.reading() as connection:
        some = connection.scalar(people.where(is_on_hold(), unconfirmed))
        return UnlinkedCounts(_count_people(connection), some or 0)


def _count_people(connection: Connection) -> int:
    counted = select(func.count(table.c.requester.distinct())).where(is_on_hold())
    return connection.scalar(counted) or 0


@dataclass(frozen=True, slots=True)
class LedgerStats:
    """The moments when something last came in; None: never.

    Unix seconds by the database's clock, `now` too.

    `asked_at`: the last request; `event_at`: the last reaction that Slack delivered as an event;
    `found_at`: the last one that reconciliation found; `heard_at`: anything from Slack.
    """

    now: float
    asked_at: float | None
    event_at: float | None
    found_at: float | None
    heard_at: float | None


def ledger_stats(database: Database) -> LedgerStats:
    """Read when something last came in; raises TryLater."""
    heard_at = KeyValueStore(database, float).recall(HEARD)
    with database.reading() as connection:
        now = connection.scalar(select(database.now()))
        newest = connection.execute(
            select(table.c.via, table.c.request, table.c.asked_at)
            .order_by(table.c.id.desc())
            .limit(_NEWEST)
        ).all()
    reactions = [row for row in newest if row.via == "reaction"]
    found = [row.asked_at for row in reactions if refs.is_found(row.request)]
    heard = [row.asked_at for row in reactions if not refs.is_found(row.request)]
    return LedgerStats(
        now=now or 0.0,
        asked_at=max((row.asked_at for row in newest), default=None),
        event_at=max(heard, default=None),
        found_at=max(found, default=None),
        heard_at=heard_at,
    )
