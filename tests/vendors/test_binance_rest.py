"""Binance REST: paging, limits, errors, and answers read into rows."""

from __future__ import annotations

import gzip
import json
import random
from decimal import Decimal

import pytest

from tradewinds.core.errors import Rejected, Transient, Unreadable
from tradewinds.core.instant import parse
from tradewinds.core.observation import Payload, Pull, Request
from tradewinds.vendors.binance_rest import BinanceRest
from tradewinds.wire.budget import BudgetBook
from tradewinds.wire.http import HttpClient, Limits
from tradewinds.wire.secret import Secret

KLINES = "/api/v3/klines"
# The candle that the venue's own documentation shows, and the one after it.
BAR = [1499040000000, "0.01634790", "0.80000000", "0.01575800", "0.01577100", "148976.11427815", 1499644799999, "2434.19055334", 308,
       "1756.87402397", "28.46694368", "0"]  # fmt: skip
EXCHANGE_INFO = {
    "timezone": "UTC",
    "rateLimits": [
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 30},
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100},
        {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 300000},
    ],
    "symbols": [
        {
            "symbol": "SHIBUSDT", "status": "BREAK", "baseAsset": "SHIB", "quoteAsset": "USDT", "isSpotTradingAllowed": True,
            "filters": [
                {"filterType": "PRICE_FILTER", "minPrice": "0.00000001", "tickSize": "0.00000001"},
                {"filterType": "LOT_SIZE", "stepSize": "1.00000000"},
                {"filterType": "MIN_NOTIONAL", "minNotional": "5.00000000"},
            ],
        },
        {
            "symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT", "isSpotTradingAllowed": True,
            "filters": [
                {"filterType": "PRICE_FILTER", "tickSize": "0.01000000"},
                {"filterType": "LOT_SIZE", "stepSize": "0.00001000"},
                {"filterType": "NOTIONAL", "minNotional": "5.00000000"},
            ],
        },
        {
            "symbol": "OLDBTC", "status": "TRADING", "baseAsset": "OLD", "quoteAsset": "BTC", "isSpotTradingAllowed": False,
            "filters": [{"filterType": "PRICE_FILTER", "tickSize": "0.00000000"}],
        },
        {"symbol": "币安人生USDT", "status": "TRADING", "baseAsset": "币安人生", "quoteAsset": "USDT", "filters": []},
    ],
}  # fmt: skip


def bar(start: str, minutes: int = 1, close: str = "1.5") -> list[object]:
    open_ms = parse(start) // 1_000_000
    return [open_ms, "1", "2", "0.5", close, "10", open_ms + minutes * 60_000 - 1, "15", 3, "4", "6", "0"]


def payload(
    content: object, *, interval: str = "1m", captured: str = "2027-01-15T08:00:00Z", locator: str = KLINES, dataset: str = ""
) -> Payload:
    pull = Pull("binance_rest", dataset or f"bars-{interval}", locator, {"symbol": "BTCUSDT"})
    return Payload(pull, content if isinstance(content, bytes) else json.dumps(content).encode(), parse(captured))


def request(
    start: str, end: str, *, now: str = "2027-01-15T08:00:00Z", dataset: str = "bars-1m", instruments=("BTCUSDT.BINANCE",), **params
):
    return Request(dataset, tuple(instruments), parse(start), parse(end), parse(now), params)


@pytest.fixture
def rest(http) -> BinanceRest:
    return BinanceRest(http)


class TestPlan:
    def test_bars_come_in_pages_of_a_thousand_intervals(self, rest):
        pulls = rest.plan(request("2024-01-01", "2024-01-02"))

        assert [pull.locator for pull in pulls] == [KLINES, KLINES]
        assert pulls[0].params == {
            "symbol": "BTCUSDT", "interval": "1m", "startTime": "1704067200000", "endTime": "1704127199999", "limit": "1000",
        }  # fmt: skip
        assert (pulls[1].params["startTime"], pulls[1].params["endTime"]) == ("1704127200000", "1704153599999")

    def test_a_minute_is_1m_and_a_month_1M(self, rest):
        minute = rest.plan(request("2024-01-01", "2024-01-01T01:00", dataset="bars-1m"))
        month = rest.plan(request("2024-01-01", "2026-01-01", dataset="bars-1mo"))

        assert [pull.params["interval"] for pull in minute] == ["1m"]
        assert [pull.params["interval"] for pull in month] == ["1M"]

    def test_the_future_is_not_asked_for(self, rest):
        (pull,) = rest.plan(request("2027-01-15T07:00", "2027-01-16"))

        assert pull.params["endTime"] == str(parse("2027-01-15T08:00") // 1_000_000 - 1)
        assert rest.plan(request("2027-01-16", "2027-01-17")) == []

    def test_futures_have_paths_of_their_own(self, rest):
        pulls = rest.plan(request("2024-01-01", "2024-01-01T01:00", instruments=("BTCUSDT.BINANCE_UM", "BTCUSD_PERP.BINANCE_CM")))

        assert [pull.locator for pull in pulls] == ["/fapi/v1/klines", "/dapi/v1/klines"]

    @pytest.mark.parametrize("dataset", ["bars-7m", "quotes-1m", "funding"])
    def test_what_the_venue_has_not_is_refused(self, rest, dataset):
        with pytest.raises(Rejected, match="expected"):
            rest.plan(request("2024-01-01", "2024-01-02", dataset=dataset))


class TestParse:
    def test_a_row_is_mapped_cell_by_cell(self, rest):
        one = rest.parse(payload([BAR], interval="1w")).row(0, named=True)

        assert one["instrument"] == "BTCUSDT.BINANCE"
        assert one["start_ns"] == parse("2017-07-03")
        assert one["event_ns"] == parse("2017-07-10")
        assert one["known_ns"] == parse("2017-07-10T00:00:01Z")
        assert [one[name] for name in ("open", "high", "low", "close")] == [0.0163479, 0.8, 0.015758, 0.015771]
        assert [one[name] for name in ("volume", "quote_volume", "trades", "taker_base", "taker_quote")] == [
            148976.11427815, 2434.19055334, 308, 1756.87402397, 28.46694368,
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("captured", "kept"),
        [("2027-01-15T08:00:59Z", 1), ("2027-01-15T08:01:00.999Z", 1), ("2027-01-15T08:01:01Z", 2)],
    )
    def test_an_unfinished_bar_is_left_out(self, rest, captured, kept):
        rows = rest.parse(payload([bar("2027-01-15T07:59"), bar("2027-01-15T08:00")], captured=captured))

        assert len(rows) == kept

    def test_rows_come_sorted(self, rest):
        rows = rest.parse(payload([bar("2024-01-01T00:01"), bar("2024-01-01T00:00")]))

        assert rows["start_ns"].to_list() == [parse("2024-01-01T00:00"), parse("2024-01-01T00:01")]

    def test_prices_of_every_size_survive(self, rest):
        rows = rest.parse(payload([bar("2024-01-01", close="100000"), bar("2024-01-01T00:01", close="0.00000812")]))

        assert rows["close"].to_list() == [100000.0, 0.00000812]

    def test_no_bars_are_no_rows_with_columns(self, rest):
        rows = rest.parse(payload([]))

        assert len(rows) == 0
        assert "taker_quote" in rows.columns

    @pytest.mark.parametrize(
        "content",
        [b"", b"<html>", b'{"code":-1121,"msg":"Invalid symbol."}', b'{"hello":1}', b"[1,2]", b"[[1,2,3]]", b"[null]",
         json.dumps([[*BAR[:1], "one", *BAR[2:]]]).encode(), json.dumps([["soon", *BAR[1:]]]).encode(),
         json.dumps([[*BAR[:8], 2**63, *BAR[9:]]]).encode(), json.dumps([[15000000, *BAR[1:]]]).encode(),
         json.dumps([[2**62, *BAR[1:]]]).encode()],
    )  # fmt: skip
    def test_what_is_no_array_of_bars_is_unreadable_and_named(self, rest, content):
        with pytest.raises(Unreadable, match=r"binance bars-1m BTCUSDT: "):
            rest.parse(payload(content))

    def test_trades_and_aggregated_trades(self, rest):
        trade = {"id": 28457, "price": "4.00000100", "qty": "12.00000000", "quoteQty": "48.000012", "time": 1499865549590}
        trade |= {"isBuyerMaker": True, "isBestMatch": True}
        print_ = {"a": 26129, "p": "0.01633102", "q": "4.70443515", "f": 27781, "l": 27781, "T": 1498793709153, "m": True, "M": True}

        trades = rest.parse(payload([trade], dataset="trades", locator="/api/v3/historicalTrades"))
        prints = rest.parse(payload([print_], dataset="agg-trades", locator="/api/v3/aggTrades"))

        assert trades.select("id", "price", "quantity", "quote_quantity", "is_buyer_maker").row(0) == (
            28457,
            4.000001,
            12.0,
            48.000012,
            True,
        )
        assert trades["event_ns"][0] == parse("2017-07-12T13:19:09.590Z")
        assert prints.select("id", "price", "quantity", "first_id", "last_id").row(0) == (26129, 0.01633102, 4.70443515, 27781, 27781)


class TestInstruments:
    def test_rules_are_decimals_and_zero_means_none(self, rest):
        pull = rest.instruments_pull()

        found = rest.parse_instruments(Payload(pull, json.dumps(EXCHANGE_INFO).encode(), 0))

        assert [one.id for one in found] == ["BTCUSDT.BINANCE", "OLDBTC.BINANCE", "SHIBUSDT.BINANCE"]
        btc, old, shib = found
        assert (btc.tick, btc.lot, btc.minimum_notional) == (Decimal("0.01000000"), Decimal("0.00001000"), Decimal("5.00000000"))
        assert (btc.kind, btc.base, btc.currency, btc.calendar, btc.is_tradable) == ("spot", "BTC", "USDT", "24/7", True)
        assert (old.tick, old.lot, old.is_tradable) == (None, None, False)
        assert (shib.tick, shib.minimum_notional, shib.is_tradable) == (Decimal("1E-8"), Decimal(5), False)

    @pytest.mark.parametrize("content", [b"[]", b"{}", b"nonsense", b'{"code":-1000,"msg":"no"}', b'{"symbols":[{"symbol":"BTCUSDT"}]}'])
    def test_what_is_no_list_of_instruments_is_unreadable(self, rest, content):
        with pytest.raises(Unreadable, match="binance exchangeInfo"):
            rest.parse_instruments(Payload(rest.instruments_pull(), content, 0))


class TestCapture:
    def test_the_question_is_sent_as_planned(self, http, venue):
        rest = BinanceRest(http, base_url=venue.url, secret=Secret("k3y"))
        venue.answer(KLINES, json.dumps([bar("2024-01-01")]))
        (pull,) = rest.plan(request("2024-01-01", "2024-01-01T01:00"))

        (captured,) = rest.capture(pull)

        assert len(rest.parse(captured)) == 1
        assert venue.asked[0][1] == dict(pull.params)
        assert venue.asked[0][2]["x-mbx-apikey"] == "k3y"

    @pytest.mark.parametrize("status", [400, 200])
    def test_an_unknown_symbol_is_refused_whatever_the_status(self, http, venue, status):
        rest = BinanceRest(http, base_url=venue.url)
        venue.answer(KLINES, '{"code":-1121,"msg":"Invalid symbol."}', status=status)

        with pytest.raises(Rejected, match=r"binance klines BTCUSDT: error -1121 'Invalid symbol\.' \(HTTP \d+\), expected a symbol"):
            list(rest.capture(rest.plan(request("2024-01-01", "2024-01-01T01:00"))[0]))

    def test_another_error_in_a_200_is_unreadable(self, http, venue):
        rest = BinanceRest(http, base_url=venue.url)
        venue.answer(KLINES, '{"code":-1100,"msg":"Illegal characters found in a parameter."}')

        with pytest.raises(Unreadable, match="error -1100"):
            list(rest.capture(rest.plan(request("2024-01-01", "2024-01-01T01:00"))[0]))

    def test_a_ban_says_until_when(self, http, venue):
        rest = BinanceRest(http, base_url=venue.url)
        until_ms = http.clock.now_ns() // 1_000_000 + 180_000
        venue.answer(KLINES, f'{{"code":-1003,"msg":"Way too much request weight used; IP banned until {until_ms}. Please"}}', status=418)

        with pytest.raises(Transient, match="error -1003") as caught:
            list(rest.capture(rest.plan(request("2024-01-01", "2024-01-01T01:00"))[0]))
        assert caught.value.retry_after_s == 180.0

    @pytest.mark.parametrize(("status", "body"), [(429, "slow down"), (503, "busy"), (400, '{"code":-1001,"msg":"Internal error"}')])
    def test_what_may_pass_is_transient(self, http, venue, status, body):
        rest = BinanceRest(http, base_url=venue.url)
        venue.answer(KLINES, body, status=status, headers={"Retry-After": "3"} if status == 429 else {})

        with pytest.raises(Transient) as caught:
            list(rest.capture(rest.plan(request("2024-01-01", "2024-01-01T01:00"))[0]))
        assert caught.value.retry_after_s == (3.0 if status == 429 else None)

    def test_aggregated_trades_are_followed_from_id_to_id(self, http, venue):
        rest = BinanceRest(http, base_url=venue.url)
        start_ms = parse("2024-01-01") // 1_000_000
        everything = [{"a": n, "p": "1", "q": "1", "f": n, "l": n, "T": start_ms + n * 10, "m": False} for n in range(2500)]

        def page(query, headers):
            first = int(query["fromId"]) if "fromId" in query else next(x["a"] for x in everything if x["T"] >= int(query["startTime"]))
            return 200, json.dumps(everything[first : first + int(query["limit"])]).encode(), {}

        venue.answer("/api/v3/aggTrades", page)
        (pull,) = rest.plan(request("2024-01-01", "2024-01-02", dataset="agg-trades"))

        captured = list(rest.capture(pull))

        ids = [row for one in captured for row in rest.parse(one)["id"].to_list()]
        assert ids == list(range(2500))
        assert [query.get("fromId") for _, query, _ in venue.asked] == [None, "1000", "2000"]
        assert all("until" not in query for _, query, _ in venue.asked)

    def test_trades_begin_where_the_archive_ended(self, http, venue):
        rest = BinanceRest(http, base_url=venue.url)
        venue.answer("/api/v3/historicalTrades", "[]")
        (pull,) = rest.plan(request("2024-01-01", "2024-01-02", dataset="trades", from_id="12"))

        assert [len(rest.parse(one)) for one in rest.capture(pull)] == [0]
        assert venue.asked[0][1]["fromId"] == "12"

    def test_trades_since_a_time_begin_with_the_first_id_of_that_time(self, http, venue):
        rest = BinanceRest(http, base_url=venue.url)
        start_ms = parse("2024-01-01") // 1_000_000
        trade = {"id": 77, "price": "1", "qty": "2", "quoteQty": "2", "time": start_ms + 5, "isBuyerMaker": False}
        venue.answer("/api/v3/aggTrades", json.dumps([{"a": 5, "p": "1", "q": "2", "f": 77, "l": 79, "T": start_ms + 5, "m": False}]))
        venue.answer("/api/v3/historicalTrades", json.dumps([trade]))
        (pull,) = rest.plan(request("2024-01-01", "2024-01-02", dataset="trades"))

        (captured,) = rest.capture(pull)

        assert rest.parse(captured)["id"].to_list() == [77]
        assert venue.asked[0][1] == {"symbol": "BTCUSDT", "startTime": str(start_ms), "limit": "1"}
        assert venue.asked[1][1] == {"symbol": "BTCUSDT", "fromId": "77", "limit": "1000"}

    def test_no_trade_since_a_time_is_no_page(self, http, venue):
        rest = BinanceRest(http, base_url=venue.url)
        venue.answer("/api/v3/aggTrades", "[]")

        assert list(rest.capture(rest.plan(request("2024-01-01", "2024-01-02", dataset="trades"))[0])) == []

    def test_server_time_and_the_first_bar(self, http, venue):
        rest = BinanceRest(http, base_url=venue.url)
        venue.answer("/api/v3/time", '{"serverTime":1499827319559}')
        venue.answer(KLINES, json.dumps([BAR]))
        venue.answer(KLINES, "[]")

        assert rest.server_time_ns() == 1499827319559_000_000
        assert rest.first_bar_ns("BTCUSDT.BINANCE", "1mo") == 1499040000000_000_000
        assert rest.first_bar_ns("BTCUSDT.BINANCE", "1m") is None
        assert [query.get("interval") for _, query, _ in venue.asked] == [None, "1M", "1m"]

    def test_limits_are_learned_from_the_venue_once_and_then_kept(self, venue, tmp_path):
        class Sleeping:
            at_ns, slept = 1_800_000_000_000_000_000, []

            def now_ns(self):
                return self.at_ns

            def sleep(self, seconds):
                self.slept.append(seconds)
                self.at_ns += int(seconds * 1e9)

        clock = Sleeping()
        http = HttpClient(clock, sleep=clock.sleep, random=random.Random(1), limits=Limits(), budgets=BudgetBook(tmp_path, clock))
        rest = BinanceRest(http, base_url=venue.url)
        venue.answer("/api/v3/exchangeInfo", json.dumps(EXCHANGE_INFO))
        venue.answer(KLINES, "[]", headers={"X-MBX-USED-WEIGHT-1M": "22"})
        venue.answer(KLINES, "[]")

        for pull in rest.plan(request("2024-01-01", "2024-01-04")):
            list(rest.capture(pull))

        assert venue.paths() == ["/api/v3/exchangeInfo"] + [KLINES] * 5
        # 30 a minute, a tenth left to others: 22 used, then 24, 26, and 28 waits for the next minute.
        assert clock.slept == [60.0]
        http.close()


@pytest.mark.shared
class TestRecorded:
    def test_the_recorded_bodies_are_read(self, rest, shared):
        rows = {
            path.stem: rest.parse(payload(path.read_bytes(), interval=path.stem.split("_")[1]))
            for path in sorted((shared / "crypto/binance_spot_rest/raw").glob("*.json"))
        }

        assert len(rows) == 8
        assert rows["BTCUSDT_1d_2030-01-01"].is_empty()
        assert len(rows["BTCUSDT_1h_2023-03-01"]) == 743

    def test_the_recorded_list_of_instruments_is_read(self, rest, shared):
        routes = json.loads(gzip.decompress((shared / "api/binance/gct_http_public.json.gz").read_bytes()))["routes"]
        body = json.dumps(routes["/api/v3/exchangeInfo"]["GET"][0]["data"]).encode()

        found = rest.parse_instruments(Payload(rest.instruments_pull(), body, 0))

        assert len(found) == 25
        assert all(one.tick is not None and one.tick > 0 for one in found)

    def test_the_recorded_error_bodies_have_a_type(self, shared):
        from tradewinds.vendors.binance_venue import explained

        found = json.loads((shared / "api/binance/error_bodies_reported.json").read_text())
        kinds = [type(explained("x", case["http"], json.dumps(case["body"]).encode(), 0)) for case in found]

        assert kinds[:2] == [Transient, Transient]
        assert kinds[3:] == [Rejected] * 4


def test_a_bar_that_states_another_close_than_its_intervals_end_is_told_and_kept(rest):
    stub = bar("2027-01-15T07:00:00Z", minutes=1)
    stub[6] = parse("2027-01-15T07:00:41Z") // 1_000_000

    rows, found = rest.parse_with_findings(payload([stub, bar("2027-01-15T07:01:00Z")]))

    assert rows.height == 2
    assert [(one.vendor, one.instrument, one.kind, one.start_ns, one.detail) for one in found] == [
        (
            "binance_rest",
            "BTCUSDT.BINANCE",
            "odd_close",
            parse("2027-01-15T07:00:00Z"),
            "binance bars-1m BTCUSDT: states its close at 2027-01-15T07:00:41Z, expected 2027-01-15T07:01:00Z",
        )
    ]
