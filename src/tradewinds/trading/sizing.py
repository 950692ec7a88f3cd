"""From targets to lots: the compiled functions that the kernel and the trading core both call."""

from __future__ import annotations

import numpy as np

from tradewinds.compiled import inlined

UNITS, WEIGHTS, NOTIONAL = 0, 1, 2
CODES = {"units": UNITS, "weights": WEIGHTS, "notional": NOTIONAL}


@inlined
def target_lots(target: float, unit: int, equity: float, price: float, multiplier: float, rate: float, lot: float) -> int:
    """The signed position in lots that a target asks for, rounded toward zero to whole lots.

    target: units of the instrument, a fraction of equity, or an amount of base currency. price: in the instrument's currency, per unit
    before the multiplier. rate: base currency per unit of the instrument's. A hair (1e-9 of a lot) is forgiven, so that 0.3 / 0.1 is 3.
    """
    units = target
    if unit != UNITS:
        notional = target * equity if unit == WEIGHTS else target
        units = notional / (price * multiplier * rate)
    lots = units / lot
    return int(np.int64(lots + 1e-9) if lots >= 0.0 else np.int64(lots - 1e-9))
