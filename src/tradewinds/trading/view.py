"""`View`: what an event strategy sees at a decision, and what it may ask for. One object, moved from bar to bar.

    def on_bar(self, view):
        if view.close > max(view.history("high", 21)[:-1]):
            view.buy(10)

1. Bars: `close` and the like where there is one instrument, `closes` and `price(...)` where there are many, `history` for windows.
2. Other intervals and datasets: `other`, `other_history`, as of now.
3. The account: `quantity`, `average_price`, `cash`, `equity`, `open_orders`.
4. Acts: `target`, `buy`, `sell`, `bracket`, `one_cancels_other`, `cancel`. A strategy may answer targets or intents instead.

Prices are comparable as of now: a split rescales the history that is seen after it, never before. Whoever moves the view (the loop of a
backtest, the trading core) sets the slots of the bar; the account and the orders stand behind `Desk`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import Rejected
from tradewinds.trading.columns import Columns
from tradewinds.trading.desk import Desk, OpenOrder
from tradewinds.trading.intent import Bracket, Intent, OneCancelsOther, Side
from tradewinds.trading.strategy import TargetUnit

Floats = NDArray[np.float64]
Window = NDArray[np.float64]

BAR_FIELDS = ("open", "high", "low", "close", "volume")


class View:
    """Made by whoever runs the strategy. row: position of the bar in its history; now_ns: the decision time, the bar's end."""

    __slots__ = (
        "_bars", "_columns", "_desk", "_index", "_lookback", "_others", "_single",
        "close", "high", "instruments", "low", "now_ns", "open", "row", "session", "volume",
    )  # fmt: skip

    open: float
    high: float
    low: float
    close: float
    volume: float

    def __init__(self, bars: Columns, others: Mapping[str, Columns], desk: Desk, lookback: int) -> None:
        self.instruments = bars.instruments
        self.row = -1
        self.now_ns = 0
        self.session = 0
        self._bars = bars
        self._others = dict(others)
        self._desk = desk
        self._lookback = lookback
        self._index = {name: at for at, name in enumerate(bars.instruments)}
        self._single = len(bars.instruments) == 1
        self._columns = {name: values[:, 0] for name, values in bars.fields.items()} if self._single else {}

    def __getattr__(self, name: str) -> Any:
        if name in BAR_FIELDS:  # reached only where the slot is empty
            reason = f"there are {len(self.instruments)} instruments" if not self._single else "the bars have no such field"
            raise Rejected(f"view.{name}: {reason}, expected one; use view.price({name!r}, instrument) or view.row_of({name!r})")
        raise AttributeError(f"view has no {name!r}")

    def move(self, row: int, now_ns: int, session: int) -> None:
        """Stand at the end of bar `row`."""
        self.row, self.now_ns, self.session = row, now_ns, session
        if self._single:
            for name in BAR_FIELDS:
                if name in self._columns:
                    setattr(self, name, float(self._columns[name][row]))
        self.apply_corrections(now_ns)

    def apply_corrections(self, now_ns: int) -> int:
        """Apply what became known; returns when the next correction will."""
        self._bars.advance(now_ns)
        for other in self._others.values():
            other.advance(now_ns)
        return min([self._bars.next_ns, *(other.next_ns for other in self._others.values())])

    def bar_fields(self) -> Mapping[str, Floats]:
        """Of one instrument: field -> (rows,), for whoever sets the slots of the bar; empty where there are many."""
        return self._columns

    # Bars

    def price(self, field: str, instrument: str | None = None) -> float:
        """The value of a field at this bar, NaN where the instrument did not trade."""
        return float(self._bars.field(field)[self.row, self.column(instrument)])

    def row_of(self, field: str) -> Floats:
        """(instruments,) the values of a field at this bar; read-only."""
        values: Floats = self._bars.field(field)[self.row]
        return values

    @property
    def opens(self) -> Floats:
        return self.row_of("open")

    @property
    def highs(self) -> Floats:
        return self.row_of("high")

    @property
    def lows(self) -> Floats:
        return self.row_of("low")

    @property
    def closes(self) -> Floats:
        return self.row_of("close")

    @property
    def volumes(self) -> Floats:
        return self.row_of("volume")

    def history(self, field: str, bars: int, instrument: str | None = None) -> Window:
        """The last `bars` values, this bar's last: (bars,) of one instrument, (bars, instruments) of all where none of many is named.

        Read-only. Raises Rejected for more than the lookback, because live there is no more than that.
        """
        end = self.row + 1
        first = end - bars
        if bars < 1 or bars > self._lookback or first < 0:
            self._refuse_window(field, bars, end)
        anchor = self._bars.anchor
        if anchor is None:
            if self._single and field in self._columns:
                if instrument is not None:
                    self.column(instrument)
                return self._columns[field][first:end]
            values = self._bars.field(field)[first:end]
            return values if instrument is None and not self._single else values[:, self.column(instrument)]
        window = self._bars.field(field)[first:end]
        factors = anchor.of(field)
        if factors is not None:
            window = window * (factors[first:end] / factors[self.row])
            window.setflags(write=False)
        return window if instrument is None and not self._single else window[:, self.column(instrument)]

    # Other intervals and datasets

    def other(self, name: str, field: str, instrument: str | None = None) -> float:
        """The newest value of another interval or dataset that had ended and was known by now, NaN before the first."""
        source, column, last = self._other_at(name, instrument)
        if last < 0:
            source.field(field)
            return float("nan")
        value = float(source.field(field)[last, column])
        factors = None if source.anchor is None or self._bars.anchor is None else source.anchor.of(field)
        return value if factors is None else value * float(factors[last, column]) / self._factor_now(field, source.instruments[column])

    def other_history(self, name: str, field: str, count: int, instrument: str | None = None) -> Window:
        """(count,) its last values as known now, the newest last; NaN for one that is known later than those after it. Read-only."""
        source, column, last = self._other_at(name, instrument)
        if count < 1 or last + 1 < count:
            raise Rejected(f"view: {count} values of {name} {field} at row {self.row}, expected 1 to the {last + 1} known by then")
        window = np.where(
            source.readable_ns[last + 1 - count : last + 1, column] <= self.now_ns,
            source.field(field)[last + 1 - count : last + 1, column],
            np.nan,
        )
        factors = None if source.anchor is None or self._bars.anchor is None else source.anchor.of(field)
        if factors is not None:
            window = window * factors[last + 1 - count : last + 1, column] / self._factor_now(field, source.instruments[column])
        window.setflags(write=False)
        return window

    # The account

    def quantity(self, instrument: str | None = None) -> float:
        """Units held, signed."""
        return self._desk.quantity(0 if instrument is None and self._single else self.column(instrument))

    def average_price(self, instrument: str | None = None) -> float | None:
        """Of what is held, None where nothing is."""
        return self._desk.average_price(self.column(instrument))

    @property
    def cash(self) -> float:
        """In the account's currency; other balances: `cash_in`."""
        return self._desk.cash(None)

    def cash_in(self, currency: str) -> float:
        """The balance in one currency."""
        return self._desk.cash(currency)

    @property
    def equity(self) -> float:
        """Of the account at this bar's close, in its currency."""
        return self._desk.equity()

    def open_orders(self, instrument: str | None = None) -> tuple[OpenOrder, ...]:
        """Orders that wait or work, by id; of one instrument, or all."""
        return self._desk.open_orders(None if instrument is None else self.column(instrument))

    # Acts

    def target(self, value: float, instrument: str | None = None, unit: TargetUnit | None = None) -> None:
        """Want this position: units, weights or notional, as the strategy declares unless `unit` says otherwise. NaN: leave it."""
        self._desk.target(self.column(instrument), value, unit)

    def buy(self, quantity: float, instrument: str | None = None, **terms: Any) -> int:
        """Place a buy order; terms are the fields of `Intent` (limit, stop, trail, tif, when, tag, ...). The answer is its id."""
        return self.submit(Intent("buy", quantity, instrument, **terms))

    def sell(self, quantity: float, instrument: str | None = None, **terms: Any) -> int:
        """Place a sell order; terms are the fields of `Intent`. The answer is its id."""
        return self.submit(Intent("sell", quantity, instrument, **terms))

    def submit(self, intent: Intent) -> int:
        """Place one order; the answer is its id."""
        return self._desk.submit(self.column(intent.instrument), intent)

    def bracket(
        self,
        side: Side,
        quantity: float,
        *,
        stop: float,
        take_profit: float,
        limit: float | None = None,
        instrument: str | None = None,
    ) -> tuple[int, int, int]:
        """An entry (market, or at `limit`) whose fill starts a stop and a take-profit; ids of entry, stop, take-profit."""
        return self.submit_bracket(Bracket(Intent(side, quantity, instrument, limit=limit), stop, take_profit))

    def submit_bracket(self, asked: Bracket) -> tuple[int, int, int]:
        """Place the three orders of a bracket."""
        entry, desk = asked.entry, self._desk
        column = self.column(entry.instrument)
        group = desk.new_group()
        parent = desk.submit(column, entry)
        out: Side = "sell" if entry.side == "buy" else "buy"
        stop = Intent(out, entry.quantity, entry.instrument, stop=asked.stop, tag=entry.tag, is_reduce_only=True)
        profit = Intent(out, entry.quantity, entry.instrument, limit=asked.take_profit, tag=entry.tag, is_reduce_only=True)
        return (
            parent,
            desk.submit(column, stop, parent=parent, group=group),
            desk.submit(column, profit, parent=parent, group=group, kind="take_profit"),
        )

    def one_cancels_other(self, *intents: Intent) -> tuple[int, ...]:
        """Place orders of which the first that fills cancels the others; their ids."""
        asked = OneCancelsOther(intents)
        columns = [self.column(one.instrument) for one in asked.intents]  # all are known before the first is placed
        group = self._desk.new_group()
        return tuple(self._desk.submit(column, one, group=group) for column, one in zip(columns, asked.intents, strict=True))

    def cancel(self, order: int) -> bool:
        """Cancel an open order; False where it had ended."""
        return self._desk.cancel(order)

    def column(self, instrument: str | None) -> int:
        """The column of an instrument; of the only one where none is named. Raises Rejected naming those there are."""
        if instrument is None:
            if self._single:
                return 0
            raise Rejected(f"view: no instrument named, expected one of {len(self.instruments)}: {list(self.instruments[:5])}")
        if instrument not in self._index:
            raise Rejected(f"view: instrument {instrument!r}, expected one of {list(self.instruments[:5])}")
        return self._index[instrument]

    def _refuse_window(self, field: str, bars: int, there: int) -> None:
        if bars < 1 or bars > self._lookback:
            raise Rejected(f"view: history of {bars} bars of {field}, expected 1 to the declared lookback of {self._lookback}")
        raise Rejected(f"view: history of {bars} bars of {field}, expected at most the {there} there are so far")

    def _other_at(self, name: str, instrument: str | None) -> tuple[Columns, int, int]:
        if name not in self._others:
            raise Rejected(f"view: other {name!r}, expected one of the declared {sorted(self._others)}")
        source = self._others[name]
        if instrument is None:
            chosen = source.instruments[0] if len(source.instruments) == 1 else self.instruments[0] if self._single else None
        else:
            chosen = instrument
        if chosen is None or chosen not in source.instruments:
            raise Rejected(f"view: other {name!r} of {chosen!r}, expected one of {list(source.instruments[:5])}")
        column = source.instruments.index(chosen)
        assert source.rows_at is not None
        return source, column, int(source.rows_at[self.row, column])

    def _factor_now(self, field: str, instrument: str) -> float:
        assert self._bars.anchor is not None
        factors = self._bars.anchor.of(field)
        assert factors is not None
        return float(factors[self.row, self._index[instrument]])
