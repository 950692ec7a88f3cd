"""The examples as a person has them: loaded from their files, run over small markets and over recorded ones."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tradewinds.core.instrument import Instrument
from tradewinds.history.panel import Panel
from tradewinds.simulation.backtest import backtest, seen_panel
from tradewinds.simulation.market import Market, market_of_panel
from tradewinds.trading.decide import decide_all, decide_window
from tradewinds.trading.strategy import Strategy
from tradewinds.wiring.strategy_file import load_strategy

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "strategies"
HOUR = 3_600_000_000_000
DAY = 24 * HOUR
START = 1_704_067_200_000_000_000  # 2024-01-01


@pytest.fixture
def example() -> Callable[[str], Strategy]:
    """example("sma_cross") -> the strategy of that file."""
    return lambda name: load_strategy(EXAMPLES / f"{name}.py")


@pytest.fixture
def bars() -> Callable[..., Panel]:
    """bars(closes (times,) or (times, instruments)) -> Panel; opens are the closes before, highs and lows `wick` beyond both."""

    def make(closes: Any, *, step_ns: int = DAY, wick: float = 0.0, ids: tuple[str, ...] = (), start_ns: int = START) -> Panel:
        close = np.asarray(closes, np.float64)
        close = close[:, None] if close.ndim == 1 else close
        before = np.vstack([close[:1], close[:-1]])
        opens = np.where(np.isnan(before) | np.isnan(close), close, before)  # a bar that did not trade has no price at all
        times = start_ns + np.arange(len(close)) * step_ns
        names = ids or tuple(f"I{k}.BINANCE" for k in range(close.shape[1]))
        fields = {
            "open": opens, "high": np.fmax(opens, close) + wick, "low": np.fmin(opens, close) - wick, "close": close,
            "volume": np.full(close.shape, 1e6),
        }  # fmt: skip
        return Panel(names, times, times + step_ns, np.repeat((times + step_ns)[:, None], close.shape[1], axis=1), fields)

    return make


@pytest.fixture
def traded() -> Callable[..., Market]:
    """traded(panel) -> its market, lots of a thousandth; a name that ends in _UM is a perpetual."""

    def make(panel: Panel, **fields: Any) -> Market:
        kinds = ["perpetual" if one.endswith("_UM") else "spot" for one in panel.instruments]
        instruments = [
            Instrument(one, kind, "USD", "24/7", lot=Decimal("0.001"))  # type: ignore[arg-type]  -- one of two kinds
            for one, kind in zip(panel.instruments, kinds, strict=True)
        ]
        return market_of_panel(panel, instruments, **fields)

    return make


@pytest.fixture
def recorded(shared: Path) -> Callable[..., Panel]:
    """recorded(("BTCUSDT", "ETHUSDT"), "1d") -> Panel of recorded Binance bars, on the times that all of them have."""

    def read(symbols: tuple[str, ...], interval: str) -> Panel:
        frames = []
        for symbol in symbols:
            frame = pl.read_parquet(shared / "crypto" / "binance_spot_rest" / f"{symbol}-{interval}.parquet")
            names = ("open", "high", "low", "close", "volume")
            frames.append(frame.select((pl.col("open_time") * 1_000_000).alias("at"), *(pl.col(name).cast(pl.Float64) for name in names)))
        common = sorted(set.intersection(*(set(frame["at"].to_list()) for frame in frames)))
        times = np.array(common, np.int64)
        step = DAY if interval == "1d" else HOUR
        columns = [frame.filter(pl.col("at").is_in(common)).sort("at") for frame in frames]
        fields = {name: np.column_stack([one[name].to_numpy() for one in columns]) for name in ("open", "high", "low", "close", "volume")}
        ends = times + step
        ids = tuple(f"{symbol}.BINANCE" for symbol in symbols)
        return Panel(ids, times, ends, np.repeat(ends[:, None], len(symbols), axis=1), fields)

    return read


@pytest.fixture
def sees_only_its_past(traded: Callable[..., Market]) -> Callable[..., None]:
    """Asserts of a vector strategy that the future changes nothing, and that the last `lookback` bars are all it needs."""

    def check(strategy: Strategy, panel: Panel, parameters: dict[str, Any] | None = None, **given: Any) -> None:
        params = strategy.params(parameters)
        bars = strategy.lookback_bars(params)
        seen = seen_panel(strategy, traded(panel), panel, **given)
        whole = decide_all(strategy, seen, params)
        rows = seen.decisions[seen.decisions >= bars - 1]
        for row in rows[:: max(1, len(rows) // 25)].tolist():
            np.testing.assert_array_equal(decide_all(strategy, seen.window(0, row + 1), params)[-1], whole[row])
            np.testing.assert_array_equal(decide_window(strategy, seen.window(row + 1 - bars, row + 1), params), whole[row])

    return check


@pytest.fixture
def forgets_the_future(traded: Callable[..., Market]) -> Callable[..., None]:
    """Asserts of an event strategy that a history cut short gives the same orders, so far as it goes."""

    def check(strategy: Strategy, panel: Panel, cuts: tuple[int, ...], **given: Any) -> None:
        whole = backtest(strategy, traded(panel), panel, **given).orders
        for cut in cuts:
            shorter = Panel(
                panel.instruments, panel.times[:cut], panel.event_ns[:cut], panel.known_ns[:cut],
                {name: values[:cut] for name, values in panel.fields.items()},
            )  # fmt: skip
            found = backtest(strategy, traded(shorter), shorter, **given).orders
            before = whole[whole["decided_row"] < cut]
            for name in ("decided_row", "limit", "stop", "side", "kind", "parent"):
                np.testing.assert_array_equal(found[name], before[name])
            entries = before["parent"] == 0  # an exit's quantity follows what its entry got
            np.testing.assert_array_equal(found["quantity"][entries], before["quantity"][entries])

    return check
