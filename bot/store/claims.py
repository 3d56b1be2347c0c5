"""Claim due rows for a lease, give them back, and write to them only while the lease lasts."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from sqlalchemy import (
    Connection,
    Float,
    Integer,
    Row,
    Select,
    bindparam,
    case,
    func,
    null,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate, Update
from sqlalchemy.sql.expression import ColumnElement

from bot.core.attachments import UploadedFiles
from bot.core.faults import LEASE_LOST, LeaseLost, delay, should_park
from bot.core.model import Continuation, Escalation, Outcome, Ticket
from bot.core.refs import generation_key, reference
from bot.store import rows
from bot.store.database import Database
from bot.store.schema import escalation as table


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


@dataclass(frozen=True, slots=True)
class Claim:
    """A row that a worker has claimed, as it was then.

    `now` is the database's clock then, `attempt` counts from 1. `token` is the fencing token: a
    worker that lost the lease writes nothing more. `customer`, `sent_at` and `adding_to` are what
    earlier attempts froze: `customer` is that of the requester `frozen_for`; `sent_at` is when a
    create (or an addition to `adding_to`) was about to be sent, with an unknown outcome. `outcome`
    is set if only the answer is still due. `rest` is what the write that was sent leaves to be
    added, `kept` the results of its files. `lease` is how many seconds the row belongs to its
    worker, from the claim and anew from each freeze. `hopeless`: its leases ran out so often that
    it has to be parked, not delivered.
    """

    id: int
    token: str
    escalation: Escalation
    generation: int
    now: float
    attempt: int
    customer: str | None = None
    frozen_for: str | None = None
    sent_at: float | None = None
    adding_to: Ticket | None = None
    outcome: Outcome | None = None
    rest: RemainingParts | None = None
    kept: UploadedFiles | None = None
    lease: float = float("inf")
    hopeless: bool = False

    @property
    def external_id(self) -> str:
        """Return Plain's externalId for what this row creates."""
        return generation_key(self.escalation.key, self.generation)

    @property
    def reference(self) -> str:
        """Return what a person can quote; `ledger show` takes it."""
        return reference(self.id)


@dataclass(frozen=True, slots=True)
class Acquired:
    """The conversation belongs to this row: it may create the thread."""


@dataclass(frozen=True, slots=True)
class Pending:
    """Another row is creating the conversation's thread; its outcome is unknown yet."""


@dataclass(frozen=True, slots=True)
class Exists:
    """The conversation has its ticket: add to it."""

    ticket: Ticket


Conversation = Acquired | Pending | Exists

REMAINING_PARTS = rows.Codec(RemainingParts)


_Shape = tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True)
class FromNow:
    """A moment so many seconds from now, by the database's clock."""

    seconds: float = 0.0


class FencedWrites:
    """Writes to claimed rows, guarded by the fencing token.

    Keeps one statement for each set of columns that is written together: building one takes
    SQLAlchemy longer than the database takes to execute it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._statements: dict[_Shape, Update] = {}

    def write(self, connection: Connection, claim: Claim, **values: object) -> None:
        """Write to the row; raise LeaseLost if its lease ran out or another worker has it."""
        expressions = {name: v for name, v in values.items() if isinstance(v, ColumnElement)}
        given = {name: v for name, v in values.items() if name not in expressions}
        shape = tuple((name, isinstance(value, FromNow)) for name, value in given.items())
        statement = self._statements.get(shape)
        if statement is None:
            statement = self._statements[shape] = self._build(shape)
        if expressions:
            statement = statement.values(expressions)
        parameters: dict[str, object] = {
            f"new_{name}": value.seconds if isinstance(value, FromNow) else value
            for name, value in given.items()
        }
        parameters |= {"row_id": claim.id, "row_token": claim.token} | self._database.given_now()
        if connection.execute(statement, parameters).rowcount == 0:
            raise LeaseLost

    def _build(self, shape: _Shape) -> Update:
        now = self._database.present()
        return (
            update(table)
            .where(
                table.c.id == bindparam("row_id"),
                table.c.token == bindparam("row_token"),
                table.c.lease_until > now,
            )
            .values(
                {
                    name: now + bindparam(f"new_{name}", type_=Float(53))
                    if from_now
                    else bindparam(f"new_{name}", type_=table.c[name].type)
                    for name, from_now in shape
                }
            )
        )


LEASE_SECONDS = 90.0
"""Longer than a create and the look-up after it may take; renewed before the create is sent and
during the delivery."""

FIRST_RETRY = 2
"""The second attempt needs no pause: the lease that ran out was one."""


class Claims:
    """Claims rows for workers. Methods block; each is one transaction."""

    def __init__(self, database: Database, lease: float) -> None:
        self._database = database
        self._lease = lease
        self._behind = False
        self._fenced = FencedWrites(database)

    def claim(self, worker: str, limit: int) -> list[Claim]:
        """Claim up to `limit` due rows, the oldest first, for one lease.

        While more is due than can be claimed, rows that an earlier attempt left half-way come
        first: a backlog must not delay their look-up. Rows of a channel in which another worker
        holds an earlier one are left, so that the messages of one Slack thread keep their order.

        An attempt whose lease ran out counts as a failure of its row. From the second one in
        succession on, the row is put back for a pause that doubles; `Claim.hopeless` means that a
        person has to look.
        """
        with self._database.writing() as connection:
            self._database.in_turn(connection, "claim")
            found: list[Row[Any]] = []
            if self._behind:
                found += self._take(connection, self._claiming_half_way, worker, limit)
            if len(found) < limit:
                found += self._take(connection, self._claiming, worker, limit - len(found))
            found.sort(key=lambda row: row.id)
            lost = [claim_of(row) for row in found if row.cause == LEASE_LOST]
            counted = {claim.id: claim for claim in self._counted(connection, lost)}
        self._behind = len(found) == limit
        # Read after the transaction: requests wait for it, and messages may be long.
        claims = [
            counted.get(row.id) if row.cause == LEASE_LOST else claim_of(row) for row in found
        ]
        return [claim for claim in claims if claim is not None]

    def _counted(self, connection: Connection, lost: Sequence[Claim]) -> Iterator[Claim]:
        """Count the failures of rows whose lease ran out; yield those that may be delivered."""
        for claim in lost:
            if claim.outcome is None and self._has_struck_out(connection, claim):
                yield replace(claim, hopeless=True)
            elif claim.attempt <= FIRST_RETRY:
                yield claim
            else:
                self._put_back(connection, claim)

    def _has_struck_out(self, connection: Connection, claim: Claim) -> bool:
        """Count a failure of the row, and return whether there were too many."""
        now = self._database.now()
        struck = update(table).where(table.c.id == claim.id).values(rows.failed(now))
        counted = struck.returning(table.c.strikes, table.c.struck_since)
        row = connection.execute(counted).one()
        return has_struck_out(claim, row.strikes, row.struck_since)

    def _put_back(self, connection: Connection, claim: Claim) -> None:
        """Put the row back for a pause after its failures; this attempt does not take place."""
        pause = delay(claim.attempt - 1, None, chance=1.0)
        self._fenced.write(connection, claim, due=FromNow(pause), **_unclaimed(claim))

    def renew(self, claim: Claim) -> None:
        """Renew the lease during a delivery. Raises LeaseLost."""
        with self._database.writing() as connection:
            self._fenced.write(connection, claim, lease_until=FromNow(self._lease))

    def _take(
        self, connection: Connection, claiming: ReturningUpdate[Any], worker: str, limit: int
    ) -> Sequence[Row[Any]]:
        own = worker.replace("/", "//").replace("%", "/%").replace("_", "/_")
        given: dict[str, object] = {
            "new_token": f"{worker}:{uuid.uuid4().hex}",
            "own_tokens": f"{own}:%",
            "at_most": limit,
        }
        return connection.execute(claiming, given | self._database.given_now()).all()

    @cached_property
    def _claiming(self) -> ReturningUpdate[Any]:
        return self._claim_among(true())

    @cached_property
    def _claiming_half_way(self) -> ReturningUpdate[Any]:
        return self._claim_among(table.c.cause.is_not(None) & table.c.sent_at.is_not(None))

    def _claim_among(self, among: ColumnElement[bool]) -> ReturningUpdate[Any]:
        """Return the statement that claims; built once, which takes longer than executing it."""
        now = self._database.present()
        other = table.alias()
        elsewhere = (
            select(other.c.id)
            .where(
                other.c.due.is_not(None),
                other.c.team == table.c.team,
                other.c.channel == table.c.channel,
                other.c.id + 0 < table.c.id,  # else SQLite looks at all ids below, settled or not
                other.c.lease_until > now,
                ~other.c.token.like(bindparam("own_tokens"), escape="/"),
            )
            .exists()
        )
        taken = (
            select(table.c.id)
            .where(table.c.due <= now, _unleased(now), ~elsewhere, among)
            .order_by(table.c.due, table.c.id)
            .limit(bindparam("at_most", type_=Integer()))
            .with_for_update(skip_locked=True)
            .cte("due_rows")
        )
        answering = table.c.state != "waiting"
        # What a claim, a settle or a retry of its own accord ends has no lease any more.
        cause = case(
            (table.c.lease_until.is_not(None), LEASE_LOST),
            (table.c.cause == LEASE_LOST, null()),
            else_=table.c.cause,
        )
        return (
            update(table)
            .where(table.c.id.in_(select(taken.c.id)))
            .values(
                token=bindparam("new_token"),
                lease_until=now + self._lease,
                cause=cause,
                attempts=table.c.attempts + case((answering, 0), else_=1),
                answer_attempts=table.c.answer_attempts + case((answering, 1), else_=0),
            )
            .returning(*table.c, now.label("now"))
        )

    def next_due(self) -> float | None:
        """Return the seconds until the next row is due (0 or less: now); None if none is."""
        with self._database.reading() as connection:
            row = connection.execute(self._looking_ahead, self._database.given_now()).one()
        moments = [moment for moment in row[:2] if moment is not None]
        return min(moments) - row[2] if moments else None

    @cached_property
    def _looking_ahead(self) -> Select[Any]:
        now = self._database.present()
        ahead = select(func.min(table.c.due)).where(table.c.due > now).scalar_subquery()
        leased = select(func.min(table.c.lease_until)).where(table.c.due <= now).scalar_subquery()
        return select(ahead, leased, now)

    def free_all(self) -> None:
        """End every lease, at the start of the only process that works on this database.

        Their attempts count as those whose lease ran out.
        """
        with self._database.writing() as connection:
            connection.execute(
                update(table)
                .where(table.c.due.is_not(None), table.c.lease_until.is_not(None))
                .values(token=None, lease_until=self._database.now())
            )

    def give_back(self, claim: Claim) -> None:
        """Let another worker claim the row at once, as if it had not been claimed."""
        with self._database.writing(wake=True) as connection:
            self._fenced.write(connection, claim, **_unclaimed(claim))


def _unleased(now: ColumnElement[float]) -> ColumnElement[bool]:
    return or_(table.c.lease_until.is_(None), table.c.lease_until <= now)


def _unclaimed(claim: Claim) -> dict[str, object]:
    """Return the columns of a row that is given up as if it had not been claimed."""
    counted = table.c.attempts if claim.outcome is None else table.c.answer_attempts
    return {"token": None, "lease_until": None, counted.name: counted - 1}


def has_struck_out(claim: Claim, strikes: int, struck_since: float | None) -> bool:
    """Return whether the claim's row, which has so many strikes since then, is to be parked."""
    return struck_since is not None and should_park(strikes, claim.now - struck_since)


def claim_of(row: Row[Any]) -> Claim:
    """Return a row that was just claimed; `row.now` is the database's clock."""
    waiting = row.state == "waiting"
    return Claim(
        id=row.id,
        token=row.token,
        escalation=rows.escalation(row),
        generation=row.generation,
        now=row.now,
        attempt=row.attempts if waiting else row.answer_attempts,
        customer=row.customer,
        frozen_for=row.requester if row.customer is not None else None,
        sent_at=row.sent_at,
        adding_to=rows.ticket(row) if waiting else None,
        outcome=None if waiting else rows.outcome(row),
        rest=REMAINING_PARTS.value(row.sequels) if waiting else None,
        kept=rows.KEPT.value(row.files) if waiting else None,
        lease=row.lease_until - row.now,
    )


def take(database: Database, due: Select[tuple[int]], **values: object) -> Sequence[Row[Any]]:
    """Update the rows whose ids `due` selects, and return them: each goes to one caller.

    For work without a lease of a worker's. Write nothing if there are none, as mostly.
    """
    with database.reading() as connection:
        if connection.execute(due.limit(1)).first() is None:
            return []
    taken = due.with_for_update(skip_locked=True).cte("taken")
    with database.writing() as connection:
        return connection.execute(
            update(table)
            .where(table.c.id.in_(select(taken.c.id)))
            .values(**values)
            .returning(*table.c)
        ).all()
