"""Across instruments: each row on its own, NaN passed over and left NaN, only members of the universe counted where a mask is given.

values: (times, instruments). groups: (times, instruments) whole numbers such as sector codes, NaN where missing: such a cell is NaN.
mask: (times, instruments), True (or 1) for members; others are NaN in the answer.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import Rejected
from tradewinds.factors import crosswise

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_] | Floats

ROWS_AT_ONCE = 128


def rank(values: Floats, *, groups: Floats | None = None, mask: Mask | None = None, out: Floats | None = None) -> Floats:
    """Place in the row from 0 (lowest) to 1 (highest), ties share their mean place; 0.5 for one alone."""
    given, codes, target = _asked("rank", values, groups, mask, out)
    for begin in range(0, len(given), ROWS_AT_ONCE):
        rows = slice(begin, begin + ROWS_AT_ONCE)
        order = _order(given[rows])
        if codes is None:
            crosswise.places(given[rows], order, target[rows])
        else:
            crosswise.places_in_groups(given[rows], order, codes[rows], target[rows])
    return target


def demean(values: Floats, *, groups: Floats | None = None, mask: Mask | None = None, out: Floats | None = None) -> Floats:
    """Less the mean of the row, or of its group in the row."""
    given, codes, target = _asked("demean", values, groups, mask, out)
    if codes is None:
        crosswise.centred(given, False, target)
    else:
        crosswise.centred_in_groups(given, codes, False, target)
    return target


def zscore(values: Floats, *, groups: Floats | None = None, mask: Mask | None = None, out: Floats | None = None) -> Floats:
    """Distance from the row's mean in its sample standard deviations; NaN where nothing differs."""
    given, codes, target = _asked("zscore", values, groups, mask, out)
    if codes is None:
        crosswise.centred(given, True, target)
    else:
        crosswise.centred_in_groups(given, codes, True, target)
    return target


def winsorise(values: Floats, fraction: float = 0.025, *, mask: Mask | None = None, out: Floats | None = None) -> Floats:
    """Cut at the row's quantiles `fraction` and 1 - `fraction` (interpolated between neighbours)."""
    if not 0.0 <= fraction < 0.5:
        raise Rejected(f"winsorise: fraction {fraction}, expected at least 0 and below 0.5")
    given, _, target = _asked("winsorise", values, None, mask, out)
    for begin in range(0, len(given), ROWS_AT_ONCE):
        rows = slice(begin, begin + ROWS_AT_ONCE)
        crosswise.clipped(given[rows], np.sort(given[rows], axis=1), fraction, target[rows])
    return target


def neutralise(
    values: Floats, *regressors: Floats, groups: Floats | None = None, mask: Mask | None = None, out: Floats | None = None
) -> Floats:
    """What a least-squares fit of each row on the regressors, and on groups or a constant, leaves over.

    A cell is NaN where the value, its group or one regressor is; a row is NaN with no more cells than regressors. Regressors that
    follow from the others in a row count for nothing.
    """
    given, codes, target = _asked("neutralise", values, groups, mask, out)
    parts = [_cells("neutralise", one, given.shape) for one in regressors]
    if not parts:
        return demean(given, groups=codes, out=target)
    crosswise.residual(given, np.stack(parts), np.zeros(given.shape) if codes is None else codes, target)
    return target


def _order(values: Floats) -> NDArray[np.int64]:
    """Positions of each row by rising value, NaN last."""
    low_bits = max(1, (values.shape[1] - 1).bit_length())
    keys, order = np.empty(values.shape, np.uint64), np.empty(values.shape, np.int64)
    crosswise.keys(values, low_bits, keys)
    keys.sort(axis=1)
    crosswise.ordered(values, keys, low_bits, order)
    return order


def _asked(
    name: str, values: Floats, groups: Floats | None, mask: Mask | None, out: Floats | None
) -> tuple[Floats, Floats | None, Floats]:  # fmt: skip
    given = _cells(name, values, np.shape(values))
    if mask is not None:
        members = np.asarray(mask)
        if members.shape != given.shape:
            raise Rejected(f"{name}: a mask of shape {members.shape}, expected {given.shape} (times, instruments)")
        given = np.where(members == 1, given, np.nan)
    codes = None if groups is None else codes_of(_cells(f"{name} groups", groups, given.shape))
    return given, codes, np.empty(given.shape) if out is None else out


def _cells(name: str, values: Floats, shape: tuple[int, ...]) -> Floats:
    given = np.ascontiguousarray(values, dtype=np.float64)
    if given.ndim != 2 or given.shape != shape:
        raise Rejected(f"{name}: values of shape {given.shape}, expected {shape if len(shape) == 2 else ''} (times, instruments)")
    return given


def codes_of(groups: Floats) -> Floats:
    """The groups numbered 0, 1, 2 .. where they are not small whole numbers already; NaN stays NaN."""
    known = groups[~np.isnan(groups)]
    if len(known) == 0 or (known.min() >= 0 and known.max() < crosswise.GROUPS_MAX and bool((known == np.floor(known)).all())):
        return groups
    distinct, place = np.unique(known, return_inverse=True)
    if len(distinct) > crosswise.GROUPS_MAX:
        raise Rejected(f"groups: {len(distinct)} of them, expected at most {crosswise.GROUPS_MAX}")
    codes = np.full(groups.shape, np.nan)
    codes[~np.isnan(groups)] = place
    return codes
