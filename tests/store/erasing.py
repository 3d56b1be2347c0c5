"""Requests with all that can be erased, brought into a state by the real ledger."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, update

from bot.core.faults import Reason, Rejection
from bot.core.model import Continuation, Created, ReplyTo, Ticket
from bot.core.text.parts import TextPart
from bot.store.claims import Claim, RemainingParts, load
from bot.store.database import Database
from bot.store.jobs import Kind
from bot.store.schema import job, metadata, request, ticket
from bot.store.tickets import Ledger, NewTicket
from tests.nouns import escalation, message
from tests.nouns import form as a_form

DAY = 86400.0
URL = "https://hooks.slack.com/x"
SECRET = "Secret words"


def address(user: str = "U0ASKER") -> ReplyTo:
    return ReplyTo(user, 1_700_000_000.0, "C0001", None, URL)


def recorded(database: Database, number: int = 1, **more: Any) -> int:
    """Record a request about the nth message, with a form and an address; return its id."""
    submitter = more.get("submitter", "U0ASKER")
    values = {
        "message": message(number, SECRET),
        "form": a_form(title=SECRET),
        "reply_to": address(submitter),
    }
    asked = escalation(number, **(values | more))
    Ledger(database).record(asked)
    its = select(request.c.id).where(request.c.slack_id == asked.trigger.request)
    with database.reading() as connection:
        return int(connection.execute(its).scalar_one())


def claimed(database: Database, request_id: int) -> Claim:
    """Claim what is due, and return this request's claim."""
    ledger = Ledger(database)
    claims = {}
    for one in ledger.claim("one", 100, 100):
        if one.kind in (Kind.DECIDE, Kind.ANSWER) and one.key == request_id:
            (claims[request_id],) = load(database, [one])
        else:
            ledger.give_back(one)
    return claims[request_id]


def settled(database: Database, number: int = 1, outcome: Any = None, **more: Any) -> int:
    """Record and settle a request; as created if no outcome is given. Return its id."""
    claim = claimed(database, recorded(database, number, **more))
    ledger = Ledger(database)
    if outcome is None:
        ticket_ = Ticket(f"th_{number}", f"T-{number}", "https://app.plain.com/")
        sent(ledger, claim)
        (outcome, claim) = Created(ticket_), claimed_again(database, claim)
    ledger.settle(claim, outcome)
    return claim.id


def claimed_again(database: Database, claim: Claim) -> Claim:
    """Return the claim as it is stored by now."""
    (again,) = load(database, [claim.job])
    return again


def sent(ledger: Ledger, claim: Claim, rest: RemainingParts | None = None) -> None:
    """Note that the request's thread is about to be created."""
    trigger = claim.escalation.trigger
    form = trigger.form
    ledger.note_thread(
        claim,
        NewTicket(
            generation=1,
            external_id=claim.escalation.key,
            conversation_key=claim.escalation.key,
            customer="c_1",
            requester=form.requester if form else trigger.submitter,
            message=trigger.message,
            rest=rest,
        ),
    )


def parts(*texts: str, **more: Any) -> RemainingParts:
    """Parts that are to be added once the first one is in Plain."""
    sequels = (Continuation(f"k:{n}", "More", (TextPart(text),)) for n, text in enumerate(texts))
    return RemainingParts(tuple(sequels), **more)


def on_hold(database: Database, number: int = 1, requester: str = "U0AUTHOR", **more: Any) -> int:
    """Record a request that waits for a link of its requester; its submitter was told."""
    rejection = Rejection(Reason.NO_CUSTOMER, requester=requester, requester_name="Gwen Hall")
    id_ = settled(database, number, rejection, **more)
    say(database, id_)
    return id_


def answering(database: Database, id_: int) -> Claim:
    """Claim the answer that is due, whoever has its job."""
    its = (job.c.key == id_) & (job.c.kind == Kind.ANSWER.value)
    with database.writing() as connection:
        connection.execute(update(job).where(its).values(token=None, lease_until=None))
    return claimed(database, id_)


def say(database: Database, id_: int, *, said: bool = True) -> None:
    """Say the answer that is due, or note that it cannot be said."""
    Ledger(database).answered(answering(database, id_), said=said)


def stored(database: Database, id_: int) -> Any:
    """The request with this id, as it is stored."""
    with database.reading() as connection:
        return connection.execute(select(request).where(request.c.id == id_)).one()


def ticket_of(database: Database, id_: int) -> Any:
    with database.reading() as connection:
        its = stored(database, id_).ticket_id
        return connection.execute(select(ticket).where(ticket.c.id == its)).one()


def jobs_of(database: Database, id_: int) -> list[str]:
    """The kinds of the jobs of a request."""
    of_request = (Kind.DECIDE, Kind.ANSWER, Kind.DELAY, Kind.EDIT)
    its = select(job.c.kind).where(job.c.key == id_, job.c.kind.in_(of_request))
    with database.reading() as connection:
        return list(connection.scalars(its.order_by(job.c.kind)))


def texts(row: Any) -> tuple[Any, ...]:
    return (row.message, row.form, row.rest, row.files)


NONE = (None, None, None, None)


def change(database: Database, id_: int, **columns: Any) -> None:
    """Write to a request."""
    with database.writing() as connection:
        connection.execute(update(request).where(request.c.id == id_).values(columns))


def everything(database: Database) -> str:
    """All that the database holds, as one text."""
    with database.reading() as connection:
        held = [connection.execute(select(one)).all() for one in metadata.sorted_tables]
    # As tuples: a long value of a row is shown shortened.
    return str([tuple(row) for rows in held for row in rows])
