"""Open, join and add to tickets: note what is about to be sent to Plain, and settle the request."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import (
    Connection,
    bindparam,
    case,
    delete,
    insert,
    literal_column,
    null,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from bot.core.attachments import UploadedFiles
from bot.core.faults import Postponed, Reason, Rejection
from bot.core.model import Added, Created, Ignored, Joined, Message, Outcome, Success, Ticket
from bot.core.record import Evidence
from bot.store import customer_links, rejections, rows
from bot.store.claims import REMAINING_PARTS, Claim, RemainingParts
from bot.store.conversations import Abandoned, Conversation, Conversations, Exists
from bot.store.customer_links import CustomerLink
from bot.store.database import Database
from bot.store.jobs import LEASE_SECONDS, Jobs, Kind, add_job, new_job
from bot.store.requests import OPEN, Requests
from bot.store.schema import request, ticket, ticket_message
from bot.store.updates import FromNow, Prepared, RowUpdates

VERIFY_SECONDS = 600.0
"""The pause before the duplicate check of a thread whose earlier create had no known outcome."""

HELD_SECONDS = 1.0
"""The pause of an addition to a ticket that is being undone."""


@dataclass(frozen=True, slots=True)
class NewTicket:
    """A ticket whose thread is about to be created.

    `conversation_key` is None for one beside the ticket of its Slack thread. `learnt` is a link to
    be recorded with it. `evidence` is what named the customer; None keeps what was noted before.
    """

    generation: int
    external_id: str
    conversation_key: str | None
    customer: str
    requester: str
    message: Message | None = None
    rest: RemainingParts | None = None
    learnt: CustomerLink | None = None
    evidence: Evidence | None = None


_UNSENT: dict[str, object] = {
    "ticket_id": None,
    "sent_at": None,
    "external_id": None,
    "rest": None,
}
"""The columns of a request that has sent nothing whose outcome is unknown."""


class Ledger(Requests, Jobs):
    """The whole ledger, for workers: requests, their jobs, and their tickets.

    Methods block; each is one transaction. They raise TryLater, and LeaseLost for a claim whose
    lease was lost.
    """

    def __init__(
        self,
        database: Database,
        *,
        lease: float = LEASE_SECONDS,
        verify_after: float = VERIFY_SECONDS,
    ) -> None:
        Requests.__init__(self, database)
        Jobs.__init__(self, database, lease)
        self._verify_after = verify_after
        self._learning = customer_links.LearnedLinks(database)
        self._requests = RowUpdates(database, request)
        self._conversations = Conversations(database)
        self._tickets = RowUpdates(database, ticket)

    def conversation(self, claim: Claim, conversation_key: str) -> Conversation:
        """Return what the conversation of the request has, without changing anything."""
        with self._database.reading() as connection:
            return self._conversations.look(connection, claim, conversation_key)

    def beside(self, claim: Claim, customer: str) -> Conversation:
        """Return the customer's ticket of the request's message, which stands beside that of its
        Slack thread."""
        with self._database.reading() as connection:
            return self._conversations.beside(connection, claim, customer)

    # Noting what is about to be sent

    def note_thread(self, claim: Claim, new: NewTicket) -> bool:
        """Note that the thread of a new ticket is about to be created, and freeze its customer.

        Return False, and write nothing, if another request has the conversation: it was opened
        since `conversation` looked. Raise TryLater and LeaseLost.
        """
        message, rest = rows.MESSAGE.text(new.message), REMAINING_PARTS.text(new.rest)
        try:
            with self._database.writing() as connection:
                self.fence(connection, claim.job, half_way=1)
                ticket_id = self._write_ticket(connection, claim, new)
                self._requests.write(
                    connection,
                    claim.id,
                    {
                        "ticket_id": ticket_id,
                        "requester": new.requester,
                        "message": message,
                        "rest": rest,
                        "external_id": new.external_id,
                        "sent_at": FromNow(),
                    },
                )
                if new.learnt is not None:
                    self._learning.write(connection, new.learnt)
        except IntegrityError:  # a conversation has one ticket
            return False
        return True

    def _write_ticket(self, connection: Connection, claim: Claim, new: NewTicket) -> int:
        """Insert the ticket, or write to the one that an earlier attempt was about to open."""
        values: dict[str, object] = {
            "conversation_key": new.conversation_key,
            "customer": new.customer,
            "requester": new.requester,
        }
        if new.evidence is not None:
            values["evidence"] = new.evidence.value
        if claim.opening is not None:
            self._tickets.write(connection, claim.opening.ticket_id, values)
            return claim.opening.ticket_id
        values |= {
            "team": claim.escalation.trigger.team,
            "key": claim.escalation.key,
            "generation": new.generation,
            "request_id": claim.id,
            "evidence": new.evidence.value if new.evidence is not None else None,
        }
        inserted = self._adding_ticket.execute(connection, values | self._database.given_now())
        return int(inserted.scalar_one())

    @cached_property
    def _adding_ticket(self) -> Prepared:
        names = (
            *("team", "key", "generation", "conversation_key", "request_id"),
            *("requester", "customer", "evidence"),
        )
        values: dict[str, Any] = {name: bindparam(name) for name in names}
        values |= {"state": "opening", "created_at": self._database.present()}
        return Prepared(self._database, insert(ticket).values(values).returning(ticket.c.id))

    def clear_up(
        self,
        claim: Claim,
        found: Abandoned,
        conversation_key: str | None,
        thread: Ticket | None,
    ) -> None:
        """Note what became of an abandoned create: this thread, or surely nothing.

        Nothing is noted if its request is decided again by now, and so looks for it itself.
        """
        opening = (ticket.c.id == found.ticket_id) & (ticket.c.state == "opening")
        opener = select(ticket.c.request_id).where(opening).with_for_update()
        with self._database.writing() as connection:
            self.fence(connection, claim.job)
            if (request_id := connection.scalar(opener)) is None:
                return
            state = select(request.c.state).where(request.c.id == request_id).with_for_update()
            if connection.scalar(state) == "waiting":
                return
            self._requests.write(connection, request_id, _UNSENT)
            if thread is None:
                connection.execute(delete(ticket).where(ticket.c.id == found.ticket_id))
                return
            opened = _opened(thread) | {"conversation_key": conversation_key}
            self._tickets.write(connection, found.ticket_id, opened)
            self._cover(connection, found.ticket_id, claim.escalation.key, "opened")

    def note_addition(
        self,
        claim: Claim,
        to: Exists,
        external_id: str,
        message: Message | None,
        rest: RemainingParts | None = None,
    ) -> None:
        """Note that an addition to a ticket is about to be sent. Raise Postponed if that ticket is
        being undone, or if another request that waits may have added the same: what is found of
        that would pass for this one's, which may say more."""
        text, following = rows.MESSAGE.text(message), REMAINING_PARTS.text(rest)
        with self._database.writing() as connection:
            self.fence(connection, claim.job, half_way=1)
            state = connection.scalar(
                select(ticket.c.state).where(ticket.c.id == to.ticket_id).with_for_update()
            )
            if state != OPEN or self._is_being_added(connection, claim, to, external_id):
                raise Postponed("conversation_held", HELD_SECONDS)
            self._drop_opening(connection, claim)
            self._requests.write(
                connection,
                claim.id,
                {
                    "ticket_id": to.ticket_id,
                    "message": text,
                    "rest": following,
                    "external_id": external_id,
                    "sent_at": FromNow(),
                },
            )

    def _is_being_added(
        self, connection: Connection, claim: Claim, to: Exists, external_id: str
    ) -> bool:
        same = select(request.c.id).where(
            request.c.ticket_id == to.ticket_id,
            request.c.external_id == external_id,
            request.c.state == "waiting",
            request.c.sent_at.is_not(None),
            request.c.id != claim.id,
        )
        return connection.execute(same.limit(1)).first() is not None

    def note_rest(self, claim: Claim, rest: RemainingParts) -> None:
        """Note that the first of the remaining parts is about to be sent."""
        text = REMAINING_PARTS.text(rest)
        with self._database.writing() as connection:
            self.fence(connection, claim.job, half_way=1)
            self._requests.write(connection, claim.id, {"rest": text, "sent_at": FromNow()})

    def keep_files(self, claim: Claim, kept: UploadedFiles) -> None:
        """Note the results of copying files, for another attempt."""
        with self._database.writing() as connection:
            self.fence(connection, claim.job)
            self._requests.write(connection, claim.id, {"files": rows.KEPT.text(kept)})

    def take_turn(self, claim: Claim, conversation_key: str, message: Message | None) -> bool:
        """Order the request by its conversation, which is known now; and keep what was read.

        Return False if another one of the conversation is being decided: this one is given back.
        """
        text = rows.MESSAGE.text(message)
        with self._database.writing() as connection:
            has_turn = self.move(connection, claim.job, conversation_key)
            self._requests.write(connection, claim.id, {"message": text})
        return has_turn

    # Settling

    def settle(self, claim: Claim, outcome: Outcome) -> bool:
        """Settle the request with its outcome; return False if it goes on instead, because its
        requester was linked meanwhile.

        A rejection's answer is due until it was said (`answered`), because somebody has to read it:
        the job becomes that of the answer, and stays the worker's. A success counts as said from
        here on: a lost answer is cheaper than a second one.
        """
        held_for = _held_for(outcome)
        with self._database.writing(wake=held_for is not None) as connection:
            if held_for is not None:
                self._database.in_turn(connection, "link")
                if customer_links.is_linked_since(connection, held_for, claim.now):
                    self._decide_anew(connection, claim, outcome)
                    return False
            if isinstance(outcome, Created | Added | Joined):
                self.end(connection, claim.job)
                self._settle_success(connection, claim, outcome)
            elif isinstance(outcome, Rejection):
                self._become_answer(connection, claim)
                self._settle_rejection(connection, claim, outcome)
            else:
                self.end(connection, claim.job)
                self._settle_ignored(connection, claim, outcome)
        return True

    def _decide_anew(self, connection: Connection, claim: Claim, outcome: Outcome) -> None:
        """Put the request back at once, without the customer for whom it was rejected."""
        unknown = isinstance(outcome, Rejection) and outcome.outcome_unknown
        half_way = {} if unknown else {"half_way": 0}
        self.release(connection, claim.job, due=self._database.now(), **half_way)
        if not unknown:
            self._drop_opening(connection, claim)
            self._requests.write(connection, claim.id, _UNSENT)

    def _settle_success(self, connection: Connection, claim: Claim, outcome: Success) -> None:
        thread = outcome.ticket
        if isinstance(outcome, Created):
            ticket_id = self._open(connection, claim, thread)
            if claim.sent_at is not None:
                self._plan_check(connection, claim, ticket_id)
        else:
            self._drop_opening(connection, claim)
            ticket_id = connection.scalar(
                select(ticket.c.id).where(ticket.c.thread_id == thread.id).limit(1)
            )
        if ticket_id is not None and not isinstance(outcome, Joined):
            how = "opened" if isinstance(outcome, Created) else "added"
            self._cover(connection, ticket_id, claim.escalation.key, how)
        state = type(outcome).__name__.lower()
        self._requests.write(
            connection,
            claim.id,
            {
                "state": state,
                "answer": "said",
                "ticket_id": ticket_id,
                "rest": None,
                "reason_data": rows.DATA.text(_details(outcome)),
                "settled_at": FromNow(),
            },
        )

    def _open(self, connection: Connection, claim: Claim, thread: Ticket) -> int | None:
        """Note that the thread of the request's ticket is there; return the ticket's id."""
        given = {
            "opener": claim.id,
            "new_id": thread.id,
            "new_ref": thread.ref,
            "new_url": thread.url,
        } | self._database.given_now()
        opened = self._opening.execute(connection, given).first()
        return None if opened is None else int(opened.id)

    @cached_property
    def _opening(self) -> Prepared:
        its = select(request.c.ticket_id).where(request.c.id == bindparam("opener"))
        opening = (
            update(ticket)
            .where(ticket.c.id == its.scalar_subquery())
            .values(
                state=literal_column(f"'{OPEN}'"),
                thread_id=bindparam("new_id"),
                thread_ref=bindparam("new_ref"),
                thread_url=bindparam("new_url"),
                opened_at=self._database.present(),
            )
            .returning(ticket.c.id)
        )
        return Prepared(self._database, opening)

    def _cover(self, connection: Connection, ticket_id: int, key: str, how: str) -> None:
        given = {"ticket_id": ticket_id, "key": key, "how": how}
        self._covering_message.execute(connection, given)

    @cached_property
    def _covering_message(self) -> Prepared:
        names = ("ticket_id", "key", "how")
        adding = self._database.insert(ticket_message)
        covering = adding.values({name: bindparam(name) for name in names})
        return Prepared(self._database, covering.on_conflict_do_nothing())

    def _plan_check(self, connection: Connection, claim: Claim, ticket_id: int | None) -> None:
        team, now = claim.escalation.trigger.team, self._database.now()
        check = new_job(Kind.DUPLICATE, ticket_id, team, now, after=self._verify_after)
        add_job(self._database, connection, **check)

    def _settle_rejection(self, connection: Connection, claim: Claim, outcome: Rejection) -> None:
        parked = outcome.reason is Reason.GAVE_UP
        state = "parked" if parked else "on_hold" if outcome.is_fixed_by_a_link else "rejected"
        # What was noted is dropped, unless a later attempt has to look for it first.
        values: dict[str, object] = {}
        if parked or outcome.outcome_unknown:
            self._let_go(connection, claim)
        else:
            self._drop_opening(connection, claim)
            values |= _UNSENT
        if outcome.requester:
            values["requester"] = outcome.requester
        self._requests.write(
            connection,
            claim.id,
            {
                "state": state,
                "answer": "due",
                "reason": outcome.reason.value,
                "reason_data": rows.DATA.text(rejections.to_data(outcome)),
                "settled_at": FromNow(),
                **values,
            },
        )

    def _settle_ignored(self, connection: Connection, claim: Claim, outcome: Ignored) -> None:
        self._drop_opening(connection, claim)
        ended = {"state": "ignored", "reason": outcome.why, "settled_at": FromNow()}
        self._requests.write(connection, claim.id, ended | _UNSENT)

    def _become_answer(self, connection: Connection, claim: Claim) -> None:
        self.fence(
            connection,
            claim.job,
            kind=Kind.ANSWER.value,
            order_key=None,
            channel=None,
            due=FromNow(),
            attempts=1,
            failures=0,
            strikes=0,
            struck_since=None,
            cause=None,
            half_way=0,
            created_at=FromNow(),
        )

    def _drop_opening(self, connection: Connection, claim: Claim) -> None:
        """Delete the ticket that the request was about to open: it surely was not."""
        its = select(request.c.ticket_id).where(request.c.id == claim.id).scalar_subquery()
        connection.execute(
            delete(ticket).where(
                ticket.c.id == its, ticket.c.state == "opening", ticket.c.request_id == claim.id
            )
        )

    def _let_go(self, connection: Connection, claim: Claim) -> None:
        """Let others open the conversation's ticket, though this request may have."""
        its = select(request.c.ticket_id).where(request.c.id == claim.id).scalar_subquery()
        connection.execute(
            update(ticket)
            .where(ticket.c.id == its, ticket.c.state == "opening")
            .values(conversation_key=None)
        )

    def retry_later(
        self, claim: Claim, after: float, cause: str, *, failed: bool, outcome_unknown: bool
    ) -> None:
        """Put the decision off for `after` seconds.

        `outcome_unknown`: this attempt sent something whose outcome is unknown. Otherwise the
        request is as it was before the attempt: free, or with an earlier write that is still to be
        looked for. If it did not fail (`failed`), it waits for a moment that somebody named, and
        its attempt does not count.
        """
        now = self._database.now()
        values: dict[str, object]
        if outcome_unknown:
            # The settle window starts when the attempt ended: its request was sent before that.
            values = {"sent_at": case((request.c.sent_at.is_not(None), now), else_=null())}
        elif claim.sent_at is None:
            values = dict(_UNSENT)
        else:
            values = {"sent_at": claim.sent_at}
        half_way = int(outcome_unknown or claim.sent_at is not None)
        with self._database.writing() as connection:
            self.put_off(connection, claim.job, after, cause, has_failed=failed, half_way=half_way)
            if not half_way:
                self._drop_opening(connection, claim)
            self._requests.write(connection, claim.id, values)

    # Answers

    def answered(self, claim: Claim, *, said: bool) -> None:
        """Note that the answer was said, or cannot be said anywhere: nothing is left to do."""
        with self._database.writing() as connection:
            self.end(connection, claim.job)
            answer = "said" if said else "unsayable"
            self._requests.write(connection, claim.id, {"answer": answer})

    def answer_later(self, claim: Claim, after: float, cause: str, *, failed: bool) -> None:
        """Plan to answer a success again, which was surely not said, `after` seconds from now.

        The job that said it has ended, so that its failures are carried over. `failed` is as in
        `put_back`.
        """
        now = self._database.now()
        team = claim.escalation.trigger.team
        before = claim.job.failures if claim.job.kind is Kind.ANSWER else 0
        failures = before + int(failed)
        again = new_job(Kind.ANSWER, claim.id, team, now, after=after, failures=failures)
        with self._database.writing() as connection:
            self._requests.write(connection, claim.id, {"answer": "due"})
            add_job(self._database, connection, **again, cause=cause)

    def cannot_answer(self, claim: Claim) -> None:
        """Note that a success cannot be said anywhere."""
        with self._database.writing() as connection:
            self._requests.write(connection, claim.id, {"answer": "unsayable"})

    # Tickets that are gone

    def free(self, thread: str) -> bool:
        """Note that a thread is gone from Plain: its conversation is free; return whether it was
        ours."""
        gone = {"state": "gone", "conversation_key": None}
        with self._database.writing() as connection:
            freed = connection.execute(
                update(ticket)
                .where(ticket.c.thread_id == thread, ticket.c.state == OPEN)
                .values(gone)
            )
        return freed.rowcount > 0


def _opened(thread: Ticket) -> dict[str, object]:
    """Return the columns of a ticket whose thread is there."""
    return {
        "state": OPEN,
        "thread_id": thread.id,
        "thread_ref": thread.ref,
        "thread_url": thread.url,
        "opened_at": FromNow(),
    }


def _held_for(outcome: Outcome) -> str | None:
    """Return the Slack user whom somebody has to link first; None if that is not the outcome."""
    if isinstance(outcome, Rejection) and outcome.is_fixed_by_a_link:
        return outcome.requester
    return None


def _details(outcome: Success) -> dict[str, str] | None:
    """Return what an answer says besides the ticket, for one that has to be given again."""
    data: dict[str, str] = {}
    if isinstance(outcome, Created) and outcome.beside is not None:
        beside = outcome.beside
        data |= {"beside": beside.id, "beside_ref": beside.ref, "beside_url": beside.url}
    if not isinstance(outcome, Joined) and outcome.missing:
        data["missing"] = str(outcome.missing)
    if not isinstance(outcome, Created) and outcome.unused:
        data["unused"] = ",".join(field.value for field in outcome.unused)
    if isinstance(outcome, Joined) and outcome.added_words:
        data["added_words"] = "1"
    return data or None
