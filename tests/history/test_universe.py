"""Who belongs to a universe, who is passed over and why, and what a name meant when."""

from __future__ import annotations

import gzip
import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from tradewinds.core.errors import DataFault, Rejected, Unreadable
from tradewinds.core.instant import parse
from tradewinds.core.record import Member, Universe
from tradewinds.history.universe import (
    Coin,
    Pair,
    Rule,
    coins_of_markets,
    difference,
    members_on,
    pairs_of_exchange_info,
    select,
    shipped_exclusions,
)

DAY = date(2024, 8, 1)
KNOWN = parse("2024-08-01T00:05:00Z")


def coin(id_: str, symbol: str, cap: int | None) -> Coin:
    return Coin(id_, symbol, None if cap is None else Decimal(cap))


def usdt(*bases: str) -> list[Pair]:
    return [Pair(f"{base}USDT", base, "USDT") for base in bases]


COINS = [
    coin("bitcoin", "BTC", 1_300),
    coin("ethereum", "ETH", 380),
    coin("tether", "USDT", 114),
    coin("staked-ether", "STETH", 31),
    coin("solana", "SOL", 80),
    coin("the-open-network", "TON", 16),
    coin("leo-token", "LEO", 5),
    coin("chainlink", "LINK", 8),
]


def members(rule: Rule, coins: list[Coin], pairs: list[Pair]) -> list[str]:
    return [member.instrument for member in select(rule, coins, pairs, DAY, KNOWN).universe.members]


def test_the_top_coins_with_a_pair_are_ranked_by_market_cap_and_stable_and_wrapped_ones_are_passed_over() -> None:
    found = select(Rule("crypto", top=4), COINS, usdt("BTC", "ETH", "SOL", "LINK", "TON"), DAY, KNOWN)

    assert found.universe == Universe(
        "crypto",
        DAY,
        KNOWN,
        (
            Member("BTCUSDT.BINANCE", 1, Decimal(1_300)),
            Member("ETHUSDT.BINANCE", 2, Decimal(380)),
            Member("SOLUSDT.BINANCE", 3, Decimal(80)),
            Member("TONUSDT.BINANCE", 4, Decimal(16)),
        ),
    )
    assert [(one.id, one.reason) for one in found.passed_over] == [("tether", "stable"), ("staked-ether", "wrapped")]
    assert found.coins["TONUSDT.BINANCE"] == "the-open-network"


def test_a_coin_without_a_pair_makes_room_for_the_next() -> None:
    found = select(Rule("crypto", top=3), COINS, usdt("BTC", "SOL", "LINK"), DAY, KNOWN)

    assert [member.instrument for member in found.universe.members] == ["BTCUSDT.BINANCE", "SOLUSDT.BINANCE", "LINKUSDT.BINANCE"]
    assert ("ethereum", "no pair") in [(one.id, one.reason) for one in found.passed_over]


def test_a_pair_that_does_not_trade_or_has_another_quote_does_not_count() -> None:
    pairs = [Pair("BTCUSDT", "BTC", "USDT", is_trading=False), Pair("ETHBTC", "ETH", "BTC"), *usdt("SOL")]

    assert members(Rule("crypto", top=3), COINS, pairs) == ["SOLUSDT.BINANCE"]
    assert members(Rule("crypto", top=3, quote="BTC"), COINS, pairs) == ["ETHBTC.BINANCE"]


def test_of_two_coins_with_one_symbol_the_clearly_larger_counts() -> None:
    coins = [coin("bitcoin", "BTC", 1_300), coin("bitcoin-clone", "BTC", 2)]

    found = select(Rule("crypto", top=5), coins, usdt("BTC"), DAY, KNOWN)

    assert found.coins == {"BTCUSDT.BINANCE": "bitcoin"}
    assert [(one.id, one.reason) for one in found.passed_over] == [("bitcoin-clone", "ambiguous")]


def test_when_nobody_can_tell_whose_symbol_it_is_none_counts_until_one_is_named() -> None:
    coins = [coin("portal-a", "PORTAL", 9), coin("portal-b", "PORTAL", 8)]

    unsure = select(Rule("crypto", top=5), coins, usdt("PORTAL"), DAY, KNOWN)
    named = select(Rule("crypto", top=5, bases={"portal-b": "PORTAL"}), coins, usdt("PORTAL"), DAY, KNOWN)

    assert unsure.universe.members == ()
    assert [one.reason for one in unsure.passed_over] == ["ambiguous", "ambiguous"]
    assert named.coins == {"PORTALUSDT.BINANCE": "portal-b"}


def test_a_wrapped_coin_with_the_symbol_of_a_real_one_does_not_make_it_ambiguous() -> None:
    coins = [coin("wrapped-bitcoin", "BTC", 1_200), coin("bitcoin", "BTC", 1_300)]

    assert members(Rule("crypto", top=5), coins, usdt("BTC")) == ["BTCUSDT.BINANCE"]


def test_a_venue_that_scales_a_coin_is_matched_by_the_shipped_list() -> None:
    assert members(Rule("crypto", top=5), [coin("1000sats-ordinals", "SATS", 3)], usdt("1000SATS")) == ["1000SATSUSDT.BINANCE"]


def test_a_pair_named_in_letters_that_an_id_cannot_hold_is_passed_over_by_name() -> None:
    found = select(Rule("crypto", top=5), [coin("binance-life", "币安人生", 9), *COINS], usdt("币安人生", "BTC"), DAY, KNOWN)

    assert [member.instrument for member in found.universe.members] == ["BTCUSDT.BINANCE"]
    assert ("binance-life", "name that no instrument id can hold") in [(one.id, one.reason) for one in found.passed_over]


def test_the_rule_may_leave_coins_out_by_id_and_keep_stable_ones() -> None:
    pairs = usdt("BTC", "ETH", "USDT")

    assert members(Rule("crypto", top=1, without=frozenset({"bitcoin"})), COINS, pairs) == ["ETHUSDT.BINANCE"]
    assert "USDTUSDT.BINANCE" in members(Rule("crypto", top=3, has_stable=True), COINS, pairs)


def test_a_coin_without_a_market_cap_is_passed_over_and_the_order_of_the_list_decides_nothing() -> None:
    coins = [*COINS, coin("ghost", "GHOST", None), coin("twin-b", "TWB", 8), coin("twin-a", "TWA", 8)]
    pairs = usdt("BTC", "LINK", "GHOST", "TWA", "TWB")

    first, second = (select(Rule("crypto", top=9), given, pairs, DAY, KNOWN) for given in (coins, coins[::-1]))

    assert first == second
    assert [member.instrument for member in first.universe.members][1:] == ["LINKUSDT.BINANCE", "TWAUSDT.BINANCE", "TWBUSDT.BINANCE"]
    assert ("ghost", "no market cap") in [(one.id, one.reason) for one in first.passed_over]


def test_wrong_input_is_refused() -> None:
    with pytest.raises(DataFault, match="coin bitcoin stands there twice"):
        select(Rule("crypto", top=1), [*COINS, COINS[0]], [], DAY, KNOWN)
    with pytest.raises(Rejected, match="top 0"):
        Rule("crypto", top=0)
    with pytest.raises(Rejected, match="market cap -1"):
        coin("bitcoin", "BTC", -1)
    both = Rule("crypto", top=1, bases={"a": "BTC", "b": "BTC"})
    with pytest.raises(Rejected, match="BTC is named for"):
        select(both, [coin("a", "A", 2), coin("b", "B", 1)], usdt("BTC"), DAY, KNOWN)
    with pytest.raises(Unreadable, match="row 0 has id None"):
        coins_of_markets([{"symbol": "btc"}])
    with pytest.raises(Unreadable, match="symbols is NoneType"):
        pairs_of_exchange_info({"code": -1003})
    with pytest.raises(Unreadable, match="KeyError"):
        pairs_of_exchange_info({"symbols": [{"symbol": "BTCUSDT"}]})


def snapshot(day: str, known: str, *names: str) -> Universe:
    return Universe("crypto", date.fromisoformat(day), parse(known), tuple(Member(name, rank) for rank, name in enumerate(names, start=1)))


def test_membership_is_the_last_snapshot_that_was_known() -> None:
    first = snapshot("2024-08-01", "2024-08-01T00:05:00Z", "A.X", "B.X")
    second = snapshot("2024-08-02", "2024-08-02T00:05:00Z", "A.X", "C.X")
    corrected = snapshot("2024-08-01", "2024-08-03T10:00:00Z", "A.X")
    every = [second, corrected, first]

    assert members_on(every, date(2024, 8, 5), parse("2024-08-05")) == second
    assert members_on(every, date(2024, 8, 2), parse("2024-08-02T00:04:00Z")) == first
    assert members_on(every, date(2024, 8, 1), parse("2024-08-05")) == corrected
    assert members_on(every, date(2024, 7, 31), parse("2024-08-05")) is None
    assert members_on(every, date(2024, 8, 5), parse("2024-08-01")) is None
    with pytest.raises(Rejected, match="expected those of one universe"):
        members_on([first, Universe("other", DAY, KNOWN, ())], DAY, KNOWN)


def test_newcomers_and_leavers_are_told_apart() -> None:
    change = difference(snapshot("2024-08-01", "2024-08-01", "A.X", "B.X"), snapshot("2024-08-02", "2024-08-02", "C.X", "A.X"))

    assert (change.joined, change.left, change.stayed) == (("C.X",), ("B.X",), ("A.X",))
    assert difference(None, snapshot("2024-08-02", "2024-08-02", "A.X")).joined == ("A.X",)


def test_the_shipped_list_knows_the_large_stable_and_wrapped_coins() -> None:
    listed = shipped_exclusions()

    assert {"tether", "usd-coin", "dai", "first-digital-usd", "ethena-usde"} <= listed.stable
    assert {"wrapped-bitcoin", "staked-ether", "wrapped-steth", "weth"} <= listed.wrapped
    assert not listed.stable & listed.wrapped
    assert not {"bitcoin", "ethereum", "solana", "lido-dao"} & (listed.stable | listed.wrapped)


@pytest.mark.shared
def test_recorded_lists_of_the_vendors_make_a_universe(shared: Path) -> None:
    markets = json.loads((shared / "api/coingecko/oas_demo_examples.json").read_text())["GET /coins/markets 200"]
    with gzip.open(shared / "api/binance/gct_http_public.json.gz") as stream:
        info = json.load(stream)["routes"]["/api/v3/exchangeInfo"]["GET"][0]["data"]

    coins, pairs = coins_of_markets(markets), pairs_of_exchange_info(info)
    found = select(Rule("crypto", top=100, quote="BTC"), coins, pairs, DAY, KNOWN)

    assert coins[0] == Coin("bitcoin", "BTC", Decimal(1555886872303))
    assert len(pairs) == 25
    assert Pair("ETHBTC", "ETH", "BTC") in pairs
    assert {one.id for one in found.passed_over} | set(found.coins.values()) == {one.id for one in coins}
