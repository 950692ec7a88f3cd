"""Balances of a spot venue: what an order locks, what a fill moves, what an end releases."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from tradewinds.sandbox.exchange import ZERO, Exchange
from tradewinds.sandbox.venue_order import Execution, VenueOrder

Assets = Callable[[str], tuple[str, str]]


class SpotWallet:
    """Totals and locks of every account, kept right by listening to an exchange. assets: base and quote of a symbol."""

    def __init__(self, exchange: Exchange, assets: Assets, balances: Mapping[str, Mapping[str, Decimal]]) -> None:
        self._exchange = exchange
        self._assets = assets
        self.totals: dict[str, dict[str, Decimal]] = {account: dict(held) for account, held in balances.items()}
        self._locked: dict[tuple[str, str], Decimal] = {}
        self._of_order: dict[int, tuple[str, Decimal]] = {}
        exchange.listeners.append(self.hear)
        exchange.affords = self.can_pay

    def free(self, account: str, asset: str) -> Decimal:
        """What may be spent."""
        return self.total(account, asset) - self.locked(account, asset)

    def locked(self, account: str, asset: str) -> Decimal:
        """What working orders hold."""
        return self._locked.get((account, asset), ZERO)

    def total(self, account: str, asset: str) -> Decimal:
        """Free and locked."""
        return self.totals.get(account, {}).get(asset, ZERO)

    def needs(self, order: VenueOrder) -> tuple[str, Decimal]:
        """The asset that an order locks, and how much of it."""
        base, quote = self._assets(order.symbol)
        if order.side == "sell":
            return base, order.left
        price = order.limit or (order.stop if order.waits and not order.is_triggered else None) or self._exchange.quote(order.symbol).ask
        return quote, order.left * price

    def can_pay(self, order: VenueOrder) -> bool:
        """Whether the account holds what the order would lock, what it locks already not counted."""
        asset, amount = self.needs(order)
        held = self._of_order.get(order.id, (asset, ZERO))[1] if order.id else ZERO
        return amount <= self.free(order.account, asset) + held

    def credit(self, account: str, asset: str, amount: Decimal) -> Decimal:
        """Deposit, or withdraw when negative; returns the new total."""
        held = self.totals.setdefault(account, {})
        held[asset] = held.get(asset, ZERO) + amount
        return held[asset]

    def hear(self, order: VenueOrder, execution: Execution | None) -> None:
        """Follow one change of an order."""
        if execution is not None:
            self._move(order, execution)
        if not order.is_working:
            self._lock(order, None)
            return
        self._lock(order, self.needs(order))

    def snapshot(self) -> dict[str, dict[str, Decimal]]:
        """Totals to return to."""
        return {account: dict(held) for account, held in self.totals.items()}

    def restore(self, taken: Mapping[str, Mapping[str, Decimal]]) -> None:
        """Return to a snapshot; call it after the exchange's own, whose working orders say what is locked."""
        self.totals = {account: dict(held) for account, held in taken.items()}
        self._locked.clear()
        self._of_order.clear()
        for order in self._exchange.orders.values():
            if order.is_working:
                self._lock(order, self.needs(order))

    def _move(self, order: VenueOrder, done: Execution) -> None:
        base, quote = self._assets(order.symbol)
        sign = 1 if done.side == "buy" else -1
        self.credit(order.account, base, sign * done.quantity)
        self.credit(order.account, quote, -sign * done.quantity * done.price)
        if done.commission:
            self.credit(order.account, done.commission_asset, -done.commission)

    def _lock(self, order: VenueOrder, wanted: tuple[str, Decimal] | None) -> None:
        before = self._of_order.pop(order.id, None)
        if before is not None:
            self._locked[order.account, before[0]] -= before[1]
        if wanted is not None:
            self._of_order[order.id] = wanted
            key = order.account, wanted[0]
            self._locked[key] = self._locked.get(key, ZERO) + wanted[1]
