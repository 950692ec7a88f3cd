"""Backtests: the runs and their figures, round trips, positions and performance by session."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

revision = "0002"
down_revision = "0001"

_FIGURES = (
    "capital", "final", "total_return", "annual_return", "cagr", "volatility", "sharpe", "sortino", "calmar", "omega", "max_drawdown",
    "sharpe_probability", "strike_rate", "profit_factor", "expectancy", "sqn", "time_in_market", "turnover", "commission", "slippage",
    "periods_per_year",
)  # fmt: skip


def _number() -> TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _json() -> TypeEngine[Any]:
    return sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "backtest_run",
        sa.Column("id", _number(), autoincrement=True, nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("parameters", _json(), nullable=False),
        sa.Column("instruments", _json(), nullable=False),
        sa.Column("from_ns", sa.BigInteger(), nullable=False),
        sa.Column("to_ns", sa.BigInteger(), nullable=False),
        sa.Column("interval", sa.Text(), nullable=False),
        sa.Column("setup", _json(), nullable=False),
        sa.Column("vintage", sa.Text(), nullable=False),
        sa.Column("kernel", sa.Text(), nullable=False),
        sa.Column("is_point_in_time", sa.Boolean(), nullable=False),
        sa.Column("started_ns", sa.BigInteger(), nullable=False),
        sa.Column("ended_ns", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("currency", sa.Text()),
        sa.Column("trades", sa.BigInteger()),
        *(sa.Column(name, sa.Double()) for name in _FIGURES),
        sa.Column("summary", _json()),
        sa.CheckConstraint("state IN ('done', 'failed')", name="ck_backtest_run_state"),
        sa.PrimaryKeyConstraint("id", name="pk_backtest_run"),
        sa.UniqueConstraint("fingerprint", "started_ns", name="uq_backtest_run_fingerprint"),
    )
    op.create_index("ix_backtest_run_strategy", "backtest_run", ["strategy", "started_ns"], unique=False)
    op.create_table(
        "backtest_round_trip",
        sa.Column("run", _number(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("entry_ns", sa.BigInteger(), nullable=False),
        sa.Column("exit_ns", sa.BigInteger()),
        sa.Column("bars", sa.BigInteger(), nullable=False),
        *(
            sa.Column(name, sa.Double())
            for name in ("quantity", "entry_price", "exit_price", "gross", "commission", "slippage", "net", "fraction", "mfe", "mae")
        ),
        sa.CheckConstraint("side IN ('long', 'short')", name="ck_backtest_round_trip_side"),
        sa.ForeignKeyConstraint(["run"], ["backtest_run.id"], name="fk_backtest_round_trip_run", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run", "number", name="pk_backtest_round_trip"),
    )
    op.create_table(
        "backtest_position",
        sa.Column("run", _number(), autoincrement=False, nullable=False),
        sa.Column("at_ns", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        *(sa.Column(name, sa.Double()) for name in ("quantity", "price", "value", "weight")),
        sa.ForeignKeyConstraint(["run"], ["backtest_run.id"], name="fk_backtest_position_run", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run", "at_ns", "instrument", name="pk_backtest_position"),
    )
    op.create_table(
        "backtest_performance",
        sa.Column("run", _number(), autoincrement=False, nullable=False),
        sa.Column("at_ns", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        *(sa.Column(name, sa.Double()) for name in ("equity", "period_return", "drawdown", "gross", "net")),
        sa.ForeignKeyConstraint(["run"], ["backtest_run.id"], name="fk_backtest_performance_run", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run", "at_ns", name="pk_backtest_performance"),
    )


def downgrade() -> None:
    op.drop_table("backtest_performance")
    op.drop_table("backtest_position")
    op.drop_table("backtest_round_trip")
    op.drop_table("backtest_run")
