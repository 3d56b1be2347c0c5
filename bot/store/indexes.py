"""Define the indexes of the tables, for creating and comparing schemas.

Importing it adds them to `schema.metadata`. At run time nothing needs them, and SQLAlchemy
loads the dialects of both engines for the conditions of the partial ones.
"""

from __future__ import annotations

from sqlalchemy import Column, ColumnElement, Index, func, literal_column

from bot.store.schema import draft, job, metadata, person_change, request, ticket, ticket_message

__all__ = ["metadata"]


def _partial(
    name: str, *columns: Column[object], where: ColumnElement[bool], unique: bool = False
) -> None:
    Index(name, *columns, unique=unique, sqlite_where=where, postgresql_where=where)


def _is(column: Column[str], value: str) -> ColumnElement[bool]:
    return column == literal_column(f"'{value}'")


Index("ix_person_change_slack_user", person_change.c.slack_user)

# The team comes last: there are few, and SQLite would look for one by this index.
Index("uq_request_slack_id", request.c.slack_id, request.c.team, unique=True)
Index("uq_request_act", request.c.act, request.c.act_generation, unique=True)
Index("ix_request_key", request.c.key)
Index("ix_request_submitter", request.c.submitter, request.c.id)
Index("ix_request_settled_at", request.c.settled_at)
_partial("ix_request_ticket_id", request.c.ticket_id, where=request.c.ticket_id.is_not(None))
_partial("ix_request_on_hold", request.c.requester, where=_is(request.c.state, "on_hold"))
_partial(
    "ix_request_texts",
    request.c.settled_at,
    where=func.coalesce(request.c.message, request.c.form, request.c.rest, request.c.files).is_not(
        None
    )
    & request.c.settled_at.is_not(None),
)
_partial(
    "ix_request_addresses",
    request.c.settled_at,
    where=request.c.reply_to.is_not(None) & request.c.settled_at.is_not(None),
)
_partial("ix_request_parked", request.c.id, where=_is(request.c.state, "parked"))

Index("uq_ticket_key_generation", ticket.c.key, ticket.c.generation, unique=True)
Index("uq_ticket_conversation_key", ticket.c.conversation_key, unique=True)
Index("ix_ticket_thread_id", ticket.c.thread_id)
Index("ix_ticket_thread_ref", ticket.c.thread_ref)
Index("ix_ticket_message_key", ticket_message.c.key)

Index("uq_job_kind_key", job.c.kind, job.c.key, unique=True)
_partial("uq_job_leased", job.c.order_key, where=job.c.token.is_not(None), unique=True)
_partial("ix_job_channel", job.c.channel, where=job.c.token.is_not(None))
Index("ix_job_order_key", job.c.order_key)
Index("ix_job_due", job.c.due)
_partial("ix_job_others_due", job.c.due, where=job.c.kind != literal_column("'decide'"))

Index("ix_draft_created_at", draft.c.created_at)
