"""Record requests as rows: one, or all that have come in, with one commit."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, Select, bindparam, select, update
from sqlalchemy.sql.expression import Insert

from bot.core import refs
from bot.core.faults import Fault
from bot.core.model import AlreadyExists, Escalation, InProgress, Remark, Ticket, Via
from bot.store import rows
from bot.store.database import Database, is_conflict
from bot.store.executor import Run
from bot.store.schema import escalation as table


@dataclass(frozen=True, slots=True)
class Recorded:
    """The result of recording a request.

    `fresh`: there is work for the worker now. `remark`: what can be answered at once, if anything.
    `thread_ts`: the root that the message replies to, if the ledger knows it (events do not say).
    """

    fresh: bool
    remark: Remark | None = None
    thread_ts: str | None = None


_AT_BIRTH: dict[str, object] = {
    "generation": 1,
    "state": "waiting",
    "answer": "none",
    "attempts": 0,
    "answer_attempts": 0,
    "strikes": 0,
}
_MOMENTS = ("due", "created_at", "asked_at")

_KEYS_AT_ONCE = 500

CLOCK_SKEW = 60.0
"""Seconds by which Slack's clock and the ledger's may differ."""


# Built once, because a form that opens waits for it.
_TICKETS: Select[Any] = select(
    table.c.state, table.c.thread_id, table.c.thread_ref, table.c.thread_url
)
_TICKET = (
    _TICKETS.where(table.c.key == bindparam("asked_key"))
    .order_by(table.c.generation.desc())
    .limit(1)
)
_TICKET_OF_CONVERSATION = _TICKETS.where(table.c.conversation_key == bindparam("asked_key"))


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

        A new row, a reopened one, or the row that is there already. Raises TryLater.
        `lock_seconds`: see `Database.writing`.
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

        The rows are written and locked in the order of their keys, so that two replicas that
        record the same ones do not deadlock. The sort is stable: of two with one key the first
        stays the first.
        """
        order = sorted(range(len(escalations)), key=lambda index: escalations[index].key)
        recorded = self._record_in_order(
            [escalations[index] for index in order], within, lock_seconds
        )
        met = dict(zip(order, recorded, strict=True))
        return [met[index] for index in range(len(escalations))]

    def _record_in_order(
        self, escalations: Sequence[Escalation], within: float | None, lock_seconds: float | None
    ) -> list[Recorded]:
        asked = [rows.request_columns(one) | {"key": one.key} for one in escalations]
        with self._database.writing(within, wake=True, lock_seconds=lock_seconds) as connection:
            now = self._database.given_now()
            new = connection.execute(self._inserting, [one | now for one in asked]).rowcount
            if new == len(asked):
                return [Recorded(fresh=True) for _ in asked]
            # Some were there before, or came twice; the rows themselves tell which.
            return self._sort_out(connection, escalations)

    def ticket_of(self, key: str) -> Ticket | None:
        """Return the ticket of the message with this key, if it has one."""
        return self._ticket(_TICKET, key, "created", "added")

    def ticket_of_conversation(self, key: str) -> Ticket | None:
        """Return the ticket of the Slack thread with this key, which its other messages join."""
        return self._ticket(_TICKET_OF_CONVERSATION, key, "created")

    def _ticket(self, query: Select[Any], key: str, *states: str) -> Ticket | None:
        """Return the ticket of the row that the query finds, if it is in one of these states."""
        with self._database.reading() as connection:
            row = connection.execute(query, {"asked_key": key}).first()
        return None if row is None or row.state not in states else rows.ticket(row)

    def known(self, keys: Sequence[str]) -> frozenset[str]:
        """Return those of these keys that have a row, whatever its state."""
        found: set[str] = set()
        with self._database.reading() as connection:
            for start in range(0, len(keys), _KEYS_AT_ONCE):
                some = keys[start : start + _KEYS_AT_ONCE]
                found.update(connection.scalars(select(table.c.key).where(table.c.key.in_(some))))
        return frozenset(found)

    @cached_property
    def _inserting(self) -> Insert:
        """Return the INSERT; built once, because only its parameters differ."""
        asked = ("via", "team", "channel", "asker", "requester", "request", "key")
        texts = ("trigger", "message", "form", "reply_to")
        values: dict[str, Any] = {name: bindparam(name) for name in (*asked, *texts)}
        moments = dict.fromkeys(_MOMENTS, self._database.present())
        adding = self._database.insert(table).values(values | moments | _AT_BIRTH)
        only_new: Insert = adding.on_conflict_do_nothing(index_elements=["key", "generation"])
        return only_new.execution_options(preserve_rowcount=True)

    def _sort_out(
        self, connection: Connection, escalations: Sequence[Escalation]
    ) -> list[Recorded]:
        return [self._meet(connection, one, among=len(escalations)) for one in escalations]

    def _meet(self, connection: Connection, escalation: Escalation, *, among: int) -> Recorded:
        """Return the result for a request: it made a new row, or found the one that was there."""
        row = connection.execute(_latest(escalation.key).with_for_update()).one()
        if row.request == escalation.trigger.request:
            # The same request, delivered again; or, `among` others, perhaps for the first time.
            return Recorded(fresh=among > 1 and row.state == "waiting")
        if row.generation > 1 and self._is_old(connection, escalation):
            return Recorded(fresh=False)
        if row.undone_by is not None and _is_included(escalation, row):
            return Recorded(fresh=False)
        if row.undone_by is not None:
            # Undone, or about to be: a request that comes now wants another ticket.
            if self._begin_anew(connection, escalation, row.generation + 1):
                return Recorded(fresh=True)
            return self._meet(connection, escalation, among=among)
        if row.state == "waiting":
            return Recorded(False, InProgress(), rows.slack_thread(row))
        if (ticket := rows.ticket(row)) is not None and row.state in ("created", "added"):
            return Recorded(False, AlreadyExists(ticket), rows.slack_thread(row))
        asked = rows.request_columns(escalation)
        if row.customer is not None:
            asked["requester"] = row.requester  # until another one is frozen
        connection.execute(
            update(table)
            .where(table.c.id == row.id)
            .values(asked | rows.reopened(self._database.now()))
        )
        return Recorded(fresh=True)

    def _is_old(self, connection: Connection, escalation: Escalation) -> bool:
        """Return whether the request is that of an earlier generation, delivered again."""
        same = select(table.c.id).where(
            table.c.key == escalation.key, table.c.request == escalation.trigger.request
        )
        return connection.execute(same).first() is not None

    def _begin_anew(self, connection: Connection, escalation: Escalation, generation: int) -> bool:
        """Insert a row of the next generation; return False if another request was first."""
        asked = rows.request_columns(escalation) | {"key": escalation.key}
        inserting = self._inserting.values(generation=generation)
        return connection.execute(inserting, asked | self._database.given_now()).rowcount == 1


def _is_included(escalation: Escalation, row: Any) -> bool:
    """Return whether the row already covers the request.

    A reaction that was found in Slack's history before its event came, or the other way round; or
    one that was given again since, and is delivered again.
    """
    trigger, by = escalation.trigger, rows.bare_escalation(row).trigger
    if refs.is_found(trigger.request):
        return True  # not known yet when the history was read
    same = trigger.via is by.via is Via.REACTION and trigger.emoji == by.emoji
    same = same and (refs.is_found(row.request) or trigger.submitter == row.asker)
    return same and trigger.reply_to.asked_at < row.asked_at - CLOCK_SKEW


def _latest(key: str) -> Select[Any]:
    return select(table).where(table.c.key == key).order_by(table.c.generation.desc()).limit(1)


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
