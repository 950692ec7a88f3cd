"""`Simulator`: a market, a setup and their books around the compiled step; what backtests, sweeps and the paper broker hold.

1. `terms_of` and `rules_of` turn instruments, costs, fills and account into the kernel's numbers.
2. `run` loops the step over targets; `advance` steps bar by bar for event strategies. Logs grow in between.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tradewinds.simulation import kernel
from tradewinds.simulation.books import (
    ASKED,
    CANCELLED,
    FILL,
    KINDS,
    ORDER,
    POSITION,
    POSTING,
    RULES,
    STATE,
    TERMS,
    TIMES_IN_FORCE,
    WAITING,
    WHENS,
    WORKING,
    Bars,
    Books,
)
from tradewinds.simulation.market import Market
from tradewinds.simulation.rules import BasisPoints, Setup
from tradewinds.trading.sizing import CODES
from tradewinds.trading.strategy import TargetUnit

LOG_ROWS = 1024


class Simulator:
    """One simulation over one market. `run` or `advance` move it forward; nothing moves it back."""

    def __init__(
        self, market: Market, setup: Setup, *, targets: TargetUnit = "units", keeps_equity: bool = True, keeps_log: bool = True
    ) -> None:
        self.keeps_log = keeps_log
        times, width = market.shape
        rules = np.zeros(1, RULES)
        rules["latency"] = setup.fills.latency_bars
        rules["target_unit"] = CODES[targets]
        self.market = market
        self.setup = setup
        self.bars = Bars(
            market.start_ns, market.end_ns, market.session, market.open, market.high, market.low, market.close, market.volume,
            market.rates, market.events, terms_of(market, setup), rules,
        )  # fmt: skip
        positions = np.zeros(width, POSITION)
        positions["last"] = positions["refused"] = np.nan
        cash = np.zeros(len(market.currencies))
        cash[0] = setup.account.capital
        state = np.zeros(1, STATE)
        state["equity"] = setup.account.capital
        state["failed_row"] = -1
        rows = max(LOG_ROWS, 4 * width)
        self.books = Books(
            state, cash, positions, np.zeros(rows, ORDER), np.zeros(rows, np.int64), np.zeros(rows, FILL), np.zeros(rows, POSTING),
            np.full(times if keeps_equity else 0, np.nan),
        )  # fmt: skip

    def run(self, targets: NDArray[np.float64], first: int = 0, last: int | None = None) -> None:
        """Simulate the bars [first, last) and follow targets (times, instruments), decided at each close; NaN leaves things as they are."""
        end = self.market.shape[0] if last is None else last
        row = first
        while (row := kernel.run(self.bars, self.books, targets, row, end)) < end:
            self._grow()

    def advance(self, last: int) -> None:
        """Simulate the bars up to (not including) row `last`; nothing is decided."""
        for row in range(self.row, last):
            width = len(self.books.positions)
            room = int(self.books.state["active"][0]) + width
            if int(self.books.state["fills"][0]) + room > len(self.books.fills):
                self._grow()
            kernel.step(self.bars, self.books, row)

    def target(self, instrument: int, value: float, unit: TargetUnit = "units") -> None:
        """Size and place the order for a target, decided at the last simulated close."""
        position, terms = self.books.positions[instrument], self.bars.terms[instrument]
        rate = self.bars.rates[self.row - 1 if len(self.bars.rates) > 1 else 0, terms["currency"]]
        equity, price = self.equity_now, float(position["last"])
        units = value if unit == "units" else value * (equity if unit == "weights" else 1.0) / (price * terms["multiplier"] * rate)
        wanted = int(np.trunc(units / terms["lot"] + (1e-9 if units >= 0 else -1e-9)))
        lots = wanted - int(position["quantity"]) - int(position["open_orders"])
        if lots:
            self.submit(instrument, 1 if lots > 0 else -1, abs(lots) * float(terms["lot"]))
            self.books.orders[self.books.state["orders"][0] - 1]["is_target"] = 1
            position["open_orders"] += lots

    def submit(
        self,
        instrument: int,
        side: int,
        quantity: float,
        kind: str = "market",
        *,
        limit: float = np.nan,
        stop: float = np.nan,
        trail: float = np.nan,
        is_trail_fraction: bool = False,
        tif: str = "gtc",
        when: str = "any",
        is_reduce_only: bool = False,
        parent: int = 0,
        group: int = 0,
        tag: int = 0,
        book: int = 0,
    ) -> int:
        """Place an order, decided at the last simulated close; the answer is its id. side: +1 buy, -1 sell. quantity: units."""
        books = self.books
        state = books.state[0]
        at = int(state["orders"])
        if at + 1 >= len(books.orders):
            self._grow()
            books = self.books
        order = books.orders[at]
        order["id"], order["decided_row"], order["working_row"] = at + 1, self.row - 1, self.row + self.setup.fills.latency_bars
        order["expires_row"], order["quantity"] = -1, round(quantity / float(self.bars.terms[instrument]["lot"]))
        order["instrument"], order["side"], order["kind"] = instrument, side, KINDS.index(kind)
        order["tif"], order["when"], order["status"] = TIMES_IN_FORCE.index(tif), WHENS.index(when), WORKING
        order["limit"], order["stop"], order["trail"], order["is_trail_fraction"] = limit, stop, trail, is_trail_fraction
        order["is_reduce_only"], order["parent"], order["group"], order["tag"], order["book"] = is_reduce_only, parent, group, tag, book
        books.active[int(state["active"])] = at
        state["active"] += 1
        state["orders"] += 1
        return at + 1

    def cancel(self, order_id: int) -> bool:
        """Cancel an open order; False where it has ended already."""
        order = self.books.orders[order_id - 1]
        if order["status"] not in (WAITING, WORKING):
            return False
        order["status"], order["reason"] = CANCELLED, ASKED
        state = self.books.state[0]
        active = self.books.active[: int(state["active"])]
        kept = active[active != order_id - 1]
        self.books.active[: len(kept)] = kept
        state["active"] = len(kept)
        return True

    def order(self, order_id: int) -> np.void:
        """The record (`books.ORDER`) of an order."""
        record: np.void = self.books.orders[order_id - 1]
        return record

    @property
    def row(self) -> int:
        """The next bar to be simulated."""
        return int(self.books.state["row"][0])

    @property
    def equity_now(self) -> float:
        """In account currency at the last simulated close."""
        return float(self.books.state["equity"][0])

    def cash(self, currency: str | None = None) -> float:
        """The balance in one currency, the account's where it is None."""
        return float(self.books.cash[0 if currency is None else self.market.currencies.index(currency)])

    def quantity(self, instrument: int) -> float:
        """Units held, signed."""
        return float(self.books.positions["quantity"][instrument] * self.bars.terms["lot"][instrument])

    def average_price(self, instrument: int) -> float:
        """Of what is held, NaN where nothing is."""
        position, terms = self.books.positions[instrument], self.bars.terms[instrument]
        held = position["quantity"] * terms["lot"] * terms["multiplier"]
        return float(position["cost"] / held) if held else float("nan")

    def open_orders(self, instrument: int | None = None) -> list[int]:
        """Ids of orders that wait or work, rising; of one instrument, or all."""
        rows = self.books.active[: int(self.books.state["active"][0])]
        orders = self.books.orders[rows]
        if instrument is not None:
            orders = orders[orders["instrument"] == instrument]
        return [int(one) for one in orders["id"]]

    @property
    def equity(self) -> NDArray[np.float64]:
        """(times,) in account currency at each close, NaN where not simulated."""
        return self.books.equity

    @property
    def fills(self) -> NDArray[np.void]:
        return self.books.fills[: int(self.books.state["fills"][0])]

    @property
    def orders(self) -> NDArray[np.void]:
        return self.books.orders[: int(self.books.state["orders"][0])]

    @property
    def postings(self) -> NDArray[np.void]:
        return self.books.postings[: int(self.books.state["postings"][0])]

    def _grow(self) -> None:
        def larger(log: NDArray[Any]) -> NDArray[Any]:
            grown = np.zeros(2 * len(log), log.dtype)
            grown[: len(log)] = log
            return grown

        books = self.books
        self.books = books._replace(
            orders=larger(books.orders), active=larger(books.active), fills=larger(books.fills), postings=larger(books.postings)
        )


def terms_of(market: Market, setup: Setup) -> NDArray[np.void]:
    """TERMS of each instrument: its rules and the costs that name it."""
    terms = np.zeros(len(market.instruments), TERMS)
    terms["maximum"] = terms["participation"] = np.inf
    for index, one in enumerate(market.instruments):
        terms["lot"][index] = float(one.lot) if one.lot is not None else 1.0
        terms["multiplier"][index] = float(one.multiplier)
        terms["currency"][index] = market.currencies.index(one.currency)
        terms["is_tradable"][index] = one.is_tradable
    for cost in setup.costs:
        if isinstance(cost, BasisPoints):
            terms["taker"] += cost.taker / 10_000
    return terms
