"""The account's own trades: of one order, and all after a cursor, with our id of the order that each belongs to.

A cursor is JSON: for each instrument the number of the last trade, or its time in milliseconds where the venue counts none. A venue's trade
names its order by number only; a number that was never seen is asked for once.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

from tradewinds.brokers.ccxt_dialect import Dialect
from tradewinds.brokers.ccxt_errors import NoOrder
from tradewinds.brokers.ccxt_markets import Markets
from tradewinds.brokers.ccxt_messages import Fields, Listed, fill_of, report_of
from tradewinds.core.account import Fill
from tradewinds.core.broker import FillPage, OrderReport
from tradewinds.core.errors import Rejected

TRADES_PAGE = 1_000
PAGES_MAX = 1_000
SYMBOLS_ASKED_MAX = 40
KNOWN_MAX = 20_000


class Asker(Protocol):
    """The adapter, as far as it asks questions."""

    exchange: Any

    async def call(self, what: str, make: Callable[[], Awaitable[Any]], *, changes: bool = False) -> Any: ...

    def reading(self, what: str, *, changes: bool = False) -> AbstractContextManager[None]: ...


class Trades:
    """What was traded, and under which names. traded: instruments whose trades are asked for."""

    def __init__(self, asker: Asker, dialect: Dialect, markets: Markets) -> None:
        self.traded: set[str] = set()
        self._asker = asker
        self._dialect = dialect
        self._markets = markets
        self._names: dict[str, str] = {}

    def remember(self, venue_order_id: str, client_order_id: str) -> None:
        """Our id of an order, "" for one that carries none."""
        self._names.pop(venue_order_id, None)
        self._names[venue_order_id] = client_order_id
        while len(self._names) > KNOWN_MAX:
            self._names.pop(next(iter(self._names)))

    async def of_order(self, report: OrderReport, market: Listed) -> tuple[Fill, ...]:
        """The trades of one order, as far as the venue shows them yet."""
        params = {"orderId": report.venue_order_id} if self._dialect.counts_trades else {}
        rows = await self._asked(market, None, params)
        with self._asker.reading("trades"):
            own = [one for one in rows if str(one.get("order")) == report.venue_order_id]
            return tuple(fill_of(one, market, self._dialect.venue, report.client_order_id) for one in own)

    async def since(self, cursor: str, now_ns: int) -> FillPage:
        """Trades after the cursor. For an instrument without one the venue's last page counts; older trades are history, not news."""
        cursors = _cursors(cursor)
        if not cursor or len(self._markets) <= SYMBOLS_ASKED_MAX:
            self.traded |= set(list(self._markets)[:SYMBOLS_ASKED_MAX])
        found: list[Fill] = []
        for instrument in sorted({*cursors, *self.traded}):
            market = self._markets.get(instrument)
            if market is not None:
                fills, at = await self._since(market, cursors.get(instrument, ""))
                cursors[instrument] = at or self._dialect.first(now_ns)
                found += fills
        found.sort(key=lambda one: (one.event_ns, one.instrument, one.id))
        return FillPage(tuple(found), json.dumps(cursors, sort_keys=True))

    async def fetched(self, venue_order_id: str, market: Listed, params: dict[str, Any]) -> Fields | None:
        """One order, None where the venue knows none."""
        ask = self._asker.exchange.fetch_order
        what = f"order {params.get('origClientOrderId') or venue_order_id}"
        try:
            found: Fields = await self._asker.call(what, lambda: ask(venue_order_id, market.symbol, params))
        except NoOrder:
            return None
        return found

    async def _since(self, market: Listed, cursor: str) -> tuple[list[Fill], str]:
        found: list[Fill] = []
        for _ in range(PAGES_MAX):
            params, since_ms = self._dialect.after(cursor)
            before, rows = cursor, await self._asked(market, since_ms, params)
            for row in rows:
                with self._asker.reading("trades"):
                    name = await self._name_of(str(row.get("order") or ""), market)
                    found.append(fill_of(row, market, self._dialect.venue, name))
                    cursor = self._dialect.later(cursor, row)
            if len(rows) < TRADES_PAGE or not before or cursor == before:
                break
        return found, cursor

    async def _asked(self, market: Listed, since_ms: int | None, params: dict[str, Any]) -> list[Fields]:
        ask = self._asker.exchange.fetch_my_trades
        found: list[Fields] = await self._asker.call("trades", lambda: ask(market.symbol, since_ms, TRADES_PAGE, dict(params)))
        return found

    async def _name_of(self, venue_order_id: str, market: Listed) -> str:
        if venue_order_id and venue_order_id not in self._names:
            shown = await self.fetched(venue_order_id, market, {})
            self.remember(venue_order_id, "" if shown is None else report_of(shown, market).client_order_id)
        return self._names.get(venue_order_id, "")


def _cursors(since: str) -> dict[str, str]:
    if not since:
        return {}
    try:
        found = json.loads(since)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Rejected(f"cursor {since[:80]!r}, expected one that this adapter gave")
    return {str(name): str(at) for name, at in found.items()}
