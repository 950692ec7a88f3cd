"""Backtests in the ledger: the runs, their round trips, and what they held and earned at each session's end.

A run is known by its fingerprint and its start: adding it again changes nothing and gives the same id. The same strategy run again later,
however equal its result, is another run. A run and all that belongs to it are written in one transaction.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tradewinds.core.errors import Rejected
from tradewinds.core.instant import NS_PER_DAY
from tradewinds.stores.ledger_schema import (
    BACKTEST_FIGURES,
    backtest_performance,
    backtest_position,
    backtest_round_trip,
    backtest_run,
)
from tradewinds.stores.ledger_write import add_new

if TYPE_CHECKING:
    import polars as pl

    from tradewinds.performance.summary import Summary
    from tradewinds.performance.track_record import TrackRecord

BacktestState = Literal["done", "failed"]
BacktestTable = Literal["round_trip", "position", "performance"]
_TABLES: Mapping[str, sa.Table] = {"round_trip": backtest_round_trip, "position": backtest_position, "performance": backtest_performance}
_DECLARED = (
    "fingerprint", "strategy", "parameters", "instruments", "from_ns", "to_ns", "interval", "setup", "vintage", "kernel",
    "is_point_in_time", "started_ns", "ended_ns", "state", "error",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class BacktestRun:
    """What was run, on what, and how it ended. [from_ns, to_ns): the bars. parameters, setup: anything that JSON can say, or dataclasses.

    fingerprint: `Fingerprint.whole` of a result; of a failed run whatever names it (a hash of its inputs). error: why it failed.
    """

    fingerprint: str
    strategy: str
    parameters: Mapping[str, Any]
    instruments: Sequence[str]
    from_ns: int
    to_ns: int
    interval: str
    setup: Any
    vintage: str
    kernel: str
    started_ns: int
    ended_ns: int
    is_point_in_time: bool = True
    state: BacktestState = "done"
    error: str | None = None

    def __post_init__(self) -> None:
        if self.ended_ns < self.started_ns:
            raise Rejected(f"backtest of {self.strategy}: ended {self.ended_ns}, expected not before its start {self.started_ns}")
        if self.state not in ("done", "failed"):
            raise Rejected(f"backtest of {self.strategy}: state {self.state!r}, expected done or failed")
        if (self.state == "failed") != (self.error is not None):
            raise Rejected(
                f"backtest of {self.strategy}: state {self.state} with error {self.error!r}, expected an error of a failed one only"
            )


@dataclass(frozen=True, slots=True)
class StoredBacktest:
    """A run as it stands in the ledger. figures: `ledger_schema.BACKTEST_FIGURES`, None where nothing defines one; summary: all of it."""

    id: int
    run: BacktestRun
    currency: str | None
    trades: int | None
    figures: Mapping[str, float | None]
    summary: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class BacktestFilter:
    """Which runs are meant; None leaves a field open. started_ns within [from, to)."""

    strategy: str | None = None
    state: BacktestState | None = None
    fingerprint: str | None = None
    vintage: str | None = None
    started_from_ns: int | None = None
    started_to_ns: int | None = None


def add_backtest(connection: Connection, run: BacktestRun, record: TrackRecord | None, summary: Summary | None) -> int:
    """Write one run; returns its id, the old one where it stands there already. A failed run has neither record nor summary."""
    if (run.state == "done") != (record is not None and summary is not None):
        raise Rejected(f"backtest of {run.strategy}: {run.state}, expected a track record and a summary of a finished run and of no other")
    row = _row(run) | (_figures(summary) if summary is not None else {})
    is_new = add_new(connection, backtest_run, [row], [backtest_run.c.fingerprint, backtest_run.c.started_ns]) == 1
    number = _id_of(connection, run)
    if record is not None and is_new:
        for table, columns in columns_of(number, record).items():
            _insert(connection, _TABLES[table], columns)
    return number


def select_backtests(connection: Connection, which: BacktestFilter, limit: int | None) -> list[StoredBacktest]:
    """Newest first."""
    terms: list[Any] = []
    for name in ("strategy", "state", "fingerprint", "vintage"):
        value = getattr(which, name)
        if value is not None:
            terms.append(backtest_run.c[name] == value)
    if which.started_from_ns is not None:
        terms.append(backtest_run.c.started_ns >= which.started_from_ns)
    if which.started_to_ns is not None:
        terms.append(backtest_run.c.started_ns < which.started_to_ns)
    order = (backtest_run.c.started_ns.desc(), backtest_run.c.id.desc())
    query = sa.select(backtest_run).where(*terms).order_by(*order).limit(limit)
    return [_stored(row) for row in connection.execute(query).mappings()]


def select_backtest(connection: Connection, number: int) -> StoredBacktest | None:
    row = connection.execute(sa.select(backtest_run).where(backtest_run.c.id == number)).mappings().first()
    return None if row is None else _stored(row)


def select_table(connection: Connection, number: int, table: BacktestTable) -> pl.DataFrame:
    """What belongs to one run, by its key, without the column `run`."""
    import polars as pl

    source = _TABLES[table]
    columns = [column for column in source.columns if column.name != "run"]
    keys = [column for column in source.primary_key if column.name != "run"]
    rows = connection.execute(sa.select(*columns).where(source.c.run == number).order_by(*keys)).all()
    return pl.DataFrame(list(rows), schema={column.name: _polars_type(column) for column in columns}, orient="row")


def remove_backtest(connection: Connection, number: int) -> bool:
    return connection.execute(sa.delete(backtest_run).where(backtest_run.c.id == number)).rowcount == 1


def columns_of(number: int, record: TrackRecord) -> dict[str, dict[str, list[Any]]]:
    """The rows of a run by table, as columns. Instants are session ends, days their UTC day (of the instant just before)."""
    import numpy as np

    from tradewinds.performance.exposure import holdings
    from tradewinds.performance.returns import drawdown_series, returns_of, samples_of
    from tradewinds.performance.trades import round_trips

    names = np.array(record.instruments, dtype=object)
    trips = round_trips(record)
    samples = samples_of(record)
    held = holdings(record, samples.rows)
    equity = np.where(samples.values > 0, samples.values, np.nan)
    at, which = np.nonzero(held.quantity)
    money = ("quantity", "entry_price", "exit_price", "gross", "commission", "slippage", "net", "fraction", "mfe", "mae")
    made: dict[str, dict[str, Any]] = {
        "round_trip": {
            "number": np.arange(1, len(trips) + 1),
            "instrument": names[trips["instrument"].astype(np.int64)],
            "side": np.where(trips["side"] > 0, "long", "short"),
            "is_open": trips["is_open"].astype(np.bool_),
            "entry_ns": record.end_ns[trips["entry_row"]],
            "exit_ns": np.where(trips["is_open"], None, record.end_ns[trips["exit_row"]]),
            "bars": trips["bars"],
            **{name: trips[name] for name in money},
        },
        "position": {
            "at_ns": samples.at_ns[at],
            "instrument": names[which],
            "day": _days(samples.at_ns[at]),
            "quantity": held.quantity[at, which],
            "price": held.price[at, which],
            "value": held.value[at, which],
            "weight": held.value[at, which] / equity[at],
        },
        "performance": {
            "at_ns": samples.at_ns,
            "day": _days(samples.at_ns),
            "equity": samples.values,
            "period_return": np.concatenate([[np.nan], returns_of(samples.values)]),
            "drawdown": drawdown_series(samples.values),
            "gross": np.abs(held.value).sum(axis=1) / equity,
            "net": held.value.sum(axis=1) / equity,
        },
    }
    return {
        table: {"run": [number] * len(columns["instrument" if table != "performance" else "at_ns"])}
        | {name: _plain(values) for name, values in columns.items()}
        for table, columns in made.items()
    }


def _plain(values: Any) -> list[Any]:
    """An array as Python's own values; NaN, which no database compares, is none."""
    import numpy as np

    if values.dtype.kind == "f":
        values = np.where(np.isnan(values), None, values.astype(object))
    return list(values.tolist())


def _days(at_ns: Any) -> Any:
    return ((at_ns - 1) // NS_PER_DAY).astype("datetime64[D]")


def _insert(connection: Connection, table: sa.Table, columns: Mapping[str, list[Any]]) -> None:
    """Every row; a run may have a million. SQLite is given tuples past SQLAlchemy, three times as fast; days are text there."""
    if connection.dialect.name != "sqlite":
        import polars as pl

        from tradewinds.stores.sql_frame import insert

        insert(connection, table, pl.DataFrame(columns, schema={name: _polars_type(table.c[name]) for name in columns}))
    elif columns["run"]:
        plain = (([day.isoformat() for day in values] if name == "day" else values) for name, values in columns.items())
        statement = f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608 -- names of ours
        connection.exec_driver_sql(statement, list(zip(*plain, strict=True)))


def _id_of(connection: Connection, run: BacktestRun) -> int:
    key = (backtest_run.c.fingerprint == run.fingerprint, backtest_run.c.started_ns == run.started_ns)
    return int(connection.execute(sa.select(backtest_run.c.id).where(*key)).scalar_one())


def _row(run: BacktestRun) -> dict[str, Any]:
    row = {name: getattr(run, name) for name in _DECLARED}
    return row | {name: plain_json(row[name]) for name in ("parameters", "instruments", "setup")}


def _figures(summary: Summary) -> dict[str, Any]:
    named = {name: getattr(summary, name) for name in BACKTEST_FIGURES if hasattr(summary, name)}
    trades, kinds = summary.trades, summary.attribution.by_kind
    named |= {name: getattr(trades, name) for name in ("strike_rate", "profit_factor", "expectancy", "sqn")}
    named |= {"time_in_market": summary.exposure.time, "turnover": summary.exposure.turnover}
    named |= {"commission": -kinds["commission"] + 0.0, "slippage": -kinds["slippage"] + 0.0}
    named |= {"periods_per_year": summary.annualisation.periods_per_year}
    return {**named, "currency": summary.currency, "trades": trades.count, "summary": plain_json(asdict(summary))}


def plain_json(value: Any) -> Any:
    """The value as JSON can say it: dataclasses by class name and fields; numbers that JSON lacks (inf, nan) and all else as text."""
    if is_dataclass(value) and not isinstance(value, type):
        return {"kind": type(value).__name__} | {one.name: plain_json(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain_json(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain_json(one) for one in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return str(value)


def _stored(row: sa.RowMapping) -> StoredBacktest:
    run = BacktestRun(**{name: row[name] for name in _DECLARED})
    summary = json.loads(row["summary"]) if isinstance(row["summary"], str) else row["summary"]
    return StoredBacktest(row["id"], run, row["currency"], row["trades"], {name: row[name] for name in BACKTEST_FIGURES}, summary)


def _polars_type(column: sa.Column[Any]) -> pl.DataType:
    import polars as pl

    kinds = ((sa.Boolean, pl.Boolean()), (sa.Date, pl.Date()), (sa.Integer, pl.Int64()), (sa.Double, pl.Float64()))
    return next((made for kind, made in kinds if isinstance(column.type, kind)), pl.String())
