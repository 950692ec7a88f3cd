"""How much of a return is common to everything with the same exposures, and how much is specific.

Common return of a factor = exposure x factor return, exposure = sum of weight x loading; what is left is specific.
Source: Grinold & Kahn, Active Portfolio Management, ch. 17; pyfolio's `perf_attrib` does the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tradewinds.core.errors import DataFault
from tradewinds.performance.track_record import Floats


@dataclass(frozen=True, slots=True, eq=False)
class FactorAttribution:
    """exposures, common: (periods, factors). specific: (periods,). common summed over factors + specific = return."""

    exposures: Floats
    common: Floats
    specific: Floats


def factor_attribution(returns: Floats, weights: Floats, loadings: Floats, factor_returns: Floats) -> FactorAttribution:
    """Split returns (periods,) by factors.

    weights: (periods, instruments) of equity, held over the period. loadings: (periods, instruments, factors), NaN counts as 0.
    factor_returns: (periods, factors).
    """
    periods, width = weights.shape
    factors = factor_returns.shape[-1]
    if returns.shape != (periods,) or loadings.shape != (periods, width, factors) or factor_returns.shape != (periods, factors):
        raise DataFault(
            f"factor attribution: returns {returns.shape}, weights {weights.shape}, loadings {loadings.shape}, factor returns "
            f"{factor_returns.shape}; expected (periods,), (periods, instruments), (periods, instruments, factors), (periods, factors)"
        )
    known = np.where(np.isnan(loadings), 0.0, loadings)
    exposures = np.asarray((weights[:, :, None] * known).sum(axis=1), np.float64)
    common = exposures * factor_returns
    return FactorAttribution(exposures, common, returns - common.sum(axis=1))
