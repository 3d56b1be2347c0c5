"""Define the tables. Times are Unix seconds; JSON is text, the same bytes on both engines."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Integer,
    MetaData,
    Table,
    Text,
    literal_column,
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

_Id = BigInteger().with_variant(Integer, "sqlite")  # only INTEGER counts up by itself in SQLite
_Time = Float(53)

person = Table(
    "person",
    metadata,
    Column("team", Text, primary_key=True),
    Column("slack_user", Text, primary_key=True),
    Column("customer", Text, nullable=False),
    Column("email", Text),
    Column("name", Text),
    Column("source", Text, nullable=False),
    Column("created_at", _Time, nullable=False),
    Column("updated_at", _Time, nullable=False),
)

# Every change that a person made to the lookup table: who, when, from what to what (a customer's
# name; NULL for none).
person_change = Table(
    "person_change",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("team", Text, nullable=False),
    Column("slack_user", Text, nullable=False),
    Column("changed_at", _Time, nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("old", Text),
    Column("new", Text),
)

escalation = Table(
    "escalation",
    metadata,
    Column("id", _Id, primary_key=True),
    # The message key and how often it was requested again; together Plain's externalId.
    Column("key", Text, nullable=False),
    Column("generation", Integer, nullable=False),
    # Held by the one row that creates the thread of a conversation.
    Column("conversation_key", Text),
    # What was requested, by whom, and where to answer.
    Column("via", Text, nullable=False),
    Column("team", Text, nullable=False),
    Column("channel", Text),
    Column("asker", Text, nullable=False),
    Column("requester", Text),
    Column("request", Text, nullable=False),
    Column("trigger", Text, nullable=False),
    Column("message", Text),
    Column("form", Text),
    Column("reply_to", Text),
    # The state. `due`: when a worker looks at it next; NULL when nothing is left to do.
    Column("state", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Column("due", _Time),
    Column("lease_until", _Time),
    Column("token", Text),
    Column("attempts", Integer, nullable=False),
    Column("answer_attempts", Integer, nullable=False),
    Column("strikes", Integer, nullable=False),
    Column("struck_since", _Time),
    Column("failed_at", _Time),
    Column("cause", Text),
    # What was decided before Plain was written to, and the outcome.
    Column("customer", Text),
    Column("sent_at", _Time),
    Column("thread_id", Text),
    Column("thread_ref", Text),
    Column("thread_url", Text),
    Column("reason", Text),
    Column("reason_data", Text),
    # When: first requested, last requested, told that it takes longer, settled.
    Column("created_at", _Time, nullable=False),
    Column("asked_at", _Time, nullable=False),
    Column("queued_told_at", _Time),
    Column("settled_at", _Time),
    # When its thread is looked for once more, and the refs of its duplicates (a JSON list).
    Column("verify_at", _Time),
    Column("doubles", Text),
    # The evidence for the customer; the result for each file; what is still to be added to the
    # thread once it exists (JSON, both). Where the bot posted the answer itself (JSON).
    Column("evidence", Text),
    Column("files", Text),
    Column("sequels", Text),
    Column("said_in", Text),
    Column("undone_at", _Time),
    Column("undone_by", Text),
)

# Rows whose undoing was begun (at `undone_at`, by `undone_by`) and not finished: hardly ever any.
undoing = (escalation.c.state == literal_column("'created'")) & escalation.c.undone_at.is_not(None)

draft = Table(
    "draft",
    metadata,
    Column("id", Text, primary_key=True),
    Column("body", Text, nullable=False),
    Column("created_at", _Time, nullable=False),
)

memory = Table(
    "memory",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("updated_at", _Time, nullable=False),
)

# One row for each Plain key: what all replicas together were granted in the window that ends at
# `reset`, and until when Plain wants to hear nothing.
rate = Table(
    "rate",
    metadata,
    Column("name", Text, primary_key=True),
    Column("reset", _Time, nullable=False),
    Column("per_window", Integer, nullable=False),
    Column("granted", Integer, nullable=False),
    Column("shut_until", _Time, nullable=False),
)
