"""The seeded market: random access, exact sums, no holes in the ids."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewinds.sandbox.bars import ARRAYS, DAY_MS, aggregate
from tradewinds.sandbox.market import SeededMarket
from tradewinds.sandbox.prints import aggregates, first_id, prints, seconds

DAY = date(2024, 6, 3).toordinal() - 719_163
START = DAY * DAY_MS
_WHOLE = SeededMarket(7)


@pytest.fixture(scope="module")
def market() -> SeededMarket:
    return SeededMarket(7)


def test_the_same_seed_makes_the_same_minute_whatever_was_asked_before(market: SeededMarket) -> None:
    month = market.minutes("ETHUSDT", START - 2 * DAY_MS, START + 28 * DAY_MS)
    fresh = SeededMarket(7).bars("ETHUSDT", "1m", START + 3_600_000, START + 3_660_000, START + DAY_MS)
    found = month.between(START + 3_600_000, START + 3_660_000)
    assert len(fresh) == 1
    for name in ARRAYS:
        assert getattr(found, name).tolist() == getattr(fresh, name).tolist()


def test_another_seed_makes_another_market(market: SeededMarket) -> None:
    other = SeededMarket(8).minutes("BTCUSDT", START, START + DAY_MS)
    assert other.close.tolist() != market.minutes("BTCUSDT", START, START + DAY_MS).close.tolist()


@pytest.mark.parametrize("symbol", ["BTCUSDT", "PEPEUSDT", "ETHBTC", "WANUSDT", "USDCUSDT"])
def test_a_day_holds_1440_possible_bars(market: SeededMarket, symbol: str) -> None:
    bars = market.minutes(symbol, START, START + DAY_MS)
    assert len(bars) == 1440
    assert (np.diff(bars.start_ms) == 60_000).all()
    assert (bars.low >= 1).all()
    assert (bars.high >= np.maximum(bars.open, bars.close)).all()
    assert (bars.low <= np.minimum(bars.open, bars.close)).all()
    assert (bars.taker <= bars.volume).all()
    assert (bars.quote >= bars.low * bars.volume).all()
    assert (bars.quote <= bars.high * bars.volume).all()


@pytest.mark.parametrize("interval", ["3m", "1h", "4h", "1d", "1w", "1mo"])
def test_longer_bars_are_the_sums_of_their_minutes(market: SeededMarket, interval: str) -> None:
    start, end = START - 63 * DAY_MS, START + 35 * DAY_MS
    whole = market.bars("SOLUSDT", interval, start, end, end + 40 * DAY_MS)
    summed = aggregate(market.minutes("SOLUSDT", int(whole.start_ms[0]), int(whole.end_ms[-1]) + 1), interval)
    for name in ARRAYS:
        assert getattr(whole, name).tolist() == getattr(summed, name).tolist()


@pytest.mark.parametrize("symbol", ["BTCUSDT", "WANUSDT"])
def test_prints_add_up_to_their_minutes(market: SeededMarket, symbol: str) -> None:
    trades, bars = prints(market, symbol, DAY), market.minutes(symbol, START, START + DAY_MS)
    minute = trades.time_us // 60_000_000 - DAY * 1440
    assert np.bincount(minute, minlength=1440).tolist() == bars.trades.tolist()
    assert np.bincount(minute, trades.quantity, 1440).astype(int).tolist() == bars.volume.tolist()
    assert int((trades.price * trades.quantity).sum()) == int(bars.quote.sum())
    bought = ~trades.is_buyer_maker
    assert int(trades.quantity[bought].sum()) == int(bars.taker.sum())
    first = np.searchsorted(minute, np.arange(1440))
    traded = bars.trades > 0
    assert trades.price[first[traded]].tolist() == bars.open[traded].tolist()
    assert trades.id[first[traded]].tolist() == bars.first_id[traded].tolist()
    assert (np.diff(trades.time_us) >= 0).all()
    assert (trades.quantity > 0).all()


@settings(max_examples=25, deadline=None)
@given(
    interval=st.sampled_from(["1m", "5m", "1h", "12h", "1d"]),
    start=st.integers(0, 4 * 1440),
    length=st.integers(0, 3 * 1440),
    now=st.integers(0, 8 * DAY_MS),
)
def test_any_window_is_a_part_of_the_whole(interval: str, start: int, length: int, now: int) -> None:
    market = _WHOLE
    begin, end = START + start * 60_000, START + (start + length) * 60_000
    found = market.bars("NEARUSDT", interval, begin, end, START + now)
    whole = aggregate(market.minutes("NEARUSDT", START, START + 9 * DAY_MS), interval)
    finished = found.take(found.end_ms < START + now)
    expected = whole.take((whole.start_ms >= begin) & (whole.start_ms < end) & (whole.end_ms < START + now))
    assert finished.start_ms.tolist() == expected.start_ms.tolist()
    assert finished.quote.tolist() == expected.quote.tolist()
    assert finished.high.tolist() == expected.high.tolist()
    assert len(found) - len(finished) <= 1


def test_trade_ids_count_on_over_midnight(market: SeededMarket) -> None:
    today, tomorrow = prints(market, "LINKUSDT", DAY), prints(market, "LINKUSDT", DAY + 1)
    assert int(tomorrow.id[0]) == int(today.id[-1]) + 1
    assert int(aggregates(tomorrow).id[0]) == int(aggregates(today).id[-1]) + 1


def test_aggregates_hold_every_trade_once(market: SeededMarket) -> None:
    trades = prints(market, "LINKUSDT", DAY)
    merged = aggregates(trades)
    counts = merged.last_id - first_id(merged.id) + 1
    assert int(counts.sum()) == len(trades)
    assert set(counts.tolist()) == {1, 2}
    assert int(merged.quantity.sum()) == int(trades.quantity.sum())


def test_seconds_without_a_trade_stand_at_the_last_price(market: SeededMarket) -> None:
    bars = seconds(market, "WANUSDT", START, START + 3_600_000, START + DAY_MS)
    assert len(bars) == 3600
    empty = np.flatnonzero(bars.trades == 0)
    empty = empty[empty > 0]
    assert len(empty) > 0
    assert bars.close[empty].tolist() == bars.close[empty - 1].tolist()
    assert bars.volume[empty].sum() == 0


def test_a_quiet_minute_is_flat_at_the_price_before(market: SeededMarket) -> None:
    bars = market.minutes("WANUSDT", START, START + DAY_MS)
    quiet = np.flatnonzero(bars.trades == 0)
    assert 5 <= len(quiet) <= 80
    assert bars.high[quiet].tolist() == bars.low[quiet].tolist() == bars.close[quiet - 1].tolist()


def test_an_unfinished_bar_counts_only_what_has_happened(market: SeededMarket) -> None:
    now = START + 5 * 60_000 + 31_000
    seen = market.bars("BTCUSDT", "1m", START, now + 1, now)
    whole = market.minutes("BTCUSDT", START, START + 6 * 60_000)
    assert seen.start_ms.tolist() == whole.start_ms.tolist()
    assert seen.volume[:5].tolist() == whole.volume[:5].tolist()
    assert 0 < int(seen.volume[5]) < int(whole.volume[5])
    assert int(seen.open[5]) == int(whole.open[5])


def test_nothing_trades_before_listing_or_after_delisting(market: SeededMarket) -> None:
    at = lambda year, month, day: (date(year, month, day).toordinal() - 719_163) * DAY_MS  # noqa: E731 - one line, used at once
    listed = market.minutes("SUIUSDT", at(2023, 5, 1), at(2023, 5, 5))
    assert int(listed.start_ms[0]) == at(2023, 5, 3)
    assert len(listed) == 2 * 1440
    gone = market.minutes("XMRUSDT", at(2024, 2, 19), at(2024, 2, 25))
    assert int(gone.start_ms[-1]) == at(2024, 2, 21) - 60_000


def test_a_perpetual_stays_near_its_spot_market(market: SeededMarket) -> None:
    spot = market.minutes("AVAXUSDT", START, START + DAY_MS).close
    perpetual = market.minutes("AVAXUSDT", START, START + DAY_MS, "um").close
    basis = np.log(perpetual / spot) * 1e4
    assert abs(float(basis.mean())) < 30
    assert float(basis.std()) < 10
    assert perpetual.tolist() != spot.tolist()


def test_prices_of_100000_and_of_a_millionth_share_one_market(market: SeededMarket) -> None:
    assert market.listings["BTCUSDT"].tick == 0.01
    assert market.listings["PEPEUSDT"].tick == 1e-8
    volume = market.minutes("PEPEUSDT", START, START + DAY_MS).volume
    assert int(volume.sum()) > 2**32
