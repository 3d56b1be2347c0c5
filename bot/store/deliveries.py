"""Freeze what is about to be sent to Plain, and settle the row with the outcome."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from sqlalchemy import Connection, Select, bindparam, case, null, select
from sqlalchemy.exc import IntegrityError

from bot.core.attachments import UploadedFiles
from bot.core.faults import FIXED_BY_A_LINK, Reason, Rejection
from bot.core.model import Added, Created, Message, Outcome, Ticket
from bot.core.record import Evidence
from bot.store import customer_links, rejections, rows, undo
from bot.store.claims import (
    LEASE_SECONDS,
    REMAINING_PARTS,
    Acquired,
    Claim,
    Claims,
    Conversation,
    Exists,
    FromNow,
    Pending,
    RemainingParts,
    has_struck_out,
)
from bot.store.customer_links import CustomerLink
from bot.store.database import Database
from bot.store.requests import Requests
from bot.store.schema import escalation as table

VERIFY_SECONDS = 600.0
"""The pause before the duplicate check of a thread whose earlier create had no known outcome."""


class Ledger(Requests, Claims):
    """The whole ledger, for workers: requests, claims and deliveries.

    Methods block; each is one transaction. They raise TryLater, and LeaseLost for a lost claim.
    """

    def __init__(
        self,
        database: Database,
        *,
        lease: float = LEASE_SECONDS,
        verify_after: float = VERIFY_SECONDS,
    ) -> None:
        Requests.__init__(self, database)
        Claims.__init__(self, database, lease)
        self._verify_after = verify_after
        self._learning = customer_links.LearnedLinks(database)

    # Freezing

    def conversation(self, claim: Claim, conversation_key: str) -> Conversation:
        """Return who has the conversation, without claiming it."""
        with self._database.reading() as connection:
            return self._holder(connection, claim, conversation_key)

    def freeze(
        self,
        claim: Claim,
        *,
        conversation_key: str,
        customer: str,
        requester: str,
        message: Message | None,
        person: CustomerLink | None,
        rest: RemainingParts | None = None,
        evidence: Evidence | None = None,
    ) -> Conversation:
        """Claim the conversation, freeze the customer, and note that a create is about to be sent.

        Write nothing unless the answer is Acquired. `person` is learnt in the same transaction.
        `rest` is what the create leaves to be added. `evidence` is what named the customer; None
        keeps what an earlier attempt noted. Raise TryLater and LeaseLost.
        """
        texts = {"message": rows.MESSAGE.text(message), "sequels": REMAINING_PARTS.text(rest)}
        try:
            with self._database.writing() as connection:
                found = self._holder(connection, claim, conversation_key)
                if not isinstance(found, Acquired):
                    return found
                self._fenced.write(
                    connection,
                    claim,
                    conversation_key=conversation_key,
                    customer=customer,
                    requester=requester,
                    # What an earlier attempt was to add to is not what is looked for from now on.
                    thread_id=None,
                    thread_ref=None,
                    thread_url=None,
                    sent_at=FromNow(),
                    lease_until=FromNow(self._lease),
                    **texts,
                    **({"evidence": evidence.value} if evidence is not None else {}),
                )
                if person is not None:
                    self._learning.write(connection, person)
                return found
        except IntegrityError:
            # Another replica claimed it between our look and our write. If it has let go again
            # by now, this row still holds nothing.
            found = self.conversation(claim, conversation_key)
            return Pending() if isinstance(found, Acquired) else found

    def freeze_addition(
        self,
        claim: Claim,
        ticket: Ticket,
        message: Message | None,
        rest: RemainingParts | None = None,
    ) -> None:
        """Note that an addition to `ticket` is about to be sent."""
        texts = {"message": rows.MESSAGE.text(message), "sequels": REMAINING_PARTS.text(rest)}
        with self._database.writing() as connection:
            undo.hold(connection, ticket)
            self._fenced.write(
                connection,
                claim,
                thread_id=ticket.id,
                thread_ref=ticket.ref,
                thread_url=ticket.url,
                sent_at=FromNow(),
                lease_until=FromNow(self._lease),
                **texts,
            )

    def freeze_rest(self, claim: Claim, rest: RemainingParts) -> None:
        """Note that the first of the remaining parts is about to be sent."""
        sequels = REMAINING_PARTS.text(rest)
        with self._database.writing() as connection:
            self._fenced.write(
                connection,
                claim,
                sequels=sequels,
                sent_at=FromNow(),
                lease_until=FromNow(self._lease),
            )

    def keep_files(self, claim: Claim, kept: UploadedFiles) -> None:
        """Note the results of copying files, for another attempt; begin the lease anew."""
        with self._database.writing() as connection:
            self._fenced.write(
                connection,
                claim,
                files=rows.KEPT.text(kept),
                lease_until=FromNow(self._lease),
            )

    def _holder(self, connection: Connection, claim: Claim, conversation_key: str) -> Conversation:
        row = connection.execute(self._holding, {"key": conversation_key, "own": claim.id}).first()
        if row is None and claim.generation > 1:
            row = connection.execute(_earlier(claim)).first()
        if row is None:
            return Acquired()
        ticket = rows.ticket(row)
        # A ticket that is being undone is gone, or is back, soon.
        return Pending() if ticket is None or row.undone_by is not None else Exists(ticket)

    @cached_property
    def _holding(self) -> Select[Any]:
        """Return the query for another row that has a conversation."""
        return select(*_TICKET).where(
            table.c.conversation_key == bindparam("key"), table.c.id != bindparam("own")
        )

    # Settling

    def settle(self, claim: Claim, outcome: Outcome) -> None:
        """Settle the row with its outcome; the answer follows.

        A rejection stays due until it was said (`answered`), because somebody has to read it. A
        success counts as said from here on: a lost answer is cheaper than a second one.
        """
        values: dict[str, object] = {"settled_at": FromNow(), "cause": None}
        if isinstance(outcome, Created | Added):
            ticket = outcome.ticket
            values |= {
                "state": "created" if isinstance(outcome, Created) else "added",
                "answer": "said",
                "thread_id": ticket.id,
                "thread_ref": ticket.ref,
                "thread_url": ticket.url,
                "sequels": None,
                **_DONE,
            }
            if isinstance(outcome, Created) and claim.sent_at is not None:
                values["verify_at"] = FromNow(self._verify_after)
        elif isinstance(outcome, Rejection):
            # What it had frozen is released, unless a later retry has to look for it first.
            parked = outcome.reason is Reason.GAVE_UP
            outcome_unknown = parked or outcome.outcome_unknown
            values |= {
                "state": "parked" if parked else "refused",
                "answer": "due",
                "due": FromNow(),
                "reason": outcome.reason.value,
                "reason_data": rows.DATA.text(rejections.to_data(outcome)),
                "requester": outcome.requester or table.c.requester,
                **({"conversation_key": None} if outcome_unknown else rows.UNFROZEN),
            }
        else:
            values |= {
                "state": "unwanted",
                "answer": "none",
                "reason": outcome.why,
                **rows.UNFROZEN,
                **_DONE,
            }
        awaited = isinstance(outcome, Rejection) and outcome.reason in FIXED_BY_A_LINK
        with self._database.writing(wake=awaited) as connection:
            if awaited:
                self._database.in_turn(connection, "link")
            self._fenced.write(connection, claim, **values)
            if awaited:
                customer_links.open_if_linked_since(self._database, connection, claim)

    def retry_later(
        self, claim: Claim, after: float, cause: str, *, failed: bool, outcome_unknown: bool
    ) -> None:
        """Put the row back for `after` seconds.

        `outcome_unknown`: this attempt sent a create whose outcome is unknown. Otherwise the row is
        as it was before the attempt: free, or with an earlier create that is still to be looked
        for. If it did not fail (`failed`), it waits for a moment that somebody named, and its
        attempt does not count. A failure counts as a strike if another row succeeded since the
        previous one: it is this row's own fault, not an outage.
        """
        now = self._database.now()
        values: dict[str, object] = {
            "due": now + after,
            "token": None,
            "lease_until": None,
            "cause": cause,
        }
        if outcome_unknown:
            # The settle window starts when the attempt ended: its request was sent before that.
            values["sent_at"] = case((table.c.sent_at.is_not(None), now), else_=null())
        elif claim.sent_at is None:
            values |= rows.UNFROZEN
        else:
            values["sent_at"] = claim.sent_at
        if failed:
            values |= rows.failed(now)
        else:
            values["attempts"] = table.c.attempts - 1
        with self._database.writing() as connection:
            self._fenced.write(connection, claim, **values)

    def is_hopeless(self, claim: Claim) -> bool:
        """Return whether the row failed so often, while others succeeded, that it is parked."""
        with self._database.reading() as connection:
            row = connection.execute(
                select(table.c.strikes, table.c.struck_since).where(table.c.id == claim.id)
            ).one()
        return has_struck_out(claim, row.strikes, row.struck_since)

    def answered(self, claim: Claim, *, said: bool) -> None:
        """Note that the answer was said, or cannot be said anywhere: nothing is left to do."""
        with self._database.writing() as connection:
            values = {"answer": "said" if said else "unsayable", "cause": None}
            self._fenced.write(connection, claim, **values, **_DONE)

    def answer_later(self, claim: Claim, after: float, cause: str, *, failed: bool) -> None:
        """Put the answer, which was surely not said, back for `after` seconds.

        If it did not fail, it waits for a moment that somebody named: its attempt does not count.
        """
        # The first answer is given with the delivery's claim, which counted none.
        counted = claim.outcome is not None
        count = table.c.answer_attempts + (int(failed) - int(counted))
        with self._database.writing() as connection:
            self._fenced.write(
                connection,
                claim,
                answer="due",
                due=FromNow(after),
                token=None,
                lease_until=None,
                cause=cause,
                answer_attempts=count,
            )


_DONE: dict[str, object] = {"due": None}

_TICKET = (table.c.thread_id, table.c.thread_ref, table.c.thread_url, table.c.undone_by)


def _earlier(claim: Claim) -> Select[Any]:
    """Return the query for the message's previous row.

    Its undo was begun when the message was requested again, and may have been given up.
    """
    return select(*_TICKET).where(
        table.c.key == claim.escalation.key,
        table.c.generation < claim.generation,
        table.c.state == "created",
    )
