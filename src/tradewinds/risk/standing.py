"""How an account stands, kept up with every change, so that the gate's questions cost the same with 1 position or 500.

Whoever books calls `hold`, `leave`, `mark` and `keep`; each sets what is so now, so that calling twice changes nothing and a replay can
simply set everything once. Sums are exact: 60 digits, which no sum of quantities times prices fills.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from tradewinds.core.money import numbers
from tradewinds.risk.situation import ZERO, Exposure
from tradewinds.risk.static import worst_size

EXACT = numbers(60)


@dataclass(slots=True)
class _Line:
    """One instrument of a part. buys, sells: units that may still fill, positive. gross, high, low, value: what it adds to the part."""

    held: Decimal = ZERO
    buys: Decimal = ZERO
    sells: Decimal = ZERO
    gross: Decimal = ZERO
    high: Decimal = ZERO
    low: Decimal = ZERO
    value: Decimal = ZERO

    @property
    def is_empty(self) -> bool:
        return not (self.held or self.buys or self.sells)


@dataclass(slots=True)
class _Part:
    """The account, or a strategy's part of it."""

    lines: dict[str, _Line] = field(default_factory=dict)
    gross: Decimal = ZERO
    high: Decimal = ZERO
    low: Decimal = ZERO
    value: Decimal = ZERO
    cash: Decimal | None = None
    unpriced: dict[str, None] = field(default_factory=dict)

    def settle(self, instrument: str, unit: Decimal | None) -> None:
        """Take an instrument's line in anew. unit: base currency per unit of it."""
        line = self.lines[instrument]
        add, sub, mul = EXACT.add, EXACT.subtract, EXACT.multiply
        if line.is_empty or unit is not None:
            self.unpriced.pop(instrument, None)
        else:
            self.unpriced[instrument] = None
        worth = ZERO if unit is None else unit
        high, low = add(line.held, line.buys), sub(line.held, line.sells)
        gross, high, low = mul(worst_size(high, low), abs(worth)), mul(high, worth), mul(low, worth)
        value = mul(line.held, worth)
        self.gross = add(self.gross, sub(gross, line.gross))
        self.high = add(self.high, sub(high, line.high))
        self.low = add(self.low, sub(low, line.low))
        self.value = add(self.value, sub(value, line.value))
        line.gross, line.high, line.low, line.value = gross, high, low, value
        if line.is_empty:
            del self.lines[instrument]


@dataclass(slots=True)
class Standing:
    """Answers every question of `situation.WideSituation`."""

    _whole: _Part = field(default_factory=_Part)
    _parts: dict[str, _Part] = field(default_factory=dict)
    _marks: dict[str, tuple[Decimal, int, Decimal, Decimal]] = field(default_factory=dict)
    _orders: dict[str, tuple[str, str, Decimal]] = field(default_factory=dict)

    # What is so now

    def hold(self, strategy: str, instrument: str, quantity: Decimal) -> None:
        """A strategy's book holds so many signed units ("" for what no strategy ordered); the account holds the sum of all."""
        part = self._part(strategy)
        line = part.lines.setdefault(instrument, _Line())
        whole = self._whole.lines.setdefault(instrument, _Line())
        whole.held = EXACT.add(whole.held, EXACT.subtract(quantity, line.held))
        line.held = quantity
        self._settle(part, instrument)

    def leave(self, client_order_id: str, strategy: str, instrument: str, units: Decimal) -> None:
        """So many signed units of an order may still fill; zero when it has ended."""
        _, _, before = self._orders.pop(client_order_id, ("", "", ZERO))
        if units:
            self._orders[client_order_id] = (strategy, instrument, units)
        if units == before:
            return
        part = self._part(strategy)
        for line in (part.lines.setdefault(instrument, _Line()), self._whole.lines.setdefault(instrument, _Line())):
            line.buys = EXACT.add(line.buys, EXACT.subtract(max(units, ZERO), max(before, ZERO)))
            line.sells = EXACT.add(line.sells, EXACT.subtract(max(-units, ZERO), max(-before, ZERO)))
        self._settle(part, instrument)

    def mark(self, instrument: str, price: Decimal, price_ns: int, rate: Decimal) -> None:
        """The last known price. rate: base currency per unit of the instrument's price times multiplier."""
        self._marks[instrument] = (price, price_ns, rate, EXACT.multiply(price, rate))
        for part in (self._whole, *self._parts.values()):
            if instrument in part.lines:
                part.settle(instrument, self._marks[instrument][3])

    def keep(self, strategy: str, cash: Decimal) -> None:
        """A strategy's book has so much cash in base currency, its capital included; the account has the sum of all."""
        part = self._part(strategy)
        self._whole.cash = EXACT.add(self._whole.cash or ZERO, EXACT.subtract(cash, part.cash or ZERO))
        part.cash = cash

    # The gate's questions

    def held(self, instrument: str, strategy: str | None = None) -> Decimal:
        line = self._of(strategy).lines.get(instrument)
        return ZERO if line is None else line.held

    def pending(self, instrument: str, strategy: str | None = None) -> tuple[Decimal, Decimal]:
        line = self._of(strategy).lines.get(instrument)
        return (ZERO, ZERO) if line is None else (line.buys, line.sells)

    def price(self, instrument: str) -> Decimal | None:
        mark = self._marks.get(instrument)
        return None if mark is None else mark[0]

    def price_ns(self, instrument: str) -> int | None:
        mark = self._marks.get(instrument)
        return None if mark is None else mark[1]

    def rate(self, instrument: str) -> Decimal | None:
        mark = self._marks.get(instrument)
        return None if mark is None else mark[2]

    def left(self, client_order_id: str) -> Decimal:
        return self._orders.get(client_order_id, ("", "", ZERO))[2]

    def exposure(self, strategy: str | None = None) -> Exposure:
        part = self._of(strategy)
        return Exposure(part.gross, part.high, part.low, next(iter(part.unpriced), ""))

    def equity(self, strategy: str | None = None) -> Decimal | None:
        part = self._of(strategy)
        return None if part.cash is None or part.unpriced else EXACT.add(part.cash, part.value)

    def _of(self, strategy: str | None) -> _Part:
        return self._whole if strategy is None else self._parts.get(strategy) or _Part()

    def _part(self, strategy: str) -> _Part:
        return self._parts.setdefault(strategy, _Part())

    def _settle(self, part: _Part, instrument: str) -> None:
        mark = self._marks.get(instrument)
        unit = None if mark is None else mark[3]
        part.settle(instrument, unit)
        self._whole.settle(instrument, unit)
