"""Read what a claimed job is about: the request that is decided, or whose answer is due."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, bindparam, select

from bot.core.attachments import UploadedFiles
from bot.core.model import Continuation, Escalation, Outcome, Ticket
from bot.core.refs import reference
from bot.store import rows
from bot.store.database import Database
from bot.store.jobs import Job
from bot.store.schema import request, ticket


@dataclass(frozen=True, slots=True)
class RemainingParts:
    """The parts to add once the first one is in Plain, in this order.

    `ticket` is None until that is certain; from then on all but the first of `sequels` were surely
    not sent yet. `added`: the first part was an addition too. `missing`: how many were rejected.
    """

    sequels: tuple[Continuation, ...]
    ticket: Ticket | None = None
    added: bool = False
    missing: int = 0


REMAINING_PARTS = rows.Codec(RemainingParts)


@dataclass(frozen=True, slots=True)
class Opening:
    """A ticket that a request is about to open: its row, and what its thread is sent with.

    `requester` is the Slack user whose Plain customer `customer` (`c_…`) is.
    """

    ticket_id: int
    customer: str
    requester: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A request whose job a worker has claimed, as both were then.

    `requester` is for whom it is, once that was decided, or typed. What earlier attempts noted:
    `sent_at` is when something was about to be sent, with an unknown outcome; it has the id
    `external_id`. That is the thread of `opening`, or an addition to `adding_to`. `outcome` is what
    is to be answered. `rest` is what the write that was sent leaves to be added, `kept` the results
    of its files. `is_waiting`: it was not decided yet. `delay_told_at` is when the submitter was
    told that it takes longer, `settled_at` when it ended. Times are Unix seconds.
    """

    job: Job
    id: int
    escalation: Escalation
    requester: str | None = None
    opening: Opening | None = None
    adding_to: Ticket | None = None
    adding_to_id: int | None = None
    external_id: str | None = None
    sent_at: float | None = None
    outcome: Outcome | None = None
    rest: RemainingParts | None = None
    kept: UploadedFiles | None = None
    is_waiting: bool = True
    delay_told_at: float | None = None
    settled_at: float | None = None

    @property
    def now(self) -> float:
        """Return the database's clock when the job was claimed."""
        return self.job.now

    @property
    def name(self) -> str:
        """Return what the log calls the request: its key and number."""
        return f"{self.escalation.key}:{self.reference}"

    @property
    def reference(self) -> str:
        """Return what a person can quote; `ledger show` takes it."""
        return reference(self.id)


_COLUMNS = (
    *request.c,
    ticket.c.request_id.label("opened_by"),
    ticket.c.customer,
    ticket.c.requester.label("ticket_requester"),
    ticket.c.state.label("ticket_state"),
    ticket.c.thread_id,
    ticket.c.thread_ref,
    ticket.c.thread_url,
)

JOINED: Select[Any] = select(*_COLUMNS).outerjoin(ticket, ticket.c.id == request.c.ticket_id)
"""Requests with the columns of their tickets."""

_OF_JOB = JOINED.where(request.c.id == bindparam("id"))
_OF_JOBS = JOINED.where(request.c.id.in_(bindparam("ids", expanding=True)))


def load(database: Database, jobs: Sequence[Job]) -> list[Claim]:
    """Return the requests that these jobs are about; without those that are gone."""
    if not jobs:
        return []
    with database.reading() as connection:
        if len(jobs) == 1:  # mostly; it takes half the time
            found = connection.execute(_OF_JOB, {"id": jobs[0].key}).all()
        else:
            found = connection.execute(_OF_JOBS, {"ids": [job.key for job in jobs]}).all()
    by_id = {row.id: row for row in found}
    return [_claim(job, by_id[job.key]) for job in jobs if job.key in by_id]


def _claim(job: Job, row: Row[Any]) -> Claim:
    opening, adding_to = None, None
    if row.ticket_state == "opening" and row.opened_by == row.id:
        opening = Opening(row.ticket_id, row.customer, row.ticket_requester)
    elif row.sent_at is not None:
        adding_to = rows.ticket(row)
    escalation = rows.escalation(row)
    return Claim(
        job=job,
        id=row.id,
        escalation=escalation,
        requester=row.requester,
        opening=opening,
        adding_to=adding_to,
        adding_to_id=row.ticket_id if adding_to is not None else None,
        external_id=row.external_id,
        sent_at=row.sent_at,
        outcome=rows.outcome(row),
        rest=REMAINING_PARTS.value(row.rest),
        kept=rows.KEPT.value(row.files),
        is_waiting=row.state == "waiting",
        delay_told_at=row.delay_told_at,
        settled_at=row.settled_at,
    )
