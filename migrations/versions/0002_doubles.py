"""When a created thread is looked for once more, and the doubles that were found then.

Two columns that may be NULL, and an index. The previous release runs beside it: it neither reads
nor writes them, so that the rows it settles meanwhile are not looked at again.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.store import altering

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    altering.add_columns(
        "escalation", sa.Column("verify_at", sa.Float(53)), sa.Column("doubles", sa.Text)
    )
    altering.create_index(
        "ix_escalation_verify_at", "escalation", ["verify_at"], "verify_at IS NOT NULL"
    )


def downgrade() -> None:
    op.drop_index("ix_escalation_verify_at", table_name="escalation")
    op.drop_column("escalation", "doubles")
    op.drop_column("escalation", "verify_at")
