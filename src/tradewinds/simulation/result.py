"""What a simulation leaves behind: `Result`, and the fingerprint that says whether two of them are the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tradewinds.simulation.books import FILL, ORDER, POSTING
from tradewinds.simulation.market import Market
from tradewinds.simulation.rules import Setup

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Same inputs, same bytes. `orders` hashes the order list and the fills; `whole` hashes all of it."""

    vintage: str
    source: str  # SHA-256 of the strategy's text
    parameters: str  # canonical JSON
    setup: str  # SHA-256 of the setup's text
    kernel: str
    orders: str

    @property
    def whole(self) -> str:
        """SHA-256 over the other fields."""
        lines = (self.vintage, self.source, self.parameters, self.setup, self.kernel, self.orders)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """A finished run. Logs are structured arrays (`simulation.books`: ORDER, FILL, POSTING); money of fills in the instrument's currency.

    equity: (times,) account currency at each bar's close, NaN outside [first_row, last_row). quantity: lots held at the end.
    is_point_in_time: False when the panel was read with its latest values.
    """

    strategy: str
    parameters: Mapping[str, Any]
    market: Market
    setup: Setup
    first_row: int
    last_row: int
    equity: Floats
    fills: NDArray[np.void]
    orders: NDArray[np.void]
    postings: NDArray[np.void]
    quantity: NDArray[np.int64]
    fingerprint: Fingerprint
    is_point_in_time: bool = True
    notes: tuple[str, ...] = ()
    books: tuple[str, ...] = field(default_factory=tuple)  # names of the strategies of a portfolio; Fill.book points here

    def __post_init__(self) -> None:
        for log, dtype in ((self.fills, FILL), (self.orders, ORDER), (self.postings, POSTING)):
            assert log.dtype == dtype
            log.setflags(write=False)
        self.equity.setflags(write=False)


def parameters_text(parameters: Mapping[str, Any]) -> str:
    """Canonical JSON of parameters, for the fingerprint."""
    return json.dumps(dict(sorted(parameters.items())), separators=(",", ":"), allow_nan=False)


def orders_hash(orders: NDArray[np.void], fills: NDArray[np.void]) -> str:
    """SHA-256 of the order list and the fills, field by field, so that padding never counts."""
    digest = hashlib.sha256()
    for log in (orders, fills):
        for name in log.dtype.names or ():
            digest.update(np.ascontiguousarray(log[name]).tobytes())
    return digest.hexdigest()


def setup_hash(setup: Setup) -> str:
    """SHA-256 of everything the setup states."""
    return hashlib.sha256(repr(setup).encode()).hexdigest()
