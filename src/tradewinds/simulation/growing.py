"""`GrowingSimulator`: the kernel over a market whose bars come one by one: what the paper broker trades with.

1. Bars are written into rows that lie ready; the kernel simulates each as it comes and looks at no later one.
2. Where the rows end, everything that still matters (`snapshot`) begins again at the front: memory does not grow, results do not change.
3. The same snapshot brings a simulation back after a restart.

A day order ends with its session: whether a bar is the last of one is said with the bar, because the next is not there to be looked at.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.core.instrument import Instrument
from tradewinds.simulation.market import Market
from tradewinds.simulation.rules import Setup
from tradewinds.simulation.simulator import Simulator

Floats = NDArray[np.float64]

ROWS = 2048
FORMAT = 1
PRICES = ("open", "high", "low", "close", "volume")
_ROW_OF_ORDER = ("decided_row", "working_row", "expires_row", "inside_row")
_ROW_OF_POSITION = ("last_row", "used_row")
_ROW_OF_STATE = ("row", "first_row", "decided_row", "called_row")
_KEPT = ("cash", "held", "dirty", "turnover", "turnover_day")


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One bar of every instrument: prices and volume (instruments,), NaN where there is none. rates: of the currencies after the first.

    is_last_of_session: day orders end with it.
    """

    start_ns: int
    end_ns: int
    values: Mapping[str, Floats]
    rates: Sequence[float] = ()
    is_last_of_session: bool = False


class GrowingSimulator:
    """A simulation that bars are added to. rows: room before what is over is let go of."""

    def __init__(self, instruments: Sequence[Instrument], setup: Setup, *, rows: int = ROWS) -> None:
        if rows < 4 or not instruments:
            raise Rejected(f"growing simulation: {rows} rows of {len(instruments)} instruments, expected at least 4 of at least one")
        self.instruments = tuple(instruments)
        self.setup = setup
        self.end_ns: int | None = None
        self._rows = rows
        self._told = 0
        account = setup.account.currency
        self.currencies = (account, *sorted({one.currency for one in instruments} - {account}))
        self._make()

    def take(self, row: Row) -> NDArray[np.void]:
        """Simulate one more bar; returns the fills in it (`books.FILL`).

        Raises Rejected for a bar that is not later, and where the account falls below zero.
        """
        if self.end_ns is not None and row.end_ns <= self.end_ns:
            raise Rejected(f"growing simulation: a bar that ends at {row.end_ns}, expected one after {self.end_ns}")
        at = self.simulator.row
        if at + 1 >= self._rows:
            self.restore(self.snapshot())
            at = self.simulator.row
        market = self.market
        market.start_ns[at], market.end_ns[at] = row.start_ns, row.end_ns
        market.session[at + 1] = market.session[at] + row.is_last_of_session
        for name in PRICES:
            getattr(market, name)[at] = row.values[name]
        if len(self.currencies) > 1:
            market.rates[at, 1:] = row.rates
        self.end_ns = row.end_ns
        before = self.simulator.fill_count
        self.simulator.advance(at + 1)
        return self.simulator.fills[before:].copy()

    def posted(self) -> list[tuple[str, float]]:
        """Cash that moved without a fill since this was asked last (or the simulation made, or brought back): (currency, amount)."""
        found = self.simulator.postings[self._told :]
        self._told = int(self.simulator.books.state["postings"][0])
        return [(self.currencies[int(one["currency"])], float(one["amount"])) for one in found if one["amount"]]

    def mark_as_target(self, order: int) -> None:
        """Let an order that was just placed be one of a target: the account trims it to what it can pay instead of refusing it."""
        books, slot = self.simulator.books, self._slot(order)
        if slot is not None and books.orders["is_target"][slot] == 0:
            record = books.orders[slot]
            books.orders["is_target"][slot] = 1
            books.positions["open_orders"][record["instrument"]] += record["side"] * (record["quantity"] - record["filled"])

    def snapshot(self) -> str:
        """Everything that the future of the simulation depends on, as text; the same state is the same text."""
        books, row = self.simulator.books, self.simulator.row
        for column in range(len(self.instruments)):
            self.simulator.last_price(column)  # notes the newest close, whose bar may be let go of
        active = books.active[: int(books.state["active"][0])]
        orders, positions, state = books.orders[active].copy(), books.positions.copy(), books.state.copy()
        base = max(row - 1, 0)  # one bar stays: what accrues counts the days since it
        for records, names in ((orders, _ROW_OF_ORDER), (positions, _ROW_OF_POSITION), (state, _ROW_OF_STATE)):
            for name in names:
                values = records[name]
                values[...] = np.where(values < 0, values, np.maximum(values - base, 0))
        state["fills"] = state["postings"] = state["free"] = state["ended"] = 0
        state["fresh"] = state["active"] = len(orders)
        market = self.market
        last = {name: int(getattr(market, name)[base]) for name in ("start_ns", "end_ns")} if row else {}
        kept: dict[str, Any] = {
            "format": FORMAT, "instruments": [one.id for one in self.instruments], "currencies": list(self.currencies),
            "orders": _text(orders), "positions": _text(positions), "state": _text(state), "end_ns": self.end_ns, "last": last,
            "session": int(market.session[row] - market.session[base]), "rates": market.rates[min(base, len(market.rates) - 1)].tolist(),
        }  # fmt: skip
        books.held[int(books.state["held"][0]) :] = 0  # what stood there is no state
        kept |= {name: _text(getattr(books, name)) for name in _KEPT}
        return json.dumps(kept, sort_keys=True, separators=(",", ":"))

    def restore(self, snapshot: str) -> None:
        """Go on from a snapshot, perhaps with more instruments, or fewer.

        Raises DataFault for text that is none, Rejected where an instrument is held or ordered, or a currency owned, that is not there now.
        """
        try:
            kept = json.loads(snapshot)
            known, ids, currencies = kept["format"], kept["instruments"], kept["currencies"]
        except (ValueError, KeyError, TypeError) as error:
            raise DataFault(f"growing simulation: snapshot {snapshot[:60]!r} cannot be read, expected what `snapshot` wrote") from error
        if known != FORMAT:
            raise DataFault(f"growing simulation: snapshot of format {known!r}, expected {FORMAT}")
        self._make()
        books = self.simulator.books
        orders = _array(kept["orders"], books.orders.dtype).copy()
        positions = _array(kept["positions"], books.positions.dtype)
        columns = self._columns(ids, positions, orders)
        while len(books.orders) < 2 * len(orders):
            self.simulator._grow()  # this is the simulator's other half
            books = self.simulator.books
        orders["instrument"] = [columns[one] for one in orders["instrument"].tolist()]
        books.orders[: len(orders)] = orders
        books.active[: len(orders)] = np.arange(len(orders))
        books.state[:] = _array(kept["state"], books.state.dtype)
        held = int(books.state["held"][0])
        books.held[:held] = [columns[one] for one in _array(kept["held"], books.held.dtype)[:held].tolist()]
        for before, now in columns.items():
            books.positions[now] = positions[before]
            books.dirty[now] = _array(kept["dirty"], books.dirty.dtype)[before]
        books.state["dirty"] = books.dirty.sum()
        self._restore_cash(currencies, _array(kept["cash"], books.cash.dtype))
        for name in ("turnover", "turnover_day"):
            array, values = getattr(books, name), _array(kept[name], getattr(books, name).dtype)
            if array.size == values.size:  # other costs count turnover anew
                array[...] = values.reshape(array.shape)
        market, row = self.market, self.simulator.row
        for name, value in kept["last"].items():
            getattr(market, name)[0] = value
        market.session[row] = market.session[0] + kept["session"]
        if currencies == list(self.currencies):
            market.rates[0] = kept["rates"]
        self.end_ns = kept["end_ns"]

    def slots(self) -> dict[int, int]:
        """Order id -> its place in the log, of the orders that wait or work."""
        books = self.simulator.books
        active = books.active[: int(books.state["active"][0])]
        return dict(zip(books.orders["id"][active].tolist(), active.tolist(), strict=True))

    def _columns(self, ids: list[str], positions: NDArray[Any], orders: NDArray[Any]) -> dict[int, int]:
        """Column in the snapshot -> column now."""
        now = {one.id: column for column, one in enumerate(self.instruments)}
        ordered = set(orders["instrument"].tolist())
        for column, name in enumerate(ids):
            if name not in now and (positions["quantity"][column] != 0 or column in ordered):
                raise Rejected(f"growing simulation: {name} is held or ordered, expected it among the instruments {sorted(now)[:5]}")
        return {column: now[name] for column, name in enumerate(ids) if name in now}

    def _restore_cash(self, currencies: list[str], cash: Floats) -> None:
        self.simulator.books.cash.fill(0.0)
        for currency, amount in zip(currencies, cash.tolist(), strict=True):
            if currency in self.currencies:
                self.simulator.books.cash[self.currencies.index(currency)] = amount
            elif amount:
                raise Rejected(f"growing simulation: {amount} {currency} are owned, expected it among {', '.join(self.currencies)}")

    def _slot(self, order: int) -> int | None:
        return self.slots().get(order)

    def _make(self) -> None:
        width, rows = len(self.instruments), self._rows
        prices = {name: np.full((rows, width), math.nan) for name in PRICES}
        self.market = Market(
            self.instruments, np.zeros(rows, np.int64), np.zeros(rows, np.int64), np.zeros(rows, np.int64),
            prices["open"], prices["high"], prices["low"], prices["close"], prices["volume"],
            currencies=self.currencies, rates=np.ones((rows if len(self.currencies) > 1 else 1, len(self.currencies))),
        )  # fmt: skip
        self.simulator = Simulator(self.market, self.setup, keeps_equity=False)
        self._told = 0


def _text(values: NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()


def _array(text: str, dtype: np.dtype[Any]) -> NDArray[Any]:
    return np.frombuffer(base64.b64decode(text), dtype)
