"""Each kind of vendor fault, planted by hand: found, named, and never published."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from tradewinds.history.reconcile import Reconciled, reconcile

A, B = "AAA.XNYS", "BBB.XNYS"
DAY = 86_400_000_000_000
HOUR = DAY // 24
PRICES = ("open", "high", "low", "close")


def found(result: Reconciled, symbol: str = A) -> set[tuple[str, int, str]]:
    """(vendor, session, kind) of the findings about a symbol."""
    return {(f.vendor, f.start_ns // DAY - 20_000, f.kind) for f in result.findings if f.instrument == symbol}


def at(result: Reconciled, t: int, symbol: str = A) -> dict[str, Any]:
    return result.rows.filter((pl.col("instrument") == symbol) & (pl.col("start_ns") // DAY == 20_000 + t)).row(0, named=True)


def test_vendors_that_agree_make_a_history_without_findings(planted_market: Callable[..., Any]) -> None:
    market = planted_market()

    result = reconcile(market.frames())

    assert result.rows.height == 120
    assert set(result.rows["status"]) == {"ok"}
    assert result.findings == []


def test_a_missing_row_is_a_gap_and_the_others_fill_the_session(planted_market: Callable[..., Any]) -> None:
    market = planted_market()
    market.drop("bravo", A, 40)

    result = reconcile(market.frames())

    assert found(result) == {("bravo", 40, "gap")}
    assert at(result, 40)["status"] == "resolved"


def test_a_vendor_whose_coverage_begins_later_has_no_gap_before(planted_market: Callable[..., Any]) -> None:
    market = planted_market()
    for t in range(25):
        market.drop("charlie", A, t)

    result = reconcile(market.frames())

    assert result.findings == []


def test_the_same_row_twice_is_a_duplicate_and_published_once(planted_market: Callable[..., Any]) -> None:
    market = planted_market()
    market.again("alpha", A, 30)

    result = reconcile(market.frames())

    assert found(result) == {("alpha", 30, "duplicate")}
    assert result.rows.height == 120
    assert at(result, 30)["status"] == "ok"


@pytest.mark.parametrize("wrong", [("alpha",), ("charlie",), ("alpha", "bravo")])
def test_a_row_repeated_three_times_is_stale_even_where_two_vendors_repeat(
    planted_market: Callable[..., Any], wrong: tuple[str, ...]
) -> None:
    market = planted_market()
    for vendor in wrong:
        for t in (31, 32, 33):
            for name in (*PRICES, "volume"):
                market.row(vendor, A, t)[name] = market.row(vendor, A, 30)[name]

    result = reconcile(market.frames())

    assert found(result) == {(vendor, t, "stale") for vendor in wrong for t in (31, 32, 33)}
    assert all(at(result, t)["vendor"] not in wrong for t in (31, 32, 33))


@pytest.mark.parametrize(
    ("wrong", "factor"), [(("bravo",), 1.1), (("bravo",), 0.7), (("bravo", "charlie"), 1.3), (("alpha", "charlie"), 0.85)]
)
def test_a_close_off_by_a_tenth_or_more_is_a_spike_even_where_two_vendors_have_it(
    planted_market: Callable[..., Any], wrong: tuple[str, ...], factor: float
) -> None:
    market = planted_market()
    for vendor in wrong:
        row = market.row(vendor, A, 45)
        row["close"] *= factor
        row["high"], row["low"] = max(row["high"], row["close"]), min(row["low"], row["close"])
    right = {row["close"] for v in ("alpha", "bravo", "charlie") if v not in wrong for row in [market.row(v, A, 45)]}

    result = reconcile(market.frames())

    assert found(result) == {(vendor, 45, "spike") for vendor in wrong}
    assert at(result, 45)["close"] in right
    assert at(result, 45)["status"] == "resolved"


def test_two_vendors_are_enough_to_tell_whose_close_spiked(planted_market: Callable[..., Any]) -> None:
    market = planted_market(vendors=("alpha", "bravo"))
    row = market.row("alpha", A, 20)
    row["close"] *= 1.25
    row["high"] = row["close"]

    result = reconcile(market.frames())

    assert found(result) == {("alpha", 20, "spike")}
    assert at(result, 20)["vendor"] == "bravo"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"high": 90.0, "low": 120.0}, None),
        ({"low": -95.0}, None),
        ({"close": 500.0}, None),
        ({"open": float("nan")}, None),
        ({"close": float("inf"), "high": float("inf")}, None),
        ({"open": 0.0, "low": 0.0}, None),
        ({"volume": -5.0}, "volume"),
        ({"volume": float("nan")}, "volume"),
        ({"volume": 2.0**63}, "volume"),
    ],
)
def test_a_bar_that_no_market_can_have_made_is_impossible_and_not_published(
    planted_market: Callable[..., Any], changes: dict[str, float], field: str | None
) -> None:
    market = planted_market()
    market.row("alpha", A, 33).update(changes)

    result = reconcile(market.frames())

    assert found(result) == {("alpha", 33, "impossible")}
    assert result.findings[0].field == field
    row = at(result, 33)
    assert row["status"] == "resolved"
    assert 0 < row["low"] <= row["close"] <= row["high"] < 200
    assert 5e5 < row["volume"] < 2e6


def test_rows_of_the_next_session_for_five_sessions_are_a_shift(planted_market: Callable[..., Any]) -> None:
    market = planted_market(vendors=("alpha", "bravo"))
    for t in range(30, 35):
        for name in (*PRICES, "volume"):
            market.row("alpha", A, t)[name] = market.row("alpha", A, t + 1)[name]

    result = reconcile(market.frames())

    assert found(result) == {("alpha", t, "shift") for t in range(30, 35)}
    assert {at(result, t)["vendor"] for t in range(30, 35)} == {"bravo"}


def with_split(market: Any, t: int, factor: float) -> None:
    """From session t on every vendor's prices are divided by the factor, and all state it."""
    for by_symbol in market.rows.values():
        for k, row in enumerate(by_symbol[A]):
            if k >= t:
                row.update({name: row[name] / factor for name in PRICES}, volume=row["volume"] * factor)
        by_symbol[A][t]["split_factor"] = factor


@pytest.mark.parametrize("wrong", [("bravo",), ("alpha", "charlie")])
@pytest.mark.parametrize("stated", [1.0, 4.0])
def test_a_forgotten_or_wrong_split_factor_is_found_by_the_price(
    planted_market: Callable[..., Any], wrong: tuple[str, ...], stated: float
) -> None:
    market = planted_market()
    with_split(market, 35, 2.0)
    for vendor in wrong:
        market.row(vendor, A, 35)["split_factor"] = stated

    result = reconcile(market.frames())

    assert found(result) == {(vendor, 35, "split") for vendor in wrong}
    assert at(result, 35)["split_factor"] == 2.0
    assert at(result, 35)["status"] == "resolved"


def test_prices_already_adjusted_for_a_later_split_are_a_split_fault(planted_market: Callable[..., Any]) -> None:
    market = planted_market(vendors=("alpha", "bravo"), sessions=150)
    with_split(market, 120, 2.0)
    for row in market.rows["bravo"][A][:120]:
        row.update({name: row[name] / 2 for name in PRICES}, volume=row["volume"] * 2)

    result = reconcile(market.frames())

    assert found(result) == {("bravo", t, "split") for t in range(120)}
    assert set(result.rows.filter(pl.col("instrument") == A)["status"][:120]) == {"resolved"}
    assert at(result, 0)["vendor"] == "alpha"


def test_a_split_that_all_state_is_no_finding(planted_market: Callable[..., Any]) -> None:
    market = planted_market()
    with_split(market, 35, 7.0)

    assert reconcile(market.frames()).findings == []


def test_rows_of_two_symbols_in_each_others_place_are_swapped(planted_market: Callable[..., Any]) -> None:
    market = planted_market(vendors=("alpha", "bravo"))
    for t in (40, 41, 42):
        one, other = market.row("bravo", A, t), market.row("bravo", B, t)
        for name in (*PRICES, "volume"):
            one[name], other[name] = other[name], one[name]

    result = reconcile(market.frames())

    expected = {("bravo", t, "swapped") for t in (40, 41, 42)}
    assert (found(result, A), found(result, B)) == (expected, expected)
    assert {at(result, t, symbol)["vendor"] for t in (40, 41, 42) for symbol in (A, B)} == {"alpha"}


@pytest.mark.parametrize(("wrong", "factor"), [(("alpha",), 100.0), (("charlie",), 0.01), (("alpha", "bravo"), 100.0)])
def test_prices_in_cents_for_a_few_sessions_are_a_unit_fault(
    planted_market: Callable[..., Any], wrong: tuple[str, ...], factor: float
) -> None:
    market = planted_market()
    for vendor in wrong:
        for t in (50, 51):
            row = market.row(vendor, A, t)
            row.update({name: row[name] * factor for name in PRICES})

    result = reconcile(market.frames())

    assert found(result) == {(vendor, t, "unit") for vendor in wrong for t in (50, 51)}
    assert 50 < at(result, 50)["close"] < 200


def test_another_currency_is_a_unit_fault_and_not_published(planted_market: Callable[..., Any]) -> None:
    market = planted_market()
    for vendor in ("alpha", "bravo", "charlie"):
        for t in range(60):
            market.row(vendor, A, t)["currency"] = "USD"
    market.row("bravo", A, 12)["currency"] = "EUR"

    result = reconcile(market.frames())

    assert found(result) == {("bravo", 12, "unit")}
    assert result.findings[0].field == "currency"
    assert at(result, 12)["vendor"] != "bravo"


@pytest.mark.parametrize(("wrong", "factor"), [(("alpha",), 100.0), (("bravo",), 0.01), (("bravo", "charlie"), 1000.0)])
def test_volume_off_by_a_large_factor_is_a_volume_scale_fault(
    planted_market: Callable[..., Any], wrong: tuple[str, ...], factor: float
) -> None:
    market = planted_market()
    for vendor in wrong:
        market.row(vendor, A, 28)["volume"] *= factor

    result = reconcile(market.frames())

    assert found(result) == {(vendor, 28, "volume_scale") for vendor in wrong}
    assert 3e5 < at(result, 28)["volume"] < 3e6


def test_a_row_more_than_twelve_hours_after_the_close_is_late_and_used(planted_market: Callable[..., Any]) -> None:
    market = planted_market()
    row = market.row("alpha", A, 40)
    row["known_ns"] = row["event_ns"] + 20 * HOUR

    result = reconcile(market.frames())

    assert found(result) == {("alpha", 40, "late")}
    assert at(result, 40)["status"] == "ok"
    assert at(result, 40)["known_ns"] == row["known_ns"]


def test_a_vendor_that_always_comes_next_morning_is_late_only_against_its_own_habit(planted_market: Callable[..., Any]) -> None:
    market = planted_market()
    for t in range(60):
        row = market.row("charlie", A, t)
        row["known_ns"] = row["event_ns"] + (15 if t != 40 else 40) * HOUR

    result = reconcile({**market.frames(), "charlie": market.frames()["charlie"].filter(pl.col("instrument") == A)})

    assert found(result) == {("charlie", 40, "late")}


def test_a_later_row_with_other_values_is_revised_and_wins(planted_market: Callable[..., Any]) -> None:
    market = planted_market()
    first = market.row("charlie", A, 37)
    right = first["close"]
    market.again("charlie", A, 37, known_ns=first["known_ns"] + 30 * HOUR)
    first["close"] = right * 1.02
    first["high"] = max(first["high"], first["close"])

    result = reconcile(market.frames())

    assert found(result) == {("charlie", 37, "revised")}
    assert at(result, 37)["status"] == "ok"
    assert at(result, 37)["close"] == pytest.approx(right, rel=1e-3)


def test_two_rows_received_at_once_with_different_values_are_a_conflict_and_not_used(planted_market: Callable[..., Any]) -> None:
    market = planted_market()
    market.again("bravo", A, 22, close=market.row("bravo", A, 22)["close"] * 1.003)

    result = reconcile(market.frames())

    assert found(result) == {("bravo", 22, "conflict")}
    assert at(result, 22)["vendor"] != "bravo"
