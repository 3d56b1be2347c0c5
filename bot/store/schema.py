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

# One asking for a ticket ("PB-7" is the row with the id 7). It ends in its own answer.
request = Table(
    "request",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("team", Text, nullable=False),
    # What it is about: the key of the message, or of the command or form that is about none.
    Column("key", Text, nullable=False),
    # Slack's own id of the asking; and the act (a reaction: message, person, emoji), with how often
    # it was repeated. Both are unique, so that one asking is one row, however it is heard.
    Column("slack_id", Text, nullable=False),
    Column("act", Text),
    Column("act_generation", Integer, nullable=False),
    # What was requested, by whom, for whom, and where to answer. The texts and the address have
    # columns of their own, because they are erased earlier.
    Column("via", Text, nullable=False),
    Column("channel", Text),
    Column("submitter", Text, nullable=False),
    Column("requester", Text),
    Column("trigger", Text, nullable=False),
    Column("message", Text),
    Column("form", Text),
    Column("reply_to", Text),
    # How it ended, or that it has not; the ticket that it opens, adds to or joins.
    Column("state", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Column("reason", Text),
    Column("reason_data", Text),
    Column("ticket_id", _Id),
    # What is about to be sent for it: when that was noted, its externalId, what is to follow, and
    # the results for its files (JSON, both).
    Column("sent_at", _Time),
    Column("external_id", Text),
    Column("rest", Text),
    Column("files", Text),
    # Where the bot posted the answer (JSON), as long as it has to be edited.
    Column("posted", Text),
    Column("created_at", _Time, nullable=False),
    Column("delay_told_at", _Time),
    Column("settled_at", _Time),
)

# A thread in Plain. `key` and `generation` are its externalId: what it was opened for, and how
# often that had a ticket. `conversation_key` is held by the one that others are added to.
ticket = Table(
    "ticket",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("team", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("conversation_key", Text),
    # The request that opens it, or opened it; its customer, and the Slack user that this is.
    Column("request_id", _Id, nullable=False),
    Column("requester", Text),
    Column("customer", Text),
    Column("evidence", Text),
    Column("state", Text, nullable=False),
    Column("thread_id", Text),
    Column("thread_ref", Text),
    Column("thread_url", Text),
    Column("created_at", _Time, nullable=False),
    Column("opened_at", _Time),
    Column("undone_at", _Time),
    Column("undone_by", Text),
    # The refs of other threads with its externalId (a JSON list).
    Column("duplicates", Text),
)

# The Slack messages that a ticket covers: `how` is "opened", "added" or "quoted".
ticket_message = Table(
    "ticket_message",
    metadata,
    Column("ticket_id", _Id, primary_key=True, autoincrement=False),
    Column("key", Text, primary_key=True),
    Column("how", Text, nullable=False),
)

# A click on Undo, or a reaction that was taken back: by whom, and where to answer (JSON).
undo = Table(
    "undo",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("team", Text, nullable=False),
    Column("request_id", _Id, nullable=False),
    Column("by", Text, nullable=False),
    Column("click", Text),
    Column("created_at", _Time, nullable=False),
)

# What is due, and nothing else: a row is deleted once it is done. `key` is the id of the request,
# ticket or undo that the kind is about. Of one `order_key` only one is leased at a time; those of
# one `channel`, which may turn out to be of one Slack thread, keep their order.
job = Table(
    "job",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("key", _Id, nullable=False),
    Column("team", Text, nullable=False),
    Column("order_key", Text),
    Column("channel", Text),
    Column("due", _Time, nullable=False),
    Column("lease_until", _Time),
    Column("token", Text),
    # How often it was claimed; how often it failed since, when last, and why. A strike is a failure
    # while others succeeded. `half_way`: an attempt may have sent something.
    Column("attempts", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("failed_at", _Time),
    Column("strikes", Integer, nullable=False),
    Column("struck_since", _Time),
    Column("cause", Text),
    Column("half_way", Integer, nullable=False),
    Column("created_at", _Time, nullable=False),
)

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
