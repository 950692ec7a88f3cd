"""Cross-sectional momentum: at each month's end own, in equal parts, the `top` instruments that rose most over the last year.

The newest month is left out of the comparison, because what rose last tends to fall back in the next weeks.
Source: Jegadeesh & Titman, Returns to Buying Winners and Selling Losers, Journal of Finance (1993).
"""

import numpy as np

from tradewinds.trading.strategy import Int, vector


@vector(
    parameters={"window": Int(252, 20, 520), "skip": Int(21, 0, 60), "top": Int(10, 1, 200)},
    lookback=lambda p: p.window + 1,  # this close and the one `window` bars before it
    targets="weights",
    rhythm="month end",
    is_valid=lambda p: p.skip < p.window,
)
def momentum(panel, params):
    """Weights (times, instruments) on the rows at which it decides; NaN elsewhere: leave things as they are."""
    close = panel.close
    targets = np.full(close.shape, np.nan)
    for row in panel.decisions:
        if row < params.window:
            continue
        rise = close[row - params.skip] / close[row - params.window] - 1.0
        rise[np.isnan(close[row])] = np.nan  # what does not trade today cannot be bought tomorrow
        best = np.argsort(-rise, kind="stable")[: params.top]  # NaN sorts last; ties go to the instrument that stands first
        targets[row] = 0.0
        targets[row, best[~np.isnan(rise[best])]] = 1.0 / params.top  # fewer than `top`: the rest stays cash
    return targets
