"""Binance over REST: klines, aggregated trades, trades, the list of instruments, server time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import polars as pl

from tradewinds.core.errors import Rejected, Unreadable
from tradewinds.core.instant import NS_PER_MS
from tradewinds.core.instrument import Instrument
from tradewinds.core.market import TRADES, interval_of
from tradewinds.core.observation import Capability, Dataset, Finding, Payload, Pull, Request
from tradewinds.vendors.binance_client import PREFIXES, BinanceClient, market_of
from tradewinds.vendors.binance_instruments import instruments_in
from tradewinds.vendors.binance_json import agg_trade_rows, kline_rows, odd_closes, trade_rows
from tradewinds.vendors.binance_venue import (
    AGG_TRADES,
    DATASETS,
    EARLIEST_NS,
    LAG_NS,
    MARKETS,
    Market,
    Venues,
    checked_interval,
    wire_interval,
)
from tradewinds.vendors.options import checked
from tradewinds.wire.http import Answer, HttpClient
from tradewinds.wire.secret import Secret

PAGE_ROWS = 1000
PAGES_MAX = 10_000
MONTH_NS_MAX = 31 * 86_400 * 1_000_000_000


class BinanceRest:
    """Implements `core.ports.Vendor`. Options: `venue` and `market` (see `binance_venue.Venues`)."""

    name = "binance_rest"

    def __init__(
        self,
        http: HttpClient,
        *,
        base_url: str | None = None,
        secret: Secret | None = None,
        options: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._client = BinanceClient(http, base_url, secret)
        self._venues = Venues.of(checked(options, self.name, venue=(), market=MARKETS))
        self.capability = Capability(
            datasets=tuple(dataset.name for dataset in DATASETS), lag_ns=LAG_NS, batch=PAGE_ROWS, revises=True, earliest_ns=EARLIEST_NS
        )

    def datasets(self) -> Sequence[Dataset]:
        return DATASETS

    def plan(self, request: Request) -> list[Pull]:
        """Bars: one pull per 1000 intervals. Trades: one pull that `capture` follows from id to id; its last page may go beyond the end.

        request.params `from_id`: trades begin at that id instead of a time (after the last one that the archive gave).
        """
        interval = interval_of(request.dataset)
        start_ns, end_ns = max(request.start_ns, EARLIEST_NS), min(request.end_ns, request.now_ns)
        if start_ns >= end_ns:
            return []
        pulls: list[Pull] = []
        for instrument in request.instruments:
            symbol, market = self._venues.symbol(instrument)
            if interval is None:
                pulls.append(self._trades_pull(request, symbol, market, start_ns, end_ns))
                continue
            span_ns = PAGE_ROWS * (interval.ns or MONTH_NS_MAX)
            name = wire_interval(checked_interval(interval))
            for first_ns in range(start_ns, end_ns, span_ns):
                query = {"symbol": symbol, "interval": name} | _times(first_ns, min(first_ns + span_ns, end_ns))
                pulls.append(self._pull(request.dataset, market, "klines", query | {"limit": str(PAGE_ROWS)}))
        return pulls

    def capture(self, pull: Pull) -> Iterator[Payload]:
        if pull.dataset not in (TRADES.name, AGG_TRADES.name):
            answer = self._client.ask(pull)
            yield Payload(pull, answer.content, answer.captured_ns)
            return
        following = self._from_first_id(pull) if "since" in pull.params else pull
        if following is None:
            return
        pull = following
        for _ in range(PAGES_MAX):
            sent = _without(pull, "until")
            answer = self._client.ask(sent)
            yield Payload(sent, answer.content, answer.captured_ns)
            following = _following(pull, answer)
            if following is None:
                return
            pull = following
        raise Rejected(
            f"binance {pull.dataset} {pull.params.get('symbol')}: over {PAGES_MAX} pages, expected fewer; the archive holds whole days"
        )

    def parse(self, payload: Payload) -> pl.DataFrame:
        symbol, market = payload.pull.params.get("symbol", ""), market_of(payload.pull.locator)
        instrument = self._venues.instrument(symbol, market)
        what = f"binance {payload.pull.dataset} {symbol}"
        interval = interval_of(payload.pull.dataset)
        if interval is not None:
            return kline_rows(payload, instrument, interval, what, is_coin_margined=market == "cm")
        rows = trade_rows if payload.pull.dataset == TRADES.name else agg_trade_rows
        return rows(payload, instrument, what)

    def parse_with_findings(self, payload: Payload) -> tuple[pl.DataFrame, list[Finding]]:
        """The rows, and the bars that state another close than their interval's end."""
        rows = self.parse(payload)
        if interval_of(payload.pull.dataset) is None:
            return rows, []
        return rows, odd_closes(payload, rows, self.name, f"binance {payload.pull.dataset} {payload.pull.params.get('symbol', '')}")

    def instruments_pull(self, market: Market = "spot") -> Pull:
        """The question for every instrument of a market; `parse_instruments` reads the answer."""
        query = {"showPermissionSets": "false"} if market == "spot" else {}
        return self._pull("instruments", market, "exchangeInfo", query)

    def parse_instruments(self, payload: Payload) -> list[Instrument]:
        """Every instrument with its tick, lot and minimum notional, sorted by id; pure, like parse."""
        market = market_of(payload.pull.locator)
        return instruments_in(payload.content, market, lambda symbol: self._venues.instrument(symbol, market))

    def server_time_ns(self, market: Market = "spot") -> int:
        """The venue's clock."""
        answer = self._client.ask(self._pull("time", market, "time", {}))
        try:
            return int(json.loads(answer.content)["serverTime"]) * NS_PER_MS
        except (ValueError, KeyError, TypeError):
            raise Unreadable(f"binance time: {answer.content[:80]!r}, expected serverTime in milliseconds") from None

    def first_bar_ns(self, instrument: str, interval: str, from_ns: int = 0) -> int | None:
        """When the venue's first bar from from_ns on starts; None where there is none. Raises Rejected for an unknown symbol."""
        symbol, market = self._venues.symbol(instrument)
        query = {"symbol": symbol, "interval": wire_interval(interval), "startTime": str(-(-from_ns // NS_PER_MS)), "limit": "1"}
        answer = self._client.ask(self._pull(f"bars-{interval}", market, "klines", query))
        try:
            rows = json.loads(answer.content)
            return int(rows[0][0]) * NS_PER_MS if rows else None
        except (ValueError, KeyError, TypeError, IndexError):
            raise Unreadable(f"binance first bar {symbol}: {answer.content[:80]!r}, expected an array of bars") from None

    def _pull(self, dataset: str, market: Market, endpoint: str, query: Mapping[str, str]) -> Pull:
        return Pull(self.name, dataset, f"{PREFIXES[market]}/{endpoint}", MappingProxyType(dict(query)))

    def _trades_pull(self, request: Request, symbol: str, market: Market, start_ns: int, end_ns: int) -> Pull:
        from_id = request.params.get("from_id")
        until = {"until": str(end_ns // NS_PER_MS)}
        query = {"symbol": symbol, "limit": str(PAGE_ROWS)}
        if request.dataset == AGG_TRADES.name:
            begin = {"fromId": from_id} if from_id else {"startTime": str(start_ns // NS_PER_MS)}
            return self._pull(request.dataset, market, "aggTrades", query | begin | until)
        if request.dataset != TRADES.name:
            raise Rejected(f"binance rest: dataset {request.dataset!r}, expected bars-<interval>, trades or agg-trades")
        if from_id is None:
            query |= {"since": str(start_ns // NS_PER_MS)}
        return self._pull(request.dataset, market, "historicalTrades", query | ({"fromId": from_id} if from_id else {}) | until)

    def _from_first_id(self, pull: Pull) -> Pull | None:
        """The pull with the id of the first trade at or after its `since`; None where there is none.

        Trades are found by id only; an aggregated one is found by time, and names its first trade.
        """
        symbol = pull.params["symbol"]
        query = {"symbol": symbol, "startTime": pull.params["since"], "limit": "1"}
        answer = self._client.ask(self._pull(AGG_TRADES.name, market_of(pull.locator), "aggTrades", query))
        try:
            found = json.loads(answer.content)
            first_id = str(int(found[0]["f"])) if found else None
        except (ValueError, KeyError, TypeError, IndexError):
            raise Unreadable(f"binance first trade {symbol}: {answer.content[:80]!r}, expected an array of trades") from None
        if first_id is None:
            return None
        return replace(pull, params=MappingProxyType({**_without(pull, "since").params, "fromId": first_id}))


def _times(start_ns: int, end_ns: int) -> dict[str, str]:
    # Both ends are inclusive on the wire, in milliseconds of the bar's opening.
    return {"startTime": str(-(-start_ns // NS_PER_MS)), "endTime": str(-(-end_ns // NS_PER_MS) - 1)}


def _without(pull: Pull, name: str) -> Pull:
    """The pull without a param that is ours and not the venue's."""
    return replace(pull, params=MappingProxyType({key: value for key, value in pull.params.items() if key != name}))


def _following(pull: Pull, answer: Answer) -> Pull | None:
    """The pull of the page after this one; None where this was the last."""
    if "until" not in pull.params:
        return None
    try:
        page = json.loads(answer.content)
        last = page[-1] if page else None
        ends = last is None or len(page) < int(pull.params["limit"])
        if last is None or ends:
            return None
        last_id, last_ms = int(last.get("a", last.get("id"))), int(last.get("T", last.get("time")))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Unreadable(f"binance {pull.dataset}: {answer.content[:80]!r}, expected an array of trades") from None
    if last_ms >= int(pull.params["until"]):
        return None
    query = {name: value for name, value in pull.params.items() if name not in ("startTime", "fromId")}
    return replace(pull, params=MappingProxyType(query | {"fromId": str(last_id + 1)}))
