"""What a person may do to a venue that trades, below /_control/venues: set prices, trade by hand, deposit, restart, revoke, roll back.

GET  /_control/venues                    names
GET  /_control/venues/{venue}            orders, executions, positions and the log: the truth
POST /_control/venues/{venue}/{action}   an action with a JSON body; see `ACTIONS`
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from tradewinds.core.errors import Rejected
from tradewinds.sandbox.exchange import Snapshot
from tradewinds.sandbox.venue_order import Quote, VenueOrder
from tradewinds.sandbox.world import World

Body = Mapping[str, Any]


class VenueControl:
    """Actions on the venues of a world. A venue offers `exchange`, and what else it has of prices, place_by_hand, restart, revoke..."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._taken: dict[str, tuple[Snapshot, Any]] = {}

    def names(self) -> list[str]:
        """The venues that trade."""
        return sorted(self._world.trading)

    def truth(self, name: str) -> dict[str, Any]:
        """Everything the venue knows."""
        venue = self._venue(name)
        exchange = venue.exchange
        held = [
            {"account": account, "symbol": symbol, "quantity": str(quantity), "average": str(exchange.average(account, symbol))}
            for (account, symbol), quantity in exchange.positions.items()
        ]
        found: dict[str, Any] = {
            "orders": [_order(one) for one in exchange.orders.values()],
            "executions": [{key: _text(value) for key, value in one._asdict().items()} for one in exchange.executions],
            "positions": held,
            "log": [{key: _text(value) for key, value in one._asdict().items()} for one in exchange.log],
        }
        wallet, margin = getattr(venue, "wallet", None), getattr(venue, "margin", None)
        if wallet is not None:
            found["balances"] = {
                account: {asset: {"total": str(total), "locked": str(wallet.locked(account, asset))} for asset, total in assets.items()}
                for account, assets in wallet.totals.items()
            }
        if margin is not None:
            found["wallets"] = {account: str(amount) for account, amount in margin.wallets.items()}
        return found

    def act(self, name: str, action: str, body: Body) -> dict[str, Any]:
        """Do one thing; raises Rejected for what the venue does not know or cannot do."""
        call = ACTIONS.get(action)
        if call is None:
            raise Rejected(f"venue {name}: action {action!r}, expected one of {', '.join(ACTIONS)}")
        venue = self._venue(name)
        try:
            return call(self, name, venue, body)
        except (KeyError, AttributeError, InvalidOperation, TypeError, ValueError) as error:
            raise Rejected(
                f"venue {name}: {action} of {dict(body)} ({type(error).__name__}: {error}), expected what the action needs"
            ) from None

    def _venue(self, name: str) -> Any:
        found = self._world.trading.get(name)
        if found is None:
            raise Rejected(f"venue {name!r}, expected one of {', '.join(self.names()) or 'none: no venue trades here'}")
        return found

    def _price(self, name: str, venue: Any, body: Body) -> dict[str, Any]:
        bid, ask = Decimal(str(body["bid"])), Decimal(str(body["ask"]))
        sizes = [Decimal(str(body[key])) if key in body else None for key in ("bid_size", "ask_size")]
        if not 0 < bid <= ask:
            raise Rejected(f"venue {name}: bid {bid} and ask {ask}, expected 0 < bid <= ask")
        quote: Quote = venue.prices.set(str(body["symbol"]), bid, ask, *sizes)
        venue.exchange.match([str(body["symbol"])])
        return {key: str(value) for key, value in quote._asdict().items()}

    def _market_price(self, name: str, venue: Any, body: Body) -> dict[str, Any]:
        venue.prices.clear(body.get("symbol"))
        venue.exchange.match()
        return {}

    def _order(self, name: str, venue: Any, body: Body) -> dict[str, Any]:
        limit = Decimal(str(body["limit"])) if body.get("limit") is not None else None
        account, quantity = str(body.get("account", "main")), Decimal(str(body["quantity"]))
        return _order(venue.place_by_hand(account, str(body["symbol"]), body["side"], quantity, limit))

    def _cancel(self, name: str, venue: Any, body: Body) -> dict[str, Any]:
        done = venue.exchange.cancel(int(body["id"]), "by hand")
        if done is None:
            raise Rejected(f"venue {name}: cancel of order {body['id']}, expected one that works")
        return _order(done)

    def _deposit(self, name: str, venue: Any, body: Body) -> dict[str, Any]:
        venue.deposit(str(body.get("account", "main")), str(body["asset"]), Decimal(str(body["amount"])))
        return {}

    def _restart(self, name: str, venue: Any, body: Body) -> dict[str, Any]:
        venue.restart(says_so=bool(body.get("says_so", False)))
        return {}

    def _revoke(self, name: str, venue: Any, body: Body) -> dict[str, Any]:
        return {"was_known": venue.revoke(str(body["key"]))}

    def _restore_key(self, name: str, venue: Any, body: Body) -> dict[str, Any]:
        venue.keys.restore(str(body["key"]))
        return {}

    def _roll_ids_back(self, name: str, venue: Any, body: Body) -> dict[str, Any]:
        venue.exchange.roll_ids_back(int(body.get("to", 1)))
        return {}

    def _skew(self, name: str, venue: Any, body: Body) -> dict[str, Any]:
        venue.desk.skew_ms = int(body["ms"])
        return {}

    def _match(self, name: str, venue: Any, body: Body) -> dict[str, Any]:
        venue.exchange.replenish()
        venue.exchange.match()
        return {}

    def _snapshot(self, name: str, venue: Any, body: Body) -> dict[str, Any]:
        purse = getattr(venue, "wallet", None) or getattr(venue, "margin", None)
        self._taken[name] = venue.exchange.snapshot(), None if purse is None else purse.snapshot()
        return {"orders": len(self._taken[name][0].orders)}

    def _restore(self, name: str, venue: Any, body: Body) -> dict[str, Any]:
        if name not in self._taken:
            raise Rejected(f"venue {name}: nothing to restore, expected a snapshot before")
        taken, held = self._taken[name]
        venue.exchange.restore(taken)
        purse = getattr(venue, "wallet", None) or getattr(venue, "margin", None)
        if purse is not None:
            purse.restore(held)
        return {"orders": len(taken.orders)}


ACTIONS: dict[str, Callable[[VenueControl, str, Any, Body], dict[str, Any]]] = {
    "price": VenueControl._price,
    "market_price": VenueControl._market_price,
    "order": VenueControl._order,
    "cancel": VenueControl._cancel,
    "deposit": VenueControl._deposit,
    "restart": VenueControl._restart,
    "revoke": VenueControl._revoke,
    "restore_key": VenueControl._restore_key,
    "roll_ids_back": VenueControl._roll_ids_back,
    "skew": VenueControl._skew,
    "match": VenueControl._match,
    "snapshot": VenueControl._snapshot,
    "restore": VenueControl._restore,
}


def _order(order: VenueOrder) -> dict[str, Any]:
    names = (
        "id", "account", "client_id", "symbol", "side", "kind", "quantity", "limit", "stop", "status", "filled", "reason", "by_hand",
        "is_reduce_only", "is_triggered", "created_ns", "updated_ns",
    )  # fmt: skip
    return {name: _text(getattr(order, name)) for name in names}


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal) else value
