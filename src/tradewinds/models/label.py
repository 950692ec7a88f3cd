"""What a model is to foretell: returns that begin after the decision. Each label carries its span.

Forward return of h bars, entered `delay` bars after the decision at row t: p[t + delay + h] / p[t + delay] - 1.
Triple barrier: which of three is met first after entry: a profit, a loss, or the last of h bars; the barriers are multiples of a volatility
known at the decision. Source: Lopez de Prado, Advances in Financial Machine Learning (2018), 3.4.

A label whose declared span lies before its decision is refused by `Label`; one that says it lies after it and does not, by `check_future`:
it follows returns of bars that had ended by then as closely as those it should be made of.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tradewinds.compiled import compiled
from tradewinds.core.errors import Rejected
from tradewinds.models.sample import Floats, Ints, check_spans

BARS_MAX = 10_000
PAST_BARS = 20
"""Returns of so many bars up to the decision are looked at for what a label was made of."""
SHARE_MAX = 0.5
"""A past bar may move the label at most this much as strongly as the strongest bar of the label's own span."""
DEVIATIONS_MAX = 6.0
EXPLAINED_MAX = 0.3
"""Share of a label's variance that past returns may explain: markets grant a few hundredths."""
ROWS_MIN = 30
RIDGE = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Label:
    """values: (T, N), NaN where not known. starts_ns: (T,) and ends_ns: (T, N) span of each, decision_ns: (T,) when it is asked for.

    horizon: bars of the longest span. Raises Rejected unless every known label begins at or after its decision and ends later.
    """

    kind: str
    horizon: int
    decision_ns: Ints
    starts_ns: Ints
    ends_ns: Ints
    values: Floats

    def __post_init__(self) -> None:
        rows, columns = np.nonzero(np.isfinite(self.values))
        check_spans(self.decision_ns[rows], self.starts_ns[rows], self.ends_ns[rows, columns])


def label_of(spec: Mapping[str, Any], times: Ints, prices: Floats, *, decision_ns: Ints | None = None) -> Label:
    """The label that a model's YAML declares: {kind: forward_return, horizon: 5, delay: 1} or {kind: triple_barrier, ...}.

    Raises Rejected for an unknown kind or word, and for a span that is not in the future.
    """
    words = dict(spec)
    kind = words.pop("kind", None)
    kinds = {"forward_return": (forward_return, {"horizon", "delay"}), "triple_barrier": (triple_barrier, _BARRIER_WORDS)}
    if kind not in kinds:
        raise Rejected(f"label: kind {kind!r}, expected one of {', '.join(kinds)}; a label lies after its decision")
    made, known = kinds[kind]
    if unknown := sorted(set(words) - known):
        raise Rejected(f"label {kind}: {unknown[0]!r}, expected one of {', '.join(sorted(known))}")
    label: Label = made(times, prices, decision_ns=decision_ns, **words)
    return label


def forward_return(times: Ints, prices: Floats, *, horizon: int, delay: int = 1, decision_ns: Ints | None = None) -> Label:
    """Return over `horizon` bars, from the price `delay` bars after the decision's row.

    times: (T,) ends of bars. prices: (T, N), comparable over splits and dividends. decision_ns: (T,), by default the bars' ends.
    A delay of 0 enters at the very price that the decision knows.
    """
    _check_bars("forward return", horizon, delay)
    decisions = times if decision_ns is None else decision_ns
    values = np.full(prices.shape, np.nan)
    starts, ends = np.zeros(len(times), np.int64), np.zeros(prices.shape, np.int64)
    last = len(times) - horizon - delay
    if last > 0:
        with np.errstate(divide="ignore", invalid="ignore"):
            values[:last] = prices[delay + horizon :] / prices[delay : delay + last] - 1.0
        values[~np.isfinite(values)] = np.nan
        starts[:last] = times[delay : delay + last]
        ends[:last] = times[delay + horizon :, None]
    return Label("forward_return", horizon, decisions, starts, ends, values)


_BARRIER_WORDS = {"horizon", "delay", "profit", "stop", "volatility_bars", "value"}


def triple_barrier(
    times: Ints,
    prices: Floats,
    *,
    horizon: int,
    profit: float = 2.0,
    stop: float = 2.0,
    volatility_bars: int = 20,
    delay: int = 1,
    value: str = "return",
    decision_ns: Ints | None = None,
) -> Label:
    """Return at whichever comes first: `profit` or `stop` volatilities away (judged at closes), or `horizon` bars; its end says when.

    Volatility: deviation of the last `volatility_bars` returns known at the decision. value: "return", or "side" for +1 profit, -1 stop,
    0 time. NaN where a price on the way is not known.
    """
    _check_bars("triple barrier", horizon, delay)
    if not (profit > 0 and stop > 0 and math.isfinite(profit) and math.isfinite(stop)) or volatility_bars < 2:
        raise Rejected(
            f"triple barrier: profit {profit}, stop {stop}, {volatility_bars} bars of volatility, expected above 0 and at least 2"
        )
    if value not in ("return", "side"):
        raise Rejected(f"triple barrier: value {value!r}, expected return or side")
    decisions = times if decision_ns is None else decision_ns
    volatility = _volatility(prices, volatility_bars)
    values, rows = np.full(prices.shape, np.nan), np.zeros(prices.shape, np.int64)
    _meet(np.ascontiguousarray(prices, np.float64), volatility, horizon, delay, profit, stop, value == "side", values, rows)
    starts = np.zeros(len(times), np.int64)
    starts[: len(times) - delay] = times[delay:]
    return Label("triple_barrier", horizon, decisions, starts, times[rows], values)


@dataclass(frozen=True, slots=True, eq=False)
class LabelProfile:
    """How a label moves with the returns of bars around its decision.

    offsets: (P,) bars after the decision, 0 and below had ended by then. correlation: (P,); deviations: (P,) from 0, as a t statistic over
    times. explained: share of the variance that returns of the past explain.
    """

    offsets: Ints
    correlation: Floats
    deviations: Floats
    explained: float


def label_profile(values: Floats, prices: Floats, *, past: int = PAST_BARS, future: int = PAST_BARS) -> LabelProfile:
    """Profile of labels (T, N) against the one-bar returns of prices (T, N)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        returns = np.vstack([np.full((1, prices.shape[1]), np.nan), np.diff(np.log(prices), axis=0)])
    returns[~np.isfinite(returns)] = np.nan
    offsets = np.arange(-past + 1, future + 1)
    columns = [_moved(returns, int(offset)) for offset in offsets]
    figures = np.array([_correlation(values, column) for column in columns])
    return LabelProfile(offsets, figures[:, 0], figures[:, 1], _explained(values, columns[:past]))


def check_future(label: Label, prices: Floats, *, past: int = PAST_BARS) -> LabelProfile:
    """Raise Rejected where the values follow returns that were over at the decision, whatever the label declares.

    Refused: a past bar that moves the label more than `SHARE_MAX` as strongly as any later bar and `DEVIATIONS_MAX` from chance, or past
    bars that explain more than `EXPLAINED_MAX` of it. Below `ROWS_MIN` rows nothing can be said, and nothing is.
    """
    found = label_profile(label.values, prices, past=max(past, label.horizon), future=label.horizon + 2)
    is_past = found.offsets <= 0
    strength = np.nan_to_num(np.abs(found.correlation))
    strongest = float(strength[~is_past].max(initial=0.0))
    is_leak = is_past & (strength > SHARE_MAX * strongest) & (np.nan_to_num(np.abs(found.deviations)) > DEVIATIONS_MAX)
    if bool(is_leak.any()) or found.explained > EXPLAINED_MAX:
        worst = int(np.argmax(np.where(is_past, strength, -1.0)))
        lag, followed = -int(found.offsets[worst]), float(found.correlation[worst])
        raise Rejected(
            f"label {label.kind} of {label.horizon} bars: follows the return of the bar {lag} before its decision "
            f"(correlation {followed:.2f}), and bars that were over by then explain {found.explained:.0%} of it; "
            "expected a label made of later bars"
        )
    return found


def _check_bars(what: str, bars: object, delay: object) -> None:
    if type(bars) is not int or not 1 <= bars <= BARS_MAX:
        raise Rejected(f"{what}: over {bars!r} bars, expected 1 to {BARS_MAX} bars after the decision")
    if type(delay) is not int or not 0 <= delay <= BARS_MAX:
        raise Rejected(f"{what}: delay {delay!r}, expected a whole number of bars of at least 0 after the decision")


def _volatility(prices: Floats, bars: int) -> Floats:
    """(T, N) deviation of the last `bars` one-bar returns, NaN where one of them is not known."""
    with np.errstate(divide="ignore", invalid="ignore"):
        returns = prices[1:] / prices[:-1] - 1.0
    out = np.full(prices.shape, np.nan)
    if len(returns) >= bars:
        windows = np.lib.stride_tricks.sliding_window_view(returns, bars, axis=0)
        out[bars:] = windows.std(axis=-1, ddof=1)
    return out


@compiled
def _meet(
    prices: Floats, volatility: Floats, bars: int, delay: int, profit: float, stop: float, is_side: bool, values: Floats, rows: Ints
) -> None:
    times, instruments = prices.shape
    for row in range(times - delay - bars):
        for column in range(instruments):
            entry, width = prices[row + delay, column], volatility[row, column]
            if not (entry > 0.0 and width > 0.0):
                continue
            side, gain, last = 0.0, np.nan, row + delay
            for after in range(1, bars + 1):
                last = row + delay + after
                gain = prices[last, column] / entry - 1.0
                if not np.isfinite(gain):
                    break
                if gain >= profit * width:
                    side = 1.0
                    break
                if gain <= -stop * width:
                    side = -1.0
                    break
            if np.isfinite(gain):
                values[row, column] = side if is_side else gain
                rows[row, column] = last


def _moved(returns: Floats, offset: int) -> Floats:
    """Row t holds the return of the bar `offset` after it."""
    out = np.full(returns.shape, np.nan)
    if offset >= 0:
        out[: len(returns) - offset] = returns[offset:]
    else:
        out[-offset:] = returns[:offset]
    return out


def _correlation(values: Floats, column: Floats) -> tuple[float, float]:
    """Pooled correlation, and its t statistic with one product a time: returns of different times are as good as independent."""
    is_known = np.isfinite(values) & np.isfinite(column)
    if int(is_known.any(axis=1).sum()) < ROWS_MIN:
        return math.nan, math.nan
    y, x = (np.where(is_known, one - one[is_known].mean(), 0.0) for one in (values, column))
    spread = math.sqrt(float((y * y).sum() * (x * x).sum()))
    if spread <= 0:
        return math.nan, math.nan
    products = (y * x).sum(axis=1)[is_known.any(axis=1)]
    error = float(products.std(ddof=1)) * math.sqrt(len(products))
    return float(products.sum()) / spread, float(products.sum()) / error if error > 0 else math.nan


def _explained(values: Floats, columns: list[Floats]) -> float:
    """Adjusted R2 of labels on the returns of the past; 0 where there are too few rows to tell."""
    x = np.stack([column.ravel() for column in columns], axis=1)
    y = values.ravel()
    is_known = np.isfinite(y) & np.isfinite(x).all(axis=1)
    rows, width = int(is_known.sum()), len(columns)
    if rows < ROWS_MIN + 2 * width:
        return 0.0
    x, y = x[is_known] - x[is_known].mean(axis=0), y[is_known] - y[is_known].mean()
    total = float((y * y).sum())
    if total <= 0:
        return 0.0
    gram = x.T @ x
    gram[np.diag_indices_from(gram)] *= 1.0 + RIDGE  # returns of a market that stands still are no reason to fail
    missed = total - float((x.T @ y) @ np.linalg.lstsq(gram, x.T @ y, rcond=None)[0])
    return 1.0 - missed / total * (rows - 1) / (rows - width - 1)
