"""`BookSimulator`: the simulator of a portfolio as one of its event strategies sees it, its own columns and orders alone.

It stands where a strategy's desk wants a simulator. The portfolio moves the shared one; here `run` and `advance` only agree that it has
been moved. Equity is the book's allocation of the whole; cash is the account's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import Invariant
from tradewinds.simulation.books import FILL
from tradewinds.simulation.desk import follow
from tradewinds.simulation.market import Market
from tradewinds.simulation.rules import Setup
from tradewinds.simulation.simulator import Simulator
from tradewinds.trading.strategy import TargetUnit


class BookSimulator:
    """market: the book's own columns of the shared market, which begin there at `at`; number: the book's."""

    def __init__(self, shared: Simulator, market: Market, at: int, number: int, allocation: float) -> None:
        self.market = market
        self._shared = shared
        self._at = at
        self._number = number
        self._allocation = allocation
        self._fills = np.empty(0, FILL)
        self._seen = 0

    @property
    def setup(self) -> Setup:
        return self._shared.setup

    @property
    def books(self) -> Any:
        return self._shared.books

    @property
    def bars(self) -> Any:
        """The shared bars, with the terms of the book's own columns."""
        shared = self._shared.bars
        return shared._replace(terms=shared.terms[self._at : self._at + self.market.shape[1]])

    @property
    def row(self) -> int:
        return self._shared.row

    @property
    def equity_now(self) -> float:
        """The book's allocation of the account's equity: what its weights are fractions of."""
        return self._allocation * self._shared.equity_now

    @property
    def fills(self) -> NDArray[np.void]:
        """The book's own fills, instruments as its columns."""
        every = self._shared.fills
        if len(every) > self._seen:
            fresh = every[self._seen :]
            own = fresh[(fresh["instrument"] >= self._at) & (fresh["instrument"] < self._at + self.market.shape[1])].copy()
            own["instrument"] -= self._at
            self._fills = np.concatenate([self._fills, own]) if len(own) else self._fills
            self._seen = len(every)
        return self._fills

    @property
    def orders(self) -> NDArray[np.void]:
        """Every order of the account: ids are shared, so that a book's ids may have gaps."""
        return self._shared.orders

    def run(self, targets: NDArray[np.float64], first: int = 0, last: int | None = None) -> None:
        self.advance(self.market.shape[0] if last is None else last)

    def advance(self, last: int) -> None:
        if self._shared.row < last:
            raise Invariant(f"book {self._number}: at row {self._shared.row}, expected the portfolio to have simulated up to {last}")

    def follow(self, targets: NDArray[np.float64], unit: TargetUnit) -> None:
        """Follow targets (instruments of the book,) decided at the last simulated close, those that reduce a position first."""
        wide = np.full(self._shared.market.shape[1], np.nan)
        wide[self._at : self._at + len(targets)] = targets * self._allocation if unit == "weights" else targets
        follow(self._shared, wide, unit)

    def submit(self, instrument: int, side: int, quantity: float, kind: str = "market", **terms: Any) -> int:
        return self._shared.submit(self._at + instrument, side, quantity, kind, **(terms | {"book": self._number}))

    def cancel(self, order_id: int) -> bool:
        return self._is_own(order_id) and self._shared.cancel(order_id)

    def order(self, order_id: int) -> Any:
        record = self._shared.order(order_id).copy()
        record["instrument"] -= self._at
        return record

    def cash(self, currency: str | None = None) -> float:
        return self._shared.cash(currency)

    def quantity(self, instrument: int) -> float:
        return self._shared.quantity(self._at + instrument)

    def average_price(self, instrument: int) -> float:
        return self._shared.average_price(self._at + instrument)

    def open_orders(self, instrument: int | None = None) -> list[int]:
        if instrument is not None:
            return self._shared.open_orders(self._at + instrument)
        return [order for order in self._shared.open_orders() if self._is_own(order)]

    def _is_own(self, order_id: int) -> bool:
        return 0 <= int(self._shared.order(order_id)["instrument"]) - self._at < self.market.shape[1]
