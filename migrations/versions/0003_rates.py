"""The permits of Plain's rate limit that replicas share, and an index of what is half-way.

A table of its own, of which the previous release knows nothing: while it runs beside this one,
its requests are seen only in what Plain says is left. The index serves this release's claims.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.store import altering

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    altering.create_index(
        "ix_escalation_half_way",
        "escalation",
        ["due"],
        "due IS NOT NULL AND cause IS NOT NULL AND sent_at IS NOT NULL",
    )
    op.create_table(
        "rate",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("reset", sa.Float(53), nullable=False),
        sa.Column("per_window", sa.Integer, nullable=False),
        sa.Column("granted", sa.Integer, nullable=False),
        sa.Column("shut_until", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_rate"),
    )


def downgrade() -> None:
    op.drop_index("ix_escalation_half_way", table_name="escalation")
    op.drop_table("rate")
