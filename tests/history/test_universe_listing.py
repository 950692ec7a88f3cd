"""Names over time."""

from __future__ import annotations

import csv
from itertools import pairwise
from pathlib import Path

import pytest

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.core.instant import NS_PER_DAY, parse
from tradewinds.core.instrument import Ticker
from tradewinds.history.listing import check_tickers, instrument_at, listed_at, listings, renamed, symbol_at
from tradewinds.history.universe import Pair

# GOOG meant the class A shares until 2014-04-02; on 2014-04-03 they became GOOGL and the new class C took the name.
SWITCH = parse("2014-04-03")
ALPHABET = (
    Ticker("GOOGL.XNAS", "GOOG", "XNAS", parse("2004-08-19"), SWITCH),
    Ticker("GOOGL.XNAS", "GOOGL", "XNAS", SWITCH),
    Ticker("GOOG.XNAS", "GOOCV", "XNAS", parse("2014-03-27"), SWITCH),
    Ticker("GOOG.XNAS", "GOOG", "XNAS", SWITCH),
)


def test_a_name_means_what_it_meant_at_the_instant() -> None:
    assert instrument_at(ALPHABET, "GOOG", "XNAS", SWITCH - 1) == "GOOGL.XNAS"
    assert instrument_at(ALPHABET, "GOOG", "XNAS", SWITCH) == "GOOG.XNAS"
    assert instrument_at(ALPHABET, "GOOGL", "XNAS", SWITCH - 1) is None
    assert symbol_at(ALPHABET, "GOOGL.XNAS", parse("2010-01-04")) == "GOOG"
    assert symbol_at(ALPHABET, "GOOGL.XNAS", parse("2020-01-02")) == "GOOGL"
    assert symbol_at(ALPHABET, "GOOG.XNAS", parse("2010-01-04")) is None
    check_tickers(ALPHABET)


def test_who_was_listed_includes_those_who_are_gone_today() -> None:
    tickers = (*ALPHABET, Ticker("LEH.XNYS", "LEH", "XNAS", parse("1994-05-31"), parse("2008-09-18")))

    assert listed_at(tickers, "XNAS", parse("2007-01-03")) == ("GOOGL.XNAS", "LEH.XNYS")
    assert listed_at(tickers, "XNAS", parse("2015-01-02")) == ("GOOG.XNAS", "GOOGL.XNAS")


def test_a_name_that_means_two_at_once_is_found() -> None:
    with pytest.raises(DataFault, match=r"ticker GOOG at XNAS from 2014-04-02T00:00:00Z: means GOOGL.XNAS and GOOG.XNAS"):
        check_tickers([ALPHABET[0], Ticker("GOOG.XNAS", "GOOG", "XNAS", SWITCH - NS_PER_DAY)])
    with pytest.raises(DataFault, match=r"\['GOOG.XNAS', 'GOOGL.XNAS'\], expected one"):
        instrument_at([ALPHABET[0], Ticker("GOOG.XNAS", "GOOG", "XNAS", 0)], "GOOG", "XNAS", SWITCH - 1)
    with pytest.raises(Rejected, match="expected after"):
        check_tickers([Ticker("A.XNYS", "A", "XNYS", 10, 10)])


def test_a_rename_keeps_the_instrument() -> None:
    before = (Ticker("FB.XNAS", "FB", "XNAS", parse("2012-05-18")),)

    after = renamed(before, "FB.XNAS", "META", parse("2022-06-09"))

    assert symbol_at(after, "FB.XNAS", parse("2022-06-08")) == "FB"
    assert symbol_at(after, "FB.XNAS", parse("2022-06-09")) == "META"
    with pytest.raises(DataFault, match="0 names in use"):
        renamed(before, "FB.XNAS", "META", parse("2010-01-01"))


def test_a_list_of_pairs_begins_and_ends_tickers() -> None:
    start, now = parse("2024-01-01"), parse("2024-02-20")
    tickers = tuple(Ticker(f"{name}.BINANCE", name, "BINANCE", start) for name in ("BTCUSDT", "XMRUSDT", "FTTUSDT"))
    pairs = [
        Pair("BTCUSDT", "BTC", "USDT"),
        Pair("FTTUSDT", "FTT", "USDT", is_trading=False),
        Pair("NEWUSDT", "NEW", "USDT"),
        Pair("币安人生USDT", "币安人生", "USDT"),
        Pair("SOONUSDT", "SOON", "USDT", is_trading=False),
    ]

    found = listings(tickers, pairs, "BINANCE", now)

    assert (found.listed, found.delisted, found.halted) == (("NEWUSDT.BINANCE",), ("XMRUSDT.BINANCE",), ("FTTUSDT.BINANCE",))
    assert listed_at(found.tickers, "BINANCE", now) == ("BTCUSDT.BINANCE", "FTTUSDT.BINANCE", "NEWUSDT.BINANCE")
    assert listed_at(found.tickers, "BINANCE", now - 1) == ("BTCUSDT.BINANCE", "FTTUSDT.BINANCE", "XMRUSDT.BINANCE")
    assert listings(found.tickers, pairs, "BINANCE", now + 1).tickers == found.tickers


@pytest.mark.shared
def test_a_published_map_file_reads_as_tickers(shared: Path) -> None:
    tickers: list[Ticker] = []
    for name in ("goog", "googl", "bac"):
        rows = list(csv.reader((shared / f"equities/lean_daily/map_files/{name}.csv").read_text().splitlines()))
        for before, row in pairwise(rows):
            first, last = (f"{day[:4]}-{day[4:6]}-{day[6:]}" for day in (before[0], row[0]))
            start = parse(first) if before is rows[0] else parse(first) + NS_PER_DAY
            tickers.append(Ticker(f"{name.upper()}.US", row[1].upper(), "US", start, parse(last) + NS_PER_DAY))

    check_tickers(tickers)

    assert instrument_at(tickers, "GOOG", "US", parse("2013-01-02")) == "GOOGL.US"
    assert instrument_at(tickers, "GOOG", "US", parse("2015-01-02")) == "GOOG.US"
    assert symbol_at(tickers, "BAC.US", parse("1998-09-30")) == "NB"
    assert symbol_at(tickers, "BAC.US", parse("1998-10-01")) == "BAC"
