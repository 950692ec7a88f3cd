"""`Worth`: what the account and each strategy's part are worth, kept up with every record and price, for the gate and for people.

1. Units, units that may still fill, prices and cash go to the gate's `Standing`, which adds up.
2. Cash counts at the dated rate of its currency: the last price told of an instrument in that currency says base currency per unit; a
   spot instrument also says what its base asset is worth.
3. Equity is cash, capital and the value of what is held; None while a currency or an instrument has no rate.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal, localcontext

from tradewinds.core.account import ZERO
from tradewinds.core.money import NUMBERS
from tradewinds.risk.limits import Gate
from tradewinds.risk.standing import Standing
from tradewinds.trading.books import MANUAL, Books, Order
from tradewinds.trading.entry import Priced


@dataclass(frozen=True, slots=True)
class Rate:
    """Base currency per unit of a currency or asset, and when that was so."""

    value: Decimal
    at_ns: int


@dataclass(slots=True)
class Worth:
    """Prices, rates and the standing of one account."""

    standing: Standing = field(default_factory=Standing)
    prices: dict[str, Priced] = field(default_factory=dict)
    rates: dict[str, Rate] = field(default_factory=dict)
    is_lazy: bool = False  # while a journal is replayed: what changed is noted, and counted when somebody asks for prices
    _holds: dict[tuple[str, str], None] = field(default_factory=dict)
    _orders: dict[str, Order] = field(default_factory=dict)

    def count(self, books: Books) -> None:
        """Count what was noted; each line says what is so now, so that only the last change of it matters."""
        self.is_lazy = False
        for strategy, instrument in self._holds:
            self.standing.hold(strategy, instrument, books.part(strategy).quantity(instrument))
        for order in self._orders.values():
            self.leave(order)
        if self._holds:
            self.keep(books)
        self._holds.clear()
        self._orders.clear()

    def price(self, books: Books, gate: Gate, priced: Priced, time_ns: int) -> None:
        """A price was told."""
        if self._holds or self._orders:
            self.count(books)
        name = priced.instrument
        self.prices[name] = priced
        self.standing.mark(name, priced.price, priced.price_ns, priced.rate)
        rules = books.instruments.get(name)
        if rules is not None:
            self._rate(rules.currency, priced.rate / rules.multiplier, priced.price_ns)
            if rules.kind == "spot" and rules.base is not None:
                self._rate(rules.base, priced.rate * priced.price / rules.multiplier, priced.price_ns)
        self.keep(books)
        for strategy in (None, *books.parts):
            equity = self.standing.equity(strategy)
            if equity is not None:
                gate.marked(strategy, equity, time_ns)

    def hold(self, books: Books, strategy: str, instrument: str) -> None:
        """What a strategy holds has changed, and its cash with it."""
        if self.is_lazy:
            self._holds[strategy, instrument] = None
            return
        self.standing.hold(strategy, instrument, books.part(strategy).quantity(instrument))
        self._keep_part(books, strategy)

    def leave(self, order: Order) -> None:
        """What may still fill of an order has changed."""
        if self.is_lazy:
            self._orders[order.client_order_id] = order
        else:
            self.standing.leave(order.client_order_id, order.strategy, order.instrument, order.left)

    def keep(self, books: Books) -> None:
        """Cash or rates have changed."""
        for strategy in books.parts:
            self._keep_part(books, strategy)

    def rate(self, books: Books, currency: str) -> Rate | None:
        """Of a currency or asset, None while nobody told one."""
        return Rate(Decimal(1), 0) if currency == books.currency else self.rates.get(currency)

    def in_base(self, books: Books, amount: Decimal, currency: str) -> Decimal | None:
        """An amount in base currency at the last rate; None without one."""
        found = self.rate(books, currency)
        return None if found is None else amount * found.value

    def equity(self, strategy: str | None = None) -> Decimal | None:
        """Of a strategy's part, or of the account (None), in base currency."""
        return self.standing.equity(strategy)

    def _rate(self, currency: str, value: Decimal, at_ns: int) -> None:
        known = self.rates.get(currency)
        if known is None or at_ns >= known.at_ns:
            self.rates[currency] = Rate(value, at_ns)

    def _keep_part(self, books: Books, strategy: str) -> None:
        """Cash in base currency with the strategy's capital; left as it is while a currency has no rate."""
        total = self.capital(books, strategy)
        with localcontext(NUMBERS):
            for currency, amount in books.part(strategy).cash.items() if total is not None else ():
                worth = self.in_base(books, amount, currency) if amount else ZERO
                if total is None or worth is None:
                    return
                total += worth
        if total is not None:
            self.standing.keep(strategy, total)

    def capital(self, books: Books, strategy: str) -> Decimal | None:
        """In base currency; of the manual book, what the strategies were allotted, negative. None without a rate."""
        given = books.capital.items() if strategy == MANUAL else [(strategy, books.capital.get(strategy, ("", ZERO)))]
        total = ZERO
        for _, (currency, amount) in given:
            worth = self.in_base(books, amount, currency) if amount else ZERO
            if worth is None:
                return None
            total += worth
        return -total if strategy == MANUAL else total
