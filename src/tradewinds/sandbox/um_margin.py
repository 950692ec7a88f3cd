"""Margin of a USD-M futures venue: the wallet, leverage, what positions and orders hold, and funding. Cross margin, one-way positions.

Wallet balance changes by realised gains, commissions and funding. Available is the wallet and what positions gained, without what
positions and orders hold. Positions are not liquidated: a negative margin balance stays, for whoever watches it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from tradewinds.sandbox.exchange import ZERO, Exchange
from tradewinds.sandbox.venue_order import Execution, VenueOrder

ASSET = "USDT"
LEVERAGE_USUAL, LEVERAGE_MAX = 20, 125
MAINTENANCE = Decimal("0.005")
_EIGHT = Decimal("0.00000001")  # wallets count no finer


@dataclass(frozen=True, slots=True)
class Held:
    """One position. mark: price. notional and margin in the margin asset; notional signed as quantity."""

    symbol: str
    quantity: Decimal
    entry: Decimal
    mark: Decimal
    notional: Decimal
    unrealised: Decimal
    margin: Decimal
    leverage: int


@dataclass(frozen=True, slots=True)
class Income:
    """A change of the wallet. kind: REALIZED_PNL, COMMISSION, FUNDING_FEE or TRANSFER."""

    id: int
    account: str
    symbol: str
    kind: str
    amount: Decimal
    at_ns: int
    trade_id: int = 0


class UmMargin:
    """Wallets of every account, kept right by listening to an exchange."""

    def __init__(self, exchange: Exchange, balances: Mapping[str, Mapping[str, Decimal]]) -> None:
        self._exchange = exchange
        self.wallets: dict[str, Decimal] = {account: held.get(ASSET, ZERO) for account, held in balances.items()}
        self.leverage: dict[tuple[str, str], int] = {}
        self.is_isolated: dict[tuple[str, str], bool] = {}
        self.incomes: list[Income] = []
        self._ordered: dict[str, Decimal] = {}
        self._of_order: dict[int, Decimal] = {}
        exchange.listeners.append(self.hear)

    def wallet(self, account: str) -> Decimal:
        """Balance without what positions gained."""
        return self.wallets.get(account, ZERO)

    def mark(self, symbol: str) -> Decimal:
        """What positions are valued at."""
        quote = self._exchange.quote(symbol)
        return (quote.bid + quote.ask) / 2

    def held(self, account: str) -> list[Held]:
        """Every position that is not flat."""
        return [
            self.position(account, symbol)
            for (owner, symbol), quantity in self._exchange.positions.items()
            if owner == account and quantity
        ]

    def position(self, account: str, symbol: str) -> Held:
        """One position, flat or not."""
        quantity, entry = self._exchange.position(account, symbol), self._exchange.average(account, symbol)
        mark, leverage = self.mark(symbol), self.leverage_of(account, symbol)
        notional = quantity * mark
        return Held(symbol, quantity, entry, mark, notional, quantity * (mark - entry), abs(notional) / leverage, leverage)

    def leverage_of(self, account: str, symbol: str) -> int:
        """Times the margin that may be held."""
        return self.leverage.get((account, symbol), LEVERAGE_USUAL)

    def ordered(self, account: str) -> Decimal:
        """Margin that working orders hold, counted when they, the position or the leverage last changed."""
        return self._ordered.get(account, ZERO)

    def needs(self, order: VenueOrder) -> Decimal:
        """Margin that an order would hold: of the part that opens or adds, nothing where it only reduces."""
        if order.is_reduce_only or order.left <= 0:
            return ZERO
        held = self._exchange.position(order.account, order.symbol)
        opposite = max(ZERO, -held if order.side == "buy" else held)
        quote = self._exchange.quote(order.symbol)
        price = order.limit or order.stop or (quote.ask if order.side == "buy" else quote.bid)
        return max(ZERO, order.left - opposite) * price / self.leverage_of(order.account, order.symbol)

    def available(self, account: str) -> Decimal:
        """What new orders may use."""
        held = self.held(account)
        free = self.wallet(account) + sum((one.unrealised - one.margin for one in held), ZERO) - self.ordered(account)
        return max(ZERO, free)

    def can_pay(self, order: VenueOrder) -> bool:
        """Whether the margin suffices for an order that does not work yet."""
        return self.needs(order) <= self.available(order.account)

    def credit(self, account: str, symbol: str, kind: str, amount: Decimal, trade_id: int = 0) -> None:
        """Change a wallet."""
        self.wallets[account] = self.wallet(account) + amount
        self.incomes.append(Income(len(self.incomes) + 1, account, symbol, kind, amount, self._exchange.now_ns(), trade_id))

    def hear(self, order: VenueOrder, done: Execution | None) -> None:
        """Follow one change of an order: what it holds, what a fill realised and cost."""
        if done is None:
            self._hold(order)
            return
        self._hold(order)
        self.recount(order.account, order.symbol)
        realised = done.realised.quantize(_EIGHT)
        if realised:
            self.credit(order.account, order.symbol, "REALIZED_PNL", realised, done.id)
        if done.commission:
            self.credit(order.account, order.symbol, "COMMISSION", -done.commission, done.id)

    def recount(self, account: str, symbol: str) -> None:
        """Count anew what the working orders of a symbol hold."""
        for order in self._exchange.working(account, symbol):
            self._hold(order)

    def fund(self, symbol: str, rate: Decimal) -> list[tuple[str, Decimal]]:
        """Settle funding of a symbol: longs pay the rate of their value where it is positive. Returns (account, amount) of each."""
        paid = []
        for (account, of), quantity in self._exchange.positions.items():
            if of == symbol and quantity:
                amount = -(quantity * self.mark(symbol) * rate).quantize(_EIGHT)
                self.credit(account, symbol, "FUNDING_FEE", amount)
                paid.append((account, amount))
        return paid

    def snapshot(self) -> dict[str, Decimal]:
        """Wallets to return to."""
        return dict(self.wallets)

    def restore(self, taken: Mapping[str, Decimal]) -> None:
        """Return to a snapshot; call it after the exchange's own, whose working orders say what is held."""
        self.wallets = dict(taken)
        self._ordered.clear()
        self._of_order.clear()
        for order in self._exchange.orders.values():
            self._hold(order)

    def _hold(self, order: VenueOrder) -> None:
        before = self._of_order.pop(order.id, ZERO)
        after = self.needs(order) if order.is_working else ZERO
        if after:
            self._of_order[order.id] = after
        self._ordered[order.account] = self._ordered.get(order.account, ZERO) + after - before
