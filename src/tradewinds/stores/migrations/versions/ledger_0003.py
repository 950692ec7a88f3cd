"""Trading as the ledger shows it: orders, fills, positions, cash, decisions, events and breaks, projected from the journals."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

revision = "0003"
down_revision = "0002"


def _decimal() -> TypeEngine[Any]:
    return sa.Numeric().with_variant(sa.Text(), "sqlite")


def _json() -> TypeEngine[Any]:
    return sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "trade_projection",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("time_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", name="pk_trade_projection"),
    )
    op.create_table(
        "trade_order",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("client_order_id", sa.Text(), nullable=False),
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("time_in_force", sa.Text(), nullable=False),
        sa.Column("quantity", _decimal(), nullable=False),
        sa.Column("limit_price", _decimal(), nullable=True),
        sa.Column("stop_price", _decimal(), nullable=True),
        sa.Column("filled", _decimal(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("venue_order_id", sa.Text(), nullable=False),
        sa.Column("decision_ns", sa.BigInteger(), nullable=False),
        sa.Column("approved_ns", sa.BigInteger(), nullable=False),
        sa.Column("changed_ns", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", "client_order_id", name="pk_trade_order"),
    )
    op.create_index("ix_trade_order_approved_ns", "trade_order", ["approved_ns"])
    op.create_index("ix_trade_order_instrument", "trade_order", ["instrument"])
    op.create_index("ix_trade_order_state", "trade_order", ["state"])
    op.create_table(
        "trade_fill",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("venue", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("client_order_id", sa.Text(), nullable=False),
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("quantity", _decimal(), nullable=False),
        sa.Column("price", _decimal(), nullable=False),
        sa.Column("multiplier", _decimal(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("commission", _decimal(), nullable=False),
        sa.Column("commission_currency", sa.Text(), nullable=False),
        sa.Column("event_ns", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", "venue", "id", name="pk_trade_fill"),
    )
    op.create_index("ix_trade_fill_client_order_id", "trade_fill", ["client_order_id"])
    op.create_index("ix_trade_fill_event_ns", "trade_fill", ["event_ns"])
    op.create_index("ix_trade_fill_instrument", "trade_fill", ["instrument"])
    op.create_table(
        "trade_position",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("quantity", _decimal(), nullable=False),
        sa.Column("average_price", _decimal(), nullable=True),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", "strategy", "instrument", name="pk_trade_position"),
    )
    op.create_table(
        "trade_cash",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount", _decimal(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", "strategy", "currency", name="pk_trade_cash"),
    )
    op.create_table(
        "trade_decision",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("decision_ns", sa.BigInteger(), nullable=False),
        sa.Column("targets", _json(), nullable=False),
        sa.PrimaryKeyConstraint("account", "sequence", "number", name="pk_trade_decision"),
    )
    op.create_index("ix_trade_decision_strategy", "trade_decision", ["strategy"])
    op.create_table(
        "trade_event",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("time_ns", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account", "sequence", "number", name="pk_trade_event"),
    )
    op.create_index("ix_trade_event_time_ns", "trade_event", ["time_ns"])
    op.create_table(
        "trade_break",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("ours", sa.Text(), nullable=False),
        sa.Column("theirs", sa.Text(), nullable=False),
        sa.Column("found_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", "day", "kind", "subject", name="pk_trade_break"),
    )


def downgrade() -> None:
    for table in ("break", "event", "decision", "cash", "position", "fill", "order", "projection"):
        op.drop_table(f"trade_{table}")
