"""A market is built from what a house holds, as it could have been known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest

from tradewinds.core.errors import Missing, Rejected
from tradewinds.core.instant import NS_PER_HOUR, parse
from tradewinds.core.instrument import CorporateAction, Instrument
from tradewinds.core.market import bars, quotes
from tradewinds.core.observation import Table
from tradewinds.core.record import Member, Universe
from tradewinds.simulation.backtest import backtest
from tradewinds.simulation.books import DIVIDEND, FUNDING, SPLIT
from tradewinds.trading.strategy import vector
from tradewinds.vendors.binance_funding import FUNDING as FUNDINGS
from tradewinds.vendors.ecb import RATES
from tradewinds.wiring.bars import Reading
from tradewinds.wiring.house import House
from tradewinds.wiring.market import Wanted, market_of_house
from tradewinds.wiring.market_house import others_of

APPLE = Instrument("AAPL.XNAS", "equity", "USD", "XNYS", lot=Decimal(1), tick=Decimal("0.01"))
SIEMENS = Instrument("SIE.XETR", "equity", "EUR", "XNYS", lot=Decimal(1))
PERPETUAL = Instrument("BTCUSDT.BINANCE_UM", "perpetual", "USDT", "24/7", lot=Decimal("0.001"))

Publish = Callable[..., None]  # the fixture of this folder

TEN = [100.0, 101.0, 102.0, 103.0, 104.0, 105.0, 106.0, 107.0, 108.0, 109.0]


def apple(**changes: object) -> Wanted:
    return replace(Wanted(instruments=("AAPL.XNAS",), interval="1d"), **changes)  # type: ignore[arg-type]  # fields of Wanted


def test_bars_are_read_from_the_lookback_before_the_start_to_the_end(house: House, publish: Publish) -> None:
    house.ledger.upsert_instruments([APPLE])
    publish("AAPL.XNAS", "2024-01-02", TEN)
    # Sessions: 2, 3, 4, 5, 8, 9, 10, 11, 12, 16 January. Monday the 15th is a holiday.
    prepared = market_of_house(house, apple(start_ns=parse("2024-01-08"), end_ns=parse("2024-01-12"), lookback=3))
    assert prepared.market.close[:, 0].tolist() == [102.0, 103.0, 104.0, 105.0, 106.0, 107.0]
    assert prepared.market.instruments == (APPLE,)
    assert prepared.market.currencies == ("USD",)
    assert prepared.notes == ()


def test_a_start_without_its_lookback_is_refused_with_what_is_missing(house: House, publish: Publish) -> None:
    publish("BTCUSDT.BINANCE", "2024-01-02", TEN, market="24/7")
    wanted = Wanted(instruments=("BTCUSDT.BINANCE",), interval="1d", start_ns=parse("2024-01-04"), lookback=5)
    with pytest.raises(Missing) as refused:
        market_of_house(house, wanted)
    told = str(refused.value)
    assert "2 of 5 bars of 1d are missing, expected those from 2023-12-31T00:00:00Z to 2024-01-02T00:00:00Z" in told
    assert "tradewinds data fetch BTCUSDT.BINANCE --interval 1d --from 2023-12-31T00:00:00Z --to 2024-01-02T00:00:00Z" in told
    # The start that the message proposes is the earliest that works.
    later = told.rpartition("start later than ")[2]
    assert market_of_house(house, replace(wanted, start_ns=parse(later))).market.shape == (10, 1)


def test_an_instrument_without_bars_is_refused_by_name(house: House, publish: Publish) -> None:
    publish("AAPL.XNAS", "2024-01-02", TEN)
    with pytest.raises(Missing, match=r"bars-1d of MSFT\.XNAS: none"):
        market_of_house(house, apple(instruments=("AAPL.XNAS", "MSFT.XNAS")))
    with pytest.raises(Missing, match=r"bars-1h of AAPL\.XNAS: none"):
        market_of_house(house, apple(interval="1h"))
    with pytest.raises(Missing, match=r"bars-1d of AAPL\.XNAS: none from 2024-06-01"):
        market_of_house(house, apple(start_ns=parse("2024-06-01"), end_ns=parse("2024-07-01")))


def test_pack_and_lake_give_the_same_market(house: House, publish: Publish) -> None:
    publish("AAPL.XNAS", "2024-01-02", TEN)
    publish("IBM.XNYS", "2024-01-04", TEN[:5])
    wanted = apple(instruments=("IBM.XNYS", "AAPL.XNAS"), start_ns=parse("2024-01-05"), lookback=2)
    from_lake = market_of_house(house, wanted)
    house._pack(Table(bars("1d")), parse("2025-01-01"))
    from_pack = market_of_house(house, wanted)
    assert from_pack.market.vintage == from_lake.market.vintage
    for field in ("open", "close", "volume"):
        np.testing.assert_array_equal(from_pack.panel.field(field), from_lake.panel.field(field))
    assert from_pack.market.shape == (8, 2)


def test_a_pack_that_the_lake_has_outgrown_is_not_read(house: House, publish: Publish) -> None:
    publish("AAPL.XNAS", "2024-01-02", TEN[:5])
    house._pack(Table(bars("1d")), parse("2025-01-01"))
    publish("AAPL.XNAS", "2024-01-02", TEN)
    assert market_of_house(house, apple()).market.shape == (10, 1)


def test_what_became_known_too_late_is_there_for_fills_alone(house: House, publish: Publish) -> None:
    # The bar of 4 January arrived on the 6th, after the session of the 5th had begun.
    publish("AAPL.XNAS", "2024-01-02", TEN, known_ns={2: parse("2024-01-06")})
    prepared = market_of_house(house, apple())
    assert prepared.market.close[2, 0] == 102.0
    assert np.isnan(prepared.panel.close[2, 0])
    assert np.isnan(prepared.panel.close).sum() == 1
    assert "1 bars of AAPL.XNAS became known only after the next bar had begun: the strategy does not see them" in prepared.notes


def test_a_second_of_lag_is_not_lateness_where_bars_follow_each_other(house: House, publish: Publish) -> None:
    publish("BTCUSDT.BINANCE", "2024-01-02", TEN, market="24/7", interval="1m", lag_ns=10**9)
    prepared = market_of_house(house, Wanted(instruments=("BTCUSDT.BINANCE",), interval="1m"))
    assert not np.isnan(prepared.panel.close).any()


def test_a_correction_is_seen_by_the_latest_view_or_as_of_later(house: House, publish: Publish) -> None:
    publish("AAPL.XNAS", "2024-01-02", TEN[:5])
    publish("AAPL.XNAS", "2024-01-02", [100.0, 150.0], known_ns={1: parse("2024-02-01")})
    first = market_of_house(house, apple())
    latest = market_of_house(house, apple(reading=Reading("latest")))
    before = market_of_house(house, apple(reading=Reading("latest", parse("2024-01-31"))))
    cut = market_of_house(house, apple(reading=Reading("first", parse("2024-01-04"))))
    assert [one.market.close[1, 0] for one in (first, latest, before)] == [101.0, 150.0, 101.0]
    assert first.panel.is_point_in_time
    assert not latest.panel.is_point_in_time
    assert cut.market.shape == (2, 1)


def test_actions_become_events_before_the_open_of_their_session(house: House, publish: Publish) -> None:
    house.ledger.upsert_instruments([APPLE])
    publish("AAPL.XNAS", "2024-01-02", TEN)

    def action(kind: str, day: str, value: str) -> CorporateAction:
        at = parse(f"{day}T14:30")
        return CorporateAction("AAPL.XNAS", kind, at, at - NS_PER_HOUR, Decimal(value), "USD" if kind == "dividend" else None)  # type: ignore[arg-type]  # a kind

    house.ledger.add_actions(
        [action("split", "2024-01-05", "2"), action("dividend", "2024-01-09", "0.5"), action("split", "2024-01-02", "3")]
    )
    events = market_of_house(house, apple()).market.events
    # The one at the first bar's open moved prices before anything was seen.
    assert [(int(one["row"]), int(one["kind"]), float(one["value"])) for one in events] == [(3, SPLIT, 2.0), (5, DIVIDEND, 0.5)]


def test_funding_of_perpetuals_becomes_events(house: House, publish: Publish) -> None:
    house.ledger.upsert_instruments([PERPETUAL])
    publish(PERPETUAL.id, "2024-01-02", TEN, market="24/7", interval="1h")
    at = parse("2024-01-02T08:00")
    rows = {"instrument": [PERPETUAL.id], "start_ns": [at], "event_ns": [at], "known_ns": [at + 1000], "captured_ns": [at + 1000]}
    house.lake.publish(Table(FUNDINGS), "2024", pl.DataFrame(rows | {"source": ["test"], "rate": [0.0001], "mark_price": [107.5]}))
    events = market_of_house(house, Wanted(instruments=(PERPETUAL.id,), interval="1h")).market.events
    assert [(int(one["row"]), int(one["kind"]), float(one["value"]), float(one["price"])) for one in events] == [
        (8, FUNDING, 0.0001, 107.5)
    ]


def publish_rates(house: House, rates: dict[str, float], known: str = "2024-01-01T15:00") -> None:
    at = parse(known)
    rows = [
        {"instrument": f"{name}.ECB", "start_ns": at, "event_ns": at, "known_ns": at, "captured_ns": at, "source": "test", "rate": rate}
        for name, rate in rates.items()
    ]
    house.lake.publish(Table(RATES), known[:4], pl.DataFrame(rows))


def test_another_currency_is_converted_at_rates_known_at_each_bars_end(house: House, publish: Publish) -> None:
    house.ledger.upsert_instruments([APPLE, SIEMENS])
    publish("AAPL.XNAS", "2024-01-02", TEN[:5])
    publish("SIE.XETR", "2024-01-02", TEN[:5])
    publish_rates(house, {"EURUSD": 1.10})
    publish_rates(house, {"EURUSD": 1.20}, "2024-01-04T22:00")
    prepared = market_of_house(house, apple(instruments=("AAPL.XNAS", "SIE.XETR"), currency="USD"))
    # Sessions end at 21:00 UTC: the rate of 4 January, known at 22:00, counts from the 5th on.
    assert prepared.market.currencies == ("USD", "EUR")
    assert prepared.market.rates[:, 1].tolist() == [1.10, 1.10, 1.10, 1.20, 1.20]
    in_euro = market_of_house(house, apple(currency="EUR"))
    assert in_euro.market.rates[:, 1] == pytest.approx([1 / 1.10] * 3 + [1 / 1.20] * 2)


def test_several_currencies_want_a_named_account_and_a_rate(house: House, publish: Publish) -> None:
    house.ledger.upsert_instruments([APPLE, SIEMENS])
    publish("AAPL.XNAS", "2024-01-02", TEN[:5])
    publish("SIE.XETR", "2024-01-02", TEN[:5])
    wanted = apple(instruments=("AAPL.XNAS", "SIE.XETR"))
    with pytest.raises(Rejected, match="instruments in EUR, USD, expected --currency"):
        market_of_house(house, wanted)
    with pytest.raises(Missing, match="rate of EUR in USD: neither reference rates nor bars of EUR_USD are there"):
        market_of_house(house, replace(wanted, currency="USD"))
    constant = market_of_house(house, replace(wanted, currency="USD", rates={"EUR": 1.5}))
    assert constant.market.rates[:, 1].tolist() == [1.5] * 5
    assert "EUR at a constant 1.5 USD" in constant.notes


def test_a_universe_brings_everybody_who_belonged_and_says_when(house: House, publish: Publish) -> None:
    publish("AAPL.XNAS", "2024-01-02", TEN)
    publish("IBM.XNYS", "2024-01-02", TEN)
    for day, names in (("2024-01-01", ("AAPL.XNAS", "GONE.XNYS")), ("2024-01-05", ("IBM.XNYS",))):
        members = tuple(Member(name, rank) for rank, name in enumerate(names, 1))
        house.ledger.save_universe(Universe("big", date.fromisoformat(day), parse(day), members))
    prepared = market_of_house(house, Wanted(universe="big", interval="1d"))
    assert prepared.market.ids == ("AAPL.XNAS", "IBM.XNYS")
    # The sessions of 2, 3 and 4 January end before the second snapshot was known.
    assert prepared.panel.field("member")[:5].tolist() == [[1, 0], [1, 0], [1, 0], [0, 1], [0, 1]]
    assert not np.isnan(prepared.panel.close).any()
    assert "no bars of GONE.XNYS of big, left out" in prepared.notes
    with pytest.raises(Rejected, match="universe 'small', expected one of: big"):
        market_of_house(house, Wanted(universe="small", interval="1d"))


def test_rules_that_nobody_registered_are_assumed_and_said(house: House, publish: Publish) -> None:
    publish("AAPL.XNAS", "2024-01-02", TEN)
    prepared = market_of_house(house, apple())
    assert prepared.market.instruments[0].lot == Decimal(1)
    assert prepared.notes == ("lot of AAPL.XNAS is not known: 1 assumed", "AAPL.XNAS not registered, rules assumed")
    publish("BTCUSDT.BINANCE", "2024-01-02", TEN, market="24/7")
    coin = market_of_house(house, Wanted(instruments=("BTCUSDT.BINANCE",), interval="1d"))
    assert coin.market.instruments[0].lot == Decimal("0.00000001")
    assert coin.market.currencies == ("USDT",)
    assert market_of_house(house, apple(lot=Decimal("0.1"))).market.instruments[0].lot == Decimal("0.1")


def test_other_intervals_are_read_beside_the_driving_one(house: House, publish: Publish) -> None:
    publish("BTCUSDT.BINANCE", "2024-01-02", TEN, market="24/7")
    publish("BTCUSDT.BINANCE", "2024-01-05", TEN, market="24/7", interval="1h")
    wanted = Wanted(instruments=("BTCUSDT.BINANCE",), interval="1h", other_intervals=("1d",))
    prepared = market_of_house(house, wanted)
    assert prepared.others["1d"].close[:3, 0].tolist() == [100.0, 101.0, 102.0]
    assert others_of(house, prepared.panel, replace(wanted, other_intervals=())) == ({}, [])


def test_bars_that_only_finer_ones_hold_are_made_from_them_and_it_is_said(house: House, publish: Publish) -> None:
    minutes = [100.0 + row for row in range(125)]
    # Minute 30 arrived a day late: the hour that contains it was not known before.
    late = parse("2024-01-03T12:00")
    publish("BTCUSDT.BINANCE", "2024-01-02", minutes, market="24/7", interval="1m", lag_ns=10**9, known_ns={30: late})
    prepared = market_of_house(house, Wanted(instruments=("BTCUSDT.BINANCE",), interval="1h", other_intervals=("30m",)))
    # Two whole hours; five minutes of the third are none.
    assert prepared.market.open[:, 0].tolist() == [100.0, 160.0]
    assert prepared.market.high[:, 0].tolist() == [159.5, 219.5]
    assert prepared.market.close[:, 0].tolist() == [159.0, 219.0]
    assert prepared.market.volume[:, 0].tolist() == [60_000.0, 60_000.0]
    assert prepared.panel.known_ns[:, 0].tolist() == [late, parse("2024-01-02T02:00") + 10**9]
    assert np.isnan(prepared.panel.close[:, 0]).tolist() == [True, False]
    assert prepared.others["30m"].close[:, 0].tolist() == [129.0, 159.0, 189.0, 219.0]
    said = "bars-1h of BTCUSDT.BINANCE are not in the lake: made from bars-1m; corrections of these that came later are not seen"
    assert said in prepared.notes
    assert said.replace("1h", "30m") in prepared.notes
    with pytest.raises(Missing, match=r"bars-1s of BTCUSDT\.BINANCE: none"):
        market_of_house(house, Wanted(instruments=("BTCUSDT.BINANCE",), interval="1s"))


def test_daily_bars_are_made_on_the_sessions_of_the_exchange(house: House, publish: Publish) -> None:
    house.ledger.upsert_instruments([APPLE])
    publish("AAPL.XNAS", "2024-01-02", [float(row) for row in range(1, 14)], interval="30m")
    prepared = market_of_house(house, apple())
    # A session has 13 half hours, from 14:30 to 21:00 UTC.
    assert (prepared.market.open[:, 0].tolist(), prepared.market.close[:, 0].tolist()) == ([1.0], [13.0])
    assert (int(prepared.market.start_ns[0]), int(prepared.market.end_ns[0])) == (parse("2024-01-02T14:30"), parse("2024-01-02T21:00"))


def test_rates_come_from_daily_bars_of_the_pair_where_there_are_no_reference_rates(house: House, publish: Publish) -> None:
    pair = Instrument("EUR_USD.OANDA", "fx", "USD", "24/7")
    house.ledger.upsert_instruments([APPLE, SIEMENS, pair])
    publish("SIE.XETR", "2024-01-03", TEN[:3])
    publish("EUR_USD.OANDA", "2024-01-01", [1.25, 1.5, 2.0, 4.0, 5.0], market="24/7")
    # The session of 3 January ends at 21:00 UTC: the last day known is the 2nd.
    prepared = market_of_house(house, apple(instruments=("SIE.XETR",), currency="USD"))
    assert prepared.market.rates[:, list(prepared.market.currencies).index("EUR")].tolist() == [1.5, 2.0, 4.0]
    assert "EUR at the closes of EUR_USD.OANDA, as of each bar's end" in prepared.notes
    publish("AAPL.XNAS", "2024-01-03", TEN[:3])
    inverse = market_of_house(house, apple(currency="EUR"))
    assert inverse.market.rates[:, list(inverse.market.currencies).index("USD")].tolist() == [1 / 1.5, 0.5, 0.25]


def test_a_declared_dataset_is_read_as_of_each_decision(house: House, publish: Publish) -> None:
    publish("AAPL.XNAS", "2024-01-02", TEN[:4])
    # Two days of quotes; the second became known on 4 January at 22:00 UTC, an hour after that session.
    start = [parse("2024-01-01"), parse("2024-01-02")]
    known = [parse("2024-01-02T01:00"), parse("2024-01-04T22:00")]
    rows = {"instrument": ["EUR_USD.OANDA"] * 2, "start_ns": start, "event_ns": [one + 24 * NS_PER_HOUR for one in start]}
    rows |= {"known_ns": known, "captured_ns": known, "source": ["test"] * 2}
    prices = {f"{side}_{name}": [1.1, 1.2] for side in ("bid", "ask") for name in ("open", "high", "low", "close")}
    house.lake.publish(Table(quotes("1d")), "2024", pl.DataFrame(rows | prices))
    seen: list[list[float]] = []

    @vector(datasets=("quotes-1d",))
    def by_rate(panel: Any, params: Any) -> Any:
        seen.append(panel.other("quotes-1d", "bid_close")[:, 0].tolist())
        return np.zeros(len(panel.times))

    prepared = market_of_house(house, apple(datasets=by_rate.datasets))
    backtest(by_rate, prepared.market, prepared.panel, others=prepared.others)

    assert seen == [[1.1, 1.1, 1.1, 1.2]]


def test_decisions_follow_the_calendar_that_the_instruments_share(house: House, publish: Publish) -> None:
    house.ledger.upsert_instruments([APPLE])
    publish("AAPL.XNAS", "2024-01-02", TEN)
    prepared = market_of_house(house, apple())
    assert prepared.decisions("every bar") is None
    rows = prepared.decisions("week end")
    assert rows is not None
    assert rows.tolist() == [3, 8]
    with pytest.raises(Rejected, match="rhythm 'year end': no bar of 1d from"):
        prepared.decisions("year end")
