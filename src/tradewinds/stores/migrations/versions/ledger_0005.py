"""Research: candidates that wait for a person, what people answered, and alerts on conditions."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

revision = "0005"
down_revision = "0004"


def _json() -> TypeEngine[Any]:
    return sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "research_candidate",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("book", sa.Text(), nullable=False),
        sa.Column("screener", sa.Text(), nullable=False),
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("values", _json(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("found_ns", sa.BigInteger(), nullable=False),
        sa.Column("expires_ns", sa.BigInteger(), nullable=False),
        sa.Column("answered_ns", sa.BigInteger(), nullable=True),
        sa.Column("answered_by", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.CheckConstraint("state IN ('waiting', 'approved', 'denied', 'expired')", name="ck_research_candidate_state"),
        sa.PrimaryKeyConstraint("id", name="pk_research_candidate"),
    )
    op.create_index("ix_research_candidate_instrument", "research_candidate", ["instrument"])
    op.create_index("ix_research_candidate_state", "research_candidate", ["state", "found_ns"])
    op.create_table(
        "research_answer",
        sa.Column("candidate", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at_ns", sa.BigInteger(), nullable=False),
        sa.Column("face", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("candidate", "state", "by", name="pk_research_answer"),
    )
    op.create_table(
        "condition_alert",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("condition", sa.Text(), nullable=False),
        sa.Column("interval", sa.Text(), nullable=False),
        sa.Column("event_ns", sa.BigInteger(), nullable=False),
        sa.Column("raised_ns", sa.BigInteger(), nullable=False),
        sa.Column("values", _json(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_condition_alert"),
    )
    op.create_index("ix_condition_alert_raised_ns", "condition_alert", ["raised_ns"])
    op.create_index("ix_condition_alert_rule", "condition_alert", ["rule"])


def downgrade() -> None:
    for table in ("condition_alert", "research_answer", "research_candidate"):
        op.drop_table(table)
