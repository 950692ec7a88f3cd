"""Alerts: the outbox, deliveries by route, acknowledgements."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "alert",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("next_command", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("raised_ns", sa.BigInteger(), nullable=False),
        sa.Column("routed_ns", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("severity IN ('info', 'warning', 'critical')", name="ck_alert_severity"),
        sa.PrimaryKeyConstraint("id", name="pk_alert"),
    )
    op.create_index("ix_alert_raised_ns", "alert", ["raised_ns"])
    op.create_index("ix_alert_routed_ns", "alert", ["routed_ns"])
    op.create_table(
        "alert_delivery",
        sa.Column("alert", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("first_ns", sa.BigInteger(), nullable=False),
        sa.Column("due_ns", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("is_doubtful", sa.Boolean(), nullable=False),
        sa.Column("begun_ns", sa.BigInteger(), nullable=True),
        sa.Column("claimed_ns", sa.BigInteger(), nullable=True),
        sa.Column("sent_ns", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.CheckConstraint("state IN ('waiting', 'sending', 'sent', 'failed', 'moot')", name="ck_alert_delivery_state"),
        sa.PrimaryKeyConstraint("alert", "route", name="pk_alert_delivery"),
    )
    op.create_index("ix_alert_delivery_state", "alert_delivery", ["route", "state", "due_ns"])
    op.create_index("ix_alert_delivery_begun_ns", "alert_delivery", ["route", "begun_ns"])
    op.create_table(
        "alert_acknowledgement",
        sa.Column("alert", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at_ns", sa.BigInteger(), nullable=False),
        sa.Column("face", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("alert", "by", name="pk_alert_acknowledgement"),
    )


def downgrade() -> None:
    for table in ("alert_acknowledgement", "alert_delivery", "alert"):
        op.drop_table(table)
