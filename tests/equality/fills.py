"""What an engine did in a scenario, and how two engines are compared: every fill, what it cost, and the equity at the end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple


class Trade(NamedTuple):
    """What changed hands of one instrument in one bar at one price; signed: positive bought."""

    row: int
    instrument: int
    price: float
    quantity: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """Trades by row, instrument and price; fees in all; equity: cash and positions at the last close; refused: orders refused for cash."""

    engine: str
    version: str
    trades: tuple[Trade, ...]
    fees: float
    equity: float
    refused: int | None = None


def outcome(found: dict[str, Any]) -> Outcome:
    """Of a runner's JSON: engine, version, fills [row, instrument, signed quantity, price], fees, equity.

    Fills of one bar, instrument, price and side count as one trade, since a reversal is one order here and two there.
    """
    trades = merged(Trade(int(row), int(instrument), price, quantity) for row, instrument, quantity, price in found["fills"])
    return Outcome(found["engine"], found["version"], trades, found["fees"], found["equity"], found.get("refused"))


def merged(trades: Iterable[Trade]) -> tuple[Trade, ...]:
    """Sorted, with those of one bar, instrument, price and side as one."""
    sums: dict[tuple[int, int, float, bool], float] = {}
    for row, instrument, price, quantity in trades:
        key = (row, instrument, round(price, 8), quantity > 0)
        sums[key] = sums.get(key, 0.0) + quantity
    return tuple(sorted(Trade(row, instrument, price, round(quantity, 8)) for (row, instrument, price, _), quantity in sums.items()))


def differences(ours: Outcome, peer: Outcome) -> list[str]:
    """In words, the first ten trades that only one of the two has."""
    mine, theirs = set(ours.trades), set(peer.trades)
    lines = [(one, f"ours alone: {one}") for one in mine - theirs] + [(one, f"{peer.engine} alone: {one}") for one in theirs - mine]
    return [line for _, line in sorted(lines)][:10]
