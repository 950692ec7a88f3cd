"""From the words of a command or a YAML file to a simulation's setup: account, costs, fills.

A cost is keys and values, in YAML `{bps: 10, maker: 8}`, on the command line `bps=10,maker=8`. Its first key says which one it is:

    bps           BasisPoints    maker, minimum          borrow        Borrow (yearly)
    per_unit      PerUnit        minimum, maximum        long, short   Financing (yearly)
    per_trade     PerTrade                               impact        VolumeShare   power
    half_spread   HalfSpread in basis points             spread_price  HalfSpread as a distance in price
    tiers         Tiers: rows of turnover, maker, taker  (YAML alone)  days
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from tradewinds.core.errors import Rejected
from tradewinds.simulation.rules import (
    Account,
    BasisPoints,
    Borrow,
    Cost,
    Fills,
    Financing,
    HalfSpread,
    PerTrade,
    PerUnit,
    Setup,
    Tiers,
    VolumeShare,
)
from tradewinds.trading.declared import known

# key -> (what it makes, its fields by the other keys)
_COSTS: dict[str, tuple[Callable[..., Cost], dict[str, str]]] = {
    "bps": (BasisPoints, {"bps": "taker", "maker": "maker", "minimum": "minimum"}),
    "per_unit": (PerUnit, {"per_unit": "amount", "minimum": "minimum", "maximum": "maximum"}),
    "per_trade": (PerTrade, {"per_trade": "amount"}),
    "half_spread": (HalfSpread, {"half_spread": "bps", "spread_price": "price"}),
    "spread_price": (HalfSpread, {"half_spread": "bps", "spread_price": "price"}),
    "impact": (VolumeShare, {"impact": "impact", "power": "power"}),
    "borrow": (Borrow, {"borrow": "rate"}),
    "long": (Financing, {"long": "long", "short": "short"}),
    "short": (Financing, {"long": "long", "short": "short"}),
    "tiers": (Tiers, {"tiers": "tiers", "days": "days"}),
}


def setup_of(account: Mapping[str, Any], costs: Sequence[Mapping[str, Any]], fills: Mapping[str, Any], what: str) -> Setup:
    """The setup that these words mean; `what` names their place in errors. Raises Rejected for an unknown key, with the nearest one."""
    names = tuple(one.name for one in fields(Account))
    known(f"{what}: account", account, (*names, "name"))
    chosen = {key: value for key, value in account.items() if key != "name"}  # which account to trade on, no business of a simulation
    for key in ("capital", "leverage", "maintenance", "interest", "debit"):
        if key in chosen:
            chosen[key] = _number(f"{what}: account: {key}", chosen[key])
    known(f"{what}: fills", fills, tuple(one.name for one in fields(Fills)))
    return Setup(Account(**chosen), tuple(cost_of(cost, what) for cost in costs), Fills(**fills))


def cost_of(words: Mapping[str, Any], what: str) -> Cost:
    """One cost. Keys besides its own: instruments, a list of those it is for."""
    kind = next((key for key in words if key in _COSTS), None)
    if kind is None:
        known(f"{what}: cost", words, tuple(_COSTS))
        raise Rejected(f"{what}: cost {dict(words)}, expected one of {', '.join(_COSTS)}")
    make, keys = _COSTS[kind]
    known(f"{what}: cost {kind}", words, (*keys, "instruments"))
    given: dict[str, Any] = {}
    for key, value in words.items():
        if key == "instruments":
            given[key] = (value,) if isinstance(value, str) else tuple(value)
        elif key == "tiers":
            given[key] = tuple(tuple(_number(f"{what}: tiers", one) for one in row) for row in value)
        else:
            given[keys[key]] = int(value) if key == "days" else _number(f"{what}: cost {key}", value)
    return make(**given)


def cost_words(text: str) -> dict[str, str]:
    """`bps=10,maker=8` as keys and values."""
    words = {}
    for part in text.split(","):
        key, equals, value = part.partition("=")
        if not equals or not key.strip() or not value.strip():
            raise Rejected(f"--cost {text!r}, expected KEY=VALUE such as bps=10 or per_unit=0.005,minimum=1; keys are {', '.join(_COSTS)}")
        words[key.strip()] = value.strip()
    return words


def _number(what: str, value: object) -> float:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        try:
            return float(value)
        except ValueError:
            pass
    raise Rejected(f"{what} {value!r}, expected a number")
