"""Common and specific return: by hand, and on pyfolio's own example."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from tradewinds.core.errors import DataFault
from tradewinds.performance.factor_attribution import factor_attribution
from tradewinds.performance.track_record import Floats


def test_what_no_factor_explains_is_specific() -> None:
    # Half in a stock of loading 2, half in one of loading 1 and of an unknown loading on the second factor.
    weights = np.array([[0.5, 0.5]])
    loadings = np.array([[[2.0, 1.0], [1.0, np.nan]]])

    found = factor_attribution(np.array([0.05]), weights, loadings, np.array([[0.02, 0.04]]))

    assert found.exposures.tolist() == [[1.5, 0.5]]
    assert found.common[0] == pytest.approx([0.03, 0.02])
    assert found.specific == pytest.approx([0.0], abs=1e-15)


def test_arrays_that_do_not_fit_are_refused() -> None:
    with pytest.raises(DataFault, match=r"returns \(2,\), weights \(1, 2\)"):
        factor_attribution(np.zeros(2), np.zeros((1, 2)), np.zeros((1, 2, 1)), np.zeros((1, 1)))


@pytest.mark.shared
def test_pyfolio_s_example_has_no_specific_return(shared: Path) -> None:
    folder = shared / "known/pyfolio"

    def numbers(name: str) -> Floats:
        with (folder / name).open() as lines:
            return np.array([[float(cell) for cell in row[1:]] for row in list(csv.reader(lines))[1:]])

    positions = numbers("positions.csv")
    with (folder / "returns.csv").open() as lines:
        returns = np.array([float(row[1]) for row in csv.reader(lines)])
    with (folder / "factor_loadings.csv").open() as lines:
        listed = np.array([[float(row[2]), float(row[3])] for row in list(csv.reader(lines))[1:]])
    loadings = listed.reshape(len(returns), 2, 2)  # two tickers a day, in the order of the positions
    weights = positions[:, :2] / positions.sum(axis=1, keepdims=True)

    found = factor_attribution(returns, weights, loadings, numbers("factor_returns.csv"))

    assert len(returns) == 504
    assert found.specific == pytest.approx(numbers("residuals.csv")[:, 0], abs=1e-10)
