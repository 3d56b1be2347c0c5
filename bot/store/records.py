"""Read the ledger: requests as records, for people and for flows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    and_,
    case,
    func,
    literal_column,
    or_,
    select,
)

from bot.core import refs
from bot.core.home import WaitingPerson
from bot.core.model import Escalation, Via
from bot.core.record import Evidence, Record, State
from bot.store import rejections, rows
from bot.store.customer_links import IS_ON_HOLD
from bot.store.database import Database
from bot.store.jobs import Kind
from bot.store.requests import decide_again
from bot.store.schema import job, request, ticket

_PORTION = 1000

_RETRIED = ("rejected", "parked", "on_hold")


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
        own = (request.c.team == team) & (request.c.submitter == submitter)
        found = self._rows().where(own, request.c.state != "ignored")
        if before is not None:
            found = found.where(request.c.id < before)
        return self._records(found.order_by(request.c.id.desc()).limit(limit))

    def of_message(self, key: str) -> list[Record]:
        """Return all requests about the message with this key, the first one first."""
        return self._records(self._rows().where(request.c.key == key).order_by(request.c.id))

    def by_reference(self, team: str, reference: str) -> Record | None:
        """Return the record that "PB-7" names; None if there is none."""
        found = self._records(self._named(team, reference))
        return found[0] if found else None

    def request(self, team: str, reference: str) -> EarlierRequest | None:
        """Return what was requested by the request that "PB-7" names; None if there is none."""
        with self._database.reading() as connection:
            row = connection.execute(self._named(team, reference)).first()
        return None if row is None else EarlierRequest(record_of(row), rows.escalation(row))

    def to_link(self, team: str, limit: int) -> list[WaitingPerson]:
        """Return the people whom somebody has to link, at most `limit`.

        Those with the latest request come first, because some will never be linked.
        """
        since, last = func.min(request.c.created_at), func.max(request.c.id)
        with self._database.reading() as connection:
            found = connection.execute(
                select(request.c.requester, since.label("since"), last.label("last"))
                .where(request.c.team == team, IS_ON_HOLD, request.c.requester.is_not(None))
                .group_by(request.c.requester)
                .order_by(last.desc())
                .limit(limit)
            ).all()
        return [WaitingPerson(row.requester, row.since, refs.reference(row.last)) for row in found]

    # For the command line

    def newest(
        self,
        limit: int,
        state: State | None = None,
        *,
        age: float | None = None,
        user: str | None = None,
        channel: str | None = None,
    ) -> list[Record]:
        """Return the newest `limit` records, optionally filtered.

        By state, by the age of the request in seconds, by a user who is the submitter or the
        requester, and by a channel id.
        """
        found = self._rows().order_by(request.c.id.desc()).limit(limit)
        if state is not None:
            found = found.where(_is(state))
        if age is not None:
            found = found.where(request.c.created_at >= self._database.now() - age)
        if user is not None:
            found = found.where(or_(request.c.submitter == user, request.c.requester == user))
        if channel is not None:
            found = found.where(request.c.channel == channel)
        return self._records(found)

    def find(self, name: str) -> list[Record]:
        """Return the requests that `name` names, the first one first.

        "PB-7" names one; a key names all requests about that message; a ref ("T-123") all that
        opened, joined or added to that ticket.
        """
        return self._records(self._rows().where(_names(name)).order_by(request.c.id))

    def export(self) -> Iterator[Record]:
        """Yield every record, the oldest first, read in portions."""
        last = 0
        while portion := self._records(
            self._rows().where(request.c.id > last).order_by(request.c.id).limit(_PORTION)
        ):
            yield from portion
            last = portion[-1].id

    def retry(self, name: str) -> list[Record]:
        """Let those of the requests that `name` names (as in `find`) be decided again that were
        rejected, are parked or on hold; return those."""
        with self._database.writing(wake=True) as connection:
            among = and_(_names(name), request.c.state.in_(_RETRIED))
            again = decide_again(self._database, connection, among)
        return self._records(self._rows().where(request.c.id.in_(again)).order_by(request.c.id))

    def _rows(self) -> Select[Any]:
        return record_rows(self._database)

    def _named(self, team: str, reference: str) -> Select[Any]:
        # No request has the id 0.
        named = request.c.id == (refs.row_id(reference) or 0)
        return self._rows().where(named, request.c.team == team)

    def _records(self, statement: Select[Any]) -> list[Record]:
        with self._database.reading() as connection:
            return [record_of(row) for row in connection.execute(statement)]


# Rows


def record_rows(database: Database) -> Select[Any]:
    """Return the query for requests in the form that `record_of` reads."""
    return _joined().add_columns(database.now().label("now"))


@cache
def _joined() -> Select[Any]:
    """Return the query for requests with their tickets, and with the jobs that are due."""
    kind = case((request.c.state == "waiting", Kind.DECIDE.value), else_=Kind.ANSWER.value)
    check = job.alias("duplicate_check")
    checks = (check.c.kind == Kind.DUPLICATE.value) & (check.c.key == request.c.ticket_id)
    return (
        select(
            *request.c,
            ticket.c.request_id.label("opened_by"),
            ticket.c.state.label("ticket_state"),
            ticket.c.conversation_key,
            ticket.c.customer,
            ticket.c.evidence,
            ticket.c.thread_id,
            ticket.c.thread_ref,
            ticket.c.thread_url,
            ticket.c.undone_at,
            ticket.c.undone_by,
            ticket.c.duplicates,
            job.c.due,
            job.c.attempts,
            job.c.cause,
            check.c.due.label("verify_at"),
        )
        .outerjoin(ticket, ticket.c.id == request.c.ticket_id)
        .outerjoin(job, (job.c.kind == kind) & (job.c.key == request.c.id))
        .outerjoin(check, checks)
    )


def record_of(row: Row[Any]) -> Record:
    """Return a row of `record_rows` as a record."""
    escalation = rows.bare_escalation(row)
    data = rows.DATA.value(row.reason_data)
    return Record(
        id=row.id,
        key=row.key,
        state=_state(row),
        via=Via(row.via),
        team=row.team,
        submitter=row.submitter,
        created_at=row.created_at,
        answer=row.answer,
        ref=escalation.trigger.ref,
        thread_ts=_slack_thread(row),
        channel=row.channel,
        emoji=escalation.trigger.emoji,
        rules=escalation.rules,
        requester=row.requester,
        attempts=row.attempts,
        cause=row.cause,
        due=row.due,
        ticket=rows.ticket(row),
        opened=row.opened_by == row.id,
        customer=row.customer,
        evidence=Evidence(row.evidence) if row.evidence in set(Evidence) else None,
        reason=row.reason,
        reason_data=data,
        rejection=rejections.rejection_of(row.reason, data),
        settled_at=row.settled_at,
        verify_at=row.verify_at,
        duplicates=tuple(rows.REFS.value(row.duplicates) or ()),
        is_undoing=row.ticket_state == "undoing",
        undone_at=row.settled_at if row.state == "withdrawn" else row.undone_at,
        undone_by=row.undone_by,
        found=refs.is_found(row.slack_id),
        read_at=row.now,
    )


_WITH_TICKET = ("created", "added", "joined")
_ENDED_TICKETS = {"undone": State.UNDONE, "gone": State.GONE}


def _state(row: Row[Any]) -> State:
    if row.state == "on_hold":
        return State.ON_HOLD
    if row.state == "withdrawn":
        return State.UNDONE
    ended = _ENDED_TICKETS.get(row.ticket_state) if row.state in _WITH_TICKET else None
    return ended or State(row.state)


def _is(state: State) -> ColumnElement[bool]:
    """Return the condition that `_state` returns this state, in SQL."""
    has_ticket = request.c.state.in_(_WITH_TICKET)
    match state:
        case State.ON_HOLD:  # by a query of its own, or SQLite reads the table from its end
            held = select(request.c.id).where(IS_ON_HOLD).correlate(None)
            return request.c.id.in_(held)
        case State.PARKED:
            return request.c.state == literal_column("'parked'")
        case State.WAITING:  # found by their jobs: those that are settled are very many
            decided = select(job.c.key).where(job.c.kind == Kind.DECIDE.value)
            return request.c.id.in_(decided) & (request.c.state == "waiting")
        case State.GONE:
            return has_ticket & (ticket.c.state == "gone")
        case State.UNDONE:
            undone = has_ticket & (ticket.c.state == "undone")
            return or_(request.c.state == "withdrawn", undone)
        case State.CREATED | State.ADDED | State.JOINED:
            ended = ticket.c.state.in_(tuple(_ENDED_TICKETS))
            return (request.c.state == state.value) & ~ended
        case State.REJECTED | State.IGNORED:
            return request.c.state == state.value


def _slack_thread(row: Row[Any]) -> str | None:
    """Return the `ts` of the root that the request's message replies to.

    None for a root, for what is no message, and where that was not read yet or is erased.
    """
    if row.conversation_key is None:
        message = rows.MESSAGE.value(row.message)
        return message.replies_to if message is not None else None
    root = refs.root_of(row.conversation_key)
    return None if row.conversation_key == row.key else root


def _names(name: str) -> ColumnElement[bool]:
    row_id = refs.row_id(name)
    if row_id is not None:
        return request.c.id == row_id
    if ":" in name:
        return request.c.key == name
    named = select(ticket.c.id).where(ticket.c.thread_ref == name.upper())
    return request.c.ticket_id.in_(named)
