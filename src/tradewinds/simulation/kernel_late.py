"""Targets that come after their bar has been simulated, because the strategy read its account or placed an order first.

They are followed as `kernel.decide` would have: sized all at the same close, those that reduce a position first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tradewinds.compiled import compiled
from tradewinds.simulation import kernel_memory as at
from tradewinds.simulation.kernel import follow, wanted_lots
from tradewinds.simulation.kernel_mark import correct, mark
from tradewinds.simulation.kernel_match import take_off
from tradewinds.simulation.kernel_memory import Memory
from tradewinds.simulation.kernel_order import has_room
from tradewinds.trading.sizing import UNITS


@compiled
def follow_late(memory: Memory, targets: NDArray[np.float64], unit: int) -> int:
    """Follow targets (instruments,) decided at the last simulated close, NaN: leave; 1, or 0 where a log has to grow first."""
    state = at.state(memory)
    row = state["row"] - 1
    if not has_room(memory):
        return 0
    if state["called_row"] == row:
        return 1
    fills = state["fills"]
    for instrument in range(len(targets)):
        value, position = targets[instrument], at.positions(memory)[instrument]
        at.lots(memory)[instrument] = 0
        if np.isnan(value) or (unit != UNITS and value == 0.0 and position["quantity"] == 0 and position["open_orders"] == 0):
            continue
        at.lots(memory)[instrument] = wanted_lots(memory, row, instrument, value, unit)
        if at.dirty(memory)[instrument] == 0:  # what `run` followed last does not hold any more: it looks again
            at.dirty(memory)[instrument] = 1
            state["dirty"] += 1
    for is_reducing in (True, False):
        for instrument in range(len(targets)):
            lots = at.lots(memory)[instrument]
            if lots != 0 and (lots * at.positions(memory)[instrument]["quantity"] < 0) == is_reducing:
                at.lots(memory)[instrument] = 0
                follow(memory, row, instrument, lots)
    take_off(memory)
    if state["fills"] != fills:
        mark(memory, row)
        correct(memory, row)
    return 1
