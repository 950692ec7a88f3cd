"""The tables of the ledger, the same on SQLite and PostgreSQL. Migrations make them; a test proves that both agree.

Times are BIGINT nanoseconds UTC. Decimal numbers are NUMERIC on PostgreSQL and plain text on SQLite, which has no decimals:
100000 and 0.00000812 come back as they went in.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.types import TypeEngine

from tradewinds.core.money import plain

VERSION_TABLE = "ledger_version"  # not Alembic's own name: Airflow's tables may share the database
HEAD = "0007"

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)


class ExactDecimal(sa.types.TypeDecorator[Decimal]):
    """A decimal that no float ever touches."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(sa.Numeric(asdecimal=True) if dialect.name == "postgresql" else sa.Text())

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        if value is None or dialect.name == "postgresql":
            return value
        return plain(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value)


def json_type() -> sa.JSON:
    """JSON, binary on PostgreSQL."""
    return sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def counted_key() -> sa.types.TypeEngine[int]:
    """A key that counts by itself; SQLite does that for INTEGER only, which holds 64 bits there."""
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


exchange = sa.Table(
    "exchange",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("calendar", sa.Text, nullable=False),
    sa.Column("name", sa.Text),
)

vendor = sa.Table(
    "vendor",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("datasets", json_type(), nullable=False),
    sa.Column("lag_ns", sa.BigInteger, nullable=False),
    sa.Column("batch", sa.BigInteger),
    sa.Column("needs_key", sa.Text),
    sa.Column("revises", sa.Boolean, nullable=False),
    sa.Column("earliest_ns", sa.BigInteger),
    sa.Column("note", sa.Text, nullable=False),
)

instrument = sa.Table(
    "instrument",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("symbol", sa.Text, nullable=False, index=True),
    sa.Column("venue", sa.Text, sa.ForeignKey("exchange.id"), nullable=False, index=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("calendar", sa.Text, nullable=False),
    sa.Column("base", sa.Text),
    sa.Column("tick", ExactDecimal),
    sa.Column("lot", ExactDecimal),
    sa.Column("minimum_notional", ExactDecimal),
    sa.Column("multiplier", ExactDecimal, nullable=False),
    sa.Column("sector", sa.Text),
    sa.Column("name", sa.Text),
    sa.Column("is_tradable", sa.Boolean, nullable=False),
)

ticker_history = sa.Table(
    "ticker_history",
    metadata,
    sa.Column("venue", sa.Text, primary_key=True),
    sa.Column("symbol", sa.Text, primary_key=True),
    sa.Column("start_ns", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("end_ns", sa.BigInteger),
    sa.Column("instrument", sa.Text, sa.ForeignKey("instrument.id"), nullable=False, index=True),
    sa.CheckConstraint("end_ns IS NULL OR end_ns > start_ns", name="interval"),
)

corporate_action = sa.Table(
    "corporate_action",
    metadata,
    sa.Column("instrument", sa.Text, sa.ForeignKey("instrument.id"), primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("effective_ns", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("known_ns", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("value", ExactDecimal),
    sa.Column("currency", sa.Text),
    sa.Column("detail", sa.Text),
)

universe_snapshot = sa.Table(
    "universe_snapshot",
    metadata,
    sa.Column("id", counted_key(), primary_key=True, autoincrement=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("known_ns", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("name", "day", "known_ns"),
)

universe_member = sa.Table(
    "universe_member",
    metadata,
    sa.Column("snapshot", sa.ForeignKey("universe_snapshot.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    sa.Column("instrument", sa.Text, primary_key=True),
    sa.Column("rank", sa.BigInteger, nullable=False),
    sa.Column("weight", ExactDecimal),
)

job_run = sa.Table(
    "job_run",
    metadata,
    sa.Column("id", counted_key(), primary_key=True, autoincrement=True),
    sa.Column("job", sa.Text, nullable=False),
    sa.Column("partition", sa.Text, nullable=False),
    sa.Column("subject", sa.Text),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempt", sa.BigInteger, nullable=False),
    sa.Column("started_ns", sa.BigInteger, nullable=False, index=True),
    sa.Column("ended_ns", sa.BigInteger),
    sa.Column("rows_in", sa.BigInteger, nullable=False),
    sa.Column("rows_published", sa.BigInteger, nullable=False),
    sa.Column("rows_restated", sa.BigInteger, nullable=False),
    sa.Column("findings", sa.BigInteger, nullable=False),
    sa.Column("error_kind", sa.Text),
    sa.Column("error", sa.Text),
    sa.Column("log", sa.Text),
    sa.Column("airflow_run", sa.Text),
    sa.Column("detail", json_type(), nullable=False),
    sa.CheckConstraint("state IN ('running', 'done', 'partial', 'failed', 'nothing')", name="state"),
    sa.Index("ix_job_run_key", "job", "partition", "subject", "id"),
)

bookmark = sa.Table(
    "bookmark",
    metadata,
    sa.Column("job", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("event_ns", sa.BigInteger, nullable=False),
    sa.Column("text", sa.Text),
)

# An instrument of a finding or a hold may be one that no one has registered: an unknown symbol is itself a finding.
finding = sa.Table(
    "finding",
    metadata,
    sa.Column("id", counted_key(), primary_key=True, autoincrement=True),
    sa.Column("vendor", sa.Text, nullable=False),
    sa.Column("instrument", sa.Text, nullable=False),
    sa.Column("dataset", sa.Text, nullable=False),
    sa.Column("start_ns", sa.BigInteger, nullable=False),
    sa.Column("end_ns", sa.BigInteger),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("field", sa.Text),
    sa.Column("severity", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("found_ns", sa.BigInteger),
    sa.Column("released_ns", sa.BigInteger),
)
FINDING_KEY: tuple[Any, ...] = (
    finding.c.vendor,
    finding.c.instrument,
    finding.c.dataset,
    finding.c.start_ns,
    finding.c.kind,
    sa.func.coalesce(finding.c.field, sa.literal_column("''")),
)
sa.Index("uq_finding_key", *FINDING_KEY, unique=True)
sa.Index("ix_finding_cell", finding.c.instrument, finding.c.dataset, finding.c.start_ns)

hold = sa.Table(
    "hold",
    metadata,
    sa.Column("id", counted_key(), primary_key=True, autoincrement=True),
    sa.Column("instrument", sa.Text, nullable=False),
    sa.Column("dataset", sa.Text, nullable=False),
    sa.Column("start_ns", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("opened_ns", sa.BigInteger, nullable=False),
    sa.Column("released_ns", sa.BigInteger),
    sa.Column("released_by", sa.Text),
    sa.Column("decision", sa.Text),
    sa.Column("note", sa.Text),
    sa.CheckConstraint("decision IS NULL OR decision IN ('accept', 'reject')", name="decision"),
    sa.UniqueConstraint("instrument", "dataset", "start_ns", "reason"),
)

# Backtests are research: their figures are doubles. An instrument may be one that no one has registered.
BACKTEST_FIGURES = (
    "capital", "final", "total_return", "annual_return", "cagr", "volatility", "sharpe", "sortino", "calmar", "omega", "max_drawdown",
    "sharpe_probability", "strike_rate", "profit_factor", "expectancy", "sqn", "time_in_market", "turnover", "commission", "slippage",
    "periods_per_year",
)  # fmt: skip

backtest_run = sa.Table(
    "backtest_run",
    metadata,
    sa.Column("id", counted_key(), primary_key=True, autoincrement=True),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("strategy", sa.Text, nullable=False),
    sa.Column("parameters", json_type(), nullable=False),
    sa.Column("instruments", json_type(), nullable=False),
    sa.Column("from_ns", sa.BigInteger, nullable=False),
    sa.Column("to_ns", sa.BigInteger, nullable=False),
    sa.Column("interval", sa.Text, nullable=False),
    sa.Column("setup", json_type(), nullable=False),
    sa.Column("vintage", sa.Text, nullable=False),
    sa.Column("kernel", sa.Text, nullable=False),
    sa.Column("is_point_in_time", sa.Boolean, nullable=False),
    sa.Column("started_ns", sa.BigInteger, nullable=False),
    sa.Column("ended_ns", sa.BigInteger, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("error", sa.Text),
    sa.Column("currency", sa.Text),
    sa.Column("trades", sa.BigInteger),
    *(sa.Column(name, sa.Double) for name in BACKTEST_FIGURES),
    sa.Column("summary", json_type()),
    sa.CheckConstraint("state IN ('done', 'failed')", name="state"),
    sa.UniqueConstraint("fingerprint", "started_ns"),
    sa.Index("ix_backtest_run_strategy", "strategy", "started_ns"),
)


def _run_key() -> sa.Column[int]:
    return sa.Column("run", sa.ForeignKey("backtest_run.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)


backtest_round_trip = sa.Table(
    "backtest_round_trip",
    metadata,
    _run_key(),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("instrument", sa.Text, nullable=False),
    sa.Column("side", sa.Text, nullable=False),
    sa.Column("is_open", sa.Boolean, nullable=False),
    sa.Column("entry_ns", sa.BigInteger, nullable=False),
    sa.Column("exit_ns", sa.BigInteger),
    sa.Column("bars", sa.BigInteger, nullable=False),
    *(
        sa.Column(name, sa.Double)
        for name in ("quantity", "entry_price", "exit_price", "gross", "commission", "slippage", "net", "fraction", "mfe", "mae")
    ),
    sa.CheckConstraint("side IN ('long', 'short')", name="side"),
)

backtest_position = sa.Table(
    "backtest_position",
    metadata,
    _run_key(),
    sa.Column("at_ns", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("instrument", sa.Text, primary_key=True),
    sa.Column("day", sa.Date, nullable=False),
    *(sa.Column(name, sa.Double) for name in ("quantity", "price", "value", "weight")),
)

backtest_performance = sa.Table(
    "backtest_performance",
    metadata,
    _run_key(),
    sa.Column("at_ns", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("day", sa.Date, nullable=False),
    *(sa.Column(name, sa.Double) for name in ("equity", "period_return", "drawdown", "gross", "net")),
)

# Limits of trading: changes are added, never altered. value: null takes the limit away. name: "" for the account itself.
limit_change = sa.Table(
    "limit_change",
    metadata,
    sa.Column("id", counted_key(), primary_key=True, autoincrement=True),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("limit_name", sa.Text, nullable=False),
    sa.Column("value", json_type()),
    sa.Column("effective_ns", sa.BigInteger, nullable=False),
    sa.Column("changed_ns", sa.BigInteger, nullable=False),
    sa.Column("changed_by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.CheckConstraint("scope IN ('account', 'strategy', 'instrument')", name="scope"),
    sa.CheckConstraint("effective_ns >= changed_ns", name="not_back_dated"),
    sa.Index("ix_limit_change_key", "account", "scope", "name", "limit_name", "effective_ns"),
)
