"""Escalations read for people: those of one person, and all generations of one message's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
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
from bot.core.model import Escalation, Ticket, Via
from bot.core.record import Evidence, Record, State
from bot.store import rows
from bot.store.claims import reference
from bot.store.customer_links import WAITING_FOR_A_LINK
from bot.store.database import Database
from bot.store.kv import KeyValueStore
from bot.store.requests import Requests
from bot.store.rows import Codec
from bot.store.schema import escalation as table
from bot.store.schema import memory


class Tickets:
    """Part of the table of escalations. Methods block; each is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def tickets_of(
        self, submitter: str, before: int | None = None, limit: int = 20
    ) -> list[Record]:
        """The newest `limit` escalations that this person asked for, the newest first.

        Those with an id below `before`. What nobody wanted is left out.
        """
        own = table.c.asker == submitter
        asked = select(table).where(own, table.c.state != State.UNWANTED.value)
        if before is not None:
            asked = asked.where(table.c.id < before)
        return self._records(asked.order_by(table.c.id.desc()).limit(limit))

    def generations(self, key: str) -> list[Record]:
        """The rows of the message with this key, the first asking first."""
        return self._records(select(table).where(table.c.key == key).order_by(table.c.generation))

    def of_conversation(self, conversation_key: str) -> Ticket | None:
        """The ticket that the Slack thread with this key has."""
        return Requests(self._database).ticket_of_conversation(conversation_key)

    def _records(self, asked: Select[Any]) -> list[Record]:
        with self._database.reading() as connection:
            return [_record(row) for row in connection.execute(asked)]


def _record(row: Row[Any]) -> Record:
    asked = rows.escalation(row)
    return Record(
        id=row.id,
        reference=reference(row.id),
        key=row.key,
        generation=row.generation,
        state=State(row.state),
        via=Via(row.via),
        submitter=row.asker,
        created_at=row.created_at,
        asked_at=row.asked_at,
        ref=asked.trigger.ref,
        channel=row.channel,
        emoji=asked.trigger.emoji,
        rules=asked.rules,
        requester=row.requester,
        attempts=row.attempts,
        cause=row.cause,
        due=row.due,
        customer=row.customer,
        evidence=Evidence(row.evidence) if row.evidence in set(Evidence) else None,
        ticket=rows.ticket(row),
        reason=row.reason,
        data=rows.DATA.value(row.reason_data) or {},
        settled_at=row.settled_at,
        undone_at=row.undone_at,
        undone_by=row.undone_by,
        doubles=tuple(rows.REFS.value(row.doubles) or ()),
        found=refs.is_found(row.request),
    )


ON_HOLD = "on-hold"
"""Of the refused rows those that resume once somebody links their requester to a customer."""

STATES = ("waiting", "created", "added", ON_HOLD, "refused", "parked", "unwanted", "undone")
"""By which rows can be listed; those on hold are listed among the refused ones too."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One escalation without its texts and addresses. Times are Unix seconds."""

    reference: str
    key: str
    generation: int
    state: str
    answer: str
    via: str
    team: str
    channel: str | None
    submitter: str
    requester: str | None
    attempts: int
    cause: str | None
    customer: str | None
    evidence: str | None
    thread_id: str | None
    thread_ref: str | None
    thread_url: str | None
    reason: str | None
    reason_data: dict[str, str] | None
    created_at: float
    due: float | None
    settled_at: float | None
    verify_at: float | None = None
    """When its thread is looked for once more, because its create was in doubt."""
    doubles: list[str] | None = None
    """Refs of further threads with this row's external id, found by a later look-up."""
    undone_at: float | None = None
    undone_by: str | None = None
    """The Slack user who undid it."""

    def as_dict(self) -> dict[str, object]:
        # Scripts that read exports know the submitter as `asker`.
        return {
            "asker" if name == "submitter" else name: value for name, value in asdict(self).items()
        }


class History:
    """Reads the table of escalations for people. Methods block; each is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def newest(
        self,
        limit: int,
        state: str | None = None,
        *,
        age: float | None = None,
        user: str | None = None,
        channel: str | None = None,
    ) -> list[Entry]:
        """The newest `limit` rows: of one state, asked for in the last `age` seconds, by or for
        this user, in this channel (an id)."""
        statement = select(table).order_by(table.c.id.desc()).limit(limit)
        if state is not None:
            is_in_state = waits_for_a_link() if state == ON_HOLD else table.c.state == state
            statement = statement.where(is_in_state)
        if age is not None:
            statement = statement.where(table.c.asked_at >= self._database.now() - age)
        if user is not None:
            statement = statement.where(or_(table.c.asker == user, table.c.requester == user))
        if channel is not None:
            statement = statement.where(table.c.channel == channel)
        return self._entries(statement)

    def find(self, name: str) -> list[Entry]:
        """The rows that `name` names: "PB-7", a key (all its generations), or a ref "T-123"."""
        return self._entries(select(table).where(_named(name)).order_by(table.c.id))

    def export(self) -> Iterator[Entry]:
        """Every row, oldest first, read in portions."""
        last = 0
        while portion := self._entries(
            select(table).where(table.c.id > last).order_by(table.c.id).limit(1000)
        ):
            yield from portion
            last = int(portion[-1].reference.removeprefix("PB-"))

    def retry(self, name: str) -> list[Entry]:
        """Open the refused and parked rows that `name` names; returns those that it opened."""
        with self._database.writing(wake=True) as connection:
            opened = connection.execute(
                update(table)
                .where(_named(name), table.c.state.in_(("refused", "parked")))
                .values(rows.reopened(self._database.now()))
                .returning(*table.c)
            ).all()
        return [_entry(row) for row in opened]

    def _entries(self, statement: Select[Any]) -> list[Entry]:
        with self._database.reading() as connection:
            return [_entry(row) for row in connection.execute(statement)]


def _named(name: str) -> Any:
    digits = name.upper().removeprefix("PB-")
    if digits.isdecimal() and len(digits) < 19:  # no row's id is longer
        return table.c.id == int(digits)
    return or_(table.c.key == name, table.c.thread_ref == name.upper())


def _entry(row: Row[Any]) -> Entry:
    return Entry(
        reference=reference(row.id),
        key=row.key,
        generation=row.generation,
        state=row.state,
        answer=row.answer,
        via=row.via,
        team=row.team,
        channel=row.channel,
        submitter=row.asker,
        requester=row.requester,
        attempts=row.attempts,
        cause=row.cause,
        customer=row.customer,
        evidence=row.evidence,
        thread_id=row.thread_id,
        thread_ref=row.thread_ref,
        thread_url=row.thread_url,
        reason=row.reason,
        reason_data=rows.DATA.value(row.reason_data),
        created_at=row.created_at,
        due=row.due,
        settled_at=row.settled_at,
        verify_at=row.verify_at,
        doubles=rows.REFS.value(row.doubles),
        undone_at=row.undone_at if row.state == "undone" else None,
        undone_by=row.undone_by if row.state == "undone" else None,
    )


@dataclass(frozen=True, slots=True)
class Earlier:
    """An escalation as the ledger has it; its texts may be erased by now.

    `waits`: a delivery of it is due. `ticket` is what came of it, if anything did.
    """

    escalation: Escalation
    waits: bool
    requester: str | None = None
    ticket: Ticket | None = None


_DIGITS = 18
"""No row's id is longer."""


class Asked:
    """The table of escalations, one at a time. Methods block; each is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, reference: str) -> Earlier | None:
        """See `flows.reopening.Asked.find`."""
        digits = reference.removeprefix("PB-")
        if not (digits.isascii() and digits.isdecimal() and len(digits) <= _DIGITS):
            return None
        with self._database.reading() as connection:
            row = connection.execute(select(table).where(table.c.id == int(digits))).first()
        if row is None:
            return None
        settled = row.state in ("created", "added")
        return Earlier(
            escalation=rows.escalation(row),
            waits=row.state == "waiting",
            requester=row.requester,
            ticket=rows.ticket(row) if settled else None,
        )


@dataclass(frozen=True, slots=True)
class Unlinked:
    """The person whom a row is about.

    `waits`: it was refused for want of a link of theirs, and nothing changed that yet. `ticket`
    is what came of it where it went on.
    """

    reference: str
    requester: str
    waits: bool
    ticket: Ticket | None = None


class WaitingPerson(NamedTuple):
    """A Slack user without a customer; `since` (Unix seconds) the first of their requests
    waits, and `reference` names the latest one."""

    requester: str
    since: float
    reference: str


class UnlinkedCounts(NamedTuple):
    """How many people wait to be linked; `unconfirmed` of them have an address in Slack that
    lacks nothing but Slack's confirmation."""

    people: int
    unconfirmed: int


class Waiting:
    """Reads the table of escalations. Methods block; each is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def waiting_for_link(self, limit: int) -> list[WaitingPerson]:
        """The people whom somebody has to link, at most `limit`; who was asked for last comes
        first, for some will never be linked."""
        since, last = func.min(table.c.asked_at), func.max(table.c.id)
        with self._database.reading() as connection:
            found = connection.execute(
                select(table.c.requester, since.label("since"), last.label("last"))
                .where(waits_for_a_link(), table.c.requester.is_not(None))
                .group_by(table.c.requester)
                .order_by(func.max(table.c.asked_at).desc(), last.desc())
                .limit(limit)
            ).all()
        return [WaitingPerson(row.requester, row.since, reference(row.last)) for row in found]

    def counts(self) -> UnlinkedCounts:
        """Count the people whom somebody has to link, each once; raises TryLater."""
        unconfirmed = table.c.reason_data.contains('"address":"unconfirmed"', autoescape=True)
        people = select(func.count(table.c.requester.distinct()))
        with self._database.reading() as connection:
            some = connection.scalar(people.where(waits_for_a_link(), unconfirmed))
            return UnlinkedCounts(count_people(connection), some or 0)

    def unlinked(self, name: str) -> Unlinked | None:
        """See `link.Requests.unlinked`."""
        digits = name.removeprefix("PB-")
        if not re.fullmatch("[0-9]{1,18}", digits):  # no row's id is longer
            return None
        with self._database.reading() as connection:
            row = connection.execute(
                select(table)
                .add_columns(waits_for_a_link().label("waits"))
                .where(table.c.id == int(digits))
            ).first()
        if row is None or row.requester is None:
            return None
        return Unlinked(
            reference=reference(row.id),
            requester=row.requester,
            waits=bool(row.waits),
            ticket=rows.ticket(row) if row.state in ("created", "added") else None,
        )


def count_people(connection: Connection) -> int:
    """Return how many people somebody has to link before their requests can go on."""
    counted = select(func.count(table.c.requester.distinct())).where(waits_for_a_link())
    return connection.scalar(counted) or 0


def waits_for_a_link() -> ColumnElement[bool]:
    """Return the condition that a row was refused for want of the requester's customer.

    A broken link that the settings name has no requester in its data, and linking somebody does
    not mend it; a forgotten person's row has no data left.
    """
    return (
        (table.c.state == "refused")
        & table.c.reason.in_(WAITING_FOR_A_LINK)
        & table.c.reason_data.contains('"requester":', autoescape=True)
    )


HEARD = "slack.heard"
"""Under this name the memory keeps when Slack last sent anything (Unix seconds)."""

_LOOKED_AT = 200
"""Of the newest rows; further back nobody asks what came last."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """Rows that wait for their outcome, for how many seconds the oldest has, parked rows, and
    the people whom somebody has to link."""

    waiting: int
    oldest_age: float
    parked: int
    people: int


def backlog(database: Database) -> Backlog:
    """One reading, which never looks at settled rows; raises TryLater."""
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
        people = count_people(connection)
    return Backlog(waiting, max(0.0, oldest or 0.0), parked or 0, people)


@dataclass(frozen=True, slots=True)
class LedgerStats:
    """All times are Unix seconds, `now` the ledger's clock; None where there is no such row.

    `asked_at`: when somebody asked last, `event_at`: the last time by a reaction that Slack
    delivered, `found_at`: by one that reconciliation found. `heard_at`: when Slack last sent
    anything at all.
    """

    now: float
    asked_at: float | None
    event_at: float | None
    found_at: float | None
    heard_at: float | None


def moments(database: Database, prefix: str) -> dict[str, float]:
    """Return the moments (Unix seconds) that are kept under names with this prefix, by name."""
    codec = Codec(float)
    with database.reading() as connection:
        kept = connection.execute(
            select(memory.c.name, memory.c.value).where(memory.c.name.startswith(prefix))
        ).all()
    read = ((row.name, codec.value(row.value)) for row in kept)
    return {name: moment for name, moment in read if moment is not None}


def standing(database: Database) -> LedgerStats:
    """One reading; raises TryLater."""
    heard_at = KeyValueStore(database, float).recall(HEARD)
    with database.reading() as connection:
        now = connection.scalar(select(database.now()))
        newest = connection.execute(
            select(table.c.via, table.c.request, table.c.asked_at)
            .order_by(table.c.id.desc())
            .limit(_LOOKED_AT)
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
