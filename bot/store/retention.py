"""Erase texts after some days, addresses after half an hour; and end what was on hold too long.

Keys and results stay, so that nothing is created again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    ScalarSelect,
    Select,
    delete,
    func,
    select,
    update,
)

from bot.core.faults import Reason, Rejection
from bot.core.model import RESPONSE_URL_SECONDS
from bot.store import rejections, rows
from bot.store.customer_links import IS_ON_HOLD
from bot.store.database import Database
from bot.store.jobs import Kind, add_job, new_job
from bot.store.schema import job, request

DAY_SECONDS = 86400.0

LEAST_DAYS_ON_HOLD = 1
"""Days for which a request stays on hold, however soon texts are erased: somebody has to see it."""

NO_TEXTS: Mapping[str, object] = {"message": None, "form": None, "rest": None, "files": None}
"""The columns of a request whose texts are erased."""

_PORTION = 500

_NEEDING = (Kind.DECIDE, Kind.ANSWER, Kind.DELAY)
"""The kinds of jobs that need what their request holds; that of an edit needs the posted answer."""

_HAS_TEXTS = func.coalesce(
    request.c.message, request.c.form, request.c.rest, request.c.files
).is_not(None)
"""As in the condition of the index `ix_request_texts`."""

_HAS_ADDRESS = request.c.reply_to.is_not(None)

_IS_NEEDED = select(job.c.id).where(job.c.kind.in_(_NEEDING), job.c.key == request.c.id).exists()


class Retention:
    """Erases what is old. Methods block; each runs in portions, so that no writer waits long.

    What has ended is found by partial indexes of the requests that still hold something. So nothing
    remembers how far the last run came: a request whose answer is still due keeps what that needs,
    holds up no other, and is found again later.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def erase_texts(self, days: float) -> int:
        """Erase the texts of requests that ended `days` ago; return how many requests.

        What is on hold has not ended: `end_holds`.
        """
        ended = _HAS_TEXTS & (request.c.state != "on_hold")
        return self._erase(days * DAY_SECONDS, ended, NO_TEXTS)

    def erase_addresses(self) -> int:
        """Erase the answers' addresses of requests that ended or were put on hold half an hour ago,
        and the `response_url`s of older ones that still need an address; return how many."""
        ended = self._erase(RESPONSE_URL_SECONDS, _HAS_ADDRESS, {"reply_to": None})
        return ended + self._strip_pending()

    def end_holds(self, days: float) -> int:
        """End the requests that have been on hold for `days`, at least one; return how many.

        Their texts are erased, and their submitters are told. Of a link that is made at the same
        moment either comes first: the request resumes with its texts, or has ended.
        """
        days = max(days, LEAST_DAYS_ON_HOLD)

        def end(connection: Connection) -> int:
            self._database.in_turn(connection, "link")
            held = _HELD.where(request.c.settled_at <= self._ago(days * DAY_SECONDS))
            return self._end_holds(connection, held.limit(_PORTION), int(days))

        return self._in_portions(end, wake=True)

    def _erase(self, seconds: float, which: ColumnElement[bool], values: Any) -> int:
        """Set these columns of requests that ended `seconds` ago, unless a job needs them."""

        def erase(connection: Connection) -> int:
            old = (
                select(request.c.id)
                .where(request.c.settled_at <= self._ago(seconds), which, ~_IS_NEEDED)
                .order_by(request.c.settled_at)
                .limit(_PORTION)
            )
            ids = connection.scalars(old).all()
            # Asked again, of the rows as they are now: one may be decided anew since it was found.
            still = request.c.settled_at.is_not(None)
            connection.execute(update(request).where(request.c.id.in_(ids), still).values(values))
            return len(ids)

        return self._in_portions(erase)

    def _in_portions(self, do: Callable[[Connection], int], *, wake: bool = False) -> int:
        """Run `do`, which takes at most a portion, until it has less to do; return the sum."""
        total = 0
        while True:
            with self._database.writing(wake=wake) as connection:
                done = do(connection)
            total += done
            if done < _PORTION:
                return total

    def _strip_pending(self) -> int:
        needed = select(job.c.key).where(job.c.kind.in_(_NEEDING))
        with self._database.reading() as connection:
            found = connection.execute(
                select(request.c.id, request.c.reply_to).where(
                    request.c.id.in_(needed),
                    request.c.created_at <= self._ago(RESPONSE_URL_SECONDS),
                    request.c.reply_to.contains('"response_url":"', autoescape=True),
                )
            ).all()
        for start in range(0, len(found), _PORTION):
            with self._database.writing() as connection:
                for row in found[start : start + _PORTION]:
                    _strip(connection, row)
        return len(found)

    def _end_holds(self, connection: Connection, held: Select[Any], days: int) -> int:
        """End those that `held` finds, each with a new job of its answer."""
        found = connection.execute(held).all()
        # The job of the answer that said "on hold", if that was never said. Jobs first, as a
        # worker's transactions do.
        ids = [row.id for row in found]
        unsaid = (job.c.kind == Kind.ANSWER) & job.c.key.in_(ids)
        connection.execute(delete(job).where(unsaid))
        now = self._database.now()
        for row in found:
            ended = (
                update(request)
                .where(request.c.id == row.id, request.c.state == "on_hold")
                .values(
                    {
                        "state": "rejected",
                        "answer": "due",
                        "reason": Reason.NOT_LINKED.value,
                        "reason_data": _not_linked(row, days),
                        "settled_at": now,
                        **NO_TEXTS,
                    }
                )
            )
            if connection.execute(ended).rowcount:
                add_job(self._database, connection, **new_job(Kind.ANSWER, row.id, row.team, now))
        return len(found)

    def _ago(self, seconds: float) -> ScalarSelect[float]:
        """Return that moment, as a query of its own: else PostgreSQL reads the clock anew for every
        row, and uses no index."""
        return select(self._database.now() - seconds).scalar_subquery()


_HELD = (
    select(request.c.id, request.c.team, request.c.requester, request.c.reason_data)
    .where(IS_ON_HOLD)
    .order_by(request.c.requester)  # as the index is
)


def _not_linked(row: Row[Any], days: int) -> str | None:
    known = rows.DATA.value(row.reason_data) or {}
    ended = Rejection(
        Reason.NOT_LINKED,
        requester=row.requester,
        requester_name=known.get("name"),
        days=days,
    )
    return rows.DATA.text(rejections.to_data(ended))


def _strip(connection: Connection, row: Any) -> None:
    """Erase the `response_url` of an address, unless that has changed meanwhile."""
    address = rows.REPLY_TO.value(row.reply_to)
    if address is None:
        return
    bare = rows.REPLY_TO.text(replace(address, response_url=None))
    its = (request.c.id == row.id) & (request.c.reply_to == row.reply_to)
    connection.execute(update(request).where(its).values(reply_to=bare))
