"""The tables of research in the ledger: candidates that wait for a person, what people answered, and alerts."""

from __future__ import annotations

import sqlalchemy as sa

from tradewinds.stores.ledger_schema import json_type, metadata

research_candidate = sa.Table(
    "research_candidate",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("book", sa.Text, nullable=False),
    sa.Column("screener", sa.Text, nullable=False),
    sa.Column("session", sa.Text, nullable=False),
    sa.Column("instrument", sa.Text, nullable=False, index=True),
    sa.Column("score", sa.Double),
    sa.Column("values", json_type(), nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("found_ns", sa.BigInteger, nullable=False),
    sa.Column("expires_ns", sa.BigInteger, nullable=False),
    sa.Column("answered_ns", sa.BigInteger),
    sa.Column("answered_by", sa.Text),
    sa.Column("note", sa.Text),
    sa.CheckConstraint("state IN ('waiting', 'approved', 'denied', 'expired')", name="state"),
    sa.Index("ix_research_candidate_state", "state", "found_ns"),
)

# What people said, and when: added, never altered.
research_answer = sa.Table(
    "research_answer",
    metadata,
    sa.Column("candidate", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, primary_key=True),
    sa.Column("by", sa.Text, primary_key=True),
    sa.Column("at_ns", sa.BigInteger, nullable=False),
    sa.Column("face", sa.Text, nullable=False),
    sa.Column("note", sa.Text),
)

condition_alert = sa.Table(
    "condition_alert",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("rule", sa.Text, nullable=False, index=True),
    sa.Column("instrument", sa.Text, nullable=False),
    sa.Column("condition", sa.Text, nullable=False),
    sa.Column("interval", sa.Text, nullable=False),
    sa.Column("event_ns", sa.BigInteger, nullable=False),
    sa.Column("raised_ns", sa.BigInteger, nullable=False, index=True),
    sa.Column("values", json_type(), nullable=False),
    sa.Column("note", sa.Text, nullable=False),
)
