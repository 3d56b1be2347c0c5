"""Plan notices of a delay, and note which submitters were told that it takes longer."""

from __future__ import annotations

from sqlalchemy import select, update

from bot.core.model import Escalation
from bot.store import rows
from bot.store.database import Database
from bot.store.jobs import Job, Jobs, Kind, new_job
from bot.store.schema import job, request


class DelayNotices:
    """The requests that wait. Methods block; each is one transaction."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._database: Database = jobs.database

    def plan(self, team: str, seconds: float, limit: int) -> int:
        """Plan a notice for requests that wait for `seconds`; return how many are new.

        Reads the jobs, which are few, not the requests.
        """
        now = self._database.now()
        notice = job.alias()
        is_planned = select(notice.c.id).where(
            notice.c.kind == Kind.DELAY.value, notice.c.key == job.c.key
        )
        late = (
            select(job.c.key)
            .join(request, request.c.id == job.c.key)
            .where(
                job.c.kind == Kind.DECIDE.value,
                job.c.created_at <= now - seconds,
                job.c.team == team,
                request.c.state == "waiting",
                request.c.delay_told_at.is_(None),
                ~is_planned.exists(),
            )
            .order_by(job.c.id)
            .limit(limit)
        )
        with self._database.reading() as connection:
            found = connection.scalars(late).all()
        if not found:
            return 0
        columns = [new_job(Kind.DELAY, key, team, now) for key in found]
        adding = self._database.insert(job).values(columns)
        with self._database.writing(wake=True) as connection:
            new = adding.on_conflict_do_nothing(index_elements=["kind", "key"])
            # PostgreSQL's driver counts no rows of an INSERT of several.
            return len(connection.execute(new.returning(job.c.id)).all())

    def take(self, job: Job) -> Escalation | None:
        """Note that the submitter is told, before that; return what they requested.

        None if they were told, or the request has ended: then the job has ended too.
        """
        with self._database.writing() as connection:
            self._jobs.fence(connection, job)
            taken = connection.execute(
                update(request)
                .where(
                    request.c.id == job.key,
                    request.c.state == "waiting",
                    request.c.delay_told_at.is_(None),
                )
                .values(delay_told_at=self._database.now())
                .returning(*request.c)
            ).first()
            if taken is None:
                self._jobs.end(connection, job)
        return None if taken is None else rows.escalation(taken)

    def give_back(self, job: Job) -> None:
        """Note that the submitter was surely not told."""
        with self._database.writing() as connection:
            self._jobs.fence(connection, job)
            connection.execute(
                update(request).where(request.c.id == job.key).values(delay_told_at=None)
            )

    def end(self, job: Job) -> None:
        """End the job: the submitter was told, or is not to be."""
        self._jobs.finish(job)
