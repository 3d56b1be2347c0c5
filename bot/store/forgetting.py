"""Erase a person on demand: what is theirs, and their words and id in what others requested."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Row,
    Table,
    and_,
    delete,
    func,
    or_,
    select,
    update,
)

from bot.core.faults import Fault, Reason
from bot.core.model import FORGOTTEN, WHY_IGNORED, ReplyTo
from bot.store import rows
from bot.store.claims import REMAINING_PARTS, RemainingParts
from bot.store.customer_links import forget_changes
from bot.store.database import Database, is_conflict
from bot.store.jobs import Kind, add_job, new_job
from bot.store.kv import forget_home
from bot.store.migrating import drop_former
from bot.store.requests import OPEN
from bot.store.retention import NO_TEXTS
from bot.store.schema import draft, job, person, request, ticket, ticket_message, undo
from bot.store.undo import UNDOING

T = TypeVar("T")

_SCANNED = 20_000
_PORTION = 100
_ATTEMPTS = 5

_OF_DECISION = (Kind.DECIDE, Kind.DELAY)
_OF_REQUEST = (*_OF_DECISION, Kind.ANSWER, Kind.EDIT)
_PENDING = ("waiting", "on_hold")
_TEXTS: tuple[Column[Any], ...] = (
    request.c.message,
    request.c.form,
    request.c.rest,
    request.c.files,
    request.c.reason_data,
)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """The numbers of rows in which a person was erased.

    `requests` are their own, `others` those of others. `ended` of both had not ended before: of
    others' the submitters are told.
    """

    links: int
    drafts: int
    requests: int
    others: int
    ended: int
    tickets: int
    undos: int


def forget(database: Database, user: str) -> Forgotten:
    """Erase a person, by their Slack user id; blocks. Raises TryLater.

    Their customer links, drafts and own requests are erased, and their id everywhere else. Of
    others' requests the texts are erased that they wrote, that mention them or that are for them,
    and the outstanding parts of whole Slack threads, because nobody can tell whose words they are.
    What waits to send such a text ends instead; where the thread is in Plain already, only the
    parts that are outstanding are left out. Keys and results stay, so that nothing is created
    again. The former ledger, if there still is one, goes as a whole.
    """
    drop_former(database, after=0.0)
    return _Forgetting(database, user).run()


class _Done(Enum):
    """What was done with a request."""

    OWN = "it was the person's own"
    OTHERS = "something of the person was erased from it"
    ENDED = "it had not ended, and now has"


class _Forgetting:
    """Erases one person, in portions."""

    def __init__(self, database: Database, user: str) -> None:
        self._database = database
        self._user = user
        self._id = re.compile(rf"(?<![A-Z0-9]){re.escape(user)}(?![A-Z0-9])")
        self._names: tuple[str, ...] = ()

    def run(self) -> Forgotten:
        self._names = self._known_names()
        links, drafts = self._repeat(self._forget_links), self._repeat(self._forget_drafts)
        counted: Counter[_Done] = Counter()
        handled: set[int] = set()
        # A worker may have stored something more meanwhile.
        while found := [id_ for id_ in self._concerned() if id_ not in handled]:
            handled.update(found)
            for some in _portions(found):
                counted += self._repeat(partial(self._forget_requests, ids=some))
        undos = self._forget_undos()
        return Forgotten(
            links=links,
            drafts=drafts,
            requests=counted[_Done.OWN],
            others=counted[_Done.OTHERS],
            ended=counted[_Done.ENDED],
            tickets=self._forget_tickets(),
            undos=undos,
        )

    # Finding

    def _known_names(self) -> tuple[str, ...]:
        """Return what the person is called in texts that are rendered already."""
        of_links = select(person.c.name).where(person.c.slack_user == self._user)
        with self._database.reading() as connection:
            names = set(connection.scalars(of_links))
        of_person = (request.c.requester == self._user) & request.c.reason_data.is_not(None)
        for data in self._scan(request, request.c.reason_data, of_person):
            names.add((rows.DATA.value(data) or {}).get("name"))
        return tuple(name for name in names if name)

    def _concerned(self) -> Iterator[int]:
        """Yield the ids of requests that may hold something of the person."""
        rest = request.c.rest
        return self._scan(
            request,
            request.c.id,
            or_(
                request.c.submitter == self._user,
                request.c.requester == self._user,
                *(text.contains(self._user, autoescape=True) for text in _TEXTS),
                *(rest.contains(name, autoescape=True) for name in self._names),
                and_(rest.is_not(None), request.c.form.contains('"whole_thread":true')),
            ),
        )

    def _scan(self, table: Table, column: Column[Any], where: ColumnElement[bool]) -> Iterator[Any]:
        """Yield the column of the rows that meet a condition which no index serves.

        Without a lock, and so many rows at a time that no statement takes long.
        """
        with self._database.reading() as connection:
            last = connection.scalar(select(func.max(table.c.id))) or 0
        for start in range(0, last, _SCANNED):
            some = table.c.id.between(start + 1, start + _SCANNED)
            with self._database.reading() as connection:
                yield from connection.scalars(select(column).where(some, where)).all()

    # Whatever is about no request

    def _forget_links(self, connection: Connection) -> int:
        self._database.in_turn(connection, "link")
        links = delete(person).where(person.c.slack_user == self._user)
        forget_changes(connection, self._user, FORGOTTEN)
        forget_home(connection, self._user)
        return connection.execute(links).rowcount

    def _forget_drafts(self, connection: Connection) -> int:
        """Erase the open forms that name the person: whose they are, or who is in the message."""
        naming = draft.c.body.contains(self._user, autoescape=True)
        found = connection.execute(select(draft.c.id, draft.c.body).where(naming)).all()
        ids = [row.id for row in found if self._id.search(row.body)]
        return connection.execute(delete(draft).where(draft.c.id.in_(ids))).rowcount

    def _forget_tickets(self) -> int:
        return self._replace(ticket, ticket.c.requester, {"requester": None}) + self._replace(
            ticket, ticket.c.undone_by, {"undone_by": FORGOTTEN}
        )

    def _forget_undos(self) -> int:
        found = list(self._scan(undo, undo.c.id, undo.c.by == self._user))
        for some in _portions(found):
            self._repeat(partial(self._drop_undos, ids=some))
        return len(found)

    def _drop_undos(self, connection: Connection, ids: Sequence[int]) -> None:
        """Delete the person's undos, but for those that have begun: these are finished."""
        jobs = (job.c.kind == Kind.UNDO) & job.c.key.in_(ids)
        begun = (
            select(undo.c.id, undo.c.team, request.c.ticket_id)
            .join(request, request.c.id == undo.c.request_id)
            .join(ticket, ticket.c.id == request.c.ticket_id)
            .where(undo.c.id.in_(ids), ticket.c.state == UNDOING)
        )
        connection.execute(delete(job).where(jobs))
        now, left = self._database.now(), connection.execute(begun).all()
        for row in left:
            add_job(self._database, connection, **new_job(Kind.UNDO, row.id, row.team, now))
        # With the undos: whoever goes on with one is known to have begun it.
        by_them = ticket.c.undone_by == self._user
        its = ticket.c.id.in_([row.ticket_id for row in left]) & by_them
        connection.execute(update(ticket).where(its).values(undone_by=FORGOTTEN))
        of_begun = undo.c.id.in_([row.id for row in left])
        nobody = {"by": FORGOTTEN, "click": None}
        connection.execute(update(undo).where(of_begun).values(nobody))
        connection.execute(delete(undo).where(undo.c.id.in_(ids), ~of_begun))

    def _replace(self, table: Table, column: Column[Any], values: Mapping[str, object]) -> int:
        """Write `values` to the rows whose `column` names the person; return how many."""
        found = list(self._scan(table, table.c.id, column == self._user))
        for some in _portions(found):
            replacing = update(table).where(table.c.id.in_(some)).values(values)
            self._repeat(partial(Connection.execute, statement=replacing))
        return len(found)

    def _repeat(self, do: Callable[[Connection], T]) -> T:
        """Run a transaction, again where it met one of a worker."""
        for attempt in range(1, _ATTEMPTS):
            try:
                with self._database.writing(wake=True) as connection:
                    return do(connection)
            except Fault as fault:
                if not is_conflict(fault):
                    raise
                time.sleep(0.1 * attempt)
        with self._database.writing(wake=True) as connection:
            return do(connection)

    # Requests

    def _forget_requests(self, connection: Connection, ids: Sequence[int]) -> Counter[_Done]:
        """Forget the person in those of these requests that do hold something of theirs."""
        self._database.in_turn(connection, "link")
        of_ids = select(request).where(request.c.id.in_(ids)).order_by(request.c.id)
        # Jobs first, as a worker's transactions do: one that has the job writes nothing more.
        stopped: set[int] = set()
        for row in connection.execute(of_ids).all():
            if row.submitter == self._user:
                _delete_jobs(connection, row, _OF_REQUEST)
            elif row.state == "waiting" and self._concerns(row):
                _delete_jobs(connection, row, _OF_DECISION)
                stopped.add(row.id)
        done: Counter[_Done] = Counter()
        for row in connection.execute(of_ids.with_for_update()).all():
            if row.submitter == self._user:
                done.update(self._forget_own(connection, row))
            elif changed := self._forget_in(connection, row):
                done.update(changed)
            elif row.id in stopped and row.state == "waiting":  # it let go of the person itself
                self._restart(connection, row)
        return done

    def _concerns(self, row: Row[Any]) -> bool:
        return self._is_named(row) or _quotes_thread(row)

    def _is_named(self, row: Row[Any]) -> bool:
        """Return whether the request is for the person, or holds their id or name."""
        rest = row.rest or ""
        return (
            row.requester == self._user
            or any(self._id.search(getattr(row, text.name) or "") for text in _TEXTS)
            or any(name in rest for name in self._names)
        )

    def _forget_own(self, connection: Connection, row: Row[Any]) -> list[_Done]:
        """Erase a request of the person's; end it, without an answer."""
        known = rows.bare_escalation(row)
        nobody = ReplyTo(user=FORGOTTEN, asked_at=known.trigger.reply_to.asked_at)
        bare = replace(known, trigger=replace(known.trigger, submitter=FORGOTTEN, reply_to=nobody))
        values: dict[str, object] = {
            **NO_TEXTS,
            "submitter": FORGOTTEN,
            "trigger": rows.request_columns(bare)["trigger"],
            "act": None,
            "reply_to": None,
            "reason_data": None,
            "posted": None,
            "answer": "unsayable" if row.answer == "due" else row.answer,
        }
        if row.requester == self._user:
            values["requester"] = FORGOTTEN
        _delete_jobs(connection, row, _OF_REQUEST)
        if row.state not in _PENDING:
            _write(connection, row, values)
            return [_Done.OWN]
        rest = REMAINING_PARTS.value(row.rest)
        values |= {"answer": "none", "settled_at": self._database.now()}
        if rest is not None and rest.ticket is not None:
            values |= self._settle_sent(connection, row, rest)
        else:
            _let_go(connection, row)
            values |= {"state": "ignored", "reason": WHY_IGNORED}
        _write(connection, row, values)
        return [_Done.OWN, _Done.ENDED]

    def _settle_sent(
        self, connection: Connection, row: Row[Any], rest: RemainingParts
    ) -> dict[str, object]:
        """Record the ticket of a request whose first part is in Plain; return its columns."""
        found = rest.ticket
        assert found is not None  # noqa: S101 — the caller looked
        if not rest.added:
            opened = {
                "state": OPEN,
                "thread_id": found.id,
                "thread_ref": found.ref,
                "thread_url": found.url,
                "opened_at": self._database.now(),
            }
            its = (ticket.c.id == row.ticket_id) & (ticket.c.state == "opening")
            connection.execute(update(ticket).where(its).values(opened))
        how = "added" if rest.added else "opened"
        covered = {"ticket_id": row.ticket_id, "key": row.key, "how": how}
        adding = self._database.insert(ticket_message).values(covered)
        connection.execute(adding.on_conflict_do_nothing())
        missing = {"missing": str(rest.missing + len(rest.sequels))}
        state = "added" if rest.added else "created"
        return {"state": state, "reason_data": rows.DATA.text(missing)}

    def _forget_in(self, connection: Connection, row: Row[Any]) -> list[_Done]:
        """Erase the person from a request of somebody else's; end it if they have to be told."""
        rest = REMAINING_PARTS.value(row.rest)
        if not self._concerns(row):
            return []
        is_named = self._is_named(row)
        values: dict[str, object] = {"rest": None}
        if is_named:
            values |= {**NO_TEXTS, "reason_data": None}
        if row.requester == self._user:
            values["requester"] = FORGOTTEN
        done = [_Done.OTHERS]
        if row.state in _PENDING:
            if rest is not None and (rest.ticket is not None or not is_named):
                missing = rest.missing + len(rest.sequels)
                left = replace(rest, sequels=(), missing=missing)
                values["rest"] = REMAINING_PARTS.text(left)
                self._restart(connection, row)
            else:
                values |= self._end(connection, row)
                done.append(_Done.ENDED)
        _write(connection, row, values)
        return done

    def _end(self, connection: Connection, row: Row[Any]) -> dict[str, object]:
        """End a request whose words must not be sent; its submitter is told."""
        _delete_jobs(connection, row, _OF_REQUEST)
        _let_go(connection, row)
        now = self._database.now()
        add_job(self._database, connection, **new_job(Kind.ANSWER, row.id, row.team, now))
        return {
            "state": "rejected",
            "answer": "due",
            "reason": Reason.PERSON_ERASED.value,
            "settled_at": now,
        }

    def _restart(self, connection: Connection, row: Row[Any]) -> None:
        """Give the request a new job: the worker that has the old one must write nothing more."""
        _delete_jobs(connection, row, _OF_DECISION)
        again = new_job(
            Kind.DECIDE,
            row.id,
            row.team,
            self._database.now(),
            order_key=row.key,
            channel=row.channel,
        )
        add_job(self._database, connection, **(again | {"half_way": 1}))


def _portions(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), _PORTION):
        yield ids[start : start + _PORTION]


def _write(connection: Connection, row: Row[Any], values: Mapping[str, object]) -> None:
    connection.execute(update(request).where(request.c.id == row.id).values(values))


def _delete_jobs(connection: Connection, row: Row[Any], kinds: Sequence[Kind]) -> None:
    its = job.c.kind.in_(kinds) & (job.c.key == row.id)
    connection.execute(delete(job).where(its))


def _let_go(connection: Connection, row: Row[Any]) -> None:
    """Let others open the conversation's ticket, though this request may have."""
    its = (
        (ticket.c.id == row.ticket_id)
        & (ticket.c.request_id == row.id)
        & (ticket.c.state == "opening")
    )
    connection.execute(update(ticket).where(its).values(conversation_key=None))


def _quotes_thread(row: Row[Any]) -> bool:
    """Return whether parts are outstanding that quote a whole Slack thread."""
    form = rows.FORM.value(row.form)
    return row.rest is not None and form is not None and form.whole_thread
