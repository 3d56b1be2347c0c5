"""Find the ticket whose thread may have a duplicate, and note what a look for it found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select, update

from bot.core.refs import generation_key
from bot.store import rows
from bot.store.jobs import Job, Jobs
from bot.store.schema import ticket


@dataclass(frozen=True, slots=True)
class PossibleDuplicate:
    """A ticket whose thread was created although an earlier create may have succeeded.

    `request_id` is the request that opened it; `ref` is its thread ("T-7"), `thread` that one's
    id; `created_at` is when the ticket was noted, in Unix seconds by the database's clock.
    """

    request_id: int
    external_id: str
    customer: str
    thread: str
    ref: str
    created_at: float


class DuplicateChecks:
    """The checks for duplicates in the ledger. Methods block; each is one transaction."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._database = jobs.database

    def find(self, job: Job) -> PossibleDuplicate | None:
        """Return what the job is about; None if it is gone, or its customer is not known."""
        with self._database.reading() as connection:
            row = connection.execute(select(ticket).where(ticket.c.id == job.key)).first()
        if row is None or row.customer is None or row.thread_id is None:
            return None
        return PossibleDuplicate(
            request_id=row.request_id,
            external_id=generation_key(row.key, row.generation),
            customer=row.customer,
            thread=row.thread_id,
            ref=row.thread_ref,
            created_at=row.created_at,
        )

    def end(self, job: Job, others: Sequence[str]) -> None:
        """End the check; `others` are the refs of the duplicates found."""
        with self._database.writing() as connection:
            self._jobs.end(connection, job)
            connection.execute(
                update(ticket)
                .where(ticket.c.id == job.key)
                .values(duplicates=rows.REFS.text(list(others) or None))
            )
