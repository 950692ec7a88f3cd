"""The tables that trading is projected into. Each row carries the journal sequence that it comes from; all of it can be made again."""

from __future__ import annotations

import sqlalchemy as sa

from tradewinds.stores.ledger_schema import ExactDecimal, json_type, metadata

trade_projection = sa.Table(
    "trade_projection",
    metadata,
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
    sa.Column("time_ns", sa.BigInteger, nullable=False),
)

trade_order = sa.Table(
    "trade_order",
    metadata,
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("client_order_id", sa.Text, primary_key=True),
    sa.Column("strategy", sa.Text, nullable=False),
    sa.Column("instrument", sa.Text, nullable=False, index=True),
    sa.Column("side", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("time_in_force", sa.Text, nullable=False),
    sa.Column("quantity", ExactDecimal, nullable=False),
    sa.Column("limit_price", ExactDecimal),
    sa.Column("stop_price", ExactDecimal),
    sa.Column("filled", ExactDecimal, nullable=False),
    sa.Column("state", sa.Text, nullable=False, index=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("venue_order_id", sa.Text, nullable=False),
    sa.Column("decision_ns", sa.BigInteger, nullable=False),
    sa.Column("approved_ns", sa.BigInteger, nullable=False, index=True),
    sa.Column("changed_ns", sa.BigInteger, nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
)

trade_fill = sa.Table(
    "trade_fill",
    metadata,
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("venue", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("client_order_id", sa.Text, nullable=False, index=True),
    sa.Column("strategy", sa.Text, nullable=False),
    sa.Column("instrument", sa.Text, nullable=False, index=True),
    sa.Column("side", sa.Text, nullable=False),
    sa.Column("quantity", ExactDecimal, nullable=False),
    sa.Column("price", ExactDecimal, nullable=False),
    sa.Column("multiplier", ExactDecimal, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("commission", ExactDecimal, nullable=False),
    sa.Column("commission_currency", sa.Text, nullable=False),
    sa.Column("event_ns", sa.BigInteger, nullable=False, index=True),
    sa.Column("sequence", sa.BigInteger, nullable=False),
)

trade_position = sa.Table(
    "trade_position",
    metadata,
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("strategy", sa.Text, primary_key=True),
    sa.Column("instrument", sa.Text, primary_key=True),
    sa.Column("quantity", ExactDecimal, nullable=False),
    sa.Column("average_price", ExactDecimal),
    sa.Column("sequence", sa.BigInteger, nullable=False),
)

trade_cash = sa.Table(
    "trade_cash",
    metadata,
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("strategy", sa.Text, primary_key=True),
    sa.Column("currency", sa.Text, primary_key=True),
    sa.Column("amount", ExactDecimal, nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
)

trade_decision = sa.Table(
    "trade_decision",
    metadata,
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("strategy", sa.Text, nullable=False, index=True),
    sa.Column("decision_ns", sa.BigInteger, nullable=False),
    sa.Column("targets", json_type(), nullable=False),
)

trade_event = sa.Table(
    "trade_event",
    metadata,
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("time_ns", sa.BigInteger, nullable=False, index=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("severity", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
)

trade_break = sa.Table(
    "trade_break",
    metadata,
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("ours", sa.Text, nullable=False),
    sa.Column("theirs", sa.Text, nullable=False),
    sa.Column("found_ns", sa.BigInteger, nullable=False),
)
