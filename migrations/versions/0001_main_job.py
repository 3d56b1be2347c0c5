"""The tables of the main job: person, escalation, draft, memory.

The first revision: no release runs before it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TIME = sa.Float(53)


def upgrade() -> None:
    op.create_table(
        "person",
        sa.Column("team", sa.Text, nullable=False),
        sa.Column("slack_user", sa.Text, nullable=False),
        sa.Column("customer", sa.Text, nullable=False),
        sa.Column("email", sa.Text),
        sa.Column("name", sa.Text),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("team", "slack_user", name="pk_person"),
    )
    op.create_table(
        "escalation",
        sa.Column("id", _ID, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("conversation_key", sa.Text),
        sa.Column("via", sa.Text, nullable=False),
        sa.Column("team", sa.Text, nullable=False),
        sa.Column("channel", sa.Text),
        sa.Column("asker", sa.Text, nullable=False),
        sa.Column("requester", sa.Text),
        sa.Column("request", sa.Text, nullable=False),
        sa.Column("trigger", sa.Text, nullable=False),
        sa.Column("message", sa.Text),
        sa.Column("form", sa.Text),
        sa.Column("reply_to", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("due", _TIME),
        sa.Column("lease_until", _TIME),
        sa.Column("token", sa.Text),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("answer_attempts", sa.Integer, nullable=False),
        sa.Column("strikes", sa.Integer, nullable=False),
        sa.Column("struck_since", _TIME),
        sa.Column("failed_at", _TIME),
        sa.Column("cause", sa.Text),
        sa.Column("customer", sa.Text),
        sa.Column("sent_at", _TIME),
        sa.Column("thread_id", sa.Text),
        sa.Column("thread_ref", sa.Text),
        sa.Column("thread_url", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("reason_data", sa.Text),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("asked_at", _TIME, nullable=False),
        sa.Column("queued_told_at", _TIME),
        sa.Column("settled_at", _TIME),
        sa.PrimaryKeyConstraint("id", name="pk_escalation"),
    )
    op.create_index(
        "uq_escalation_key_generation", "escalation", ["key", "generation"], unique=True
    )
    op.create_index(
        "uq_escalation_conversation_key", "escalation", ["conversation_key"], unique=True
    )
    is_open = sa.text("due IS NOT NULL")
    op.create_index(
        "ix_escalation_due", "escalation", ["due"], sqlite_where=is_open, postgresql_where=is_open
    )
    op.create_index("ix_escalation_settled_at", "escalation", ["settled_at"])
    is_refused = sa.text("state = 'refused'")
    op.create_index(
        "ix_escalation_refused_requester",
        "escalation",
        ["requester"],
        sqlite_where=is_refused,
        postgresql_where=is_refused,
    )
    op.create_table(
        "draft",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_draft"),
    )
    op.create_index("ix_draft_created_at", "draft", ["created_at"])
    op.create_table(
        "memory",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_memory"),
    )


def downgrade() -> None:
    for table in ("memory", "draft", "escalation", "person"):
        op.drop_table(table)
