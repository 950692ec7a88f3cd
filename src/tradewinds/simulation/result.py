"""What a simulation leaves behind: `Result`, and the fingerprint that says whether two of them are the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tradewinds.compiled import compiled
from tradewinds.core.instant import text
from tradewinds.simulation import kernel
from tradewinds.simulation.books import FILL, ORDER, POSTING
from tradewinds.simulation.market import Market
from tradewinds.simulation.rules import Setup
from tradewinds.simulation.track import track_record
from tradewinds.trading.strategy import Params, Strategy

if TYPE_CHECKING:
    import polars as pl

    from tradewinds.performance.summary import Summary
    from tradewinds.performance.trades import Matching
    from tradewinds.simulation.simulator import Simulator

Floats = NDArray[np.float64]
Words = NDArray[np.uint64]


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
    column_books: tuple[int, ...] = ()  # of a portfolio: the book of each of the market's columns

    def __post_init__(self) -> None:
        for log, dtype in ((self.fills, FILL), (self.orders, ORDER), (self.postings, POSTING)):
            assert log.dtype == dtype
            log.setflags(write=False)
        self.equity.setflags(write=False)

    @property
    def final_equity(self) -> float:
        """In account currency at the last close."""
        return float(self.equity[self.last_row - 1])

    @property
    def columns(self) -> tuple[str, ...]:
        """A name for each column: its instrument; of a portfolio "ID (book)", because two books may hold the same instrument."""
        if not self.books:
            return self.market.ids
        return tuple(f"{name} ({self.books[book]})" for name, book in zip(self.market.ids, self.column_books, strict=True))

    def fills_frame(self) -> pl.DataFrame:
        """One row a fill; quantity in units, signed; money in the instrument's currency (`simulation.frames`)."""
        from tradewinds.simulation.frames import fills_frame

        return fills_frame(self)

    def orders_frame(self) -> pl.DataFrame:
        """One row an order, by id; quantities in units (`simulation.frames`)."""
        from tradewinds.simulation.frames import orders_frame

        return orders_frame(self)

    def equity_frame(self) -> pl.DataFrame:
        """time and equity at each close of the run (`simulation.frames`)."""
        from tradewinds.simulation.frames import equity_frame

        return equity_frame(self)

    def performance(self, *, benchmark: Floats | None = None, risk_free: float = 0.0) -> Summary:
        """The figures of the run (`performance.summary`). benchmark: (times,) levels on the market's times; risk_free: a yearly rate."""
        from tradewinds.performance.summary import of

        return of(track_record(self), benchmark=benchmark, risk_free=risk_free)

    def round_trips(self, matching: Matching = "episode") -> NDArray[np.void]:
        """Fills matched into trips from flat to flat, or lot by lot (`performance.trades.ROUND_TRIP`)."""
        from tradewinds.performance.trades import round_trips

        return round_trips(track_record(self), matching)

    def to_dict(self) -> dict[str, Any]:
        """What `--json` prints of a run: names, span, account, counts and the fingerprint; plain values only."""
        market, capital = self.market, self.setup.account.capital
        held = {
            name: int(lots) * _lot(market, at)
            for at, (name, lots) in enumerate(zip(self.columns, self.quantity.tolist(), strict=True))
            if lots
        }
        mark = self.fingerprint
        return {
            "strategy": self.strategy,
            "parameters": dict(self.parameters),
            "instruments": list(dict.fromkeys(market.ids)),
            "from": text(int(market.end_ns[self.first_row])),
            "to": text(int(market.end_ns[self.last_row - 1])),
            "bars": self.last_row - self.first_row,
            "currency": self.setup.account.currency,
            "capital": capital,
            "equity": self.final_equity,
            "return": self.final_equity / capital - 1.0,
            "orders": len(self.orders),
            "fills": len(self.fills),
            "held": held,
            "is_point_in_time": self.is_point_in_time,
            "notes": list(self.notes),
            "fingerprint": {
                "whole": mark.whole, "vintage": mark.vintage, "source": mark.source, "setup": mark.setup, "kernel": mark.kernel,
                "orders": mark.orders,
            },
        }  # fmt: skip


def result_of(
    strategy: Strategy,
    params: Params,
    simulator: Simulator,
    first: int,
    last: int,
    *,
    is_point_in_time: bool = True,
    notes: tuple[str, ...] = (),
) -> Result:
    """What a simulator holds after a strategy ran over the rows [first, last)."""
    market, setup = simulator.market, simulator.setup
    given = params.as_dict()
    orders, fills = simulator.orders, simulator.fills
    fingerprint = Fingerprint(
        market.vintage, strategy.source, parameters_text(given), setup_hash(setup), kernel.VERSION, orders_hash(orders, fills)
    )
    return Result(
        strategy.name, given, market, setup, first, last, simulator.equity, fills, orders, simulator.postings,
        simulator.books.positions["quantity"].copy(), fingerprint, is_point_in_time, notes,
    )  # fmt: skip


def parameters_text(parameters: Mapping[str, Any]) -> str:
    """Canonical JSON of parameters, for the fingerprint."""
    return json.dumps(dict(sorted(parameters.items())), separators=(",", ":"), allow_nan=False)


def orders_hash(orders: NDArray[np.void], fills: NDArray[np.void]) -> str:
    """64 hexadecimal digits of the order list and the fills: equal where they are equal to the byte.

    Made to be fast, not to withstand forgery: four lanes of 64 bits in the rounds of XXH64, one over every fourth word of both logs
    one after the other, then SHA-256 over lanes and lengths. The logs have no padding: every byte of them is a field's.
    Source of the rounds: the XXH64 specification by Y. Collet.
    """
    lanes = np.array([0x60EA27EEADC0B5D6, 0xC2B2AE3D27D4EB4F, 0x0, 0x61C8864E7A143579], np.uint64)
    for log in (orders, fills):
        mix(np.ascontiguousarray(log).view(np.uint64), lanes)
    return hashlib.sha256(lanes.tobytes() + f"{len(orders)},{len(fills)}".encode()).hexdigest()


@compiled
def mix(words: Words, lanes: Words) -> None:
    """Mix (words,) into four lanes."""
    one, two = np.uint64(0x9E3779B185EBCA87), np.uint64(0xC2B2AE3D27D4EB4F)
    left, right = np.uint64(31), np.uint64(33)
    a, b, c, d = lanes[0], lanes[1], lanes[2], lanes[3]
    whole = len(words) // 4 * 4
    for at in range(0, whole, 4):
        a += words[at] * two
        a = ((a << left) | (a >> right)) * one
        b += words[at + 1] * two
        b = ((b << left) | (b >> right)) * one
        c += words[at + 2] * two
        c = ((c << left) | (c >> right)) * one
        d += words[at + 3] * two
        d = ((d << left) | (d >> right)) * one
    for at in range(whole, len(words)):
        a += words[at] * two
        a = ((a << left) | (a >> right)) * one
    lanes[0], lanes[1], lanes[2], lanes[3] = a, b, c, d


def setup_hash(setup: Setup) -> str:
    """SHA-256 of everything the setup states."""
    return hashlib.sha256(repr(setup).encode()).hexdigest()


def _lot(market: Market, column: int) -> float:
    lot = market.instruments[column].lot
    return 1.0 if lot is None else float(lot)
