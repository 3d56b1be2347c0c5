"""Record requests: one, or all that have come in, each with its job, with one commit."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Insert,
    Select,
    Text,
    bindparam,
    delete,
    literal_column,
    or_,
    select,
    update,
)

from bot.core import refs
from bot.core.faults import Fault, Reason
from bot.core.model import Escalation, Ticket
from bot.store import rows
from bot.store.database import Database, is_conflict
from bot.store.executor import Run
from bot.store.jobs import Kind, insert_for_each
from bot.store.schema import job, request, ticket, ticket_message
from bot.store.updates import Prepared


@dataclass(frozen=True, slots=True)
class Recorded:
    """The result of recording a request: `fresh` if there is work for the worker now."""

    fresh: bool


_KEYS_AT_ONCE = 500

CLOCK_SKEW = 60.0
"""Seconds by which Slack's clock and the database's may differ."""

_BY_WHO_ASKED = (Reason.NOT_ALLOWED.value, "asked_by_a_bot", "no_rule")
"""The reasons of requests that ended because of who asked, or by which reaction."""

SUBMITTED_AGAIN = "form_submitted_again"
"""The reason of a request on hold that its submitter's reopened form took the place of."""

OPEN = "open"
"""The state of a ticket whose thread is in Plain, and that nobody is undoing."""

# Built once, because a form that opens waits for it.
_TICKETS: Select[Any] = select(
    ticket.c.thread_id, ticket.c.thread_ref, ticket.c.thread_url, ticket.c.state
).where(ticket.c.state == OPEN)
_TICKET_OF_MESSAGE = (
    _TICKETS.join(ticket_message, ticket_message.c.ticket_id == ticket.c.id)
    .where(ticket_message.c.key == bindparam("asked_key"))
    .order_by(ticket.c.conversation_key.is_(None), ticket.c.id.desc())
    .limit(1)
)
_TICKET_OF_CONVERSATION = _TICKETS.where(ticket.c.conversation_key == bindparam("asked_key"))


class Requests:
    """Records requests, and finds their tickets. Methods block; each is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(
        self,
        escalation: Escalation,
        *,
        within: float | None = None,
        lock_seconds: float | None = None,
    ) -> Recorded:
        """Record one request, committed within `within` seconds, or not at all.

        Raises TryLater. `lock_seconds`: see `Database.writing`.
        """
        return self.record_all([escalation], within=within, lock_seconds=lock_seconds)[0]

    def record_all(
        self,
        escalations: Sequence[Escalation],
        *,
        within: float | None = None,
        lock_seconds: float | None = None,
    ) -> list[Recorded]:
        """Record several requests, in their order, with one commit for all of them.

        Each gets a row and a job of its own, unless it was recorded before. The rows are written
        in the order of their keys, so that two replicas that record the same ones do not deadlock.
        The sort is stable: of two with one key the first stays the first.
        """
        order = sorted(range(len(escalations)), key=lambda index: escalations[index].key)
        ordered = [escalations[index] for index in order]
        columns = [rows.request_columns(one) for one in ordered]
        with self._database.writing(within, wake=True, lock_seconds=lock_seconds) as connection:
            are_new = self._insert(connection, ordered, columns)
            for one in ordered:
                if one.replaces is not None:
                    self._end_replaced(connection, one)
            if are_new:
                return [Recorded(fresh=True) for _ in ordered]
            # Some were there before, or came twice; the rows themselves tell which.
            found = [
                self._recorded_before(connection, one, values)
                for one, values in zip(ordered, columns, strict=True)
            ]
        recorded = dict(zip(order, found, strict=True))
        return [recorded[index] for index in range(len(escalations))]

    def _insert(
        self,
        connection: Connection,
        escalations: Sequence[Escalation],
        columns: Sequence[dict[str, object]],
        generation: int = 1,
    ) -> bool:
        """Insert those that are new, with their jobs; return whether all of them were new."""
        now = self._database.given_now()
        given = [
            values | now | {"generation": generation, "order": rows.order_key(one)}
            for one, values in zip(escalations, columns, strict=True)
        ]
        if self._database.is_sqlite:
            inserted = _execute(self._inserting, connection, given)
            _execute(self._adding_job, connection, given)
        else:
            inserted = _execute(self._inserting_with_job, connection, given)
        return inserted == len(escalations)

    @cached_property
    def _inserting(self) -> Prepared:
        """Return the INSERT of a request."""
        return Prepared(self._database, self._new_request())

    def _new_request(self) -> Insert:
        requested = ("team", "key", "slack_id", "act", "via", "channel", "submitter", "requester")
        texts = ("trigger", "message", "form", "reply_to")
        values: dict[str, Any] = {name: bindparam(name) for name in (*requested, *texts)}
        values |= {"act_generation": bindparam("generation")}
        values |= {"state": literal_column("'waiting'"), "answer": literal_column("'none'")}
        values |= {"created_at": self._database.present()}
        adding: Insert = self._database.insert(request).values(values).on_conflict_do_nothing()
        return adding

    @cached_property
    def _adding_job(self) -> Prepared:
        """Return the INSERT of a request's job; without effect for one that was there before."""
        adding = self._adding_job_for(
            request.c,
            request.c.team == bindparam("team"),
            request.c.slack_id == bindparam("slack_id"),
            request.c.state == literal_column("'waiting'"),
        )
        return Prepared(self._database, adding)

    @cached_property
    def _inserting_with_job(self) -> Prepared:
        """Return the INSERT of both, as one statement, which only PostgreSQL has."""
        its = (request.c.id, request.c.team, request.c.channel, request.c.created_at)
        new = self._new_request().returning(*its).cte("new_request")
        return Prepared(self._database, self._adding_job_for(new.c))

    def _adding_job_for(self, its: Any, *where: ColumnElement[bool]) -> Insert:
        return insert_for_each(
            self._database,
            Kind.DECIDE,
            its.id,
            its.team,
            its.created_at,
            *where,
            order_key=bindparam("order", type_=Text()),
            channel=its.channel,
        )

    def _recorded_before(
        self, connection: Connection, escalation: Escalation, columns: dict[str, object]
    ) -> Recorded:
        """Return what a request met that was not inserted; or insert it as the next of its act."""
        trigger = escalation.trigger
        same = select(request.c.state).where(
            request.c.team == trigger.team, request.c.slack_id == trigger.request
        )
        state = connection.scalar(same)
        if state is not None:  # delivered again; or, if others of its group were, perhaps new
            is_work = state == "waiting" and not refs.is_found(trigger.request)
            return Recorded(fresh=is_work)
        last = connection.execute(
            select(request.c.id, request.c.slack_id, request.c.act_generation, request.c.created_at)
            .where(request.c.act == columns["act"])
            .order_by(request.c.act_generation.desc())
            .limit(1)
            .with_for_update()
        ).one()
        if refs.is_found(trigger.request):
            return Recorded(fresh=False)  # its event came before Slack's history was read
        if refs.is_found(last.slack_id) and (
            trigger.reply_to.asked_at < last.created_at + CLOCK_SKEW
        ):
            # Its event comes after it was found in the history: one request.
            connection.execute(
                update(request).where(request.c.id == last.id).values(slack_id=trigger.request)
            )
            return Recorded(fresh=False)
        # The reaction was taken back and given again.
        if self._insert(connection, [escalation], [columns], last.act_generation + 1):
            return Recorded(fresh=True)
        return self._recorded_before(connection, escalation, columns)

    def _end_replaced(self, connection: Connection, escalation: Escalation) -> None:
        """End the request on hold whose form its submitter reopened and has submitted again."""
        answers = (job.c.kind == Kind.ANSWER) & (job.c.key == escalation.replaces)
        _lock_jobs(connection, answers)
        ended = connection.execute(
            update(request)
            .where(
                request.c.id == escalation.replaces,
                request.c.team == escalation.trigger.team,
                request.c.submitter == escalation.trigger.submitter,
                request.c.state == "on_hold",
            )
            .values(
                state="ignored",
                answer="none",
                reason=SUBMITTED_AGAIN,
                reason_data=None,
                settled_at=self._database.now(),
            )
        )
        if ended.rowcount:
            connection.execute(delete(job).where(answers))

    # Reading

    def ticket_of(self, key: str) -> Ticket | None:
        """Return the ticket that covers the message with this key, if there is one."""
        return self._ticket(_TICKET_OF_MESSAGE, key)

    def ticket_of_conversation(self, key: str) -> Ticket | None:
        """Return the ticket of the Slack thread with this key, which its other messages join."""
        return self._ticket(_TICKET_OF_CONVERSATION, key)

    def _ticket(self, query: Select[Any], key: str) -> Ticket | None:
        with self._database.reading() as connection:
            row = connection.execute(query, {"asked_key": key}).first()
        return None if row is None else rows.ticket(row)

    def known(self, keys: Sequence[str]) -> frozenset[str]:
        """Return those of these keys for which somebody who may ask has asked.

        However it ended; but not where it ended because of who asked, or by which reaction.
        """
        found: set[str] = set()
        counts = (request.c.state != "withdrawn") & or_(
            request.c.reason.is_(None), request.c.reason.not_in(_BY_WHO_ASKED)
        )
        with self._database.reading() as connection:
            for start in range(0, len(keys), _KEYS_AT_ONCE):
                some = keys[start : start + _KEYS_AT_ONCE]
                asked = select(request.c.key).where(request.c.key.in_(some), counts)
                found.update(connection.scalars(asked))
        return frozenset(found)


def _execute(
    statement: Prepared, connection: Connection, given: Sequence[Mapping[str, object]]
) -> int:
    """Execute the statement for each of `given`; return how many rows it wrote."""
    if len(given) == 1:
        return statement.execute(connection, given[0]).rowcount
    return statement.execute_many(connection, given).rowcount


def decide_again(
    database: Database, connection: Connection, where: ColumnElement[bool]
) -> list[int]:
    """Let the requests that meet `where` be decided again; return their ids.

    They have ended, or are on hold. An answer that was not said yet is said no more.
    """
    waiting = {
        "state": "waiting",
        "answer": "none",
        "reason": None,
        "reason_data": None,
        "delay_told_at": None,
        "settled_at": None,
    }
    of_them = job.c.key.in_(select(request.c.id).where(where))
    _lock_jobs(connection, (job.c.kind == Kind.ANSWER) & of_them)
    again = connection.scalars(
        update(request).where(where).values(waiting).returning(request.c.id)
    ).all()
    for start in range(0, len(again), _KEYS_AT_ONCE):
        some = again[start : start + _KEYS_AT_ONCE]
        answers = (job.c.kind == Kind.ANSWER) & job.c.key.in_(some)
        connection.execute(delete(job).where(answers))
        deciding = insert_for_each(
            database,
            Kind.DECIDE,
            request.c.id,
            request.c.team,
            database.now(),
            request.c.id.in_(some),
            order_key=request.c.key,
            channel=request.c.channel,
        )
        connection.execute(deciding)
    return list(again)


def _lock_jobs(connection: Connection, which: ColumnElement[bool]) -> None:
    """Lock jobs before their requests, as a worker's transactions do: else both could end in a
    deadlock."""
    connection.execute(select(job.c.id).where(which).order_by(job.c.id).with_for_update()).all()


LARGEST_GROUP = 64

LOCK_SHARE = 0.1
"""The share of its time that a request may wait for a lock, once its group had a conflict."""

LEAST_LOCK_SECONDS = 0.02

_Pending = tuple[Escalation, float, asyncio.Future[Recorded]]
"""A request, its deadline (monotonic seconds), and the future of its result."""


class GroupCommit:
    """Records requests with as few commits as possible; each is committed before its result.

    A lone request is committed at once. None waits for company: a group is what has come in while
    the group before it was written.
    """

    def __init__(self, requests: Requests, run: Run) -> None:
        self._requests = requests
        self._run = run
        self._waiting: deque[_Pending] = deque()
        self._writing: asyncio.Task[None] | None = None

    async def record(self, escalation: Escalation, within: float) -> Recorded:
        """Record a request, committed within so many seconds, or not at all; raises TryLater."""
        answer: asyncio.Future[Recorded] = asyncio.get_running_loop().create_future()
        self._waiting.append((escalation, time.monotonic() + within, answer))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        return await answer

    async def _write(self) -> None:
        while self._waiting:
            group = [self._waiting.popleft() for _ in range(min(len(self._waiting), LARGEST_GROUP))]
            # A caller that has gone by now has answered that nothing was recorded.
            group = [one for one in group if not one[2].done()]
            if group:
                await self._commit(group)

    async def _commit(self, group: list[_Pending]) -> None:
        until = min(until for _, until, _ in group)
        asked = [one for one, _, _ in group]

        def record_all() -> list[Recorded]:
            # Computed here, because the wait for a free thread is part of the time.
            return self._requests.record_all(asked, within=until - time.monotonic())

        try:
            recorded = await self._run(record_all)
        except Fault as fault:
            if is_conflict(fault):
                await self._one_by_one(group)
                return
            for _, _, answer in group:
                _fail(answer, fault)
            return
        except Exception as error:  # noqa: BLE001 — the caller gets it
            if len(group) == 1:
                _fail(group[0][2], error)
                return
            for one in group:  # one that cannot be written must not fail the others
                await self._commit([one])
            return
        for (_, _, answer), met in zip(group, recorded, strict=True):
            if not answer.done():
                answer.set_result(met)

    async def _one_by_one(self, group: list[_Pending]) -> None:
        """Record a group that conflicted with another transaction, each request by itself.

        One that conflicts again goes to the end of the line, until its time is over: a row that
        stays locked keeps no other request from being recorded.
        """
        line = deque(group)
        while line:
            request, until, answer = line.popleft()
            if answer.done():
                continue

            def record(request: Escalation = request, until: float = until) -> Recorded:
                left = until - time.monotonic()
                lock_seconds = max(LEAST_LOCK_SECONDS, left * LOCK_SHARE)
                return self._requests.record(request, within=left, lock_seconds=lock_seconds)

            try:
                met = await self._run(record)
            except Fault as fault:
                if is_conflict(fault) and time.monotonic() < until:
                    line.append((request, until, answer))
                else:
                    _fail(answer, fault)
            except Exception as error:  # noqa: BLE001 — the caller gets it
                _fail(answer, error)
            else:
                if not answer.done():
                    answer.set_result(met)


def _fail(answer: asyncio.Future[Recorded], error: Exception) -> None:
    """Give the caller the error, unless it has gone."""
    if not answer.done():
        answer.set_exception(error)
