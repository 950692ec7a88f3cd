"""OANDA v20 candles: bid and ask (`quotes-<interval>`) or their middle (`bars-<interval>`) of currencies, metals and indices.

Only candles that the venue calls complete become rows; an interval without a price has no candle. Days, weeks and months begin at
17:00 in New York, so they are not UTC days and one of them has 23 or 25 hours where the clocks change. Volume counts price updates.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import polars as pl

from tradewinds.core.errors import Rejected, Unreadable
from tradewinds.core.instant import NS_PER_DAY, NS_PER_SECOND, text
from tradewinds.core.instant import parse as instant
from tradewinds.core.instrument import instrument_id, split_id
from tradewinds.core.market import PRICES, Interval, bars, quotes
from tradewinds.core.observation import Capability, Dataset, Payload, Pull, Request
from tradewinds.vendors.observed import nothing, observed
from tradewinds.vendors.options import checked
from tradewinds.wire.budget import Cost
from tradewinds.wire.http import HttpClient
from tradewinds.wire.secret import Secret

PRACTICE_URL, TRADE_URL = "https://api-fxpractice.oanda.com", "https://api-fxtrade.oanda.com"
VENUE = "OANDA"
# The venue refuses more, and refuses `count` beside `from` and `to`; so a page is a span of time.
CANDLES_MAX = 5_000
MONTH_NS_MAX = 31 * NS_PER_DAY
LAG_NS = NS_PER_SECOND
EARLIEST_NS = 1_104_537_600 * NS_PER_SECOND  # 2005-01-01
NEW_YORK = "America/New_York"
GRANULARITIES = {
    "5s": "S5", "10s": "S10", "15s": "S15", "30s": "S30",
    "1m": "M1", "2m": "M2", "4m": "M4", "5m": "M5", "10m": "M10", "15m": "M15", "30m": "M30",
    "1h": "H1", "2h": "H2", "3h": "H3", "4h": "H4", "6h": "H6", "8h": "H8", "12h": "H12", "1d": "D", "1w": "W", "1mo": "M",
}  # fmt: skip
DATASETS = (*(quotes(interval) for interval in GRANULARITIES), *(bars(interval) for interval in GRANULARITIES))
_ALIGNMENT = {"dailyAlignment": "17", "alignmentTimezone": NEW_YORK, "weeklyAlignment": "Friday"}
_LETTERS = dict(zip(PRICES, "ohlc", strict=True))
_SYMBOL = re.compile(r"[A-Z0-9]{2,12}_[A-Z0-9]{2,12}")


class Oanda:
    """Implements `core.ports.Vendor` for instruments such as `EUR_USD.OANDA`. Options: `environment`: `practice` or `trade`."""

    name = "oanda"
    capability = Capability(
        datasets=tuple(dataset.name for dataset in DATASETS),
        lag_ns=LAG_NS,
        batch=CANDLES_MAX,
        needs_key="vendors.oanda.secret",
        earliest_ns=EARLIEST_NS,
        note="days begin at 17:00 New York; volume counts price updates",
    )

    def __init__(
        self,
        http: HttpClient,
        *,
        base_url: str | None = None,
        secret: Secret | None = None,
        options: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        environment = checked(options, self.name, environment=("practice", "trade")).get("environment", "practice")
        self._http = http
        self._base_url = (base_url or (TRADE_URL if environment == "trade" else PRACTICE_URL)).rstrip("/")
        self._headers = {"Authorization": secret.behind("Bearer ")} if secret else {}

    def datasets(self) -> Sequence[Dataset]:
        return DATASETS

    def plan(self, request: Request) -> list[Pull]:
        """One pull for at most 5000 candles of one instrument."""
        interval, is_quotes = _series(request.dataset)
        start_ns, end_ns = max(request.start_ns, EARLIEST_NS), min(request.end_ns, request.now_ns)
        span_ns = CANDLES_MAX * (interval.ns or MONTH_NS_MAX)
        alignment = _ALIGNMENT if interval.is_daily_or_longer or interval.name.endswith("h") else {}
        pulls: list[Pull] = []
        for instrument in request.instruments:
            symbol = _symbol(instrument)
            for first_ns in range(start_ns, end_ns, span_ns):
                times = {"from": text(first_ns), "to": text(min(first_ns + span_ns, end_ns))}
                query = {"price": "BA" if is_quotes else "M", "granularity": GRANULARITIES[interval.name], **times, **alignment}
                pulls.append(Pull(self.name, request.dataset, f"/v3/instruments/{symbol}/candles", MappingProxyType(query)))
        return pulls

    def capture(self, pull: Pull) -> Iterator[Payload]:
        what = f"oanda candles {_symbol_of(pull.locator)}"
        headers: dict[str, str | Secret] = {**self._headers, "Accept-Datetime-Format": "RFC3339"}
        cost = Cost(f"{self.name}@{urlsplit(self._base_url).netloc}")
        answer = self._http.get(self._base_url + pull.locator, what=what, params=pull.params, headers=headers, cost=cost)
        _candles(answer.content, pull, what)
        yield Payload(pull, answer.content, answer.captured_ns)

    def parse(self, payload: Payload) -> pl.DataFrame:
        symbol = _symbol_of(payload.pull.locator)
        what = f"oanda candles {symbol}"
        interval, is_quotes = _series(payload.pull.dataset)
        dataset = quotes(interval) if is_quotes else bars(interval)
        rows = [
            _row(candle, is_quotes=is_quotes, what=what)
            for candle in _candles(payload.content, payload.pull, what)
            if _is_complete(candle, what)
        ]
        if not rows:
            return nothing(dataset)
        names = [f"{side}_{price}" for side in ("bid", "ask") for price in PRICES] if is_quotes else list(PRICES)
        types = {"start_ns": pl.Int64, "volume": pl.Float64, **dict.fromkeys(names, pl.Float64)}
        table = pl.DataFrame(rows, schema=types, orient="row").sort("start_ns", maintain_order=True)
        table = table.with_columns(_end_ns(interval).alias("event_ns"))
        return observed(table, dataset, payload, lag_ns=LAG_NS, instrument=instrument_id(symbol, VENUE))


def _series(dataset: str) -> tuple[Interval, bool]:
    kind, _, name = dataset.partition("-")
    if kind not in ("quotes", "bars") or name not in GRANULARITIES:
        raise Rejected(f"oanda: dataset {dataset!r}, expected quotes-<interval> or bars-<interval> with one of {' '.join(GRANULARITIES)}")
    return Interval(name), kind == "quotes"


def _symbol(instrument: str) -> str:
    symbol, venue = split_id(instrument)
    if venue != VENUE or _SYMBOL.fullmatch(symbol) is None:
        raise Rejected(f"oanda instrument: {instrument!r}, expected such as EUR_USD.OANDA")
    return symbol


def _symbol_of(locator: str) -> str:
    parts = locator.split("/")
    if len(parts) != 5 or parts[1:3] != ["v3", "instruments"] or parts[4] != "candles":
        raise Rejected(f"oanda path: {locator!r}, expected /v3/instruments/EUR_USD/candles")
    return parts[3]


def _candles(content: bytes, pull: Pull, what: str) -> list[Any]:
    """The candles of an answer, which must be of the instrument and granularity that were asked for."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"{what}: {content[:80]!r} is no JSON ({error}), expected candles") from None
    if not isinstance(body, dict) or not isinstance(body.get("candles"), list):
        message = body.get("errorMessage") if isinstance(body, dict) else None
        raise Unreadable(f"{what}: {str(message)[:120]!r}, expected candles" if message else f"{what}: {content[:80]!r}, expected candles")
    symbol, granularity = _symbol_of(pull.locator), pull.params.get("granularity")
    # Old answers spell the pair with a slash.
    said = (str(body.get("instrument", "")).replace("/", "_"), body.get("granularity"))
    if said != (symbol, granularity):
        raise Unreadable(f"{what}: an answer about {said[0]} {said[1]}, expected {symbol} {granularity}")
    candles: list[Any] = body["candles"]
    return candles


def _is_complete(candle: Any, what: str) -> bool:
    if not isinstance(candle, dict) or not isinstance(candle.get("complete"), bool):
        raise Unreadable(f"{what}: {str(candle)[:80]}, expected a candle that says whether it is complete")
    return bool(candle["complete"])


def _row(candle: Mapping[str, Any], *, is_quotes: bool, what: str) -> tuple[float, ...]:
    try:
        sides = (candle["bid"], candle["ask"]) if is_quotes else (candle["mid"],)
        prices = [float(side[_LETTERS[price]]) for side in sides for price in PRICES]
        return (instant(candle["time"]), float(candle["volume"]), *prices)
    except (KeyError, TypeError, ValueError, Rejected) as error:
        raise Unreadable(f"{what}: candle of {candle.get('time')}: {error}, expected time, volume and prices") from None


def _end_ns(interval: Interval) -> pl.Expr:
    start = pl.col("start_ns")
    if not interval.is_daily_or_longer:
        assert interval.ns is not None
        return start + interval.ns
    # The candle ends when the same wall clock stands in New York again, which is 23 to 25 hours later.
    local = start.cast(pl.Datetime("ns", "UTC")).dt.convert_time_zone(NEW_YORK)
    return local.dt.offset_by(interval.name).dt.convert_time_zone("UTC").cast(pl.Int64)
