"""`Simulator`: a market, a setup and their books around the compiled step; what backtests, sweeps and the paper broker hold.

    simulator = Simulator(market, Setup())
    simulator.run(targets)                       # follow an array of targets
    simulator.advance(row); simulator.submit(0, 1, 10.0, "limit", limit=99.5)      # or bar by bar

1. `kernel_numbers.terms_of` and `rules_of` turn instruments, costs, fills and account into the kernel's numbers.
2. `run` and `advance` loop the step; logs grow in between.
3. `reset` begins again with the same market and setup, without building anything anew.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tradewinds.compiled import arena
from tradewinds.core.errors import Invariant, Rejected
from tradewinds.core.instant import text
from tradewinds.simulation import kernel, kernel_memory, kernel_order
from tradewinds.simulation.books import (
    FILL,
    KINDS,
    LIMIT,
    MARKET,
    ORDER,
    POSITION,
    POSTING,
    STATE,
    STOP,
    STOP_LIMIT,
    TAKE_PROFIT,
    TIMES_IN_FORCE,
    TRAILING_STOP,
    WHENS,
    Bars,
    Books,
)  # fmt: skip
from tradewinds.simulation.kernel_numbers import rules_of, terms_of, tiers_of, turnover_days
from tradewinds.simulation.market import Market
from tradewinds.simulation.rules import Setup
from tradewinds.trading.sizing import CODES
from tradewinds.trading.strategy import TargetUnit

Floats = NDArray[np.float64]
Records = NDArray[np.void]
_Row = TypeVar("_Row", np.void, np.int64)

LOG_ROWS = 1024
LOG_ROWS_MAX = 1 << 28
_GTC, _DAY = TIMES_IN_FORCE.index("gtc"), TIMES_IN_FORCE.index("day")
_KIND = {name: code for code, name in enumerate(KINDS)}
_TIF = {name: code for code, name in enumerate(TIMES_IN_FORCE)}
_WHEN = {name: code for code, name in enumerate(WHENS)}
_WORD = {name: STATE.fields[name][1] // 8 for name in STATE.names or ()} if STATE.fields else {}
_POSITION_WORDS = POSITION.itemsize // 8
_QUANTITY, _COST = (POSITION.fields[name][1] // 8 for name in ("quantity", "cost")) if POSITION.fields else (0, 0)
_ROW, _EQUITY, _ACTIVE, _FILLS = _WORD["row"], _WORD["equity"], _WORD["active"], _WORD["fills"]


_EMPTY = np.zeros((), POSITION)
_EMPTY["last"] = _EMPTY["refused"] = _EMPTY["target"] = np.nan
_EMPTY["used_row"] = _EMPTY["slot"] = -1


class Simulator:
    """One simulation over one market. `run` or `advance` move it forward; only `reset` moves it back.

    targets: what the numbers of `run` mean. keeps_equity, keeps_log: without them memory does not grow with the bars or the orders;
    `fills`, `orders` and `postings` are empty then and ended orders cannot be read. samples: rising rows whose equity `sampled` answers.
    """

    def __init__(
        self,
        market: Market,
        setup: Setup,
        *,
        targets: TargetUnit = "units",
        keeps_equity: bool = True,
        keeps_log: bool = True,
        samples: Sequence[int] | NDArray[np.int64] = (),
    ) -> None:
        times, width = market.shape
        self.market = market
        self.setup = setup
        self.keeps_log = keeps_log
        self.bars = Bars(
            market.start_ns, market.end_ns, market.session, market.open, market.high, market.low, market.close, market.volume,
            market.rates, market.events, terms_of(market, setup), tiers_of(setup), rules_of(setup, targets, keeps_log=keeps_log),
        )  # fmt: skip
        rows = max(LOG_ROWS, 8 * width, min(times * width // 16, 1 << 20) if keeps_log else 0)  # costs nothing until it is touched
        logged = rows if keeps_log else 1
        marks = np.array(samples, np.int64)
        if len(marks) and (marks[0] < 0 or marks[-1] >= times or bool((np.diff(marks) <= 0).any())):
            raise Rejected(f"simulator: samples {marks[:5].tolist()} of {len(marks)}, expected rising rows of {times}")
        self.books = Books(
            np.zeros(1, STATE), np.zeros(len(market.currencies)), np.zeros(width, POSITION), _room(rows, ORDER),
            np.empty(rows, np.int64), np.empty(rows, np.int64), _room(logged, FILL), _room(logged, POSTING),
            _room(times if keeps_equity else 0, np.dtype(np.float64)), _places(width), _places(width), _places(width), _places(width),
            marks, np.empty(len(marks)),
            np.zeros((max(1, len(setup.costs)), turnover_days(setup))), np.zeros(max(1, len(setup.costs)), np.int64),
        )  # fmt: skip
        self._lots = [float(lot) for lot in self.bars.terms["lot"]]
        self._units = [float(unit) for unit in self.bars.terms["unit"]]
        self._targets: Floats | None = None
        self._look()
        self.reset()

    def reset(self) -> None:
        """Begin again: no orders, no positions, the capital in cash, no bar simulated."""
        books = self.books
        books.state[:] = np.zeros((), STATE)
        self._ints[_WORD["first_row"]] = self._ints[_WORD["decided_row"]] = self._ints[_WORD["called_row"]] = -1
        self._ints[_WORD["failed_row"]] = self._ints[_WORD["failed_instrument"]] = -1
        capital = self.setup.account.capital
        self._numbers[_EQUITY] = self._numbers[_WORD["peak"]] = self._numbers[_WORD["trough"]] = capital
        books.cash.fill(0.0)
        books.cash[0] = capital
        books.positions[:] = _EMPTY
        books.dirty.fill(0)
        books.samples.fill(np.nan)
        books.turnover.fill(0.0)
        books.turnover_day.fill(0)

    def run(self, targets: Floats, first: int = 0, last: int | None = None) -> None:
        """Simulate the bars [first, last) and follow targets (times, instruments), decided at each close; NaN leaves things as they are.

        Raises Rejected naming bar and value where the account falls below zero or a target is infinite; STATE.failed_row is its row.
        """
        if targets.shape != self.market.shape or targets.dtype != np.float64 or not targets.flags.c_contiguous:
            raise Rejected(
                f"simulator: targets {targets.dtype} of shape {targets.shape}, expected contiguous float64 of {self.market.shape} "
                "(times, instruments)"
            )
        self._targets = targets
        kernel_memory.point_at_targets(self._table, targets)
        self._loop(first, self.market.shape[0] if last is None else last, 1)

    def advance(self, last: int) -> None:
        """Simulate the bars up to (not including) row `last`; nothing is decided."""
        row = self._ints[_ROW]
        if kernel.run(self._memory, row, last, 0) != last:
            self._loop(self._ints[_ROW], last, 0)

    def target(self, instrument: int, value: float, unit: TargetUnit = "units") -> None:
        """Size and place the order for a target, decided at the last simulated close; NaN leaves things as they are."""
        number = float(value)
        if math.isnan(number):
            return
        if math.isinf(number):
            raise Rejected(f"simulator: target {number} of {self._id(instrument)}{self._when()}, expected a finite number or NaN")
        while kernel.set_target(self._memory, int(instrument), number, CODES[unit]) == 0:
            self._grow()

    def submit(
        self,
        instrument: int,
        side: int,
        quantity: float,
        kind: str = "market",
        *,
        limit: float = math.nan,
        stop: float = math.nan,
        trail: float = math.nan,
        is_trail_fraction: bool = False,
        tif: str = "gtc",
        when: str = "any",
        is_reduce_only: bool = False,
        parent: int = 0,
        group: int = 0,
        tag: int = 0,
        book: int = 0,
    ) -> int:
        """Place an order, decided at the last simulated close; the answer is its id. side: +1 buy, -1 sell. quantity: units.

        The quantity is rounded down to lots, limits to the tick that is better and stops to the tick that is later. parent: the order
        whose fill starts this one. group: one cancels other. An order that cannot be carried is on the list as refused, with its reason.
        Raises Rejected for what no order can be: an unknown kind, a side, quantity or price that is none.
        """
        try:
            what, life, time = _KIND[kind], _TIF[tif], _WHEN[when]
            lots = int(quantity / self._lots[instrument] + 1e-9)
        except (KeyError, IndexError, ValueError, OverflowError, TypeError):
            lots = what = life = time = -1
        is_fit = lots > 0 and instrument >= 0 and (side == 1 or side == -1)
        if not is_fit or (what != MARKET and not _has_prices(what, limit, stop, trail)) or (life > _DAY and not _may_be_immediate(what)):
            self._refuse(instrument, side, quantity, kind, limit, stop, trail, tif, when)
        while True:
            identity = kernel_order.submit(
                self._memory, int(instrument), int(side), lots, what, life, time, float(limit), float(stop), float(trail),
                int(is_trail_fraction), int(is_reduce_only or what == TAKE_PROFIT), int(parent), int(group), int(tag), int(book),
            )  # fmt: skip
            if identity:
                return int(identity)
            self._grow()

    def cancel(self, order_id: int) -> bool:
        """Cancel an open order; False where it has ended already."""
        return bool(kernel_order.cancel(self._memory, int(order_id)))

    def order(self, order_id: int) -> np.void:
        """The record (`books.ORDER`) of an order; without a log, of an open one."""
        orders = self.books.orders
        if self.keeps_log and 0 < order_id <= self._ints[_WORD["orders"]]:
            record: np.void = orders[order_id - 1]
            return record
        for slot in self.books.active[: self._ints[_ACTIVE]]:
            if orders["id"][slot] == order_id:
                found: np.void = orders[slot]
                return found
        raise Rejected(f"simulator: order {order_id}, expected one of {self._ints[_WORD['orders']]} (open ones where no log is kept)")

    @property
    def row(self) -> int:
        """The next bar to be simulated."""
        return int(self._ints[_ROW])

    @property
    def fill_count(self) -> int:
        """Fills so far; cheap to ask, so that a caller can see whether something happened."""
        return int(self._ints[_FILLS])

    @property
    def equity_now(self) -> float:
        """In account currency at the last simulated close."""
        return float(self._numbers[_EQUITY])

    @property
    def trips(self) -> int:
        """How often a position came back to zero or went through it."""
        return int(self._ints[_WORD["trips"]])

    @property
    def drawdown(self) -> float:
        """The largest fall of equity from a peak so far, as a positive fraction of the peak."""
        numbers, curve = self._numbers, self.equity
        if len(curve):
            seen = curve[max(0, self._ints[_WORD["first_row"]]) : self._ints[_ROW]]
            return float(np.max(1.0 - seen / np.maximum.accumulate(seen), initial=0.0))
        return float(max(numbers[_WORD["drawdown"]], 1.0 - numbers[_WORD["trough"]] / numbers[_WORD["peak"]]))

    def sampled(self, rows: Sequence[int] | NDArray[np.int64] | None = None) -> Floats:
        """Equity at the given rows, which `samples` named; all of those where it is None. NaN where not simulated."""
        if rows is None:
            return self.books.samples.copy()
        if len(self.books.equity):
            return self.equity[np.asarray(rows, np.int64)].copy()
        at = np.searchsorted(self.books.sample_rows, rows)
        known = np.append(self.books.sample_rows, -1)[at] == rows
        if not np.all(known):
            raise Rejected(f"simulator: rows {list(rows)[:5]} were not sampled, expected some of the {len(self.books.samples)} that are")
        return self.books.samples[at]

    def cash(self, currency: str | None = None) -> float:
        """The balance in one currency, the account's where it is None."""
        if currency is not None and currency not in self.market.currencies:
            raise Rejected(f"simulator: currency {currency!r}, expected one of {', '.join(self.market.currencies)}")
        return float(self.books.cash[0 if currency is None else self.market.currencies.index(currency)])

    def last_price(self, instrument: int) -> float:
        """The close of the last simulated bar in which it traded, in the units of now (after splits); NaN before, and after a delisting."""
        return float(kernel_order.last_close(self._memory, int(instrument)))

    def quantity(self, instrument: int) -> float:
        """Units held, signed."""
        return float(self._held[instrument * _POSITION_WORDS + _QUANTITY] * self._lots[instrument])

    def average_price(self, instrument: int) -> float:
        """Of what is held, NaN where nothing is."""
        held = self._held[instrument * _POSITION_WORDS + _QUANTITY] * self._units[instrument]
        return float(self._costs[instrument * _POSITION_WORDS + _COST] / held) if held else math.nan

    def open_orders(self, instrument: int | None = None) -> list[int]:
        """Ids of orders that wait or work, rising; of one instrument, or all."""
        count = self._ints[_ACTIVE]
        if count == 0:
            return []
        orders = self.books.orders[self.books.active[:count]]
        if instrument is not None:
            orders = orders[orders["instrument"] == instrument]
        return [int(one) for one in orders["id"]]

    @property
    def equity(self) -> Floats:
        """(times,) in account currency at each close, NaN where not simulated; empty where it is not kept."""
        curve, first, row = self.books.equity, self._ints[_WORD["first_row"]], self._ints[_ROW]
        if curve.flags.writeable:  # a result closes the curve when it takes it
            curve[: row if first < 0 else first] = np.nan
            curve[row:] = np.nan
        return curve

    @property
    def fills(self) -> Records:
        return self.books.fills[: self._ints[_FILLS] if self.keeps_log else 0]

    @property
    def orders(self) -> Records:
        return self.books.orders[: self._ints[_WORD["orders"]] if self.keeps_log else 0]

    @property
    def postings(self) -> Records:
        return self.books.postings[: self._ints[_WORD["postings"]] if self.keeps_log else 0]

    def _loop(self, first: int, last: int, is_deciding: int) -> None:
        row = int(first)
        while (answer := kernel.run(self._memory, row, int(last), is_deciding)) != last:
            if answer == kernel.FAILED:
                self._fail()
            self._grow()
            row = int(self._ints[_ROW]) if self._ints[_ROW] > row else row

    def _fail(self) -> None:
        row, instrument = self._ints[_WORD["failed_row"]], self._ints[_WORD["failed_instrument"]]
        when = text(int(self.market.end_ns[row]))
        if instrument < 0:
            raise Rejected(
                f"simulation: equity {self._numbers[_EQUITY]:.2f} {self.setup.account.currency} at {when} (bar {row}), expected at least 0"
            )
        value = self._targets[row, instrument] if self._targets is not None else math.inf
        raise Rejected(
            f"simulation: target {value} of {self._id(instrument)} at {when} (bar {row}), expected a finite number, or NaN to leave it"
        )

    def _refuse(
        self, instrument: int, side: int, quantity: float, kind: str, limit: float, stop: float, trail: float, tif: str, when: str
    ) -> None:
        what = f"order for {self._id(instrument)}{self._when()}"
        if kind not in _KIND or tif not in _TIF or when not in _WHEN:
            raise Rejected(
                f"{what}: kind {kind!r}, tif {tif!r}, when {when!r}, expected one of {', '.join(KINDS)}; {', '.join(TIMES_IN_FORCE)}; "
                f"{', '.join(WHENS)}"
            )
        if side not in (1, -1):
            raise Rejected(f"{what}: side {side!r}, expected 1 (buy) or -1 (sell)")
        if not 1.0 <= quantity / self._lots[instrument] + 1e-9 < math.inf:
            raise Rejected(f"{what}: quantity {quantity!r}, expected at least one lot of {self._lots[instrument]:g}")
        if not _has_prices(_KIND[kind], limit, stop, trail):
            raise Rejected(f"{what}: {kind} with limit {limit}, stop {stop}, trail {trail}, expected the positive prices of its kind")
        raise Rejected(f"{what}: {kind} {tif} {when}, expected ioc and fok with market and limit orders only")

    def _id(self, instrument: int) -> str:
        if not 0 <= instrument < len(self.market.instruments):
            raise Rejected(f"simulator: instrument {instrument!r}, expected a position from 0 to {len(self.market.instruments) - 1}")
        return self.market.instruments[instrument].id

    def _when(self) -> str:
        return f" at {text(int(self.market.end_ns[self.row - 1]))}" if self.row else " before the first bar"

    def _grow(self) -> None:
        books = self.books
        if len(books.orders) > LOG_ROWS_MAX:
            raise Invariant(f"simulation: {len(books.orders)} orders at bar {self.row}, expected at most {LOG_ROWS_MAX}")
        self.books = books._replace(
            orders=_larger(books.orders), active=_larger(books.active), free=_larger(books.free),
            fills=_larger(books.fills) if self.keeps_log else books.fills,
            postings=_larger(books.postings) if self.keeps_log else books.postings,
        )  # fmt: skip
        self._look()

    def _look(self) -> None:
        """Addresses for the kernel, and views for cheap reading from Python (a memoryview answers in 25 ns, a record in 150)."""
        targets = self._targets
        self._table = kernel_memory.table_of(self.bars, self.books)
        self._memory = int(self._table.ctypes.data)
        if targets is not None:
            kernel_memory.point_at_targets(self._table, targets)
        self._ints: Any = self.books.state.view(np.int64).data
        self._numbers: Any = self.books.state.view(np.float64).data
        self._held: Any = self.books.positions.view(np.int64).data
        self._costs: Any = self.books.positions.view(np.float64).data


def _places(width: int) -> NDArray[np.int64]:
    return np.zeros(width, np.int64)


def _room(rows: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """(rows,) of whatever; of memory that was used before where there is some."""
    return arena.empty((-(-rows * dtype.itemsize // 8),)).view(dtype)[:rows]


def _larger(log: NDArray[_Row]) -> NDArray[_Row]:
    grown = _room(4 * len(log), log.dtype)
    grown[: len(log)] = log
    return grown


def _has_prices(kind: int, limit: float, stop: float, trail: float) -> bool:
    has_limit, has_stop, has_trail = limit > 0 and limit < math.inf, stop > 0 and stop < math.inf, trail > 0 and trail < math.inf
    if kind == STOP_LIMIT:
        return has_limit and has_stop
    if kind == TRAILING_STOP:
        return has_trail
    return has_stop if kind == STOP else has_limit


def _may_be_immediate(kind: int) -> bool:
    return kind in (MARKET, LIMIT, TAKE_PROFIT)
