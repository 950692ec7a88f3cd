"""Limits of trading: every change, by whom, from when, and why. The latest that is in effect counts."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

revision = "0004"
down_revision = "0003"


def _number() -> TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _json() -> TypeEngine[Any]:
    return sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "limit_change",
        sa.Column("id", _number(), autoincrement=True, nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("limit_name", sa.Text(), nullable=False),
        sa.Column("value", _json()),
        sa.Column("effective_ns", sa.BigInteger(), nullable=False),
        sa.Column("changed_ns", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.CheckConstraint("scope IN ('account', 'strategy', 'instrument')", name="ck_limit_change_scope"),
        sa.CheckConstraint("effective_ns >= changed_ns", name="ck_limit_change_not_back_dated"),
        sa.PrimaryKeyConstraint("id", name="pk_limit_change"),
    )
    op.create_index("ix_limit_change_key", "limit_change", ["account", "scope", "name", "limit_name", "effective_ns"], unique=False)


def downgrade() -> None:
    op.drop_table("limit_change")
