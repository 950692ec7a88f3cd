"""How long it takes to leave: days to exit each position while trading no more than a share of its daily volume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.risk.factor_returns import Floats
from tradewinds.risk.gap import Gap


@dataclass(frozen=True, slots=True, eq=False)
class Liquidity:
    """days: (N,) sessions to exit, 0 where nothing is held, NaN where volume is not known or zero. share_within: by days, share of gross.

    days_to_exit: of everything that can be sold, None where nothing held can be. participation: share of volume.
    """

    participation: float
    days: Floats
    days_to_exit: float | None
    share_within: tuple[tuple[float, float], ...]
    gaps: tuple[Gap, ...]


def liquidity(
    values: Floats,
    daily_volumes: Floats,
    instruments: Sequence[str],
    participation: float = 0.1,
    horizons: Sequence[float] = (1.0, 5.0, 20.0),
) -> Liquidity:
    """values: (N,) held, signed, in money. daily_volumes: (N,) usual money traded a session. What has no volume counts as never sold.

    horizons: sessions within which a share of gross can be sold; parts of a position count.
    """
    if not 0.0 < participation <= 1.0:
        raise Rejected(f"days to exit: participation {participation}, expected a share above 0 and up to 1")
    if values.shape != daily_volumes.shape or values.shape != (len(instruments),) or not np.isfinite(values).all():
        raise DataFault(f"days to exit: values {values.shape}, volumes {daily_volumes.shape}, expected ({len(instruments)},) numbers each")
    size = np.abs(values)
    is_traded = np.isfinite(daily_volumes) & (np.nan_to_num(daily_volumes) > 0.0)
    capacity = np.where(is_traded, daily_volumes, np.nan) * participation
    days = np.where(size == 0.0, 0.0, size / capacity)
    gaps = tuple(
        Gap(instruments[n], f"{values[n]:,.0f} held and no volume is known: not counted as something that can be sold")
        for n in np.flatnonzero(np.isnan(days)).tolist()
    )
    gross = float(size.sum())
    sold = ((horizon, float(np.nansum(np.minimum(size, capacity * horizon)))) for horizon in horizons)
    within = tuple((horizon, amount / gross if gross > 0.0 else 1.0) for horizon, amount in sold)
    known = days[~np.isnan(days)]
    return Liquidity(participation, days, float(known.max()) if len(known) else None, within, gaps)
