"""`Simulator`: a market, a setup and their books around the compiled step; what backtests, sweeps and the paper broker hold.

1. `terms_of` and `rules_of` turn instruments, costs, fills and account into the kernel's numbers.
2. `run` loops the step over targets; `advance` steps bar by bar for event strategies. Logs grow in between.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tradewinds.simulation import kernel
from tradewinds.simulation.books import FILL, ORDER, POSITION, POSTING, RULES, STATE, TERMS, Bars, Books
from tradewinds.simulation.market import Market
from tradewinds.simulation.rules import BasisPoints, Setup
from tradewinds.trading.sizing import CODES
from tradewinds.trading.strategy import TargetUnit

LOG_ROWS = 1024


class Simulator:
    """One simulation over one market. `run` or `advance` move it forward; nothing moves it back."""

    def __init__(self, market: Market, setup: Setup, *, targets: TargetUnit = "units", keeps_equity: bool = True) -> None:
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
