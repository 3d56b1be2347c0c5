"""Put requests, tickets and jobs into a real database, in the state that a test needs."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from sqlalchemy import insert, select, update

from bot.core.faults import Rejection
from bot.core.model import Ticket
from bot.core.refs import MessageRef, message_key
from bot.store import rejections, rows
from bot.store.database import Database
from bot.store.jobs import Kind, new_job
from bot.store.schema import job, request, ticket, ticket_message
from tests.nouns import CHANNEL, TEAM, TICKET, escalation, ts

_NUMBERS = itertools.count(1)

_COVERS = {"created": "opened", "added": "added"}
_WITH_TICKET = ("created", "added", "joined")


def key(number: int = 1) -> str:
    """Return the key of the nth message."""
    return message_key(TEAM, MessageRef(CHANNEL, ts(number)))


def thread(number: int = 1) -> Ticket:
    """Return the nth thread in Plain; the first is `TICKET`."""
    if number == 1:
        return TICKET
    return Ticket(f"th_{number}", f"T-{number}", TICKET.url.replace("th_1", f"th_{number}"))


def a_ticket(database: Database, number: int = 1, state: str = "open", **columns: Any) -> int:
    """Insert the ticket that the nth message opened (with the nth thread); return its id.

    `columns` are set as well: `customer`, `undone_by`, `duplicates`, `request_id`, ….
    """
    is_held = state in ("opening", "open", "undoing")
    values: dict[str, Any] = {
        "team": TEAM,
        "key": key(number),
        "generation": 1,
        "conversation_key": key(number) if is_held else None,
        "request_id": 0,
        "requester": "U0AUTHOR",
        "customer": "c_1",
        "state": state,
        "created_at": database.now(),
    }
    if state != "opening":
        its = thread(number)
        values |= {"thread_id": its.id, "thread_ref": its.ref, "thread_url": its.url}
        values |= {"opened_at": database.now()}
    return _insert(database, ticket, values | columns)


def a_request(
    database: Database,
    number: int = 1,
    state: str = "waiting",
    *,
    ticket_id: int | None = None,
    reason: Rejection | str | None = None,
    columns: Mapping[str, Any] | None = None,
    **trigger: Any,
) -> int:
    """Insert a request about the nth message; return its id ("PB-<id>").

    `state` is one of the column's. One that waits has its job. One with a ticket belongs to
    `ticket_id`, or gets a ticket of its own (`a_ticket`). `reason` is that of a rejection, or of
    one that was ignored. `trigger` varies the `Trigger` (`submitter`, `via`, `form`, …), `columns`
    the row itself (`requester`, `answer`, …).
    """
    asked = escalation(number, **{"request": f"Ev{number}.{next(_NUMBERS)}", **trigger})
    values = rows.request_columns(asked) | {
        "act_generation": next(_NUMBERS),
        "state": state,
        "answer": "none" if state in ("waiting", "ignored", "withdrawn") else "said",
        "created_at": database.now(),
        "settled_at": None if state == "waiting" else database.now(),
    }
    if isinstance(reason, Rejection):
        values |= {"reason": reason.reason.value, "reason_data": _data(reason)}
        values |= {"requester": reason.requester or values["requester"]}
    elif reason is not None:
        values["reason"] = reason
    opens = state in _WITH_TICKET and ticket_id is None
    if opens:
        holding = rows.order_key(asked)
        ticket_id = a_ticket(database, number, key=asked.key, conversation_key=holding)
    values |= {"ticket_id": ticket_id, **(columns or {})}
    row_id = _insert(database, request, values)
    with database.writing() as connection:
        if opens or state == "created":
            opened = update(ticket).where(ticket.c.id == ticket_id)
            connection.execute(opened.values(request_id=row_id))
        if state in _COVERS:
            covered = {"ticket_id": ticket_id, "key": asked.key, "how": _COVERS[state]}
            adding = database.insert(ticket_message).values(covered)
            connection.execute(adding.on_conflict_do_nothing())
    if state == "waiting":
        a_job(database, Kind.DECIDE, row_id, order_key=asked.key)
    return row_id


def a_job(
    database: Database, kind: Kind, row_id: int, *, order_key: str | None = None, **columns: Any
) -> int:
    """Insert a job that is due now; `row_id` is that of the request, ticket or undo; return its id.

    `columns` are set as well: `due`, `attempts`, `cause`, ….
    """
    values = new_job(kind, row_id, TEAM, database.now(), order_key=order_key)
    return _insert(database, job, values | columns)


def ticket_of(database: Database, request_id: int) -> int:
    """Return the id of the request's ticket."""
    with database.reading() as connection:
        its = select(request.c.ticket_id).where(request.c.id == request_id)
        return int(connection.scalar(its) or 0)


def change_job(database: Database, kind: Kind, row_id: int, **columns: Any) -> None:
    """Write to the job of this kind about this request, ticket or undo."""
    its = (job.c.kind == kind.value) & (job.c.key == row_id)
    with database.writing() as connection:
        connection.execute(update(job).where(its).values(columns))


def change_request(database: Database, row_id: int, **columns: Any) -> None:
    """Write to the request with this id."""
    with database.writing() as connection:
        connection.execute(update(request).where(request.c.id == row_id).values(columns))


def change_ticket(database: Database, request_id: int, **columns: Any) -> None:
    """Write to the ticket of the request with this id."""
    its = select(request.c.ticket_id).where(request.c.id == request_id).scalar_subquery()
    with database.writing() as connection:
        connection.execute(update(ticket).where(ticket.c.id == its).values(columns))


def _data(rejection: Rejection) -> str | None:
    return rows.DATA.text(rejections.to_data(rejection))


def _insert(database: Database, table: Any, values: Mapping[str, Any]) -> int:
    with database.writing() as connection:
        return int(connection.scalar(insert(table).values(values).returning(table.c.id)) or 0)
