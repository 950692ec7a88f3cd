"""Funding carry: own the coin, sell as much of its perpetual short, and collect the funding that those who are long pay.

Price moves of the two legs cancel; what stays is the funding, paid every eight hours, less the costs of entering and leaving.
It enters when the yearly average of the last days' rates rises above `enter` and leaves when it falls below `leave`. Rates come from the
dataset `funding`, read as of each bar's end: a rate that is paid at noon is not known at eleven.
"""

import numpy as np

from tradewinds.factors.indicator import crossed_above, sma
from tradewinds.trading.strategy import Float, Int, vector

PAYMENTS_PER_YEAR = 3 * 365


@vector(
    parameters={
        "hours": Int(72, 8, 720),
        "enter": Float(0.10, 0.0, 2.0),
        "leave": Float(0.02, -1.0, 1.0),
        "size": Float(0.45, 0.05, 0.5),
    },
    lookback=lambda p: p.hours + 1,  # a crossing is seen on two neighbouring rows
    targets="weights",
    interval="1h",
    datasets=("funding",),
    is_valid=lambda p: p.leave < p.enter,
)
def funding_carry(panel, params):
    """Weights (times, 2): first the spot, then its perpetual; needs a margin account, for the perpetual is sold short."""
    if len(panel.instruments) != 2:
        raise ValueError(f"{len(panel.instruments)} instruments, expected the spot and its perpetual")
    perpetual = panel.other_instruments("funding").index(panel.instruments[1])
    rate = panel.other("funding", "rate")[:, perpetual]  # the newest one known at each bar's end
    yearly = sma(rate, params.hours) * PAYMENTS_PER_YEAR

    size = np.full(len(yearly), np.nan)  # NaN: stay as you are
    size[yearly < params.leave] = 0.0
    size[crossed_above(yearly, params.enter)] = params.size
    return np.column_stack([size, -size])
