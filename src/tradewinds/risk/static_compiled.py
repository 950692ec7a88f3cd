"""The static limits as machine code, for the simulation kernel: the functions of `static.py`, compiled, and all of them in one call."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tradewinds.compiled import compiled, inlined
from tradewinds.risk import static
from tradewinds.risk.bounds import Limits
from tradewinds.risk.static import CONCENTRATION, GROSS, LEVERAGE, LONG_ONLY, NET, NOTIONAL, PASSED, POSITION, QUANTITY

position_after = inlined(static.position_after)
is_reducing = inlined(static.is_reducing)
is_above = inlined(static.is_above)
is_beyond = inlined(static.is_beyond)
is_net_beyond = inlined(static.is_net_beyond)
worst_size = inlined(static.worst_size)


def limits_array(limits: Limits) -> NDArray[np.float64]:
    """(9,) float64 as `breach` wants them, at the place of each rule's code; NaN where there is no limit."""
    found = np.full(9, np.nan)
    for code, value in (
        (QUANTITY, limits.quantity_max), (NOTIONAL, limits.notional_max), (POSITION, limits.position_max), (GROSS, limits.gross_max),
        (NET, limits.net_max), (LEVERAGE, limits.leverage_max), (CONCENTRATION, limits.concentration_max),
    ):  # fmt: skip
        if value is not None:
            found[code] = float(value)
    if limits.is_long_only:
        found[LONG_ONLY] = 1.0
    return found


@compiled
def breach(
    signed: float,
    unit: float,
    held: float,
    buys: float,
    sells: float,
    exposure: tuple[float, float, float],
    equity: float,
    limits: NDArray[np.float64],
) -> int:
    """The code of the first static limit that an order breaks (`static.RULES` names it), 0 where it passes.

    signed: units, sold negative. unit: base currency per unit of the instrument. held, buys, sells: units held and working, the latter two
    positive. exposure: gross, net when all that is bought fills, net when all that is sold fills; of everything, in base currency.
    """
    quantity = abs(signed)
    side = 1 if signed > 0.0 else -1
    if is_above(quantity, limits[QUANTITY]):
        return QUANTITY
    if is_above(quantity * unit, limits[NOTIONAL]):
        return NOTIONAL
    pending = buys if signed > 0.0 else -sells
    after = position_after(held, pending, signed)
    if is_reducing(held, after):
        return PASSED
    if limits[LONG_ONLY] == 1.0 and signed < 0.0 and after < 0.0:
        return LONG_ONLY
    if is_beyond(after, held + pending, limits[POSITION]):
        return POSITION
    high, low = held + buys, held - sells
    here = worst_size(high, low) * unit
    there = worst_size(after if signed > 0.0 else high, low if signed > 0.0 else after) * unit
    gross = exposure[0] - here + there
    net = (exposure[1] if signed > 0.0 else exposure[2]) + signed * unit
    if is_beyond(gross, exposure[0], limits[GROSS]):
        return GROSS
    if is_net_beyond(net, side, limits[NET]):
        return NET
    if is_beyond(gross, exposure[0], limits[LEVERAGE] * equity):
        return LEVERAGE
    if is_beyond(there, here, limits[CONCENTRATION] * equity):
        return CONCENTRATION
    return PASSED
