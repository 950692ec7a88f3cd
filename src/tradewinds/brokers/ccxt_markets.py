"""The markets of an exchange under three names: our instrument, the venue's id, ccxt's symbol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tradewinds.brokers.ccxt_dialect import Dialect
from tradewinds.brokers.ccxt_messages import Fields, Listed, listed
from tradewinds.core.errors import Rejected, Unreadable
from tradewinds.core.instrument import Instrument, split_id


class Markets:
    """Those of an account's instruments from the start; others when somebody else's order or trade names them."""

    def __init__(self, dialect: Dialect, instruments: Mapping[str, Instrument]) -> None:
        self._dialect = dialect
        self._instruments = instruments
        self._exchange: Any = None
        self._by_instrument: dict[str, Listed] = {}
        self._by_id: dict[str, Listed] = {}
        self._by_symbol: dict[str, Listed] = {}

    def read(self, exchange: Any) -> None:
        """Find the account's instruments among the markets that the exchange has loaded."""
        self._exchange = exchange
        for each in (self._by_instrument, self._by_id, self._by_symbol):
            each.clear()
        found: dict[str, Fields] = {}
        for market in exchange.markets.values():
            if self._dialect.takes(market):
                found.setdefault(str(market["id"]), market)
                found.setdefault(str(market["symbol"]), market)
        for name, instrument in self._instruments.items():
            symbol, venue = split_id(name)
            if venue == self._dialect.venue and symbol in found:
                self._list(listed(found[symbol], venue, instrument))

    def __iter__(self) -> Any:
        """Our instruments."""
        return iter(self._by_instrument)

    def __len__(self) -> int:
        return len(self._by_instrument)

    def get(self, instrument: str) -> Listed | None:
        """The market of an instrument, None where none was read."""
        return self._by_instrument.get(instrument)

    def of(self, instrument: str) -> Listed:
        """The market of an instrument; raises Rejected for one that the venue does not list."""
        found = self._by_instrument.get(instrument)
        if found is None:
            symbol, venue = split_id(instrument)
            if venue == self._dialect.venue and symbol in self._exchange.markets_by_id:
                return self.by_id(symbol)
            raise Rejected(f"{self._dialect.exchange_id}: instrument {instrument}, expected one that the venue lists")
        return found

    def by_id(self, name: str) -> Listed:
        """A market under the venue's name, also one of which this account was not told; raises Unreadable for none."""
        found = self._by_id.get(name)
        if found is None:
            for market in self._exchange.markets_by_id.get(name, ()):
                if self._dialect.takes(market):
                    return self._list(listed(market, self._dialect.venue, None))
            raise Unreadable(f"market {name[:40]!r}, expected one that the venue lists")
        return found

    def by_symbol(self, symbol: str) -> Listed:
        """A market under ccxt's name, or the venue's."""
        found = self._by_symbol.get(symbol)
        return found if found is not None else self.by_id(str(self._exchange.markets.get(symbol, {}).get("id", symbol)))

    def _list(self, market: Listed) -> Listed:
        self._by_instrument[market.instrument] = self._by_id[market.id] = self._by_symbol[market.symbol] = market
        return market
