"""`Summary`: the figures of one run that people, tear sheets, stored runs and dashboards read; `of` computes it from a track record.

    summary = of(record, benchmark=closes)        # a finished run

A figure that the data does not define is None: a ratio over nothing, a deviation of one return, whatever follows ruin. None is never 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tradewinds.core.errors import DataFault
from tradewinds.performance import ratios
from tradewinds.performance.attribution import Attribution, attribution
from tradewinds.performance.benchmark import Comparison, compare
from tradewinds.performance.exposure import Exposure, exposure, holdings
from tradewinds.performance.returns import (
    DAYS_PER_YEAR,
    Annualisation,
    Drawdown,
    annualisation,
    drawdown_series,
    drawdowns,
    returns_of,
    samples_of,
)
from tradewinds.performance.sharpe import probabilistic_sharpe
from tradewinds.performance.track_record import Charges, Floats, TrackRecord, fill_log
from tradewinds.performance.trade_stats import TradeStats, trade_stats
from tradewinds.performance.trades import Matching, round_trips

NS_PER_YEAR = DAYS_PER_YEAR * 86_400e9


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of one run. Fractions, not percent; money in `currency`; figures `a year` use `annualisation`.

    Sampled at session ends. sharpe, sortino, omega use returns above the risk-free rate. calmar: annual return / deepest drawdown.
    exposure.time: share of bars with a position. See docs/performance.md for every formula and its source.
    """

    currency: str
    start_ns: int
    end_ns: int
    periods: int
    annualisation: Annualisation
    is_ruined: bool

    capital: float
    final: float
    peak: float
    profit: float
    total_return: float
    annual_return: float | None
    cagr: float | None

    volatility: float | None
    downside_deviation: float | None
    sharpe: float | None
    sortino: float | None
    calmar: float | None
    omega: float | None
    skewness: float | None
    kurtosis: float | None
    value_at_risk: float | None  # 5 % of periods are worse; negative
    conditional_value_at_risk: float | None  # average of those
    tail_ratio: float | None
    stability: float | None
    sharpe_probability: float | None  # that the true Sharpe ratio is above 0

    best_period: float | None
    worst_period: float | None
    positive_periods: float | None

    max_drawdown: float
    average_drawdown: float | None
    longest_drawdown_ns: int | None
    ulcer: float
    drawdowns: tuple[Drawdown, ...]  # the ten deepest

    trades: TradeStats
    exposure: Exposure
    attribution: Attribution
    comparison: Comparison | None  # None: no benchmark was given


def of(
    record: TrackRecord,
    *,
    benchmark: Floats | None = None,
    periods_per_year: float | None = None,
    risk_free: float = 0.0,
    matching: Matching = "episode",
) -> Summary:
    """The summary of a run.

    benchmark: (times,) levels of something to compare with, on the record's rows. periods_per_year: None counts it in the data.
    risk_free: a yearly rate, spread evenly over the periods. matching: how fills become round trips.
    """
    samples = samples_of(record)
    values = samples.values
    rate = annualisation(samples.at_ns, periods_per_year)
    returns = returns_of(values)
    falls = drawdowns(values, samples.at_ns)
    trips = round_trips(record, matching)
    is_ruined = bool((values <= 0).any())
    figures = _figures(returns, rate.periods_per_year, risk_free) if not is_ruined else _NOTHING
    total = float(values[-1] / values[0] - 1.0)
    years = float(samples.at_ns[-1] - samples.at_ns[0]) / NS_PER_YEAR
    deepest = float(drawdown_series(values).min())
    annual = None if is_ruined else _known(ratios.annual_return(returns, rate.periods_per_year))
    return Summary(
        currency=record.currency,
        start_ns=int(samples.at_ns[0]),
        end_ns=int(samples.at_ns[-1]),
        periods=len(returns),
        annualisation=rate,
        is_ruined=is_ruined,
        capital=float(values[0]),
        final=float(values[-1]),
        peak=float(values.max()),
        profit=float(values[-1] - values[0]),
        total_return=total,
        annual_return=annual,
        cagr=_known((1.0 + total) ** (1.0 / years) - 1.0) if years > 0 and not is_ruined else None,
        calmar=annual / -deepest if annual is not None and deepest < 0 else None,
        **figures,
        max_drawdown=deepest,
        average_drawdown=float(np.mean([one.depth for one in falls])) if falls else None,
        longest_drawdown_ns=max(one.duration_ns for one in falls) if falls else None,
        ulcer=float(np.sqrt(np.mean(drawdown_series(values)[1:] ** 2))) if len(values) > 1 else 0.0,
        drawdowns=falls[:10],
        trades=trade_stats(trips),
        exposure=exposure(record, samples, rate.periods_per_year),
        attribution=attribution(record, trips if matching == "episode" else None),
        comparison=_comparison(record, samples.rows, returns, benchmark, rate.periods_per_year, risk_free),
    )


def compile_all() -> None:
    """Compile what `of` calls, or load it from the cache: a record like those that a simulation leaves."""
    prices = np.array([[100.0], [101.0], [99.0], [102.0]])
    prices.setflags(write=False)  # as a market's are
    quantity = np.array([1.0, 1.0, 1.0, -3.0])  # three lots held together: more bars than the market has
    log = fill_log(np.array([0, 0, 0, 3]), np.zeros(4, np.int64), quantity, np.full(4, 100.0))
    one, days = np.ones(1), np.arange(4, dtype=np.int64)
    charges = Charges(np.array([1]), np.array([0]), np.array([0]), np.array([0.0]), ("dividend",))
    record = TrackRecord(
        ("AAPL.XNAS",),
        days * 86_400_000_000_000,
        days,
        prices[:, 0],
        100.0,
        0,
        4,
        log,
        prices,
        prices,
        prices,
        one,
        one[None],
        one,
        charges,
    )
    of(record)
    of(record, matching="fifo")
    holdings(record, days)


_NAMES = (
    "volatility", "downside_deviation", "sharpe", "sortino", "omega", "skewness", "kurtosis", "value_at_risk", "conditional_value_at_risk",
    "tail_ratio", "stability", "sharpe_probability", "best_period", "worst_period", "positive_periods",
)  # fmt: skip
_NOTHING: dict[str, float | None] = dict.fromkeys(_NAMES)


def _figures(returns: Floats, periods_per_year: float, risk_free: float) -> dict[str, float | None]:
    if not len(returns):
        return _NOTHING
    excess = returns - risk_free / periods_per_year
    values = (
        ratios.volatility(returns, periods_per_year),
        ratios.downside_deviation(returns) * math.sqrt(periods_per_year),
        ratios.sharpe(excess, periods_per_year),
        ratios.sortino(excess, periods_per_year),
        ratios.omega(excess),
        ratios.skewness(returns),
        ratios.kurtosis(returns),
        ratios.value_at_risk(returns),
        ratios.conditional_value_at_risk(returns),
        ratios.tail_ratio(returns),
        ratios.stability(returns),
        probabilistic_sharpe(excess),
        float(returns.max()),
        float(returns.min()),
        float((returns > 0).mean()),
    )
    return {name: _known(value) for name, value in zip(_NAMES, values, strict=True)}


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _comparison(
    record: TrackRecord, rows: np.ndarray[tuple[int], np.dtype[np.int64]], returns: Floats, benchmark: Floats | None,
    periods_per_year: float, risk_free: float,
) -> Comparison | None:  # fmt: skip
    if benchmark is None:
        return None
    if len(benchmark) != len(record.end_ns):
        raise DataFault(f"benchmark: {len(benchmark)} levels, expected one for each of the {len(record.end_ns)} bars")
    levels = np.asarray(benchmark, np.float64)[rows]
    if not (np.isfinite(levels) & (levels > 0)).all():
        at = int(rows[np.flatnonzero(~(np.isfinite(levels) & (levels > 0)))[0]])
        raise DataFault(f"benchmark: level {benchmark[at]} in row {at}, expected a positive number at each session's end")
    return compare(returns, returns_of(levels), periods_per_year, risk_free)
