"""What is looked over before it is published, from one chunk of rows to the next."""

from __future__ import annotations

from typing import Any

import polars as pl

from tradewinds.core.instant import NS_PER_MINUTE, parse
from tradewinds.core.market import TRADES, bars, quotes
from tradewinds.jobs.judge import judge_bars, judge_of

FIRST = parse("2024-12-31T22:00:00Z")


def minutes(first: int, count: int, instrument: str = "BTCUSDT.BINANCE") -> pl.DataFrame:
    """Minutes `first` to `first + count` of an evening, at a price that hardly moves."""
    start = [FIRST + number * NS_PER_MINUTE for number in range(first, first + count)]
    prices = [100 + 0.01 * (number % 3) for number in range(first, first + count)]
    return pl.DataFrame(
        {
            "instrument": [instrument] * count,
            "start_ns": start,
            "event_ns": [at + NS_PER_MINUTE for at in start],
            "open": prices,
            "high": [price + 0.02 for price in prices],
            "low": [price - 0.02 for price in prices],
            "close": prices,
            "volume": [float(number) for number in range(1, count + 1)],
        }
    )


def test_a_month_whose_end_was_cut_off_is_a_gap_when_the_next_one_comes(make_house: Any) -> None:
    judge = judge_bars(make_house("{}").context("test", ""), bars("1m"), "binance_archive")

    december, january = judge(minutes(0, 100)), judge(minutes(120, 60))

    assert december == []
    assert [(one.kind, one.start_ns, one.end_ns, one.detail) for one in january] == [
        ("gap", parse("2024-12-31T23:40:00Z"), parse("2025-01-01"), "20 bars missing until 2025-01-01T00:00:00Z")
    ]


def test_months_that_meet_and_months_that_come_again_have_none(make_house: Any) -> None:
    judge = judge_bars(make_house("{}").context("test", ""), bars("1m"), "binance_archive")

    found = [judge(minutes(0, 120)), judge(minutes(120, 60)), judge(minutes(0, 120)), judge(minutes(400, 5, "ETHUSDT.BINANCE"))]

    assert found == [[], [], [], []]


def test_the_first_new_bar_after_a_bookmark_is_held_against_it(make_house: Any) -> None:
    known = {"BTCUSDT.BINANCE": FIRST}
    judge = judge_bars(make_house("{}").context("test", ""), bars("1m"), "binance_rest", known)

    assert [(one.kind, one.start_ns) for one in judge(minutes(30, 5))] == [("gap", FIRST)]


def test_bars_and_quotes_are_judged_and_other_facts_are_not(make_house: Any) -> None:
    context = make_house("{}").context("test", "")

    assert judge_of(context, bars("1d"), "files") is not None
    assert judge_of(context, quotes("1d"), "files") is not None
    assert judge_of(context, TRADES, "files") is None
