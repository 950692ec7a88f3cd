"""The first ledger: security master, universes, job runs, bookmarks, findings and holds."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

revision = "0001"
down_revision = None


def _number() -> TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _decimal() -> TypeEngine[Decimal]:
    return sa.Numeric().with_variant(sa.Text(), "sqlite")


def _json() -> TypeEngine[Any]:
    return sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "bookmark",
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("event_ns", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.Text()),
        sa.PrimaryKeyConstraint("job", "subject", name="pk_bookmark"),
    )
    op.create_table(
        "exchange",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("calendar", sa.Text(), nullable=False),
        sa.Column("name", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_exchange"),
    )
    op.create_table(
        "finding",
        sa.Column("id", _number(), autoincrement=True, nullable=False),
        sa.Column("vendor", sa.Text(), nullable=False),
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("start_ns", sa.BigInteger(), nullable=False),
        sa.Column("end_ns", sa.BigInteger()),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("field", sa.Text()),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("found_ns", sa.BigInteger()),
        sa.Column("released_ns", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="pk_finding"),
    )
    op.create_index(
        "uq_finding_key",
        "finding",
        ["vendor", "instrument", "dataset", "start_ns", "kind", sa.text("coalesce(field, '')")],
        unique=True,
    )
    op.create_index("ix_finding_cell", "finding", ["instrument", "dataset", "start_ns"], unique=False)
    op.create_table(
        "hold",
        sa.Column("id", _number(), autoincrement=True, nullable=False),
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("start_ns", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("opened_ns", sa.BigInteger(), nullable=False),
        sa.Column("released_ns", sa.BigInteger()),
        sa.Column("released_by", sa.Text()),
        sa.Column("decision", sa.Text()),
        sa.Column("note", sa.Text()),
        sa.CheckConstraint("decision IS NULL OR decision IN ('accept', 'reject')", name="ck_hold_decision"),
        sa.PrimaryKeyConstraint("id", name="pk_hold"),
        sa.UniqueConstraint("instrument", "dataset", "start_ns", "reason", name="uq_hold_instrument"),
    )
    op.create_table(
        "job_run",
        sa.Column("id", _number(), autoincrement=True, nullable=False),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("partition", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text()),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("started_ns", sa.BigInteger(), nullable=False),
        sa.Column("ended_ns", sa.BigInteger()),
        sa.Column("rows_in", sa.BigInteger(), nullable=False),
        sa.Column("rows_published", sa.BigInteger(), nullable=False),
        sa.Column("rows_restated", sa.BigInteger(), nullable=False),
        sa.Column("findings", sa.BigInteger(), nullable=False),
        sa.Column("error_kind", sa.Text()),
        sa.Column("error", sa.Text()),
        sa.Column("log", sa.Text()),
        sa.Column("airflow_run", sa.Text()),
        sa.Column("detail", _json(), nullable=False),
        sa.CheckConstraint("state IN ('running', 'done', 'partial', 'failed', 'nothing')", name="ck_job_run_state"),
        sa.PrimaryKeyConstraint("id", name="pk_job_run"),
    )
    op.create_index("ix_job_run_key", "job_run", ["job", "partition", "subject", "id"], unique=False)
    op.create_index("ix_job_run_started_ns", "job_run", ["started_ns"], unique=False)
    op.create_table(
        "universe_snapshot",
        sa.Column("id", _number(), autoincrement=True, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("known_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_universe_snapshot"),
        sa.UniqueConstraint("name", "day", "known_ns", name="uq_universe_snapshot_name"),
    )
    op.create_table(
        "vendor",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("datasets", _json(), nullable=False),
        sa.Column("lag_ns", sa.BigInteger(), nullable=False),
        sa.Column("batch", sa.BigInteger()),
        sa.Column("needs_key", sa.Text()),
        sa.Column("revises", sa.Boolean(), nullable=False),
        sa.Column("earliest_ns", sa.BigInteger()),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_vendor"),
    )
    op.create_table(
        "instrument",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("venue", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("calendar", sa.Text(), nullable=False),
        sa.Column("base", sa.Text()),
        sa.Column("tick", _decimal()),
        sa.Column("lot", _decimal()),
        sa.Column("minimum_notional", _decimal()),
        sa.Column("multiplier", _decimal(), nullable=False),
        sa.Column("sector", sa.Text()),
        sa.Column("name", sa.Text()),
        sa.Column("is_tradable", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["venue"], ["exchange.id"], name="fk_instrument_venue"),
        sa.PrimaryKeyConstraint("id", name="pk_instrument"),
    )
    op.create_index("ix_instrument_symbol", "instrument", ["symbol"], unique=False)
    op.create_index("ix_instrument_venue", "instrument", ["venue"], unique=False)
    op.create_table(
        "universe_member",
        sa.Column("snapshot", _number(), autoincrement=False, nullable=False),
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("rank", sa.BigInteger(), nullable=False),
        sa.Column("weight", _decimal()),
        sa.ForeignKeyConstraint(["snapshot"], ["universe_snapshot.id"], name="fk_universe_member_snapshot", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("snapshot", "instrument", name="pk_universe_member"),
    )
    op.create_table(
        "corporate_action",
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("effective_ns", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("known_ns", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("value", _decimal()),
        sa.Column("currency", sa.Text()),
        sa.Column("detail", sa.Text()),
        sa.ForeignKeyConstraint(["instrument"], ["instrument.id"], name="fk_corporate_action_instrument"),
        sa.PrimaryKeyConstraint("instrument", "kind", "effective_ns", "known_ns", name="pk_corporate_action"),
    )
    op.create_table(
        "ticker_history",
        sa.Column("venue", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("start_ns", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("end_ns", sa.BigInteger()),
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.CheckConstraint("end_ns IS NULL OR end_ns > start_ns", name="ck_ticker_history_interval"),
        sa.ForeignKeyConstraint(["instrument"], ["instrument.id"], name="fk_ticker_history_instrument"),
        sa.PrimaryKeyConstraint("venue", "symbol", "start_ns", name="pk_ticker_history"),
    )
    op.create_index("ix_ticker_history_instrument", "ticker_history", ["instrument"], unique=False)


def downgrade() -> None:
    op.drop_table("ticker_history")
    op.drop_table("corporate_action")
    op.drop_table("universe_member")
    op.drop_table("instrument")
    op.drop_table("vendor")
    op.drop_table("universe_snapshot")
    op.drop_table("job_run")
    op.drop_table("hold")
    op.drop_table("finding")
    op.drop_table("exchange")
    op.drop_table("bookmark")
