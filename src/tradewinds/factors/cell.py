"""Compiled arithmetic of single cells (times, instruments): what is not finite is not known.

The second operand may be (1, 1): one number for all cells.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tradewinds.compiled import compiled, inlined

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@inlined
def known(value: float) -> float:
    return value if abs(value) < np.inf else np.nan


@compiled
def added(first: Floats, second: Floats, out: Floats) -> None:
    x, y, z = first.ravel(), second.ravel(), out.ravel()
    if len(y) == 1:
        for i in range(len(x)):
            z[i] = known(x[i] + y[0])
    else:
        for i in range(len(x)):
            z[i] = known(x[i] + y[i])


@compiled
def subtracted(first: Floats, second: Floats, out: Floats) -> None:
    x, y, z = first.ravel(), second.ravel(), out.ravel()
    if len(y) == 1:
        for i in range(len(x)):
            z[i] = known(x[i] - y[0])
    else:
        for i in range(len(x)):
            z[i] = known(x[i] - y[i])


@compiled
def multiplied(first: Floats, second: Floats, out: Floats) -> None:
    x, y, z = first.ravel(), second.ravel(), out.ravel()
    if len(y) == 1:
        for i in range(len(x)):
            z[i] = known(x[i] * y[0])
    else:
        for i in range(len(x)):
            z[i] = known(x[i] * y[i])


@compiled
def divided(first: Floats, second: Floats, out: Floats) -> None:
    x, y, z = first.ravel(), second.ravel(), out.ravel()
    if len(y) == 1:
        for i in range(len(x)):
            z[i] = known(x[i] / y[0])
    else:
        for i in range(len(x)):
            z[i] = known(x[i] / y[i])


@compiled
def under(values: Floats, numerator: Floats, out: Floats) -> None:
    x, y, z = values.ravel(), numerator.ravel(), out.ravel()
    for i in range(len(x)):
        z[i] = known(y[0] / x[i])


def logarithm(values: Floats, out: Floats) -> None:
    """numpy's: it takes eight at once, where a compiled loop calls the C library for each."""
    with np.errstate(divide="ignore", invalid="ignore"):
        np.log(values, out=out)
    cleaned(out, out)


@compiled
def absolute(values: Floats, out: Floats) -> None:
    x, z = values.ravel(), out.ravel()
    for i in range(len(x)):
        z[i] = abs(x[i])


@compiled
def signs(values: Floats, out: Floats) -> None:
    x, z = values.ravel(), out.ravel()
    for i in range(len(x)):
        z[i] = 1.0 if x[i] > 0.0 else -1.0 if x[i] < 0.0 else x[i]


@compiled
def cleaned(values: Floats, out: Floats) -> None:
    """NaN for what is infinite."""
    x, z = values.ravel(), out.ravel()
    for i in range(len(x)):
        z[i] = known(x[i])


@compiled
def bars_since(positions: Floats, traded: Bools, out: Floats) -> None:
    """From positions counted in bars that traded to how many of them ago."""
    number = np.zeros(positions.shape[1])
    for t in range(len(positions)):
        for j in range(positions.shape[1]):
            out[t, j] = number[j] - positions[t, j]
            number[j] += 1.0 if traded[t, j] else 0.0


@compiled
def hide_sparse(traded: Bools, rows: int, needed: int, out: Floats) -> None:
    """NaN where fewer than `needed` of the last `rows` rows traded."""
    count = np.zeros(traded.shape[1], np.int64)
    for t in range(len(traded)):
        for j in range(traded.shape[1]):
            count[j] += traded[t, j]
            if t >= rows:
                count[j] -= traded[t - rows, j]
            if count[j] < needed:
                out[t, j] = np.nan
