"""Factor returns by weighted least squares of each session's returns on exposures that were known before it.

1. r = X f + u, minimising sum w u^2 over the instruments whose return, weight and exposures are all known and finite.
2. `market` adds a factor to which every instrument has exposure 1. With industries (exposures 0 or 1) it is determined by the constraint
   sum c_j f_j = 0, c_j = capital in industry j: the market then is the capital-weighted return, and an industry's is relative to it.
3. A factor that nothing is exposed to, or that is all but a combination of factors before it (a constant column beside a market), has no
   return in that session and is named in `gaps`; so is every instrument with something missing.
4. Specific return: what is left of every known return whose exposures are known, whether it had a weight or not.

Nothing is fitted across sessions: a session added later gives the numbers it would have given at once.
Source: Menchero, Orr, Wang, The Barra US Equity Model (USE4), 2011, section 4; Grinold & Kahn, Active Portfolio Management, ch. 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.core.instant import to_date
from tradewinds.risk import cross_section_compiled as rows_of
from tradewinds.risk.factor_returns import FactorReturns, Floats, Ints
from tradewinds.risk.gap import Gap


@dataclass(frozen=True, slots=True)
class Design:
    """Of the regression. market: the name of a factor of ones to put first, None for none. industries: names among the exposures.

    constraint: whether industries count by capital or alike. instruments_min: fewest usable instruments, None for one more than factors.
    """

    market: str | None = None
    industries: tuple[str, ...] = ()
    constraint: Literal["capital", "equal"] = "capital"
    instruments_min: int | None = None


NO_MARKET = Design()


def cross_sectional(
    returns: Floats,
    exposures: Floats,
    weights: Floats | None = None,
    *,
    factors: Sequence[str],
    instruments: Sequence[str],
    times: Ints,
    design: Design = NO_MARKET,
    capitals: Floats | None = None,
) -> FactorReturns:
    """Factor and specific returns of every session, with `gaps`.

    returns: (T, N) over session t. exposures: (T, N, K), known before session t. weights: (T, N), equal when None; usual is the square root
    of capital. capitals: (T, N), for the constraint, the weights when None. Raises Rejected for a design that cannot be.
    """
    found, codes = regressed(
        returns, exposures, weights, factors=factors, instruments=instruments, times=times, design=design, capitals=capitals
    )
    return replace(found, gaps=codes.gaps(found.instruments, found.factors, found.times))


@dataclass(frozen=True, slots=True, eq=False)
class Codes:
    """What became of instruments, rows (T, N), and of factors, columns (T, K), in each session: codes of `cross_section_compiled`."""

    rows: NDArray[np.uint8]
    columns: NDArray[np.uint8]

    def followed_by(self, later: Codes) -> Codes:
        return Codes(np.concatenate([self.rows, later.rows]), np.concatenate([self.columns, later.columns]))

    def gaps(self, instruments: tuple[str, ...], factors: tuple[str, ...], times: Ints) -> tuple[Gap, ...]:
        """What was missing over these sessions."""
        return (*_row_gaps(self.rows, instruments, times), *_column_gaps(self.columns, factors, times))


def regressed(
    returns: Floats,
    exposures: Floats,
    weights: Floats | None = None,
    *,
    factors: Sequence[str],
    instruments: Sequence[str],
    times: Ints,
    design: Design = NO_MARKET,
    capitals: Floats | None = None,
) -> tuple[FactorReturns, Codes]:
    """`cross_sectional` whose gaps are still codes, so that those of sessions added later can be told of all sessions together."""
    found = _checked(returns, exposures, weights, capitals, tuple(factors), tuple(instruments), np.asarray(times, np.int64))
    names, told = _design(tuple(factors), design)
    sessions, width = returns.shape
    values, t_stats = np.empty((sessions, len(names))), np.empty((sessions, len(names)))
    specific, r_squared = np.empty((sessions, width)), np.empty(sessions)
    rows, columns = np.empty((sessions, width), np.uint8), np.empty((sessions, len(names)), np.uint8)
    rows_of.regress(*found, told, values, t_stats, specific, r_squared, rows, columns)
    made = FactorReturns(names, tuple(instruments), np.asarray(times, np.int64), values, specific, r_squared, t_stats)
    return made, Codes(rows, columns)


def _checked(
    returns: Floats,
    exposures: Floats,
    weights: Floats | None,
    capitals: Floats | None,
    factors: tuple[str, ...],
    instruments: tuple[str, ...],
    times: Ints,
) -> tuple[Floats, Floats, Floats, Floats]:
    shape = (len(times), len(instruments))
    given = {"returns": (returns, shape), "exposures": (exposures, (*shape, len(factors)))}
    given |= {name: (array, shape) for name, array in (("weights", weights), ("capitals", capitals)) if array is not None}
    for name, (array, expected) in given.items():
        if array.shape != expected:
            raise DataFault(f"cross-sectional regression: {name} of shape {array.shape}, expected {expected}")
    if len(set(factors)) != len(factors) or len(set(instruments)) != len(instruments):
        raise Rejected(f"cross-sectional regression: factors {factors} or instruments stand there twice, expected each once")
    even = np.broadcast_to(np.ones(1), shape) if weights is None else np.asarray(weights, np.float64)
    counted = even if capitals is None else np.asarray(capitals, np.float64)
    return np.asarray(returns, np.float64), np.ascontiguousarray(exposures, np.float64), even, counted


def _design(factors: tuple[str, ...], design: Design) -> tuple[tuple[str, ...], Ints]:
    """The names of all factors, and what the compiled code is told."""
    unknown = sorted(set(design.industries) - set(factors))
    if unknown:
        raise Rejected(f"cross-sectional regression: industries {unknown}, expected names among the factors {list(factors)}")
    if design.industries and design.market is None:
        raise Rejected(
            f"cross-sectional regression: {len(design.industries)} industries and no market, expected the name of a market factor"
        )
    is_given = design.market is None or design.market in factors
    names = factors if is_given or design.market is None else (design.market, *factors)
    fewest = len(names) + 1 if design.instruments_min is None else design.instruments_min
    flags = [not is_given, design.market is not None, design.constraint == "equal", fewest, *(name in design.industries for name in names)]
    return names, np.array(flags, np.int64)


def _row_gaps(rows: NDArray[np.uint8], instruments: tuple[str, ...], times: Ints) -> list[Gap]:
    """One line for each kind of thing that an instrument lacks; an instrument that has no return at all is not there."""
    gaps: list[Gap] = []
    if not len(rows):
        return gaps
    last = len(rows) - 1 - np.argmax(rows[::-1] != rows_of.NO_RETURN, axis=0)
    has_any = (rows != rows_of.NO_RETURN).any(axis=0)
    for code, what in (
        (rows_of.INFINITE, "an infinite return or exposure"), (rows_of.NO_EXPOSURE, "a return but not all exposures"),
        (rows_of.NO_WEIGHT, "no weight: not used to estimate factor returns"),
    ):  # fmt: skip
        counts = (rows == code).sum(axis=0)
        gaps += [Gap(instruments[n], f"{counts[n]} of {len(rows)} sessions have {what}") for n in np.flatnonzero(counts)]
    gaps += [Gap(name, "no return in any session") for name, known in zip(instruments, has_any, strict=True) if not known]
    ended = np.flatnonzero(has_any & (last < len(rows) - 1))
    gaps += [Gap(instruments[n], f"no return after {to_date(int(times[last[n]]))}") for n in ended]
    return gaps


def _column_gaps(columns: NDArray[np.uint8], names: tuple[str, ...], times: Ints) -> list[Gap]:
    gaps = []
    few = np.flatnonzero((columns == rows_of.TOO_FEW).any(axis=1))
    gaps += [Gap(str(to_date(int(times[t]))), "too few instruments with a return, a weight and all exposures") for t in few]
    for code, what in (
        (rows_of.EMPTY, "no instrument is exposed to it"),
        (rows_of.DEPENDENT, "it is constant or a combination of the factors before it"),
    ):
        counts = (columns == code).sum(axis=0)
        gaps += [
            Gap(
                names[k], f"{what} in {counts[k]} of {len(columns)} sessions, first {to_date(int(times[np.argmax(columns[:, k] == code)]))}"
            )
            for k in np.flatnonzero(counts)
        ]
    return gaps
