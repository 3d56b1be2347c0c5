"""Record clicks on Undo and reactions that were taken back, and carry them out in the ledger."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Update,
    delete,
    func,
    or_,
    select,
    update,
)

from bot.core import refs
from bot.core.model import RESPONSE_URL_SECONDS, ReplyTo
from bot.core.undo import UNDO_SECONDS, UndoClick, UndoTarget
from bot.store import rows
from bot.store.edits import plan_edits
from bot.store.jobs import Job, Jobs, Kind, add_job, new_job
from bot.store.requests import OPEN
from bot.store.rows import Codec
from bot.store.schema import job as jobs
from bot.store.schema import request, ticket, ticket_message, undo

EXPIRY_SECONDS = 60.0
"""An expired undo counts as new for this long: several periodic runs, because the clocks of the
database and of the bridge may differ."""

UNDOING = "undoing"
"""The state of a ticket whose undo has begun: something of it may be in Plain already."""

_STANDS: dict[str, object] = {"state": OPEN, "undone_at": None, "undone_by": None}
"""The columns of a ticket that is undone no more."""

_CLICK = Codec(UndoClick)

_OPENS_A_TICKET = ("waiting", "on_hold", "created", "added")
"""The states of requests that taking the reaction back may undo."""


class Begin(Enum):
    """The result of beginning an undo."""

    BEGUN = "the caller has to finish it"
    ADDED_TO = "other messages were added to the ticket, or are about to be"
    CHANGED = "the ticket is in another state by now"


@dataclass(frozen=True, slots=True)
class Undoing:
    """An undo whose job was claimed, with what it is about; `clicked_at` is in Unix seconds."""

    id: int
    by: str
    click: UndoClick
    clicked_at: float
    target: UndoTarget | None


class Undos:
    """The undos of the database. Methods block; each is one transaction.

    They raise TryLater, and LeaseLost where they are given a job whose lease was lost.
    """

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._database = jobs.database

    # What is acknowledged

    def record(
        self, team: str, request_id: int, click: UndoClick, *, within: float | None = None
    ) -> int:
        """Record a click on Undo with its job, committed within `within` seconds or not at all.

        Return the undo's id. Every click has a job of its own, and so its own answer.
        """
        with self._database.writing(within, wake=True) as connection:
            return self._record(connection, team, request_id, click)

    def record_removal(
        self, team: str, act: str, click: UndoClick, *, within: float | None = None
    ) -> int | None:
        """Record that a reaction was taken back, as `record` does; `act` is its `reaction_act`.

        Return None, and write nothing, if there is nothing to undo: the reaction requested nothing
        (that costs one look-up), has ended otherwise, or did so long ago. One that is delivered
        again while the first is waiting is that one.
        """
        request_id = self._requested_by(team, act, click.reply_to.asked_at)
        if request_id is None:
            return None
        with self._database.writing(within, wake=True) as connection:
            pending = select(undo.c.id).where(
                undo.c.request_id == request_id,
                undo.c.by == click.reply_to.user,
                _has_job(),
            )
            found: int | None = connection.scalar(pending.limit(1))
            if found is not None:
                return found
            return self._record(connection, team, request_id, click)

    def _record(self, connection: Connection, team: str, request_id: int, click: UndoClick) -> int:
        now = self._database.now()
        recorded = {
            "team": team,
            "request_id": request_id,
            "by": click.reply_to.user,
            "click": _CLICK.text(click),
            "created_at": now,
        }
        adding = self._database.insert(undo).values(recorded).returning(undo.c.id)
        undo_id = int(connection.execute(adding).scalar_one())
        # A request that waits is withdrawn at once, whoever is delivering it.
        its = select(_ORDER_KEY).join(request, request.c.ticket_id == ticket.c.id)
        order_key = connection.scalar(
            its.where(request.c.id == request_id, ticket.c.state.in_((OPEN, UNDOING)))
        )
        columns = new_job(Kind.UNDO, undo_id, team, now, order_key=order_key)
        add_job(self._database, connection, **columns)
        return undo_id

    def _requested_by(self, team: str, act: str, removed_at: float) -> int | None:
        """Return the request that this act made, before it was taken back at `removed_at`."""
        made = (
            select(
                request.c.id,
                request.c.slack_id,
                request.c.trigger,
                request.c.state,
                (self._database.now() - request.c.settled_at).label("age"),
                ticket.c.state.label("ticket_state"),
            )
            .outerjoin(ticket, ticket.c.id == request.c.ticket_id)
            .where(request.c.act == act, request.c.team == team)
            .order_by(request.c.act_generation.desc())
        )
        with self._database.reading() as connection:
            found = connection.execute(made).all()
        # An earlier removal that is delivered late is not about what was requested since.
        row = next((one for one in found if _is_before(one, removed_at)), None)
        if row is None or row.state not in _OPENS_A_TICKET or row.ticket_state == "undone":
            return None
        is_settled = row.state in ("created", "added")
        return None if is_settled and row.age > UNDO_SECONDS else int(row.id)

    # What the job does

    def find(self, job: Job) -> Undoing | None:
        """Return the undo of the job; None if it is gone."""
        with self._database.reading() as connection:
            row = connection.execute(select(undo).where(undo.c.id == job.key)).first()
            if row is None:
                return None
            target = connection.execute(_TARGET.where(request.c.id == row.request_id)).first()
        # Without a click it was begun by an earlier release, which promised to finish it.
        click = _CLICK.value(row.click) or UndoClick(
            ReplyTo(user=row.by, asked_at=row.created_at), promised=True
        )
        return Undoing(
            id=row.id,
            by=row.by,
            click=click,
            clicked_at=row.created_at,
            target=None if target is None or target.team != row.team else _target(target),
        )

    def keep_click(self, job: Job, undoing: Undoing, click: UndoClick) -> None:
        """Note the click as it is now, for another attempt."""
        with self._database.writing() as connection:
            self._jobs.fence(connection, job)
            written = update(undo).where(undo.c.id == undoing.id)
            connection.execute(written.values(click=_CLICK.text(click)))

    def withdraw(self, job: Job, target: UndoTarget) -> bool:
        """Withdraw a request that waits or is on hold; return False if that is too late.

        That is so once something of it may have been sent to Plain. A delivery in progress loses
        its lease. Nobody else's request is touched.
        """
        try:
            with self._database.writing() as connection:
                self._jobs.fence(connection, job)
                due = jobs.c.kind.in_((Kind.DECIDE.value, Kind.ANSWER.value))
                connection.execute(delete(jobs).where(due, jobs.c.key == target.id))
                withdrawn = connection.execute(
                    update(request)
                    .where(
                        request.c.id == target.id,
                        request.c.state.in_(("waiting", "on_hold")),
                        request.c.sent_at.is_(None),
                    )
                    .values(
                        state="withdrawn",
                        answer="none",
                        reason=None,
                        reason_data=None,
                        settled_at=self._database.now(),
                    )
                )
                if withdrawn.rowcount == 0:
                    raise _TooLate
        except _TooLate:
            return False
        return True

    def take_turn(self, job: Job, ticket_id: int) -> bool:
        """Order the job by its ticket; return False, and give the job back, if it is not its turn.

        While it has its turn, no other job of the ticket's conversation runs.
        """
        with self._database.writing() as connection:
            key = connection.scalar(select(_ORDER_KEY).where(ticket.c.id == ticket_id))
            if key is None or key == job.order_key:
                return True
            return self._jobs.move(connection, job, key)

    def begin(self, job: Job, target: UndoTarget, by: str) -> Begin:
        """Note that the undo of the ticket begins, unless it has begun before.

        From here on nothing is added to it. The one who began it has undone it in the end.
        """
        with self._database.writing() as connection:
            self._jobs.fence(connection, job)
            # The lock that an addition takes too: one of the two sees the other.
            row = connection.execute(
                select(ticket).where(ticket.c.id == target.ticket_id).with_for_update()
            ).first()
            if row is None or row.state not in (OPEN, UNDOING):
                return Begin.CHANGED
            if row.state == OPEN:
                if _is_added_to(connection, row):
                    return Begin.ADDED_TO
                begun = {"state": UNDOING, "undone_at": self._database.now(), "undone_by": by}
                connection.execute(update(ticket).where(ticket.c.id == row.id).values(begun))
        return Begin.BEGUN

    def release(self, job: Job, target: UndoTarget) -> None:
        """Take the beginning back, if there was one: the ticket stands.

        Not that of somebody else whose undo goes on: they finish it, or release it.
        """
        own = select(undo.c.by).where(undo.c.id == job.key).scalar_subquery()
        others = (
            select(undo.c.id)
            .join(request, request.c.id == undo.c.request_id)
            .where(request.c.ticket_id == ticket.c.id, undo.c.by == ticket.c.undone_by, _has_job())
        )
        may = or_(ticket.c.undone_by == own, ~others.exists())
        with self._database.writing(wake=True) as connection:
            self._jobs.fence(connection, job)
            connection.execute(
                update(ticket)
                .where(ticket.c.id == target.ticket_id, ticket.c.state == UNDOING, may)
                .values(_STANDS)
            )

    def finish(self, job: Job, target: UndoTarget, by: str) -> None:
        """Settle the ticket as undone: its conversation is free.

        Whoever else was told of it hears that it was undone (`plan_edits`). Nobody is told any more
        that it was created.
        """
        with self._database.writing(wake=True) as connection:
            self._jobs.fence(connection, job)
            connection.execute(
                update(ticket)
                .where(ticket.c.id == target.ticket_id, ticket.c.state == UNDOING)
                .values(state="undone", conversation_key=None, undone_at=self._database.now())
            )
            plan_edits(self._database, connection, target.ticket_id or 0, undone_by=by)

    def end(self, job: Job) -> None:
        """End the undo: the person was answered, or is not to be."""
        with self._database.writing() as connection:
            self._jobs.end(connection, job)
            connection.execute(delete(undo).where(undo.c.id == job.key))

    # For others

    def just_expired(self, team: str) -> list[str]:
        """Return the submitters of tickets whose time for an undo has just ended."""
        # A query of its own: else PostgreSQL reads the clock anew for every row of the table.
        over = select(self._database.now() - UNDO_SECONDS).scalar_subquery()
        late = (
            select(request.c.submitter)
            .where(
                request.c.settled_at <= over,
                request.c.settled_at > over - EXPIRY_SECONDS,
                request.c.state == "created",
                request.c.team == team,
            )
            .distinct()
        )
        with self._database.reading() as connection:
            return list(connection.execute(late).scalars())

    def erase_old(self) -> int:
        """Erase the answers' addresses of clicks that are older than those live; and undos whose
        job was given up, whose tickets stand again. Return how many undos were changed."""
        with self._database.writing() as connection:
            old = undo.c.created_at <= self._database.now() - RESPONSE_URL_SECONDS
            given_up = old & ~_has_job()
            connection.execute(_let_stand(given_up))
            gone = connection.execute(delete(undo).where(given_up)).rowcount
            has_address = undo.c.click.contains('"response_url":"', autoescape=True)
            found = connection.execute(
                select(undo.c.id, undo.c.click).where(old, has_address)
            ).all()
            for row in found:
                bare = update(undo).where(undo.c.id == row.id)
                connection.execute(bare.values(click=_without_address(row.click)))
        return gone + len(found)


class _TooLate(Exception):
    """The request cannot be withdrawn: roll back."""


_ORDER_KEY = func.coalesce(ticket.c.conversation_key, ticket.c.key)

_TARGET: Select[Any] = select(
    request.c.id,
    request.c.team,
    request.c.state,
    request.c.submitter,
    request.c.trigger,
    request.c.message,
    request.c.ticket_id,
    request.c.settled_at,
    ticket.c.state.label("ticket_state"),
    ticket.c.request_id.label("opened_by"),
    ticket.c.thread_id,
    ticket.c.thread_ref,
    ticket.c.thread_url,
    ticket.c.opened_at,
    ticket.c.undone_at,
    ticket.c.undone_by,
).outerjoin(ticket, ticket.c.id == request.c.ticket_id)


def _target(row: Row[Any]) -> UndoTarget:
    message = rows.MESSAGE.value(row.message)
    return UndoTarget(
        id=row.id,
        state=row.state,
        submitter=row.submitter,
        thread_ts=None if message is None else message.replies_to,
        may_assign=any(one.assignee for one in rows.bare_escalation(row).rules),
        ticket_id=row.ticket_id,
        ticket=rows.ticket(row),
        ticket_state=row.ticket_state,
        opened_by=row.opened_by,
        opened_at=row.opened_at,
        undone_at=row.undone_at,
        undone_by=row.undone_by,
        settled_at=row.settled_at,
    )


def _has_job() -> ColumnElement[bool]:
    its = select(jobs.c.id).where(jobs.c.kind == Kind.UNDO.value, jobs.c.key == undo.c.id)
    return its.exists()


def _let_stand(given_up: ColumnElement[bool]) -> Update:
    """Return the UPDATE that takes back the beginning of undos that were given up, unless another
    undo of the same ticket goes on."""
    tickets = select(request.c.ticket_id).join(undo, undo.c.request_id == request.c.id)
    half_way = ticket.c.id.in_(tickets.where(given_up)) & (ticket.c.state == UNDOING)
    goes_on = ticket.c.id.in_(tickets.where(_has_job(), request.c.ticket_id.is_not(None)))
    return update(ticket).where(half_way, ~goes_on).values(_STANDS)


def _is_before(row: Row[Any], removed_at: float) -> bool:
    """Return whether the request was made before its reaction was taken back, by Slack's clock.

    One that was found in Slack's history has a moment of the bridge's clock.
    """
    if refs.is_found(row.slack_id):
        return True
    return rows.bare_escalation(row).trigger.reply_to.asked_at <= removed_at


def _is_added_to(connection: Connection, row: Row[Any]) -> bool:
    """Return whether something was added to a ticket, or may have been, or is about to be."""
    added = select(ticket_message.c.key).where(
        ticket_message.c.ticket_id == row.id, ticket_message.c.how == "added"
    )
    if connection.execute(added.limit(1)).first() is not None:
        return True
    settled = ("created", "added", "joined", "withdrawn")
    has_words = request.c.reason_data.contains('"added_words"', autoescape=True)
    others = select(request.c.id).where(
        request.c.ticket_id == row.id,
        request.c.id != row.request_id,
        or_(
            request.c.state == "added",
            (request.c.state == "joined") & has_words,
            request.c.sent_at.is_not(None) & request.c.state.not_in(settled),
        ),
    )
    return connection.execute(others.limit(1)).first() is not None


def _without_address(click: str) -> str | None:
    kept = _CLICK.value(click)
    if kept is None:
        return None
    return _CLICK.text(replace(kept, reply_to=replace(kept.reply_to, response_url=None)))
