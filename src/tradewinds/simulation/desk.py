"""`SimulatedDesk`: the account and the orders of an event strategy in simulation; the simulator follows as late as it can.

1. Targets are written into their row. Nothing is simulated yet.
2. `sync` simulates up to the end of the present bar and places the targets of its row; reading the account and placing orders need it.
3. Targets that come after that are placed when the bar's decision ends (`place`), or before the next thing that is asked.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import Rejected
from tradewinds.simulation.books import KINDS
from tradewinds.simulation.kernel_late import follow_late
from tradewinds.simulation.simulator import Simulator
from tradewinds.trading.desk import OpenOrder
from tradewinds.trading.intent import Intent, OrderKind
from tradewinds.trading.sizing import CODES
from tradewinds.trading.strategy import TARGET_UNITS, TargetUnit

if TYPE_CHECKING:
    from tradewinds.trading.view import View

Floats = NDArray[np.float64]

INFINITY = math.inf


class SimulatedDesk:
    """`trading.desk.Desk` over a simulator. `first`: the row of the first decision; before it nothing is traded."""

    view: View

    __slots__ = (
        "_event_rows", "_first", "_flat", "_has_targets", "_held", "_is_always_live",
        "_quiet_until", "_simulated", "_targets", "_unit", "_width",
        "is_late", "simulator", "view",
    )  # fmt: skip

    def __init__(self, simulator: Simulator, unit: TargetUnit, first: int) -> None:
        self.simulator = simulator
        self.is_late = False  # targets were collected after their bar had been simulated
        self._unit = unit
        self._first = first
        self._width = simulator.market.shape[1]
        self._targets = np.full(simulator.market.shape, np.nan)
        self._flat: Any = memoryview(self._targets.reshape(-1))  # type: ignore[arg-type]  # numpy's stubs leave the buffer out before 3.12
        self._has_targets = False
        self._simulated = first
        self._event_rows = sorted(set(simulator.market.events["row"].tolist()))
        self._is_always_live = simulator.setup.account.maintenance > 0
        self._held: dict[int, float] = {}  # units by column, while nothing moves a position
        self._quiet_until = first  # no fill and no event moves a position before this row

    def target(self, column: int, value: float, unit: TargetUnit | None) -> None:
        row = self.view.row
        if type(value) is not float:
            value = _number(value)
        if not -INFINITY < value < INFINITY:
            if value != value:
                return
            raise Rejected(f"target {value} of {self.view.instruments[column]}, expected a finite number, or NaN to leave the position")
        if row < self._first:
            self._refuse_warm_up()
        if unit is not None and unit != self._unit:
            if unit not in TARGET_UNITS:
                raise Rejected(f"target in {unit!r}, expected one of {', '.join(TARGET_UNITS)}")
            self._prepare()
            self._place_one(column, value, unit)
            return
        self._flat[row * self._width + column] = value
        self._has_targets = True
        self._quiet_until = 0
        self.is_late = self._simulated > row

    def sync(self) -> None:
        """Simulate up to the end of the present bar and place the targets collected in it."""
        row = self.view.row
        if self._simulated <= row:
            self._simulate(row + 1)
            if self._has_targets:
                self._targets[row] = np.nan  # placed; what comes later in this bar is placed by itself
                self._has_targets = False
            self._settle()
        elif self._has_targets:
            self.place()

    def place(self) -> None:
        """Place the targets collected since the present bar was simulated."""
        row = self.view.row
        self._follow(self._targets[row], self._unit)
        self._targets[row] = np.nan
        self._has_targets = self.is_late = False
        self._quiet_until = 0

    def finish(self, last: int) -> None:
        """Simulate the rest."""
        if self._simulated < last:
            self._simulate(last)
            self._has_targets = False
            self._settle()

    def may_fill(self) -> bool:
        """Whether the present bar can bring a fill."""
        if self._simulated > self.view.row:
            return True
        return self._has_targets or self.view.row >= self._quiet_until

    def new_group(self) -> int:
        self._prepare()
        return len(self.simulator.orders) + 1  # the id that the first of the group will get

    def submit(self, column: int, intent: Intent, *, parent: int = 0, group: int = 0, kind: OrderKind | None = None) -> int:
        self._prepare()
        return self.simulator.submit(
            column, intent.sign, float(intent.quantity), intent.kind if kind is None else kind,
            limit=_price(intent.limit), stop=_price(intent.stop), trail=_price(intent.trail), is_trail_fraction=intent.is_trail_fraction,
            tif=intent.tif, when=intent.when, is_reduce_only=intent.is_reduce_only, parent=parent, group=group, tag=intent.tag,
        )  # fmt: skip

    def cancel(self, order: int) -> bool:
        self._prepare()
        if type(order) is not int or not 1 <= order <= len(self.simulator.orders):
            raise Rejected(f"cancel of order {order!r}, expected the id of one of {len(self.simulator.orders)} orders")
        return self.simulator.cancel(order)

    def quantity(self, column: int) -> float:
        if self.view.row >= self._quiet_until:
            self.sync()
            return self.simulator.quantity(column)
        held = self._held.get(column)
        if held is None:
            held = self._held[column] = self.simulator.quantity(column)
        return held

    def average_price(self, column: int) -> float | None:
        if self.view.row >= self._quiet_until:
            self.sync()
        price = self.simulator.average_price(column)
        return None if math.isnan(price) else price

    def cash(self, currency: str | None) -> float:
        self.sync()
        known = self.simulator.market.currencies
        if currency is not None and currency not in known:
            raise Rejected(f"cash in {currency!r}, expected one of {', '.join(known)}")
        return self.simulator.cash(currency)

    def equity(self) -> float:
        self.sync()
        return self.simulator.equity_now

    def open_orders(self, column: int | None) -> tuple[OpenOrder, ...]:
        if self.view.row >= self._quiet_until:
            self.sync()
        ids = self.simulator.open_orders() if column is None else self.simulator.open_orders(column)
        return tuple(self._order(one) for one in ids)

    def _place_one(self, column: int, value: float, unit: TargetUnit) -> None:
        targets = np.full(self._width, np.nan)
        targets[column] = value
        self._follow(targets, unit)

    def _follow(self, targets: Floats, unit: TargetUnit) -> None:
        follows = getattr(self.simulator, "follow", None)  # the part of a shared simulator that belongs to one strategy of a portfolio
        if follows is None:
            follow(self.simulator, targets, unit)
        else:
            follows(targets, unit)

    def _order(self, order: int) -> OpenOrder:
        record = self.simulator.order(order)
        column = int(record["instrument"])
        lot = float(self.simulator.bars.terms["lot"][column])
        limit, stop = float(record["limit"]), float(record["stop"])
        kind: OrderKind = KINDS[int(record["kind"])]  # type: ignore[assignment]  # KINDS are the names of the kinds
        return OpenOrder(
            order, self.view.instruments[column], "buy" if record["side"] > 0 else "sell", float(record["quantity"]) * lot,
            float(record["filled"]) * lot, kind, None if math.isnan(limit) else limit, None if math.isnan(stop) else stop,
            int(record["tag"]),
        )  # fmt: skip

    def _prepare(self) -> None:
        if self.view.row < self._first:
            self._refuse_warm_up()
        self.sync()
        self._quiet_until = 0

    def _simulate(self, last: int) -> None:
        if self._has_targets or self._simulated == self._first:
            self.simulator.run(self._targets, self._simulated, last)
        else:
            self.simulator.advance(last)
        self._simulated = last

    def _settle(self) -> None:
        """How long nothing can move a position: no order is open, and no event falls before that row."""
        self._held.clear()
        if self._is_always_live or int(self.simulator.books.state["active"][0]):
            self._quiet_until = 0
            return
        at = bisect_right(self._event_rows, self._simulated - 1)
        self._quiet_until = self._event_rows[at] if at < len(self._event_rows) else self.simulator.market.shape[0]

    def _refuse_warm_up(self) -> None:
        raise Rejected("an order or target during warm-up, expected none before the first decision")


def follow(simulator: Simulator, targets: Floats, unit: TargetUnit) -> None:
    """Follow targets (instruments,) decided at the last simulated close, those that reduce a position first; NaN: leave."""
    while follow_late(simulator._memory, targets, CODES[unit]) == 0:
        simulator._grow()  # the desk is the simulator's other half


def _number(value: object) -> float:
    if isinstance(value, int | float | np.integer | np.floating | np.bool_) or (isinstance(value, np.ndarray) and value.ndim == 0):
        return float(value)
    raise Rejected(f"target {value!r} of type {type(value).__name__}, expected a number")


def _price(value: float | None) -> float:
    return math.nan if value is None else float(value)
