"""The steps that factors are written in: arithmetic, windows in time and transforms across instruments, each answering a `Term`.

The functions that a text may call (`expression.py`) are listed in STEPS; the library is written with the same ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import Rejected
from tradewinds.factors import cell, rolling, rolling_pair, transform
from tradewinds.factors.term import MEMBERS, Term

Floats = NDArray[np.float64]
Parts = tuple[Floats, ...]

SHARE_LEAST = 0.75  # of a window's rows must be known, so that a halted day does not blank a year
LENGTH_MAX = 100_000


def field(name: str) -> Term:
    """A field of the panel."""
    return Term(name)


def add(first: Term, second: Term | float) -> Term:
    return _arithmetic("+", cell.added, first, second)


def subtract(first: Term, second: Term | float) -> Term:
    return _arithmetic("-", cell.subtracted, first, second)


def multiply(first: Term, second: Term | float) -> Term:
    return _arithmetic("*", cell.multiplied, first, second)


def divide(first: Term, second: Term | float) -> Term:
    """NaN where the second is 0."""
    return _arithmetic("/", cell.divided, first, second)


def reciprocal(x: Term, numerator: float = 1.0) -> Term:
    """numerator / x; NaN where x is 0."""
    constant = np.full((1, 1), float(numerator))
    return Term(f"({number(numerator)} / {x.text})", (x,), lambda parts, out: cell.under(parts[0], constant, out))


def negate(x: Term) -> Term:
    return multiply(x, -1.0)


def log(x: Term) -> Term:
    """Natural logarithm; NaN where x is not positive."""
    return Term(f"log({x.text})", (x,), lambda parts, out: cell.logarithm(parts[0], out))


def absolute(x: Term) -> Term:
    """Without its sign."""
    return Term(f"abs({x.text})", (x,), lambda parts, out: cell.absolute(parts[0], out))


def sign(x: Term) -> Term:
    """-1, 0 or 1."""
    return Term(f"sign({x.text})", (x,), lambda parts, out: cell.signs(parts[0], out))


def delay(x: Term, rows: int) -> Term:
    """The value of `rows` sessions before."""
    count = length("delay", rows, 0)
    return Term(f"delay({x.text}, {count})", (x,), lambda parts, out: rolling.shifted(parts[0], count, out), count)


def change(x: Term, rows: int = 1) -> Term:
    """The value less that of `rows` sessions before."""
    return subtract(x, delay(x, length("change", rows)))


def returns(x: Term, rows: int = 1, skipped: int = 0) -> Term:
    """Growth from `rows` sessions before to `skipped` sessions before, as a fraction; NaN where either is not positive."""
    count, end = length("returns", rows), length("returns", skipped, 0)
    if end >= count:
        raise Rejected(f"returns: from {count} to {end} sessions before, expected the first to be greater")
    return Term(
        f"returns({x.text}, {count}, {end})", (x,), lambda parts, out: rolling.growth(parts[0], count, end, out), count
    )  # fmt: skip


def log_returns(x: Term, rows: int = 1) -> Term:
    """Logarithm of the growth over `rows` sessions."""
    return log(add(returns(x, length("log_returns", rows)), 1.0))


def mean(x: Term, rows: int) -> Term:
    """Mean of the last `rows` sessions, three quarters of them known."""
    return _windowed("mean", x, rows, 1, lambda values, count, out: rolling.window_mean(values, count, least(count), False, out))


def total(x: Term, rows: int) -> Term:
    """Sum of the last `rows` sessions, three quarters of them known."""
    return _windowed("total", x, rows, 1, lambda values, count, out: rolling.window_mean(values, count, least(count), True, out))


def deviation(x: Term, rows: int) -> Term:
    """Sample standard deviation of the last `rows` sessions, three quarters of them known."""
    return _windowed("deviation", x, rows, 2, lambda values, count, out: rolling.window_deviation(values, count, max(least(count), 2), out))


def highest(x: Term, rows: int) -> Term:
    """Greatest of the last `rows` sessions, three quarters of them known."""
    return _windowed("highest", x, rows, 1, lambda values, count, out: rolling_pair.window_extreme(values, count, least(count), 1.0, out))


def lowest(x: Term, rows: int) -> Term:
    """Least of the last `rows` sessions, three quarters of them known."""
    return _windowed("lowest", x, rows, 1, lambda values, count, out: rolling_pair.window_extreme(values, count, least(count), -1.0, out))


def skewness(x: Term, rows: int) -> Term:
    """Third moment over the cubed deviation of the last `rows` sessions, three quarters of them known; NaN where nothing moves."""
    return _windowed(
        "skewness", x, rows, 3, lambda values, count, out: rolling_pair.window_skewness(values, count, max(least(count), 3), out)
    )  # fmt: skip


def slope(y: Term, x: Term, rows: int) -> Term:
    """Slope of the line of y on x over the last `rows` sessions."""
    return _paired("slope", y, x, rows, rolling_pair.BETA)


def residual_deviation(y: Term, x: Term, rows: int) -> Term:
    """Standard deviation of what the line of y on x leaves over, of the last `rows` sessions (two degrees of freedom taken)."""
    return _paired("residual_deviation", y, x, rows, rolling_pair.RESIDUAL)


def correlation(y: Term, x: Term, rows: int) -> Term:
    """Pearson's correlation over the last `rows` sessions."""
    return _paired("correlation", y, x, rows, rolling_pair.CORRELATION)


def same_month(x: Term, rows: int) -> Term:
    """Mean of x over sessions of the same calendar month within the last `rows`, the present month left out."""
    count = length("same_month", rows, 32)

    def fill(parts: Parts, out: Floats) -> None:
        rolling_pair.same_month(parts[0], parts[1], count, MONTH_LEAST, out)

    return Term(f"same_month({x.text}, {count})", (x, Term(MONTH)), fill, count - 1)


def average(x: Term) -> Term:
    """The mean of the row in every cell of it."""
    return Term(
        f"average({x.text})", (x, Term(MEMBERS)), lambda parts, out: rolling_pair.row_mean(parts[0], parts[1], out), is_across=True
    )  # fmt: skip


def rank(x: Term, groups: Term | None = None) -> Term:
    """Place in its row, 0 lowest to 1 highest; within its group where groups are given."""
    return _across("rank", transform.rank, x, groups)


def zscore(x: Term, groups: Term | None = None) -> Term:
    """Distance from the row's (or the group's) mean in its standard deviations."""
    return _across("zscore", transform.zscore, x, groups)


def demean(x: Term, groups: Term | None = None) -> Term:
    """Less the row's (or the group's) mean."""
    return _across("demean", transform.demean, x, groups)


def winsorise(x: Term, fraction: float = 0.025) -> Term:
    """Cut at the row's quantiles `fraction` and 1 - `fraction`."""
    part = float(fraction)
    if not 0.0 <= part < 0.5:
        raise Rejected(f"winsorise: fraction {fraction!r}, expected at least 0 and below 0.5")

    def fill(parts: Parts, out: Floats) -> None:
        transform.winsorise(parts[0], part, mask=_mask(parts[1]), out=out)

    return Term(f"winsorise({x.text}, {number(part)})", (x, Term(MEMBERS)), fill, is_across=True)


def neutralise(x: Term, *others: Term) -> Term:
    """What a regression of each row on the others leaves over. A field in CATEGORIES is a group, everything else a regressor."""
    if not others:
        raise Rejected(f"neutralise: {x.text} against nothing, expected a group such as sector, or factors such as size()")
    groups = [one for one in others if one.text in CATEGORIES]
    if len(groups) > 1:
        raise Rejected(f"neutralise: groups {[one.text for one in groups]}, expected one at most")
    regressors = [one for one in others if one.text not in CATEGORIES]

    def fill(parts: Parts, out: Floats) -> None:
        codes = parts[-1] if groups else None
        transform.neutralise(parts[0], *parts[2 : 2 + len(regressors)], groups=codes, mask=_mask(parts[1]), out=out)

    text = f"neutralise({', '.join(one.text for one in (x, *regressors, *groups))})"
    return Term(text, (x, Term(MEMBERS), *regressors, *groups), fill, is_across=True)


MONTH = "month"  # the calendar month of each session, 1 to 12; a feature set provides it
MONTH_LEAST = 10  # sessions
CATEGORIES = ("sector", "industry", "country", "exchange", "currency", "group")

STEPS: dict[str, Callable[..., Term]] = {
    "log": log, "abs": absolute, "sign": sign, "delay": delay, "change": change, "returns": returns, "log_returns": log_returns,
    "mean": mean, "total": total, "deviation": deviation, "highest": highest, "lowest": lowest, "skewness": skewness, "slope": slope,
    "residual_deviation": residual_deviation, "correlation": correlation, "average": average, "same_month": same_month,
    "rank": rank, "zscore": zscore, "demean": demean, "winsorise": winsorise,
    "neutralise": neutralise,
}  # fmt: skip


def length(name: str, value: object, minimum: int = 1) -> int:
    """The value as a number of sessions; raises Rejected where it is none."""
    if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= LENGTH_MAX:
        raise Rejected(f"{name}: {value!r} sessions, expected a whole number of {minimum} to {LENGTH_MAX}")
    return value


def least(rows: int) -> int:
    """How many rows of a window must be known."""
    return max(1, math.ceil(SHARE_LEAST * rows))


def number(value: float) -> str:
    """A number in a term's text: one spelling for 1 and 1.0."""
    return repr(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))


def _arithmetic(symbol: str, leaf: Callable[..., None], first: Term, second: Term | float) -> Term:
    if isinstance(second, Term):
        return Term(f"({first.text} {symbol} {second.text})", (first, second), lambda parts, out: leaf(parts[0], parts[1], out))
    constant = np.full((1, 1), float(second))
    return Term(f"({first.text} {symbol} {number(second)})", (first,), lambda parts, out: leaf(parts[0], constant, out))


def _windowed(name: str, x: Term, rows: int, minimum: int, leaf: Callable[[Floats, int, Floats], None]) -> Term:
    count = length(name, rows, minimum)
    return Term(f"{name}({x.text}, {count})", (x,), lambda parts, out: leaf(parts[0], count, out), count - 1)


def _paired(name: str, y: Term, x: Term, rows: int, what: int) -> Term:
    count = length(name, rows, 3)

    def fill(parts: Parts, out: Floats) -> None:
        rolling_pair.window_pair(parts[0], parts[1], count, max(least(count), 3), what, out)

    return Term(f"{name}({y.text}, {x.text}, {count})", (y, x), fill, count - 1)


def _across(name: str, leaf: Callable[..., Floats], x: Term, groups: Term | None) -> Term:
    if groups is None:
        return Term(
            f"{name}({x.text})", (x, Term(MEMBERS)), lambda parts, out: _do(leaf(parts[0], mask=_mask(parts[1]), out=out)), is_across=True
        )  # fmt: skip
    return Term(
        f"{name}({x.text}, {groups.text})", (x, Term(MEMBERS), groups),
        lambda parts, out: _do(leaf(parts[0], groups=parts[2], mask=_mask(parts[1]), out=out)), is_across=True,
    )  # fmt: skip


def _do(_: Floats) -> None:
    """What was filled is in its place already."""


def _mask(members: Floats) -> Floats | None:
    return members if members.size else None
