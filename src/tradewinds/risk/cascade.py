"""Factor returns by cascaded regressions in time: first the sector, then the styles on what the sector leaves.

In the manner of Quantopian's published risk model (11 sectors and the styles momentum, size, value, short-term reversal, volatility). Each
number of session t uses what was known before t, and the returns of t; the window is two years:

1. Sector exposure: slope of the instrument's returns on those of its sector's fund over the window before t.
2. Sector residual: return of t - exposure x return of the fund.
3. Style returns: `regression`: of the sector residuals of t on the z-scores of all characteristics known before t (`cross_section`), that
   is the return of a portfolio of exposure 1 to its style and 0 to the others; `spread`: mean of the highest fifth by the characteristic
   less mean of the lowest.
4. Style exposures: slopes of the sector residuals on all style returns together over the window before t.
5. Specific return: sector residual - sum of style exposure x style return.

An instrument with fewer than observations_min sessions is taken to move one for one with its sector and not with styles, and is named.
One whose sector is not known has no exposures, and is named.
Source: Quantopian, The Quantopian Risk Model (white paper), 2018; its steps 3 are stated there in words only, so both ways are offered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.risk.cross_section import cross_sectional
from tradewinds.risk.factor_returns import FactorReturns, Floats, Ints
from tradewinds.risk.gap import Gap
from tradewinds.risk.rolling import ABSENT, rolling_betas, rolling_own_betas


@dataclass(frozen=True, slots=True)
class CascadeSettings:
    """window, observations_min: sessions. style_returns: see 3 above. deviations_max: z-scores beyond it count as it."""

    window: int = 504
    observations_min: int = 126
    style_returns: Literal["regression", "spread"] = "regression"
    deviations_max: float = 3.0

    def __post_init__(self) -> None:
        if not 3 <= self.observations_min <= self.window or not self.deviations_max > 0.0:
            raise Rejected(f"cascade: {self}, expected 3 <= observations_min <= window and deviations_max above 0")


TWO_YEARS = CascadeSettings()
FIFTH_MIN = 5  # instruments: with fewer there is no highest fifth


@dataclass(frozen=True, slots=True, eq=False)
class Cascade:
    """exposures: (T + 1, N, S + Q), row t known before session t; the last is for the session to come, and for the `RiskModel`."""

    returns: FactorReturns
    exposures: Floats


def cascaded(
    returns: Floats,
    sector_returns: Floats,
    sectors: Ints,
    styles: Floats,
    *,
    sector_names: Sequence[str],
    style_names: Sequence[str],
    instruments: Sequence[str],
    times: Ints,
    settings: CascadeSettings = TWO_YEARS,
    latest: int | None = None,
) -> Cascade:
    """returns: (T, N). sector_returns: (T, S) of each sector's fund. sectors: (N,) or (T + 1, N) its column, -1 where not known.

    styles: (T, N, Q) characteristics known before each session, in any unit, the higher the more of the style.
    latest: only so many of the last sessions are in the answer, the others serve their windows; a night gives 2 windows + 1 and wants 1.
    """
    returns, gaps = _finite(np.asarray(returns, np.float64), tuple(instruments))
    sessions, width = returns.shape
    count, own = len(sector_names), np.asarray(sectors, np.int64)
    chosen = np.ascontiguousarray(np.broadcast_to(own, (sessions + 1, width)))
    if sector_returns.shape != (sessions, count) or styles.shape != (sessions, width, len(style_names)):
        raise DataFault(
            f"cascade: sector returns {sector_returns.shape}, styles {styles.shape}, expected {(sessions, count)} and "
            f"{(sessions, width, len(style_names))}"
        )
    least = settings.observations_min
    betas, seen = rolling_own_betas(returns, np.asarray(sector_returns, np.float64), chosen, settings.window, least)
    betas = np.where((seen < least) & (chosen != ABSENT), 1.0, betas)
    funds = np.concatenate([sector_returns, np.full((sessions, 1), np.nan)], axis=1)
    residuals = returns - betas[:-1] * np.take_along_axis(funds, chosen[:-1], axis=1)

    first = 0 if latest is None else max(sessions - latest, 0)  # of the answer
    begin = max(first - settings.window, 0)  # of what its windows need
    style_returns = _style_returns(
        residuals[begin:], styles[begin:], tuple(style_names), tuple(instruments), np.asarray(times, np.int64)[begin:], settings
    )
    gaps += [gap for gap in style_returns.gaps if gap.subject in style_names]
    least_styles = max(least, len(style_names) + 2)
    slopes, used = rolling_betas(residuals[begin:], style_returns.values, settings.window, least_styles, first - begin)
    chosen, betas, residuals, common = chosen[first:], betas[first:], residuals[first:], style_returns.values[first - begin :]
    exposures = np.zeros((len(chosen), width, count + len(style_names)))
    for sector in range(count):
        exposures[:, :, sector] = np.where(chosen == sector, betas, 0.0)
    exposures[:, :, count:] = np.nan_to_num(slopes, copy=False)
    exposures[chosen == ABSENT] = np.nan
    specific = residuals - np.einsum("tnq,tq->tn", exposures[:-1, :, count:], np.nan_to_num(common))
    gaps += _history_gaps(chosen[-1], seen[-1], used[-1] if style_names else seen[-1], tuple(instruments), least)
    found = FactorReturns(
        (*sector_names, *style_names), tuple(instruments), np.asarray(times, np.int64)[first:],
        np.concatenate([sector_returns[first:], common], axis=1), specific, _explained(returns[first:], specific),
        np.full((sessions - first, count + len(style_names)), np.nan), tuple(gaps),
    )  # fmt: skip
    return Cascade(found, exposures)


def z_scores(values: Floats, deviations_max: float = 3.0) -> Floats:
    """Across instruments (the second axis): mean 0, deviation 1, cut at deviations_max; 0 where all are alike, NaN where not known."""
    known = np.where(np.isfinite(values), values, np.nan)
    counts = np.maximum((~np.isnan(known)).sum(axis=1, keepdims=True), 1)
    mean = np.nansum(known, axis=1, keepdims=True) / counts
    deviation = np.sqrt(np.nansum((known - mean) ** 2, axis=1, keepdims=True) / counts)
    is_flat = deviation <= 1e-12 * np.abs(mean)
    scores = (known - mean) * np.where(is_flat, 0.0, 1.0 / np.where(is_flat, 1.0, deviation))
    return np.asarray(np.clip(scores, -deviations_max, deviations_max), np.float64)


def _finite(returns: Floats, instruments: tuple[str, ...]) -> tuple[Floats, list[Gap]]:
    """The returns with NaN for what is infinite, and who it was."""
    infinite = np.isinf(returns)
    counts = infinite.sum(axis=0)
    gaps = [Gap(instruments[n], f"{counts[n]} of {len(returns)} sessions have an infinite return") for n in np.flatnonzero(counts)]
    return np.where(infinite, np.nan, returns), gaps


def _style_returns(
    residuals: Floats, styles: Floats, names: tuple[str, ...], instruments: tuple[str, ...], times: Ints, settings: CascadeSettings
) -> FactorReturns:
    scores = z_scores(styles, settings.deviations_max)
    found = cross_sectional(residuals, scores, factors=names, instruments=instruments, times=times)
    if settings.style_returns == "regression" or not names:
        return found
    values = np.full(found.values.shape, np.nan)
    for t in range(len(values)):
        for q in range(len(names)):
            values[t, q] = _spread(residuals[t], scores[t, :, q])
    return FactorReturns(
        names, instruments, found.times, values, found.specific, np.full(len(values), np.nan), np.full(values.shape, np.nan)
    )


def _spread(returns: Floats, scores: Floats) -> float:
    """Mean of the highest fifth less mean of the lowest; NaN with too few instruments."""
    known = np.flatnonzero(np.isfinite(returns) & np.isfinite(scores))
    fifth = len(known) // 5
    if len(known) < FIFTH_MIN or scores[known].min() == scores[known].max():
        return float("nan")
    order = known[np.argsort(scores[known], kind="stable")]
    return float(returns[order[-fifth:]].mean() - returns[order[:fifth]].mean())


def _explained(returns: Floats, specific: Floats) -> Floats:
    """(T,) share of the sum of squared returns that the factors explain, of those with a specific return; NaN where there is none."""
    total = np.nansum(np.where(np.isnan(specific), np.nan, returns) ** 2, axis=1)
    explained = np.full(len(total), np.nan)
    np.divide(np.nansum(specific**2, axis=1), total, out=explained, where=total > 0.0)
    return 1.0 - explained


def _history_gaps(chosen: Ints, seen: Ints, used: Ints, instruments: tuple[str, ...], least: int) -> list[Gap]:
    gaps = []
    for n, name in enumerate(instruments):
        if chosen[n] == ABSENT:
            gaps.append(Gap(name, "its sector is not known: no exposures"))
        elif seen[n] < least:
            gaps.append(Gap(name, f"{seen[n]} sessions, expected {least}: exposure 1 to its sector and none to styles is assumed"))
        elif used[n] < least:
            gaps.append(Gap(name, f"{used[n]} sessions with style returns, expected {least}: no exposure to styles is assumed"))
    return gaps
