from __future__ import annotations

import csv
import gzip
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from tradewinds.calendars.publication import cot_publication_ns
from tradewinds.core.errors import Rejected
from tradewinds.core.instant import from_date
from tradewinds.factors.expression import parse
from tradewinds.factors.factor import Factor
from tradewinds.factors.features import feature_set, punctual, session, with_columns
from tradewinds.factors.library import LIBRARY
from tradewinds.factors.steps import STEPS
from tradewinds.factors.term import evaluate
from tradewinds.factors.transform import rank
from tradewinds.history.panel import UNKNOWN_NS, Panel
from tradewinds.history.point_in_time import columns_known

Floats = NDArray[np.float64]

DAY = 86_400_000_000_000
TEXTS = {
    "momentum": "zscore(winsorise(momentum(252, 21)))",
    "reversal": "rank(-reversal(5))",
    "size": "neutralise(size(), sector)",
    "volatility": "volatility(60)",
    "beta": "zscore(beta(120))",
    "liquidity": "amihud(21)",
    "season": "seasonality(1, 365)",
    "rsi": "rsi(14)",
    "average": "close / mean(close, 50) - 1",
}


def made(times: int = 420, width: int = 14) -> Panel:
    """Session t starts at t days, ends half a day later and is known an hour after that."""
    chance = np.random.default_rng(12)
    close = 30.0 * np.exp(np.cumsum(chance.normal(0.0, 0.02, (times, width)), axis=0))
    volume = np.round(np.abs(chance.normal(1e5, 3e4, (times, width)))) + 1.0
    sector = np.tile(np.arange(width) % 3, (times, 1)).astype(np.float64)
    start = np.arange(times, dtype=np.int64) * DAY
    known = np.repeat(start[:, None] + DAY // 2 + DAY // 24, width, axis=1)
    fields = {"close": close, "volume": volume, "sector": sector, "market_cap": close * 1e8}
    return Panel(tuple(f"S{i:02d}.XNAS" for i in range(width)), start, start + DAY // 2, known, fields)


def changed(panel: Panel, **fields: Floats) -> Panel:
    return replace(panel, fields={**panel.fields, **fields})


def test_one_more_night_is_what_a_computation_over_everything_gives() -> None:
    panel, features = made(), feature_set("all", TEXTS)
    whole = features.compute(panel)

    for t in (300, 418, 419):
        night = features.compute(panel, since_ns=int(panel.times[t]))

        assert night.times.tolist() == panel.times[t:].tolist()
        assert night.known_ns.tolist() == whole.known_ns[t:].tolist()
        for name in TEXTS:
            assert np.array_equal(night.feature(name), whole.feature(name)[t:], equal_nan=True), name


RECURSIVE = {
    "rsi": "rsi(14)", "nested": "ema(rsi(close, 7), 9)", "ranked": "rank(atr(high, low, close, 10))", "macd": "zscore(macd().macd_hist)",
    "average": "sma(close, 20)", "cycle": "ht_dcperiod()", "volume": "obv()",
}  # fmt: skip


def test_recursive_indicators_do_not_show_where_a_computation_began() -> None:
    panel = made(1900, 4)
    panel = changed(panel, high=panel.close * 1.01, low=panel.close * 0.98)
    features = feature_set("recursive", RECURSIVE)
    whole = features.compute(panel)

    for t in (40, 1200, 1459, 1460, 1461, 1700, 1899):
        night = features.compute(panel, since_ns=int(panel.times[t]))

        assert np.array_equal(night.values, whole.values[t:], equal_nan=True), t
    assert min(one.lookback for one in features.factors.values()) >= 20


def test_a_night_reads_no_row_before_its_lookback() -> None:
    panel, features = made(), feature_set("all", {name: text for name, text in TEXTS.items() if name != "rsi"})
    t = 419
    last = features.compute(panel, since_ns=int(panel.times[t]))

    older = {name: values.copy() for name, values in panel.fields.items()}
    for values in older.values():
        values[: t - features.lookback] = 1e6

    assert np.array_equal(features.compute(changed(panel, **older), since_ns=int(panel.times[t])).values, last.values, equal_nan=True)


def test_a_pool_of_threads_gives_the_same_bits() -> None:
    panel, features = made(), feature_set("all", TEXTS)

    with ThreadPoolExecutor(2) as pool:
        found = features.compute(panel, mapped=pool.map)

    assert np.array_equal(found.values, features.compute(panel).values, equal_nan=True)


def test_arrays_that_do_not_lie_in_one_piece_are_taken_as_they_are() -> None:
    panel = made(80, 8)
    close = np.asfortranarray(panel.close)
    factor = parse("rank(close / mean(close, 5)) - 1")

    found = factor.compute({"close": close[:, ::2]})

    assert np.array_equal(found, factor.compute({"close": panel.close[:, ::2].copy()}), equal_nan=True)
    out = np.full((8, 80), 7.0).T
    evaluate([factor.steps], {"close": close}, [out])
    assert np.array_equal(out, factor.compute({"close": panel.close}), equal_nan=True)


def test_what_features_share_is_computed_once() -> None:
    calls = []

    def compute(fields: dict[str, Floats]) -> Floats:
        calls.append(1)
        return fields["close"] * 2.0

    own = Factor("twice", ("close",), 0, compute)  # type: ignore[arg-type]  # a mapping of fields

    features = feature_set(
        "shared", {"a": "rank(twice())", "b": "zscore(twice())", "c": "twice() + twice()", "d": own}, own={"twice": lambda: own}
    )
    found = features.compute(made())

    assert len(calls) == 1
    assert np.array_equal(found.feature("c"), found.feature("d") * 2.0)


def test_a_cell_is_known_when_the_last_of_what_it_reads_was() -> None:
    panel = made(30, 3)
    known = panel.known_ns.copy()
    known[10, 1] += 5 * DAY
    known[20, 2] = UNKNOWN_NS
    close = panel.close.copy()
    close[20, 2] = np.nan
    late = replace(changed(panel, close=close), known_ns=known)

    alone = feature_set("alone", {"x": "mean(close, 4)"}).compute(late).known_ns
    across = feature_set("across", {"x": "rank(mean(close, 4))"}).compute(late).known_ns

    usual = panel.known_ns[:, 0]
    assert alone[9:16, 1].tolist() == [usual[9], *[usual[15]] * 4, usual[14], usual[15]]
    assert alone[10, 0] == usual[10]
    assert (alone[20, 2], alone[21, 2]) == (UNKNOWN_NS, usual[21])
    assert across[9:16, 0].tolist() == [usual[9], *[usual[15]] * 4, usual[14], usual[15]]


def test_a_cell_that_came_after_its_decision_is_left_out_so_that_nothing_waits_for_it() -> None:
    panel = made(30, 3)
    known = panel.known_ns.copy()
    known[10, 1] += 5 * DAY

    seen = punctual(replace(panel, known_ns=known), panel.times + DAY)
    found = feature_set("x", {"x": "rank(returns(close, 4))"}).compute(seen)

    assert np.isnan(seen.close[10, 1])
    assert np.isfinite(seen.close).sum() == 30 * 3 - 1
    in_time = found.known_ns <= (panel.times + DAY)[:, None]
    assert np.argwhere(~in_time).tolist() == [[10, 1]]
    assert found.known_ns[10, 1] == UNKNOWN_NS
    assert np.isnan(found.values[[10, 14], 1, 0]).all()
    with pytest.raises(Rejected, match="decisions, expected"):
        punctual(panel, panel.times[1:])


def test_nothing_known_is_said_to_be_unknown() -> None:
    panel = made(10, 2)
    known = panel.known_ns.copy()
    known[:, 1] = UNKNOWN_NS

    found = feature_set("x", {"x": "mean(close, 2)"}).compute(replace(panel, known_ns=known))

    assert (found.known_ns[:, 1] == UNKNOWN_NS).all()
    assert found.to_polars()["instrument"].unique().to_list() == ["S00.XNAS"]


def test_only_members_count_across_instruments() -> None:
    panel = made(60, 6)
    members = np.ones(panel.shape, dtype=np.bool_)
    members[:, 4] = False

    found = feature_set("x", {"r": "rank(close)", "v": "volatility(20)"}).compute(panel, universe=members)

    assert np.allclose(found.feature("r")[:, [0, 1, 2, 3, 5]], rank(panel.close[:, [0, 1, 2, 3, 5]]))
    assert np.isnan(found.feature("r")[:, 4]).all()
    assert np.isfinite(found.feature("v")[-1]).all()


def bad_panel() -> Panel:
    """One instrument for each thing that goes wrong, and enough that are well."""
    panel = made(420, 14)
    close, volume, sector, cap = (panel.field(name).copy() for name in ("close", "volume", "sector", "market_cap"))
    sector[:, 1] = np.nan
    close[:, 2] = 12.5
    cap[-1, 3] = np.inf
    volume[:, 4] = 0.0
    close[:400, 5] = np.nan
    close[410:, 6] = np.nan
    volume[-8:, 7] = -np.inf
    return changed(panel, close=close, volume=volume, sector=sector, market_cap=cap)


def test_bad_input_ends_in_nan_with_a_name_and_never_in_a_crash_or_infinity() -> None:
    found = feature_set("all", {**TEXTS, "volume": "dollar_volume(21)"}).compute(bad_panel())

    assert not np.isinf(found.values).any()
    lines = [gap.line for gap in found.gaps]
    assert "size: sector is missing throughout for S01.XNAS" in lines
    assert "size: market_cap is infinite for S03.XNAS" in lines
    assert "liquidity: volume is infinite for S07.XNAS" in lines
    assert "momentum: 20 sessions of history, expected 253 for S05.XNAS" in lines
    assert "momentum: close is missing at the last session for S06.XNAS" in lines
    assert "size: close is missing at the last session for S06.XNAS" in lines
    assert any(line.startswith("liquidity: no value") and "S04.XNAS" in line for line in lines)
    assert np.isfinite(found.values[-1, 8:]).all()
    assert found.feature("volatility")[-1, 2] == 0.0


def test_a_delisting_ends_the_features_of_an_instrument_and_takes_it_out_of_the_ranks() -> None:
    found = feature_set("x", {"r": "rank(momentum(252, 21))", "v": "volatility(60)"}).compute(bad_panel())

    assert np.isfinite(found.values[409, 6]).all()
    assert np.isnan(found.values[410:, 6]).all()
    assert np.nanmax(found.feature("r")[-1]) == 1.0
    gone = found.to_polars().filter(pl.col("instrument") == "S06.XNAS")
    assert gone["start_ns"].max() == int(found.times[409])


def test_columns_join_the_panel_with_their_own_known_time() -> None:
    panel = made(5, 2)
    values = np.full((5, 2), 7.0)
    values[0] = np.nan
    since = np.full((5, 2), panel.known_ns[4, 0] + 9)

    wide = with_columns(panel, {"cot_net": (values, since)})

    assert wide.known_ns[0].tolist() == panel.known_ns[0].tolist()
    assert (wide.known_ns[1:] == since[1:]).all()
    with pytest.raises(Rejected, match=r"fields \['close'\] are there already"):
        with_columns(panel, {"close": (values, since)})


def test_one_session_and_a_frame_can_be_taken_out() -> None:
    panel = made(30, 3)
    found = feature_set("x", {"r": "rank(close)", "m": "mean(close, 20)"}).compute(panel)

    frame = found.to_polars()

    assert session(found, int(panel.times[7])).tolist() == found.values[7].tolist() or np.isnan(found.values[7]).any()
    assert frame.columns == ["instrument", "start_ns", "event_ns", "known_ns", "r", "m"]
    assert (len(frame), frame["m"].null_count()) == (90, 3 * 14)
    assert frame.filter(pl.col("instrument") == "S01.XNAS")["r"].to_list() == found.feature("r")[:, 1].tolist()
    with pytest.raises(Rejected, match="expected one of their 30"):
        session(found, 5)
    with pytest.raises(Rejected, match="expected one of r, m"):
        found.feature("z")


def test_a_set_names_the_feature_and_the_fields_that_are_wrong() -> None:
    with pytest.raises(Rejected, match="feature set books: cheap: expression 'valu"):
        feature_set("books", {"cheap": "valu()"})
    with pytest.raises(Rejected, match=r"fields \['book_value'\] are absent, expected them among close"):
        feature_set("books", {"cheap": "value()"}).compute(made(10, 2))
    with pytest.raises(Rejected, match="no features"):
        feature_set("books", {})


def test_the_panel_of_432_stocks_gives_finite_features_and_the_same_night(shared: Path) -> None:
    frame = pl.read_csv(shared / "equities" / "cvxportfolio" / "returns_sp500_2007_2011.csv.gz")
    returns = frame.select(frame.columns[1:]).to_numpy().astype(np.float64)
    days = frame[frame.columns[0]].str.slice(0, 10).str.to_date().to_numpy().astype("datetime64[ns]").astype(np.int64)
    close = 100.0 * np.cumprod(1.0 + returns, axis=0)
    known = np.repeat(days[:, None] + DAY, returns.shape[1], axis=1)
    panel = Panel(tuple(frame.columns[1:]), days, days + DAY, known, {"close": close})
    features = feature_set(
        "real", {"m": "zscore(momentum(252, 21))", "v": "rank(volatility(252))", "b": "beta(252)", "i": "idiosyncratic_volatility(63)"}
    )

    whole = features.compute(panel)

    assert whole.values.shape == (1259, 432, 4)
    assert np.isfinite(whole.values[252:]).all()
    assert whole.feature("b")[-1].mean() == pytest.approx(1.0, abs=1e-9)
    night = features.compute(panel, since_ns=int(days[-1]))
    assert np.array_equal(night.values[0], whole.values[-1])


def test_positions_of_traders_become_a_feature_only_when_they_are_published(shared: Path) -> None:
    with gzip.open(shared / "cftc" / "deacot2024_annual.txt.gz", "rt", encoding="utf-8", newline="") as stream:
        wheat = [row for row in csv.DictReader(stream) if row["CFTC Contract Market Code"].strip() == "001602"]
    days = [date.fromisoformat(row["As of Date in Form YYYY-MM-DD"]) for row in wheat]
    long_, short = ([float(row[f"Noncommercial Positions-{side} (All)"]) for row in wheat] for side in ("Long", "Short"))
    facts = pl.DataFrame(
        {
            "instrument": ["ZW.XCBT"] * len(days),
            "start_ns": [from_date(day) for day in days],
            "event_ns": [from_date(day) + DAY for day in days],
            "known_ns": [cot_publication_ns(day) for day in days],
            "cot_net": [one - other for one, other in zip(long_, short, strict=True)],
        }
    )
    start = np.array([from_date(date(2024, 1, 2)) + number * DAY for number in range(42)])
    ends = start + DAY
    panel = Panel(("ZW.XCBT",), start, ends, ends[:, None].copy(), {"close": np.full((42, 1), 600.0)})

    joined = with_columns(panel, columns_known(facts, ["cot_net"], panel.instruments, ends))
    found = feature_set("cot", {"net": "cot_net", "place": "positioning(21)"}).compute(joined)

    net = found.feature("net").ravel()
    assert len(wheat) == 6
    for session_ns, value in zip(ends.tolist(), net.tolist(), strict=True):
        seen = facts.filter(pl.col("known_ns") <= session_ns).sort("start_ns")["cot_net"]
        assert value == seen[-1] if len(seen) else np.isnan(value)
    assert np.isnan(net[:3]).all()
    assert np.nanmin(found.feature("place")) == 0.0
    assert np.nanmax(found.feature("place")) == 1.0
    early = net.copy()
    early[:] = [
        facts.filter(pl.col("event_ns") <= end).sort("start_ns")["cot_net"][-1] if end >= facts["event_ns"].min() else np.nan
        for end in ends
    ]
    assert (early[~np.isnan(net)] != net[~np.isnan(net)]).sum() >= 10  # what a join by the day that a report is about would have leaked


def test_a_table_of_the_manual_names_every_factor_and_every_step() -> None:
    manual = (Path(__file__).resolve().parents[2] / "docs" / "factors.md").read_text(encoding="utf-8")

    assert [name for name in [*LIBRARY, *STEPS] if f"`{name}(" not in manual] == []
