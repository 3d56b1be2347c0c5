"""Keep what is due: claim jobs for a lease, put them back, and end them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import Any

from sqlalchemy import (
    Connection,
    Insert,
    Integer,
    Row,
    and_,
    bindparam,
    case,
    delete,
    func,
    literal_column,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.sql.expression import ColumnElement

from bot.core.faults import LEASE_LOST, LeaseLost, delay, should_park
from bot.store.database import Database
from bot.store.schema import job as table
from bot.store.schema import request
from bot.store.updates import FromNow, Prepared, RowUpdates


class Kind(StrEnum):
    """The kinds of jobs; what the key of each names is in brackets."""

    DECIDE = "decide"
    """Decide a request, and open its ticket or add to one (request)."""
    ANSWER = "answer"
    """Answer the submitter (request)."""
    DELAY = "delay"
    """Tell the submitter that it takes longer (request)."""
    EDIT = "edit"
    """Edit an answer whose Undo has ended, or whose ticket was undone (request)."""
    DUPLICATE = "duplicate"
    """Look for a duplicate of a thread whose create had an unknown outcome (ticket)."""
    UNDO = "undo"
    """Undo a ticket (undo)."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job that a worker has claimed, as it was then.

    `now` is the database's clock then, `attempt` counts from 1, `failures` those since the last
    progress. `token` is the fencing token: a worker that lost the lease writes nothing more.
    `lease` is how many seconds the job belongs to its worker, from the claim and from each renewal.
    `hopeless`: its leases ran out so often that it has to be parked, not run. Times are Unix
    seconds by the database's clock.
    """

    id: int
    kind: Kind
    key: int
    token: str
    now: float
    attempt: int
    order_key: str | None = None
    failures: int = 0
    created_at: float = 0.0
    lease: float = float("inf")
    hopeless: bool = False


LEASE_SECONDS = 90.0
"""Longer than a create and the look-up after it may take; renewed before the create is sent and
during the delivery."""

FIRST_RETRY = 2
"""The second attempt needs no pause: the lease that ran out was one."""

_IS_OTHER: ColumnElement[bool] = table.c.kind != literal_column(f"'{Kind.DECIDE.value}'")
"""The jobs that are no decisions; a constant, for which there is an index."""

RELEASED: Mapping[str, object] = {"token": None, "lease_until": None}
"""The columns of a job that nobody has claimed."""


class _Fenced(RowUpdates):
    """Updates of claimed jobs, guarded by the fencing token."""

    def _conditions(self) -> tuple[ColumnElement[bool], ...]:
        is_its = table.c.token == bindparam("row_token")
        return (*super()._conditions(), is_its, table.c.lease_until > self._database.present())


class Jobs:
    """The jobs of the database, for workers. Methods block; each is one transaction.

    They raise TryLater, and LeaseLost for a job whose lease was lost.
    """

    def __init__(self, database: Database, lease: float = LEASE_SECONDS) -> None:
        self.database = database
        self._database = database
        self._lease = lease
        self._behind = False
        self._jobs = _Fenced(database, table)

    # Claiming

    def claim(self, worker: str, decisions: int, others: int = 0) -> list[Job]:
        """Claim due jobs for one lease: so many DECIDE jobs, and so many of all other kinds.

        The oldest go first. Of jobs with one order key at most one is leased at a time, and of the
        decisions, as of the others, the oldest due one goes first. Those of a channel in which
        another worker has an earlier one are left, so that the messages of one Slack thread keep
        their order. While more is due than can be claimed, decisions that an earlier attempt left
        half-way come first: a backlog must not delay their look-up.

        An attempt whose lease ran out counts as a failure of its job. From the second one in
        succession on, the job is put back for a pause that doubles; `Job.hopeless` means that a
        person has to look.
        """
        with self._database.writing() as connection:
            self._database.in_turn(connection, "claim")
            taken: Sequence[Row[Any]] = []
            if others and self._is_other_due(connection):
                taken = self._take(connection, self._claiming_others, worker, others)
            found: list[Row[Any]] = []
            if self._behind:
                found += self._take(connection, self._claiming_half_way, worker, decisions)
            found += self._take(connection, self._claiming, worker, decisions - len(found))
            if decisions:
                self._behind = len(found) == decisions
            claimed = sorted([*taken, *found], key=lambda row: int(row.id))
            return list(self._counted(connection, claimed))

    def _counted(self, connection: Connection, found: Sequence[Row[Any]]) -> Iterator[Job]:
        """Count the failures of jobs whose lease ran out; yield those that may be run."""
        for row in found:
            job = _job(row)
            if row.cause != LEASE_LOST:
                yield job
            elif self._has_struck_out(connection, job):
                yield replace(job, hopeless=True)
            elif job.attempt <= FIRST_RETRY:
                yield job
            else:
                pause = delay(job.attempt - 1, None, chance=1.0)
                self.release(connection, job, due=FromNow(pause))

    def _has_struck_out(self, connection: Connection, job: Job) -> bool:
        """Count a failure of the job, and return whether there were too many."""
        struck = update(table).where(table.c.id == job.id).values(failed(self._database.now()))
        counted = struck.returning(table.c.strikes, table.c.struck_since)
        row = connection.execute(counted).one()
        return _has_struck_out(job, row.strikes, row.struck_since)

    def _is_other_due(self, connection: Connection) -> bool:
        """Return whether anything but a decision is due: mostly not, which this finds sooner."""
        found = self._others_due.execute(connection, self._database.given_now())
        return found.first() is not None

    @cached_property
    def _others_due(self) -> Prepared:
        is_due = table.c.due <= self._database.present()
        return Prepared(self._database, select(table.c.id).where(_IS_OTHER, is_due).limit(1))

    def _take(
        self, connection: Connection, claiming: Prepared, worker: str, limit: int
    ) -> Sequence[Row[Any]]:
        if limit <= 0:
            return []
        own = worker.replace("/", "//").replace("%", "/%").replace("_", "/_")
        given: dict[str, object] = {
            "new_token": f"{worker}:{uuid.uuid4().hex}",
            "own_tokens": f"{own}:%",
            "at_most": limit,
        }
        return claiming.execute(connection, given | self._database.given_now()).all()

    @cached_property
    def _claiming(self) -> Prepared:
        return self._claim_among((table.c.kind == Kind.DECIDE) & ~self._follows_elsewhere())

    @cached_property
    def _claiming_half_way(self) -> Prepared:
        half_way = (table.c.kind == Kind.DECIDE) & (table.c.half_way == 1)
        return self._claim_among(half_way & ~self._follows_elsewhere())

    @cached_property
    def _claiming_others(self) -> Prepared:
        return self._claim_among(_IS_OTHER)

    def _follows_elsewhere(self) -> ColumnElement[bool]:
        """Return whether another worker has an earlier job of the channel: which Slack thread a
        reaction belongs to is known only once its message was read."""
        other = table.alias()
        return (
            select(other.c.id)
            .where(
                other.c.token.is_not(None),
                other.c.channel == table.c.channel,
                other.c.id < table.c.id,
                other.c.lease_until > self._database.present(),
                ~other.c.token.like(bindparam("own_tokens"), escape="/"),
            )
            .exists()
        )

    def _claim_among(self, among: ColumnElement[bool]) -> Prepared:
        """Return the statement that claims."""
        now = self._database.present()
        other = table.alias()
        is_earlier = and_(
            table.c.token.is_(None),
            # One statement claims the decisions, one all other kinds.
            (other.c.kind == Kind.DECIDE) == (table.c.kind == Kind.DECIDE),
            other.c.id < table.c.id,
            other.c.due <= now,
        )
        held_back = (
            select(other.c.id)
            .where(
                other.c.order_key == table.c.order_key,
                other.c.id != table.c.id,
                # Also one whose lease ran out: it goes first, since it is due itself.
                or_(other.c.token.is_not(None), is_earlier),
            )
            .exists()
        )
        unleased = or_(table.c.lease_until.is_(None), table.c.lease_until <= now)
        taken = (
            select(table.c.id)
            .where(table.c.due <= now, unleased, ~held_back, among)
            .order_by(table.c.due, table.c.id)
            .limit(bindparam("at_most", type_=Integer()))
            .with_for_update(skip_locked=True)
            .cte("due_jobs")
        )
        # What a claim, an end or a retry of its own accord ends has no lease any more.
        cause = case(
            (table.c.lease_until.is_not(None), LEASE_LOST),
            (table.c.cause == LEASE_LOST, null()),
            else_=table.c.cause,
        )
        claiming = (
            update(table)
            .where(table.c.id.in_(select(taken.c.id)))
            .values(
                token=bindparam("new_token"),
                lease_until=now + self._lease,
                cause=cause,
                attempts=table.c.attempts + 1,
            )
            .returning(*table.c, now.label("now"))
        )
        return Prepared(self._database, claiming)

    def next_due(self) -> float | None:
        """Return the seconds until the next job is due (0 or less: now); None if none is."""
        with self._database.reading() as connection:
            found = self._looking_ahead.execute(connection, self._database.given_now())
            *ahead, now = tuple(found.one())
        moments = [moment for moment in ahead if moment is not None]
        return min(moments) - now if moments else None

    @cached_property
    def _looking_ahead(self) -> Prepared:
        now = self._database.present()
        ahead = select(func.min(table.c.due)).where(table.c.lease_until.is_(None))
        leased = select(func.min(table.c.lease_until))
        looking = select(ahead.scalar_subquery(), leased.scalar_subquery(), now)
        return Prepared(self._database, looking)

    def free_all(self) -> None:
        """End every lease, at the start of the only process that works on this database.

        Their attempts count as those whose lease ran out.
        """
        with self._database.writing() as connection:
            connection.execute(
                update(table)
                .where(table.c.token.is_not(None))
                .values(lease_until=self._database.now())
            )

    # While it is claimed

    def renew(self, job: Job) -> None:
        """Renew the lease. Raises LeaseLost."""
        with self._database.writing() as connection:
            self.fence(connection, job)

    def give_back(self, job: Job) -> None:
        """Let another worker claim the job at once, as if it had not been claimed."""
        with self._database.writing(wake=True) as connection:
            self.release(connection, job)

    def put_back(self, job: Job, after: float, cause: str, *, failed: bool) -> None:
        """Put the job back for `after` seconds; what it did not do is as it was before.

        If it did not fail (`failed`), it waits for a moment that somebody named, and its attempt
        does not count.
        """
        with self._database.writing() as connection:
            self.put_off(connection, job, after, cause, has_failed=failed)

    def finish(self, job: Job) -> None:
        """End the job: it is done."""
        with self._database.writing() as connection:
            self.end(connection, job)

    def is_hopeless(self, job: Job) -> bool:
        """Return whether the job failed so often, while others succeeded, that it is parked."""
        with self._database.reading() as connection:
            row = connection.execute(
                select(table.c.strikes, table.c.struck_since).where(table.c.id == job.id)
            ).first()
        return row is not None and _has_struck_out(job, row.strikes, row.struck_since)

    # Parts of others' transactions

    def fence(self, connection: Connection, job: Job, **values: object) -> None:
        """Renew the lease and write to the job. Raises LeaseLost if it is another worker's."""
        self._write(connection, job, {"lease_until": FromNow(self._lease), **values})

    def release(self, connection: Connection, job: Job, **values: object) -> None:
        """Give the job up as if it had not been claimed, and write to it. Raises LeaseLost."""
        given_up = {**RELEASED, "attempts": table.c.attempts - 1}
        self._write(connection, job, {**given_up, **values})

    def move(self, connection: Connection, job: Job, order_key: str) -> bool:
        """Give the job its final order key; return False if another one of that key is leased.

        Then this one is given back, and is claimed once its turn has come. Raises LeaseLost.
        """
        self._database.in_turn(connection, "claim")
        leased = select(table.c.id).where(
            table.c.order_key == order_key, table.c.token.is_not(None), table.c.id != job.id
        )
        if connection.execute(leased).first() is None:
            self.fence(connection, job, order_key=order_key)
            return True
        self.release(connection, job, order_key=order_key)
        return False

    def put_off(
        self,
        connection: Connection,
        job: Job,
        after: float,
        cause: str,
        *,
        has_failed: bool,
        **values: object,
    ) -> None:
        """Put the job off for `after` seconds, and write to it. Raises LeaseLost.

        A failure counts as a strike if another request succeeded since the previous one: it is this
        job's own fault, not an outage.
        """
        now = self._database.now()
        columns = {**RELEASED, "due": now + after, "cause": cause, **values}
        columns |= failed(now) if has_failed else {"attempts": table.c.attempts - 1}
        self._write(connection, job, columns)

    def end(self, connection: Connection, job: Job) -> None:
        """Delete the job: it is done. Raises LeaseLost."""
        given = {"row_id": job.id, "row_token": job.token} | self._database.given_now()
        if self._ending.execute(connection, given).rowcount == 0:
            raise LeaseLost

    @cached_property
    def _ending(self) -> Prepared:
        its = self._jobs._conditions()  # noqa: SLF001 — its own class
        return Prepared(self._database, delete(table).where(*its))

    def _write(self, connection: Connection, job: Job, values: Mapping[str, object]) -> None:
        if not self._jobs.write(connection, job.id, values, row_token=job.token):
            raise LeaseLost


def new_job(
    kind: Kind,
    key: object,
    team: object,
    now: ColumnElement[float],
    *,
    order_key: object = None,
    channel: object = None,
    after: float = 0.0,
    failures: int = 0,
) -> dict[str, Any]:
    """Return the columns of a job that is due `after` seconds from now."""
    return {
        "kind": kind.value,
        "key": key,
        "team": team,
        "order_key": order_key,
        "channel": channel,
        "due": now + after if after else now,
        "attempts": failures,
        "failures": failures,
        "strikes": 0,
        "half_way": 0,
        "created_at": now,
    }


def insert_for_each(
    database: Database,
    kind: Kind,
    key: ColumnElement[int],
    team: ColumnElement[str],
    now: ColumnElement[float],
    *where: ColumnElement[bool],
    order_key: ColumnElement[Any] = null(),  # noqa: B008 — immutable
    channel: ColumnElement[Any] = null(),  # noqa: B008
) -> Insert:
    """Return the INSERT of a job, due now, for each row that meets `where`; none of those that have
    one of its kind already."""
    zero: ColumnElement[int] = literal_column("0")
    columns: dict[str, ColumnElement[Any]] = {
        "kind": literal_column(f"'{kind.value}'"),
        "key": key,
        "team": team,
        "order_key": order_key,
        "channel": channel,
        "due": now,
        "attempts": zero,
        "failures": zero,
        "strikes": zero,
        "half_way": zero,
        "created_at": now,
    }
    adding = database.insert(table).from_select([*columns], select(*columns.values()).where(*where))
    only_new: Insert = adding.on_conflict_do_nothing(index_elements=["kind", "key"])
    return only_new


def add_job(database: Database, connection: Connection, **columns: Any) -> None:
    """Insert a job (`new_job`), unless there is one of its kind and key already."""
    adding = database.insert(table).values(columns)
    connection.execute(adding.on_conflict_do_nothing(index_elements=["kind", "key"]))


def failed(now: ColumnElement[float]) -> dict[str, object]:
    """Return the columns that count a failure.

    A strike is a failure since whose predecessor a request came to a good end: it is this job's
    own fault, not an outage.
    """
    # The newest, not any later one: PostgreSQL would read the whole table to find none.
    last_success = (
        select(request.c.settled_at)
        .where(request.c.settled_at.is_not(None), request.c.state.in_(("created", "added")))
        .order_by(request.c.settled_at.desc())
        .limit(1)
        .scalar_subquery()
    )
    others_do_well = last_success > table.c.failed_at
    return {
        "failed_at": now,
        "failures": table.c.failures + 1,
        "strikes": table.c.strikes + case((others_do_well, 1), else_=0),
        "struck_since": case(
            (table.c.struck_since.is_not(None), table.c.struck_since),
            (others_do_well, now),
            else_=null(),
        ),
    }


def _has_struck_out(job: Job, strikes: int, struck_since: float | None) -> bool:
    return struck_since is not None and should_park(strikes, job.now - struck_since)


def _job(row: Row[Any]) -> Job:
    """Return a job that was just claimed; `row.now` is the database's clock."""
    return Job(
        id=row.id,
        kind=Kind(row.kind),
        key=row.key,
        token=row.token,
        now=row.now,
        attempt=row.attempts,
        order_key=row.order_key,
        failures=row.failures,
        created_at=row.created_at,
        lease=row.lease_until - row.now,
    )
