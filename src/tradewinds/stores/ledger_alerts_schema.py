"""The tables of alerts in the ledger: the outbox, what became of each alert on each route, and who has it in hand."""

from __future__ import annotations

import sqlalchemy as sa

from tradewinds.stores.ledger_schema import metadata

alert = sa.Table(
    "alert",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("severity", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("next_command", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("raised_ns", sa.BigInteger, nullable=False, index=True),
    sa.Column("routed_ns", sa.BigInteger, index=True),
    sa.CheckConstraint("severity IN ('info', 'warning', 'critical')", name="severity"),
)

# message: of the message that this was put into; the same in every try.
alert_delivery = sa.Table(
    "alert_delivery",
    metadata,
    sa.Column("alert", sa.Text, primary_key=True),
    sa.Column("route", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("first_ns", sa.BigInteger, nullable=False),
    sa.Column("due_ns", sa.BigInteger, nullable=False),
    sa.Column("attempts", sa.BigInteger, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("is_doubtful", sa.Boolean, nullable=False),
    sa.Column("begun_ns", sa.BigInteger),
    sa.Column("claimed_ns", sa.BigInteger),
    sa.Column("sent_ns", sa.BigInteger),
    sa.Column("error", sa.Text, nullable=False),
    sa.CheckConstraint("state IN ('waiting', 'sending', 'sent', 'failed', 'moot')", name="state"),
    sa.Index("ix_alert_delivery_state", "route", "state", "due_ns"),
    sa.Index("ix_alert_delivery_begun_ns", "route", "begun_ns"),
)

# Added, never altered: the first one counts.
alert_acknowledgement = sa.Table(
    "alert_acknowledgement",
    metadata,
    sa.Column("alert", sa.Text, primary_key=True),
    sa.Column("by", sa.Text, primary_key=True),
    sa.Column("at_ns", sa.BigInteger, nullable=False),
    sa.Column("face", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
)
