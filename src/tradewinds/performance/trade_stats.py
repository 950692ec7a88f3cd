"""What a list of round trips says: how often, how much, how evenly, and in what runs.

Open round trips are counted and left out of everything else. A figure that nothing defines (no loss to divide by, one trade) is None.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tradewinds.performance.track_record import Floats


@dataclass(frozen=True, slots=True)
class TradeStats:
    """Money in account currency, after commission. A trade that nets exactly 0 is neither won nor lost.

    strike_rate: won / count. profit_factor: sum of wins / sum of losses. payoff: average win / average loss. expectancy: average net.
    expectancy_fraction: average net / cost. sqn: sqrt(count) x mean(net) / sample deviation(net) (Van Tharp, Definitive Guide to Position
    Sizing; he caps count at 100, we do not). kelly: strike - (1 - strike) / payoff (Kelly 1956). mfe, mae: average fractions.
    """

    count: int
    open: int
    won: int
    lost: int
    long: int
    strike_rate: float | None
    net: float
    gross: float
    commission: float
    profit_factor: float | None
    payoff: float | None
    expectancy: float | None
    expectancy_fraction: float | None
    sqn: float | None
    kelly: float | None
    streak_won: int
    streak_lost: int
    best: float | None
    worst: float | None
    best_fraction: float | None
    worst_fraction: float | None
    bars_average: float | None
    bars_longest: int | None
    mfe_average: float | None
    mae_average: float | None


def trade_stats(trips: NDArray[np.void]) -> TradeStats:
    """Of round trips (trades.ROUND_TRIP); streaks follow their order."""
    closed = trips[trips["is_open"] == 0]
    net, fraction, bars = closed["net"], closed["fraction"], closed["bars"]
    some = len(closed) > 0
    won, lost = net > 0, net < 0

    def average(values: Floats) -> float | None:
        kept = values[np.isfinite(values)]
        return float(kept.mean()) if len(kept) else None

    known = fraction[np.isfinite(fraction)]
    return TradeStats(
        count=len(closed),
        open=len(trips) - len(closed),
        won=int(won.sum()),
        lost=int(lost.sum()),
        long=int((closed["side"] > 0).sum()),
        strike_rate=float(won.mean()) if some else None,
        net=math.fsum(net),
        gross=math.fsum(closed["gross"]),
        commission=math.fsum(closed["commission"]),
        profit_factor=profit_factor(net),
        payoff=payoff(net),
        expectancy=average(net),
        expectancy_fraction=average(fraction),
        sqn=system_quality(net),
        kelly=kelly(net),
        streak_won=longest_streak(won),
        streak_lost=longest_streak(lost),
        best=float(net.max()) if some else None,
        worst=float(net.min()) if some else None,
        best_fraction=float(known.max()) if len(known) else None,
        worst_fraction=float(known.min()) if len(known) else None,
        bars_average=float(bars.mean()) if some else None,
        bars_longest=int(bars.max()) if some else None,
        mfe_average=average(closed["mfe"]),
        mae_average=average(closed["mae"]),
    )


def profit_factor(profits: Floats) -> float | None:
    """Sum of wins / sum of losses; None without a loss."""
    lost = -float(profits[profits < 0].sum())
    return float(profits[profits > 0].sum()) / lost if lost > 0 else None


def payoff(profits: Floats) -> float | None:
    """Average win / average loss; None without a win or without a loss."""
    won, lost = profits[profits > 0], profits[profits < 0]
    return float(won.mean() / -lost.mean()) if len(won) and len(lost) else None


def system_quality(profits: Floats) -> float | None:
    """SQN: sqrt(count) x mean / sample deviation; None below two trades or where all profits are alike. Source: Van Tharp."""
    if len(profits) < 2:
        return None
    spread = float(profits.std(ddof=1))
    return math.sqrt(len(profits)) * float(profits.mean()) / spread if spread > 0 else None


def kelly(profits: Floats) -> float | None:
    """The fraction of capital that maximises growth of a bet that wins so often and so much. Source: Kelly (1956)."""
    ratio = payoff(profits)
    if ratio is None or ratio == 0.0:
        return None
    strike = float((profits > 0).mean())
    return strike - (1.0 - strike) / ratio


def longest_streak(happened: NDArray[np.bool_]) -> int:
    """The most in a row."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], happened, [False]])))
    return int((edges[1::2] - edges[::2]).max()) if len(edges) else 0
