"""What one would have known when: every state of a session, with the time at which it was published."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from tradewinds.history.reconcile import reconcile

A, B = "AAA.XNYS", "BBB.XNYS"
DAY = 86_400_000_000_000
HOUR = DAY // 24
PRICES = ("open", "high", "low", "close")


def states(market: Any, t: int) -> list[tuple[float, str, str]]:
    """(hours after the close, status, vendor) of every version of session t."""
    result = reconcile(market.frames(), with_versions=True)
    assert result.versions is not None
    rows = result.versions.filter((pl.col("instrument") == A) & (pl.col("start_ns") // DAY == 20_000 + t))
    return [(round((r["known_ns"] - r["event_ns"]) / HOUR, 2), r["status"], r["vendor"]) for r in rows.iter_rows(named=True)]


def test_a_session_without_trouble_has_one_version_published_when_the_last_vendor_came(planted_market: Callable[..., Any]) -> None:
    market = planted_market()
    market.row("bravo", A, 30)["known_ns"] += HOUR

    assert [(hours, status) for hours, status, _ in states(market, 30)] == [(2.0, "ok")]


def test_a_late_vendor_means_a_provisional_version_at_the_limit_and_a_restatement_when_it_comes(planted_market: Callable[..., Any]) -> None:
    market = planted_market()
    market.row("alpha", A, 30)["known_ns"] = market.row("alpha", A, 30)["event_ns"] + 20 * HOUR

    assert [(hours, status) for hours, status, _ in states(market, 30)] == [(12.0, "provisional"), (20.0, "ok")]


def test_a_gap_is_provisional_until_the_vendor_comes_with_the_next_session(planted_market: Callable[..., Any]) -> None:
    market = planted_market()
    market.drop("charlie", A, 30)

    assert [(hours, status) for hours, status, _ in states(market, 30)] == [(12.0, "provisional"), (25.0, "resolved")]


def test_a_revised_row_is_resolved_against_it_first_and_restated_when_the_right_one_comes(planted_market: Callable[..., Any]) -> None:
    market = planted_market()
    row = market.row("alpha", A, 30)
    market.again("alpha", A, 30, known_ns=row["known_ns"] + 29 * HOUR)
    row["close"] *= 1.08
    row["high"] = row["close"]

    assert [(hours, status) for hours, status, _ in states(market, 30)] == [(1.0, "resolved"), (30.0, "ok")]


def test_a_shift_is_held_until_the_repeated_row_betrays_it(planted_market: Callable[..., Any]) -> None:
    market = planted_market(vendors=("alpha", "bravo"))
    for t in range(30, 35):
        for name in (*PRICES, "volume"):
            market.row("alpha", A, t)[name] = market.row("alpha", A, t + 1)[name]

    seen = states(market, 33)

    assert seen[0][:2] == (1.0, "held")
    assert seen[-1][1:] == ("resolved", "bravo")
    assert seen[-1][0] == 49.0  # session 35, two days later


def test_a_swap_is_seen_in_the_night_it_happens(planted_market: Callable[..., Any]) -> None:
    market = planted_market()
    for t in (40, 41, 42):
        one, other = market.row("bravo", A, t), market.row("bravo", B, t)
        for name in (*PRICES, "volume"):
            one[name], other[name] = other[name], one[name]

    seen = states(market, 40)

    assert [(hours, status) for hours, status, _ in seen] == [(1.0, "resolved")]
    assert seen[0][2] != "bravo"


@pytest.mark.parametrize("vendors", [("alpha", "bravo"), ("alpha", "bravo", "charlie"), ("solo",)])
def test_the_last_version_is_the_history(planted_market: Callable[..., Any], vendors: tuple[str, ...]) -> None:
    market = planted_market(vendors=vendors)
    for t, change in ((20, 1.2), (30, 100.0), (40, 0.01)):
        row = market.row(vendors[0], A, t)
        row.update(
            {name: row[name] * change for name in PRICES} if change != 1.2 else {"close": row["close"] * 1.2, "high": row["high"] * 1.3}
        )
    market.row(vendors[-1], B, 50)["known_ns"] += 40 * HOUR

    result = reconcile(market.frames(), with_versions=True)

    assert result.versions is not None
    last = result.versions.unique(["instrument", "start_ns"], keep="last", maintain_order=True)
    columns = ["instrument", "start_ns", *PRICES, "volume", "vendor", "status"]
    assert last.select(columns).equals(result.rows.select(columns))
    assert (result.versions["known_ns"] >= result.versions["event_ns"]).all()
