"""Backtests for dashboards: one row a run, a round trip, a position at a session's end, and a session of a run.

Each row carries its strategy, so that a chart of one strategy needs no join. Only runs that had ended by the as-of time are there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import polars as pl
import sqlalchemy as sa

from tradewinds.core.instant import NS_PER_US
from tradewinds.stores.ledger_schema import (
    BACKTEST_FIGURES,
    backtest_performance,
    backtest_position,
    backtest_round_trip,
    backtest_run,
)

if TYPE_CHECKING:
    from tradewinds.stores.ledger import Ledger

_STAMP = pl.Datetime("us", "UTC")

KEYS: Mapping[str, Sequence[str]] = {
    "fact_backtests": ("run",),
    "fact_backtest_round_trips": ("run", "number"),
    "fact_backtest_positions": ("run", "instrument", "at"),
    "fact_backtest_performance": ("run", "at"),
}

_RUN = {
    "run": pl.Int64(),
    "strategy": pl.String(),
    "state": pl.String(),
    "error": pl.String(),
    "started_at": _STAMP,
    "ended_at": _STAMP,
    "from_at": _STAMP,
    "to_at": _STAMP,
    "interval": pl.String(),
    "parameters": pl.String(),
    "instruments": pl.Int64(),
    "vintage": pl.String(),
    "kernel": pl.String(),
    "fingerprint": pl.String(),
    "is_point_in_time": pl.Boolean(),
    "currency": pl.String(),
    "trades": pl.Int64(),
    **dict.fromkeys(BACKTEST_FIGURES, pl.Float64()),
}
_OWNER = {"run": pl.Int64(), "strategy": pl.String()}
_TRIP = _OWNER | {
    "number": pl.Int64(),
    "instrument": pl.String(),
    "side": pl.String(),
    "is_open": pl.Boolean(),
    "entry_at": _STAMP,
    "exit_at": _STAMP,
    "bars": pl.Int64(),
    **dict.fromkeys(
        ("quantity", "entry_price", "exit_price", "gross", "commission", "slippage", "net", "fraction", "mfe", "mae"), pl.Float64()
    ),
}
_POSITION = _OWNER | {
    "instrument": pl.String(),
    "at": _STAMP,
    "day": pl.Date(),
    **dict.fromkeys(("quantity", "price", "value", "weight"), pl.Float64()),
}
_PERFORMANCE = _OWNER | {
    "at": _STAMP,
    "day": pl.Date(),
    **dict.fromkeys(("equity", "period_return", "drawdown", "gross", "net"), pl.Float64()),
}


def backtest_facts(ledger: Ledger, as_of_ns: int) -> dict[str, pl.DataFrame]:
    """Every table, each sorted by its key."""
    with ledger.database.reading("reading backtests for the marts") as connection:
        runs = [dict(row) for row in connection.execute(sa.select(backtest_run).where(backtest_run.c.ended_ns <= as_of_ns)).mappings()]
        parts = {}
        for name, table, schema in (
            ("fact_backtest_round_trips", backtest_round_trip, _TRIP),
            ("fact_backtest_positions", backtest_position, _POSITION),
            ("fact_backtest_performance", backtest_performance, _PERFORMANCE),
        ):
            owner = [backtest_run.c.id.label("run"), backtest_run.c.strategy]
            columns = [*owner, *(table.c[_source(column, table)] for column in schema if column not in _OWNER)]
            query = sa.select(*columns).join(table, table.c.run == backtest_run.c.id).where(backtest_run.c.ended_ns <= as_of_ns)
            parts[name] = _frame([tuple(row) for row in connection.execute(query)], schema)
    parts["fact_backtests"] = _frame([_run_row(run) for run in runs], _RUN)
    return {name: parts[name].sort(KEYS[name]) for name in KEYS}


def _source(column: str, table: sa.Table) -> str:
    """The ledger's name of a mart's column: an instant stands there in nanoseconds."""
    return column if column in table.columns else f"{column.removesuffix('_at')}_ns"


def _run_row(run: Mapping[str, Any]) -> tuple[Any, ...]:
    made = {
        **run,
        "run": run["id"],
        "parameters": json.dumps(run["parameters"], sort_keys=True),
        "instruments": len(run["instruments"]),
        **{f"{name}_at": run[f"{name}_ns"] for name in ("started", "ended", "from", "to")},
    }
    return tuple(made[column] for column in _RUN)


def _frame(rows: list[tuple[Any, ...]], schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    read = {name: pl.Int64() if kind == _STAMP else kind for name, kind in schema.items()}
    stamps = [(pl.col(name) // NS_PER_US).cast(_STAMP) for name, kind in schema.items() if kind == _STAMP]
    return pl.DataFrame(rows, schema=read, orient="row").with_columns(*stamps)
