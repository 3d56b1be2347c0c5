"""Define the indexes of the tables, for creating and comparing schemas.

Importing it adds them to `schema.metadata`. At run time nothing needs them, and SQLAlchemy
loads the dialects of both engines for the conditions of the partial ones.
"""

from __future__ import annotations

from sqlalchemy import Index, literal_column

from bot.store.schema import draft, escalation, metadata, person_change, undoing

__all__ = ["metadata"]

Index("ix_person_change_slack_user", person_change.c.slack_user)
Index("uq_escalation_key_generation", escalation.c.key, escalation.c.generation, unique=True)
Index("uq_escalation_conversation_key", escalation.c.conversation_key, unique=True)
_open = escalation.c.due.is_not(None)
Index("ix_escalation_due", escalation.c.due, sqlite_where=_open, postgresql_where=_open)
# Rows that an attempt put back after it had sent something: few at any time.
_half_way = _open & escalation.c.cause.is_not(None) & escalation.c.sent_at.is_not(None)
Index(
    "ix_escalation_half_way",
    escalation.c.due,
    sqlite_where=_half_way,
    postgresql_where=_half_way,
)
Index("ix_escalation_settled_at", escalation.c.settled_at)
_planned = escalation.c.verify_at.is_not(None)
Index(
    "ix_escalation_verify_at",
    escalation.c.verify_at,
    sqlite_where=_planned,
    postgresql_where=_planned,
)
_refused = escalation.c.state == "refused"
Index(
    "ix_escalation_refused_requester",
    escalation.c.requester,
    sqlite_where=_refused,
    postgresql_where=_refused,
)
Index("ix_escalation_asker", escalation.c.asker, escalation.c.id)
_parked = escalation.c.state == literal_column("'parked'")
Index("ix_escalation_parked", escalation.c.id, sqlite_where=_parked, postgresql_where=_parked)
_threaded = escalation.c.thread_id.is_not(None)
Index(
    "ix_escalation_thread_id",
    escalation.c.thread_id,
    sqlite_where=_threaded,
    postgresql_where=_threaded,
)
# Answers that the bot posted itself and that still bear a button: those of ten minutes.
_spoken = escalation.c.said_in.is_not(None)
Index(
    "ix_escalation_said_in",
    escalation.c.settled_at,
    sqlite_where=_spoken,
    postgresql_where=_spoken,
)
Index(
    "ix_escalation_undoing",
    escalation.c.undone_at,
    sqlite_where=undoing,
    postgresql_where=undoing,
)
Index("ix_draft_created_at", draft.c.created_at)
