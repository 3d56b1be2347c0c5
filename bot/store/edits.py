"""Remember posted answers, and find what is to be edited or told once a ticket was undone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, select, update

from bot.core.model import Escalation, PostedAnswer, Ticket
from bot.core.undo import UNDO_SECONDS
from bot.store import rows
from bot.store.claims import JOINED
from bot.store.database import Database
from bot.store.jobs import Job, Jobs, Kind, add_job, new_job
from bot.store.rows import Codec
from bot.store.schema import job, request, ticket

HEARD = ("created", "added", "joined")
"""The states of requests whose submitters are told of a ticket."""

LEFT_TO_THE_UNDO = 5.0
"""Seconds in which the undo itself may edit a posted answer, which answers its click too."""

_POSTED = Codec(list[PostedAnswer])


@dataclass(frozen=True, slots=True)
class StaleAnswer:
    """An answer that no longer holds, or soon will not.

    `id` is its request's. `posted` is empty if nothing can be edited. `undone_by`: who undid the
    ticket; None if it stands. `is_undoing`: neither is certain yet.
    """

    id: int
    escalation: Escalation
    posted: tuple[PostedAnswer, ...]
    ticket: Ticket | None
    undone_by: str | None = None
    is_undoing: bool = False

    @property
    def is_others(self) -> bool:
        """Return whether somebody else than the submitter undid the ticket."""
        return self.undone_by not in (None, self.escalation.trigger.submitter)


class Edits:
    """The answers of the database that are to be edited. Methods block; each is one transaction.

    They raise TryLater, and LeaseLost where they are given a job whose lease was lost.
    """

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._database = jobs.database

    def remember(self, request_id: int, posted: Sequence[PostedAnswer]) -> None:
        """Remember where a request's answer was posted, and plan to edit it.

        That is when its Undo ends; at once if its ticket was undone meanwhile.
        """
        now = self._database.now()
        its = (
            select(request.c.team, request.c.settled_at, ticket.c.state, now.label("now"))
            .outerjoin(ticket, ticket.c.id == request.c.ticket_id)
            .where(request.c.id == request_id)
        )
        with self._database.writing(wake=True) as connection:
            row = connection.execute(its).first()
            if row is None:
                return
            connection.execute(
                update(request)
                .where(request.c.id == request_id)
                .values(posted=_POSTED.text([*posted]))
            )
            over = 0.0 if row.state == "undone" else (row.settled_at or row.now) + UNDO_SECONDS
            after = max(0.0, over - row.now)
            columns = new_job(Kind.EDIT, request_id, row.team, now, after=after)
            add_job(self._database, connection, **columns)

    def find(self, request_id: int) -> StaleAnswer | None:
        """Return the request's answer; None if it is about no ticket, or gone."""
        its = JOINED.add_columns(ticket.c.undone_by)
        with self._database.reading() as connection:
            row = connection.execute(its.where(request.c.id == request_id)).first()
        return None if row is None or row.state not in HEARD else _stale_answer(row)

    def end(self, job: Job, done: StaleAnswer | None) -> None:
        """End the job: the answer was edited or told, or cannot be.

        If an undo of its ticket began since it was found (`done`), it is to be edited once more.
        """
        with self._database.writing() as connection:
            if done is not None and done.undone_by is None and _is_undone(connection, done.id):
                self._jobs.release(connection, job)
                again = update(request).where(request.c.id == done.id)
                connection.execute(again.values(posted=_POSTED.text([*done.posted])))
                return
            self._jobs.end(connection, job)
            _forget(connection, job.key)

    def forget(self, request_id: int) -> None:
        """Forget a posted answer that was edited, and its job unless somebody has claimed it."""
        with self._database.writing() as connection:
            _forget(connection, request_id)
            its = (job.c.kind == Kind.EDIT.value) & (job.c.key == request_id)
            connection.execute(delete(job).where(its, job.c.token.is_(None)))


def plan_edits(
    database: Database, connection: Connection, ticket_id: int, *, undone_by: str
) -> None:
    """Plan to tell everybody but `undone_by` who was told of a ticket that it was undone.

    An answer that is still due is not given any more: that the ticket was created is no longer so.
    """
    told = connection.execute(
        select(request.c.id, request.c.team, request.c.submitter, request.c.posted).where(
            request.c.ticket_id == ticket_id,
            request.c.state.in_(HEARD),
            request.c.answer != "unsayable",
        )
    ).all()
    ids = [row.id for row in told]
    answers = (job.c.kind == Kind.ANSWER.value) & job.c.key.in_(ids)
    connection.execute(delete(job).where(answers))
    due = request.c.id.in_(ids) & (request.c.answer == "due")
    connection.execute(update(request).where(due).values(answer="said"))
    for row in told:
        if row.submitter != undone_by or row.posted is not None:
            _plan_edit(database, connection, row)


def _plan_edit(database: Database, connection: Connection, row: Any) -> None:
    """Plan the edit of one answer, or bring the planned one forward."""
    after = LEFT_TO_THE_UNDO if row.posted is not None else 0.0
    columns = new_job(Kind.EDIT, row.id, row.team, database.now(), after=after)
    adding = database.insert(job).values(columns)
    connection.execute(
        adding.on_conflict_do_update(
            index_elements=["kind", "key"], set_={"due": adding.excluded.due}
        )
    )


def _is_undone(connection: Connection, request_id: int) -> bool:
    """Return whether the request's ticket was undone, or is being undone."""
    its = select(ticket.c.id).join(request, request.c.ticket_id == ticket.c.id)
    undone = its.where(request.c.id == request_id, ticket.c.state.in_(("undoing", "undone")))
    return connection.execute(undone).first() is not None


def _forget(connection: Connection, request_id: int) -> None:
    forgotten = update(request).where(request.c.id == request_id)
    connection.execute(forgotten.values(posted=None))


def _stale_answer(row: Any) -> StaleAnswer:
    return StaleAnswer(
        id=row.id,
        escalation=rows.escalation(row),
        posted=tuple(_POSTED.value(row.posted) or ()),
        ticket=rows.ticket(row),
        undone_by=row.undone_by if row.ticket_state == "undone" else None,
        is_undoing=row.ticket_state == "undoing",
    )
