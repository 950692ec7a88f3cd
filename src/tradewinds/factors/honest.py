"""Whether a factor keeps its word: it does not read the future, nor rows older than its lookback. For factors of one's own.

1. Everything after a row is changed, then cut off: the row and those before it must stay the same.
2. Everything older than `lookback` rows before a row is cut off: the row must stay the same, within the factor's declared error.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import Rejected
from tradewinds.factors.factor import Factor
from tradewinds.factors.term import evaluate

Floats = NDArray[np.float64]

ROWS_TRIED = 5
ROUNDING = 1e-12  # of a value's size: sums may be taken in another order


def check_factor(factor: Factor, fields: Mapping[str, Floats]) -> None:
    """Try a factor on these fields, at ROWS_TRIED rows of their second half and before as many gaps end.

    Raises Rejected naming what it reads and where it shows.

    The fields should be longer than twice its lookback and hold what real ones hold: gaps, late listings, ends.
    """
    given = {name: np.array(fields[name], dtype=np.float64) for name in factor.inputs}
    times = min((len(one) for one in given.values()), default=0)
    if times <= factor.lookback + ROWS_TRIED + 1:
        raise Rejected(f"factor {factor.name}: tried on {times} sessions, expected more than its lookback of {factor.lookback}")
    whole = _values(factor, given)
    for row in [*np.linspace(max(times // 2, factor.lookback), times - 2, ROWS_TRIED).astype(int).tolist(), *_gap_ends(given)]:
        seen = slice(0, row + 1)
        later = {name: _changed(values, row) for name, values in given.items()}
        is_cut_the_same = not _differs(_values(factor, _cut(given, seen)), whole[seen], 0.0)
        if _differs(_values(factor, later)[seen], whole[seen], 0.0) or not is_cut_the_same:
            raise Rejected(f"factor {factor.name}: row {row} changes with what came after it, expected that it reads nothing of it")
        begin = max(0, row - factor.lookback)
        if _differs(_values(factor, _cut(given, slice(begin, row + 1)))[-1:], whole[row : row + 1], factor.error * _spread(whole)):
            raise Rejected(f"factor {factor.name}: row {row} reads rows before {begin}, expected its lookback to be {factor.lookback}")


def _values(factor: Factor, fields: Mapping[str, Floats]) -> Floats:
    return evaluate([factor.steps], fields)[0]


def _gap_ends(fields: Mapping[str, Floats]) -> list[int]:
    """The last rows of gaps, where what is filled from behind shows."""
    found: set[int] = set()
    for values in fields.values():
        ends = np.isnan(values[:-1]) & ~np.isnan(values[1:])
        found |= set(np.flatnonzero(ends.any(axis=1)).tolist())
    return sorted(found)[-ROWS_TRIED:]


def _changed(values: Floats, row: int) -> Floats:
    later = values.copy()
    later[row + 1 :] = later[row + 1 :][::-1] * 3.0 + 1.0
    return later


def _cut(fields: Mapping[str, Floats], rows: slice) -> dict[str, Floats]:
    return {name: np.ascontiguousarray(values[rows]) for name, values in fields.items()}


def _differs(found: Floats, expected: Floats, error: float) -> bool:
    if bool((np.isnan(found) != np.isnan(expected)).any()):
        return True
    allowed = ROUNDING * np.maximum(np.abs(found), np.abs(expected)) + error
    return bool((np.abs(found - expected) > allowed).any())


def _spread(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.std()) if len(known) else 0.0
