"""Reconciliation as a whole: holds, single vendors, the calendar, and what never depends on order or names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tradewinds.core.errors import Rejected
from tradewinds.history.reconcile import Reconciled, reconcile
from tradewinds.history.reconcile_limits import Limits

A, B = "AAA.XNYS", "BBB.XNYS"
DAY = 86_400_000_000_000
HOUR = DAY // 24
PRICES = ("open", "high", "low", "close")
VALUES = ["instrument", "start_ns", "event_ns", "known_ns", *PRICES, "volume", "vendor", "status", "split_factor"]


def found(result: Reconciled, symbol: str = A) -> set[tuple[str, int, str]]:
    return {(f.vendor, f.start_ns // DAY - 20_000, f.kind) for f in result.findings if f.instrument == symbol}


def at(result: Reconciled, t: int, symbol: str = A) -> dict[str, Any]:
    return result.rows.filter((pl.col("instrument") == symbol) & (pl.col("start_ns") // DAY == 20_000 + t)).row(0, named=True)


def test_a_small_difference_between_two_vendors_is_held_with_a_finding_of_nobody(planted_market: Callable[..., Any]) -> None:
    market = planted_market(vendors=("alpha", "bravo"))
    market.row("bravo", A, 30)["close"] *= 1.002

    result = reconcile(market.frames())

    assert found(result) == {("*", 30, "conflict")}
    assert at(result, 30)["status"] == "held"
    assert [(h.instrument, h.start_ns // DAY - 20_000) for h in result.holds] == [(A, 30)]


def test_a_minor_difference_is_settled_by_preference_where_that_was_asked_for(planted_market: Callable[..., Any]) -> None:
    market = planted_market(vendors=("alpha", "bravo"))
    market.row("bravo", A, 30)["close"] *= 1.002

    result = reconcile(market.frames(), limits=Limits(minor=0.01, preference=("bravo", "alpha")))

    assert found(result) == {("*", 30, "conflict")}
    assert (at(result, 30)["status"], at(result, 30)["vendor"]) == ("resolved", "bravo")
    assert result.holds == []


def test_values_come_from_the_preferred_vendor_where_all_agree(planted_market: Callable[..., Any]) -> None:
    result = reconcile(planted_market().frames(), limits=Limits(preference=("charlie",)))

    assert set(result.rows["vendor"]) == {"charlie"}


def test_volume_of_another_vendor_is_named_in_the_source_where_the_first_has_none(planted_market: Callable[..., Any]) -> None:
    market = planted_market(vendors=("alpha", "bravo"))
    market.row("alpha", A, 10)["volume"] = -1

    result = reconcile(market.frames(), limits=Limits(preference=("alpha",)))

    assert at(result, 10)["vendor"] == "alpha;volume=bravo"
    assert at(result, 10)["volume"] == market.row("bravo", A, 10)["volume"]


def test_a_real_crash_that_all_vendors_saw_is_no_finding(planted_market: Callable[..., Any]) -> None:
    market = planted_market()
    for by_symbol in market.rows.values():
        for row in by_symbol[A][40:]:
            row.update({name: row[name] * 0.4 for name in PRICES})

    assert reconcile(market.frames()).findings == []


def test_what_no_market_does_is_held_even_where_all_vendors_agree(planted_market: Callable[..., Any]) -> None:
    market = planted_market()
    for by_symbol in market.rows.values():
        by_symbol[A][20].update({name: by_symbol[A][19][name] for name in (*PRICES, "volume")})
        for t in (30, 31):
            by_symbol[A][t].update({name: by_symbol[A][t][name] * 100 for name in PRICES})
        by_symbol[A][40]["split_factor"] = 3.0

    result = reconcile(market.frames())

    stale = {(vendor, 20, "stale") for vendor in ("alpha", "bravo", "charlie")}
    assert found(result) == stale | {("*", 30, "unit"), ("*", 31, "unit"), ("*", 40, "split")}
    assert {at(result, t)["status"] for t in (20, 30, 31, 40)} == {"held"}


def test_a_swap_is_recognised_in_a_crash(planted_market: Callable[..., Any]) -> None:
    market = planted_market(vendors=("alpha", "bravo"))
    for by_symbol in market.rows.values():
        for k, row in enumerate(by_symbol[A]):
            if k >= 40:
                row.update({name: row[name] * 0.5 ** (k - 39 if k < 43 else 3) for name in PRICES})
    for t in (40, 41, 42):
        one, other = market.row("alpha", A, t), market.row("alpha", B, t)
        for name in (*PRICES, "volume"):
            one[name], other[name] = other[name], one[name]

    result = reconcile(market.frames())

    assert found(result, A) == found(result, B) == {("alpha", t, "swapped") for t in (40, 41, 42)}


def test_the_last_session_waits_for_a_vendor_that_has_not_come(planted_market: Callable[..., Any]) -> None:
    market = planted_market()
    market.drop("bravo", A, 59)

    result = reconcile(market.frames())

    assert at(result, 59)["status"] == "provisional"
    assert at(result, 59)["reason"] == "waiting for bravo"


def test_after_the_lateness_limit_a_vendor_that_has_not_come_is_late(planted_market: Callable[..., Any]) -> None:
    market = planted_market()
    market.drop("bravo", A, 59)
    close = market.row("alpha", A, 59)["event_ns"]

    before = reconcile(market.frames(), as_of_ns=close + 12 * HOUR)
    after = reconcile(market.frames(), as_of_ns=close + 12 * HOUR + 1)

    assert found(before) == set()
    assert found(after) == {("bravo", 59, "late")}
    assert at(after, 59)["status"] == "provisional"


def test_what_came_after_the_as_of_time_is_not_seen(planted_market: Callable[..., Any]) -> None:
    market = planted_market()
    as_of = market.row("charlie", A, 29)["known_ns"]

    result = reconcile(market.frames(), as_of_ns=as_of)

    assert result.rows.height == 60
    assert result.rows["known_ns"].max() == as_of


def test_a_night_with_the_weeks_before_decides_as_the_full_run_as_of_that_night(planted_market: Callable[..., Any]) -> None:
    market = planted_market(sessions=150)
    row = market.row("bravo", A, 140)
    row["close"] *= 1.2
    row["high"] = row["close"]
    as_of = row["known_ns"] + HOUR

    full = reconcile(market.frames(), as_of_ns=as_of)
    recent = {vendor: frame.filter(pl.col("start_ns") >= (20_000 + 140 - 75) * DAY) for vendor, frame in market.frames().items()}
    night = reconcile(recent, as_of_ns=as_of)

    assert at(night, 140) == at(full, 140)
    assert found(night) == found(full) == {("bravo", 140, "spike")}


# One vendor alone


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"close": 140.0, "high": 140.0}, "spike"),
        ({"low": 0.0}, "impossible"),
        ({"volume": 5e8}, "volume_scale"),
        ({"volume": 5e3}, "volume_scale"),
    ],
)
def test_what_one_vendor_alone_says_oddly_is_held(planted_market: Callable[..., Any], changes: dict[str, float], kind: str) -> None:
    market = planted_market(vendors=("solo",))
    market.row("solo", A, 40).update(changes)

    result = reconcile(market.frames())

    assert found(result) == {("solo", 40, kind)}
    assert at(result, 40)["status"] == "held"
    assert result.rows.filter(pl.col("status") != "held").height == 119


def test_one_vendor_alone_in_cents_for_three_sessions_is_held(planted_market: Callable[..., Any]) -> None:
    market = planted_market(vendors=("solo",))
    for t in (30, 31, 32):
        row = market.row("solo", A, t)
        row.update({name: row[name] * 100 for name in PRICES})

    assert found(reconcile(market.frames())) == {("solo", t, "unit") for t in (30, 31, 32)}


def test_one_vendor_alone_repeating_itself_is_stale(planted_market: Callable[..., Any]) -> None:
    market = planted_market(vendors=("solo",))
    market.row("solo", A, 31).update({name: market.row("solo", A, 30)[name] for name in (*PRICES, "volume")})

    assert found(reconcile(market.frames())) == {("solo", 31, "stale")}


def test_one_vendor_alone_that_halves_over_night_without_a_split_is_held(planted_market: Callable[..., Any]) -> None:
    market = planted_market(vendors=("solo",))
    for row in market.rows["solo"][A][35:]:
        row.update({name: row[name] / 2 for name in PRICES})

    assert found(reconcile(market.frames())) == {("solo", 35, "split")}


def test_one_vendor_alone_whose_price_ignores_its_split_is_held(planted_market: Callable[..., Any]) -> None:
    market = planted_market(vendors=("solo",))
    market.row("solo", A, 35)["split_factor"] = 2.0

    result = reconcile(market.frames())

    assert ("*", 35, "split") in found(result)
    assert at(result, 35)["status"] == "held"


@pytest.mark.parametrize("sessions", [1, 2, 3, 4, 5])
def test_a_history_of_a_few_sessions_where_one_vendor_lacks_a_row_has_every_session(
    planted_market: Callable[..., Any], sessions: int
) -> None:
    market = planted_market(vendors=("alpha", "bravo"), sessions=sessions)
    market.drop("bravo", A, sessions // 2)

    result = reconcile(market.frames(), with_versions=True)

    assert result.rows.filter(pl.col("instrument") == A).height == sessions
    assert at(result, sessions // 2)["vendor"] == "alpha"


def test_one_vendor_alone_without_oddities_is_the_history(planted_market: Callable[..., Any]) -> None:
    result = reconcile(planted_market(vendors=("solo",)).frames())

    assert set(result.rows["status"]) == {"ok"}
    assert result.findings == []


def test_a_spike_at_the_end_is_held_until_the_next_session_confirms_it(planted_market: Callable[..., Any]) -> None:
    market = planted_market(vendors=("solo",))
    for k, row in enumerate(market.rows["solo"][A][40:]):
        row.update({name: row[name] * 1.3 for name in PRICES if k or name in ("close", "high")})

    that_night = reconcile(market.frames(), as_of_ns=market.row("solo", A, 40)["known_ns"])
    next_night = reconcile(market.frames(), as_of_ns=market.row("solo", A, 41)["known_ns"])

    assert at(that_night, 40)["status"] == "held"
    assert at(next_night, 40)["status"] == "ok"


# The calendar


def test_a_session_that_no_vendor_has_is_one_gap_of_nobody(planted_market: Callable[..., Any]) -> None:
    market = planted_market()
    expected = np.array([row["start_ns"] for row in market.rows["alpha"][A]])
    for vendor in ("alpha", "bravo", "charlie"):
        market.drop(vendor, A, 20)
        market.drop(vendor, A, 21)

    result = reconcile(market.frames(), expected=expected)

    assert found(result) == {("*", 20, "gap")}
    assert result.findings[0].detail.startswith("no vendor has a bar for 2 sessions")
    assert result.rows.height == 118


def test_a_bar_of_one_vendor_where_there_is_no_session_is_set_aside(planted_market: Callable[..., Any]) -> None:
    market = planted_market()
    expected = np.array([row["start_ns"] for t, row in enumerate(market.rows["alpha"][A]) if t != 30])
    for vendor in ("alpha", "bravo"):
        market.drop(vendor, A, 30)
        market.drop(vendor, B, 30)

    result = reconcile(market.frames(), expected=expected)

    assert found(result, A) == found(result, B) == {("charlie", 30, "shift")}
    assert result.rows.height == 118


def test_a_bar_that_most_vendors_have_outvotes_the_calendar(planted_market: Callable[..., Any]) -> None:
    market = planted_market()
    expected = np.array([row["start_ns"] for t, row in enumerate(market.rows["alpha"][A]) if t != 30])

    result = reconcile(market.frames(), expected=expected)

    assert result.rows.height == 120
    assert result.findings == []


def test_a_calendar_that_most_bars_contradict_is_not_that_of_the_instrument(planted_market: Callable[..., Any]) -> None:
    market = planted_market()
    expected = np.array([row["start_ns"] for t, row in enumerate(market.rows["alpha"][A]) if t % 7 < 5])
    market.drop("alpha", A, 33)  # the sixth of its week
    market.drop("bravo", A, 33)

    result = reconcile(market.frames(), expected=expected)

    assert found(result) == {("alpha", 33, "gap"), ("bravo", 33, "gap")}
    assert result.rows.height == 120


# Wrong questions


def test_no_vendor_is_refused() -> None:
    with pytest.raises(Rejected, match="no vendor"):
        reconcile({})


def test_a_missing_column_is_refused(planted_market: Callable[..., Any]) -> None:
    frames = planted_market().frames()

    with pytest.raises(Rejected, match=r"reconciliation of bravo: columns \['close'\] are missing"):
        reconcile({**frames, "bravo": frames["bravo"].drop("close")})


@pytest.mark.parametrize(("name", "value"), [("price_tolerance", 0.0), ("margin", -1.0), ("window", 0), ("lateness_ns", 0)])
def test_limits_that_make_no_sense_are_refused(name: str, value: float) -> None:
    with pytest.raises(Rejected, match=name):
        Limits(**{name: value})


# What holds for any faults

FAULTS = st.lists(
    st.tuples(
        st.sampled_from(["gap", "spike", "cents", "stale", "twice", "revised", "late", "volume", "nan", "small"]),
        st.sampled_from(["alpha", "bravo", "charlie"]),
        st.sampled_from([A, B]),
        st.integers(12, 38),
    ),
    max_size=6,
)
SOME = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def faulty(plant: Callable[..., Any], faults: list[tuple[str, str, str, int]]) -> Any:
    market = plant(sessions=40)
    for kind, vendor, symbol, t in faults:
        row = market.row(vendor, symbol, t)
        if kind == "gap":
            market.drop(vendor, symbol, t)
        elif kind == "spike":
            row.update(close=row["close"] * 1.3, high=row["high"] * 1.4)
        elif kind == "cents":
            row.update({name: row[name] * 100 for name in PRICES})
        elif kind == "stale":
            row.update({name: market.row(vendor, symbol, t - 1)[name] for name in (*PRICES, "volume")})
        elif kind == "twice":
            market.again(vendor, symbol, t)
        elif kind == "revised":
            market.again(vendor, symbol, t, known_ns=row["known_ns"] + 20 * HOUR, close=row["close"] * 1.0002)
        elif kind == "late":
            row["known_ns"] = row["event_ns"] + 20 * HOUR
        elif kind == "volume":
            row["volume"] = row["volume"] * 100
        elif kind == "nan":
            row["open"] = float("nan")
        else:
            row["close"] = row["close"] * 1.002
    return market


@given(FAULTS)
@SOME
def test_there_is_exactly_one_row_for_every_instrument_and_session_that_any_vendor_has(
    planted_market: Callable[..., Any], faults: list[tuple[str, str, str, int]]
) -> None:
    frames = faulty(planted_market, faults).frames()

    result = reconcile(frames)

    keys = pl.concat([frame.select("instrument", "start_ns") for frame in frames.values()]).unique().sort("instrument", "start_ns")
    assert result.rows.select("instrument", "start_ns").equals(keys)


@given(FAULTS, st.randoms(use_true_random=False))
@SOME
def test_the_order_of_vendors_and_rows_does_not_matter(
    planted_market: Callable[..., Any], faults: list[tuple[str, str, str, int]], order: Any
) -> None:
    frames = faulty(planted_market, faults).frames()
    names = list(frames)
    order.shuffle(names)
    shuffled = {name: frames[name].sample(fraction=1.0, shuffle=True, seed=order.randrange(1000)) for name in names}

    one, other = reconcile(frames), reconcile(shuffled)

    assert one.rows.select(VALUES).equals(other.rows.select(VALUES))
    assert one.findings == other.findings


@given(FAULTS)
@SOME
def test_every_published_value_is_a_value_of_the_vendor_it_names(
    planted_market: Callable[..., Any], faults: list[tuple[str, str, str, int]]
) -> None:
    frames = faulty(planted_market, faults).frames()

    result = reconcile(frames)

    told = pl.concat([frame.with_columns(pl.lit(vendor).alias("vendor")) for vendor, frame in frames.items()], how="diagonal_relaxed")
    plain = result.rows.filter(~pl.col("vendor").str.contains(";") & pl.col("open").is_not_nan())
    assert plain.join(told, on=["instrument", "start_ns", "vendor", *PRICES], how="anti").is_empty()


@given(FAULTS)
@SOME
def test_reconciling_twice_gives_the_same_bytes_and_the_history_reconciles_to_itself(
    planted_market: Callable[..., Any], faults: list[tuple[str, str, str, int]]
) -> None:
    frames = faulty(planted_market, faults).frames()

    one, again = reconcile(frames), reconcile(frames)
    itself = reconcile({"history": one.rows.select("instrument", "start_ns", "event_ns", "known_ns", *PRICES, "volume", "split_factor")})

    assert one.rows.equals(again.rows)
    assert one.findings == again.findings
    assert itself.rows.select("start_ns", *PRICES).equals(one.rows.select("start_ns", *PRICES))


@given(FAULTS, st.permutations(["alpha", "bravo", "charlie"]))
@SOME
def test_other_names_for_the_vendors_change_nothing_but_the_names(
    planted_market: Callable[..., Any], faults: list[tuple[str, str, str, int]], names: list[str]
) -> None:
    frames = faulty(planted_market, faults).frames()
    renamed = dict(zip(["alpha", "bravo", "charlie"], names, strict=True))

    one = reconcile(frames)
    other = reconcile({renamed[vendor]: frame for vendor, frame in frames.items()})

    values = [name for name in VALUES if name != "vendor"]
    assert one.rows.select(values).equals(other.rows.select(values))
    expected = {(renamed.get(f.vendor, "*"), f.instrument, f.start_ns, f.kind, f.field) for f in one.findings}
    assert {(f.vendor, f.instrument, f.start_ns, f.kind, f.field) for f in other.findings} == expected
