"""The steps that factors are written in: arithmetic, windows in time and transforms across instruments, each answering a `Term`.

The functions that a text may call (`expression.py`) are listed in STEPS; the library is written with the same ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import Rejected
from tradewinds.factors import cell, rolling, transform
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
        f"returns({x.text}, {count}, {end})", (x,), lambda parts, out: rolling.growth(parts[0], count, end, False, out), count
    )  # fmt: skip


def log_returns(x: Term, rows: int = 1) -> Term:
    """Logarithm of the growth over `rows` sessions."""
    count = length("log_returns", rows)
    return Term(f"log_returns({x.text}, {count})", (x,), lambda parts, out: rolling.growth(parts[0], count, 0, True, out), count)


def mean(x: Term, rows: int) -> Term:
    """Mean of the last `rows` sessions, three quarters of them known."""
    count = length("mean", rows)
    return Term(
        f"mean({x.text}, {count})", (x,), lambda parts, out: rolling.window_mean(parts[0], count, least(count), False, out), count - 1
    )  # fmt: skip


def total(x: Term, rows: int) -> Term:
    """Sum of the last `rows` sessions, three quarters of them known."""
    count = length("total", rows)
    return Term(
        f"total({x.text}, {count})", (x,), lambda parts, out: rolling.window_mean(parts[0], count, least(count), True, out), count - 1
    )  # fmt: skip


def deviation(x: Term, rows: int) -> Term:
    """Sample standard deviation of the last `rows` sessions, three quarters of them known."""
    count = length("deviation", rows, 2)
    return Term(
        f"deviation({x.text}, {count})", (x,),
        lambda parts, out: rolling.window_deviation(parts[0], count, max(least(count), 2), out), count - 1,
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


CATEGORIES = ("sector", "industry", "country", "exchange", "currency", "group")

STEPS: dict[str, Callable[..., Term]] = {
    "log": log, "abs": absolute, "sign": sign, "delay": delay, "change": change, "returns": returns, "log_returns": log_returns,
    "mean": mean, "total": total, "deviation": deviation, "rank": rank, "zscore": zscore, "demean": demean, "winsorise": winsorise,
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
