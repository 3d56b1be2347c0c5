"""What Slack's surfaces need of a row, and who changed the lookup table.

Columns that may be NULL, a table and indexes. The previous release runs beside it: it neither
reads nor writes them; a row that was undone is to it one that was settled some other way.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.store import altering

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_PARTIAL = (
    ("ix_escalation_parked", "id", "state = 'parked'"),
    ("ix_escalation_thread_id", "thread_id", "thread_id IS NOT NULL"),
    ("ix_escalation_said_in", "settled_at", "said_in IS NOT NULL"),
    ("ix_escalation_undoing", "undone_at", "state = 'created' AND undone_at IS NOT NULL"),
)
_TEXTS = ("evidence", "files", "sequels", "said_in", "undone_by")


def upgrade() -> None:
    altering.add_columns(
        "escalation",
        *(sa.Column(name, sa.Text) for name in _TEXTS),
        sa.Column("undone_at", sa.Float(53)),
    )
    altering.create_index("ix_escalation_asker", "escalation", ["asker", "id"])
    for name, column, condition in _PARTIAL:
        altering.create_index(name, "escalation", [column], condition)
    op.create_table(
        "person_change",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            nullable=False,
            autoincrement=True,
        ),
        sa.Column("team", sa.Text, nullable=False),
        sa.Column("slack_user", sa.Text, nullable=False),
        sa.Column("changed_at", sa.Float(53), nullable=False),
        sa.Column("changed_by", sa.Text, nullable=False),
        sa.Column("old", sa.Text),
        sa.Column("new", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_person_change"),
    )
    op.create_index("ix_person_change_slack_user", "person_change", ["slack_user"])


def downgrade() -> None:
    op.drop_table("person_change")
    for name, _, _ in _PARTIAL:
        op.drop_index(name, table_name="escalation")
    op.drop_index("ix_escalation_asker", table_name="escalation")
    for name in (*_TEXTS, "undone_at"):
        op.drop_column("escalation", name)
