"""Splits and dividends as known, with real shares whose history everybody can look up."""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewinds.calendars.sessions import calendar
from tradewinds.core.errors import DataFault, Rejected
from tradewinds.core.instant import parse
from tradewinds.core.instrument import CorporateAction
from tradewinds.history.adjust import actions_of_frame, adjust, adjust_panel, applicable, factors
from tradewinds.history.panel import panel_of_frame

XNYS = calendar("XNYS")
AAPL = "AAPL.XNAS"


def opens(*days: str) -> np.ndarray:
    return np.array([XNYS.open_ns(date.fromisoformat(day)) for day in days], dtype=np.int64)


def split(day: str, value: str, known: str | None = None) -> CorporateAction:
    return CorporateAction(AAPL, "split", int(opens(day)[0]), parse(known or day), Decimal(value))


def dividend(day: str, value: str, known: str | None = None, **rest: str) -> CorporateAction:
    return CorporateAction(
        AAPL, "dividend", int(opens(day)[0]), parse(known or day), Decimal(value), rest.get("currency"), rest.get("detail")
    )


DAYS = ("2014-06-05", "2014-06-06", "2014-06-09", "2014-06-10")


def test_the_seven_for_one_split_of_apple_divides_what_stands_before_it() -> None:
    closes = np.array([647.35, 645.57, 93.70, 94.25])

    found = factors([split("2014-06-09", "7")], AAPL, opens(*DAYS), parse("2014-06-11"))

    assert (closes * found.price).round(4).tolist() == [92.4786, 92.2243, 93.7, 94.25]
    assert found.volume.tolist() == [7.0, 7.0, 1.0, 1.0]


def test_a_split_known_later_never_rescales_what_was_seen_before() -> None:
    late = split("2014-06-09", "7", known="2014-06-20")

    assert factors([late], AAPL, opens(*DAYS), parse("2014-06-19")).price.tolist() == [1.0, 1.0, 1.0, 1.0]
    assert factors([late], AAPL, opens(*DAYS), parse("2014-06-20")).price.tolist() == pytest.approx([1 / 7, 1 / 7, 1, 1])


def test_a_split_announced_ahead_does_not_rescale_before_it_is_effective() -> None:
    announced = split("2014-06-09", "7", known="2014-04-23")

    assert factors([announced], AAPL, opens(*DAYS[:2]), parse("2014-06-06")).price.tolist() == [1.0, 1.0]
    assert factors([announced], AAPL, opens(*DAYS), int(opens("2014-06-09")[0])).price.tolist() == pytest.approx([1 / 7, 1 / 7, 1, 1])


def test_a_dividend_scales_by_its_share_of_the_close_before() -> None:
    closes = np.array([100.0, 102.0, 101.0, 101.5])
    paid = dividend("2014-06-09", "2.04")

    both = factors([paid], AAPL, opens(*DAYS), parse("2014-06-11"), "splits+dividends", closes=closes)
    only_splits = factors([paid], AAPL, opens(*DAYS), parse("2014-06-11"), "splits")

    assert both.price.tolist() == pytest.approx([0.98, 0.98, 1, 1])
    assert both.volume.tolist() == [1.0, 1.0, 1.0, 1.0]
    assert only_splits.price.tolist() == [1.0, 1.0, 1.0, 1.0]


def test_a_dividend_on_the_day_of_a_split_is_per_old_share() -> None:
    closes = np.array([98.0, 100.0, 49.0, 49.5])

    found = factors(
        [split("2014-06-09", "2"), dividend("2014-06-09", "2")], AAPL, opens(*DAYS), parse("2014-06-11"), "splits+dividends", closes=closes
    )

    assert found.price.tolist() == pytest.approx([0.49, 0.49, 1, 1])


def test_the_total_mode_keeps_the_first_level_and_has_the_same_returns() -> None:
    closes = np.array([100.0, 102.0, 101.0, 101.5])
    paid = [dividend("2014-06-09", "2.04")]

    total = factors(paid, AAPL, opens(*DAYS), parse("2014-06-11"), "total", closes=closes)
    backward = factors(paid, AAPL, opens(*DAYS), parse("2014-06-11"), "splits+dividends", closes=closes)

    assert total.price.tolist() == pytest.approx([1, 1, 1 / 0.98, 1 / 0.98])
    assert np.diff(np.log(closes * total.price)) == pytest.approx(np.diff(np.log(closes * backward.price)))


def test_a_restated_action_counts_once_and_as_known() -> None:
    wrong, right = dividend("2014-06-09", "3.29", known="2014-05-01"), dividend("2014-06-09", "3.05", known="2014-06-01")

    assert [a.value for a in applicable([right, wrong], AAPL, parse("2014-06-10"))] == [Decimal("3.05")]
    ordinary, special = dividend("2014-06-09", "1"), dividend("2014-06-09", "5", detail="special")
    assert len(applicable([ordinary, special], AAPL, parse("2014-06-10"))) == 2


def test_a_session_without_trading_before_a_dividend_takes_the_last_close_traded() -> None:
    closes = np.array([100.0, np.nan, 98.0, 98.0])

    found = factors([dividend("2014-06-09", "2")], AAPL, opens(*DAYS), parse("2014-06-11"), "splits+dividends", closes=closes)

    assert found.price.tolist() == pytest.approx([0.98, 0.98, 1, 1])


def test_impossible_actions_are_refused_with_their_numbers() -> None:
    closes = np.array([2.0, 2.0, 1.0, 1.0])
    with pytest.raises(DataFault, match=r"dividend of AAPL.XNAS on 2014-06-09T13:30:00Z: 3 against a close of 2.0"):
        factors([dividend("2014-06-09", "3")], AAPL, opens(*DAYS), parse("2014-06-11"), "total", closes=closes)
    with pytest.raises(Rejected, match="GBP against closes in USD"):
        factors(
            [dividend("2014-06-09", "1", currency="GBP")], AAPL, opens(*DAYS), parse("2014-06-11"), "total", closes=closes, currency="USD"
        )
    with pytest.raises(Rejected, match="no closes given"):
        factors([dividend("2014-06-09", "1")], AAPL, opens(*DAYS), parse("2014-06-11"), "total")
    with pytest.raises(Rejected, match="does not rise"):
        factors([], AAPL, opens(*DAYS)[::-1], parse("2014-06-11"))
    with pytest.raises(Rejected, match="'backward', expected one of splits"):
        factors([], AAPL, opens(*DAYS), 0, "backward")  # type: ignore[arg-type]  # the refusal is what is tested


def test_a_frame_of_several_instruments_is_adjusted_each_by_its_own_actions() -> None:
    starts = opens("2014-06-06", "2014-06-09")
    frame = pl.DataFrame(
        {
            "instrument": ["MSFT.XNAS", "MSFT.XNAS", AAPL, AAPL],
            "start_ns": [*starts, *starts],
            "open": [41.0, 41.5, 649.9, 92.7],
            "close": [41.48, 41.27, 645.57, 93.7],
            "volume": [24.0, 15.0, 12.0, 75.0],
        }
    )

    found = adjust(frame, [split("2014-06-09", "7")], parse("2014-06-11"))

    assert found["instrument"].to_list() == [AAPL, AAPL, "MSFT.XNAS", "MSFT.XNAS"]
    assert found["close"].round(4).to_list() == [92.2243, 93.7, 41.48, 41.27]
    assert found["volume"].to_list() == [84.0, 75.0, 24.0, 15.0]
    assert adjust(frame.clear(), [], 0).is_empty()


def test_a_panel_is_adjusted_as_it_was_known() -> None:
    starts = opens(*DAYS)
    frame = pl.DataFrame(
        {
            "instrument": [AAPL] * 4,
            "start_ns": starts,
            "event_ns": starts + 1,
            "known_ns": starts + 2,
            "close": [647.35, 645.57, 93.70, 94.25],
            "volume": [1.0, 1.0, 7.0, 7.0],
        }
    )
    panel = panel_of_frame(frame)
    actions = actions_of_frame(
        pl.DataFrame({"instrument": [AAPL], "kind": ["split"], "start_ns": [starts[2]], "known_ns": [starts[2]], "value": [7.0]})
    )

    before = adjust_panel(panel, actions, int(starts[1]) + 2)
    after = adjust_panel(panel, actions, int(starts[3]) + 2)

    assert before.field("close").ravel().tolist() == [647.35, 645.57]
    assert after.field("close").ravel().round(4).tolist() == [92.4786, 92.2243, 93.7, 94.25]
    assert after.field("volume").ravel().tolist() == [7.0, 7.0, 7.0, 7.0]


def test_actions_come_from_the_rows_of_their_dataset_with_exact_values() -> None:
    rows = {"instrument": [AAPL], "kind": ["dividend"], "start_ns": [5], "known_ns": [3], "value": [0.47], "currency": ["USD"]}

    assert actions_of_frame(pl.DataFrame(rows)) == [CorporateAction(AAPL, "dividend", 5, 3, Decimal("0.47"), "USD")]
    with pytest.raises(Rejected, match="'value'"):
        actions_of_frame(pl.DataFrame(rows).drop("value"))
    with pytest.raises(Rejected, match=r"value -0\.47, expected a positive number"):
        actions_of_frame(pl.DataFrame(rows | {"value": [-0.47]}))


@settings(max_examples=60, deadline=None)
@given(
    actions=st.lists(st.tuples(st.integers(0, 20), st.integers(-5, 10), st.sampled_from(["2", "7", "0.1"])), max_size=6),
    as_of=st.integers(0, 20),
)
def test_actions_unknown_at_the_instant_change_nothing(actions: list[tuple[int, int, str]], as_of: int) -> None:
    made = [CorporateAction(AAPL, "split", day, day + lag, Decimal(value), None, str(n)) for n, (day, lag, value) in enumerate(actions)]
    starts = np.arange(20, dtype=np.int64)

    seen = factors(made, AAPL, starts, as_of)
    without = factors([one for one in made if one.known_ns <= as_of and one.effective_ns <= as_of], AAPL, starts, as_of)

    assert seen.price.tolist() == without.price.tolist()
    assert (seen.price * seen.volume).tolist() == pytest.approx([1.0] * 20)


def _quandl(path: Path, ticker: str) -> tuple[list[dict[str, str]], list[CorporateAction]]:
    with gzip.open(path, "rt") as lines:
        rows = [row for row in csv.DictReader(lines) if row["ticker"] == ticker]
    actions: list[CorporateAction] = []
    for row in rows:
        if float(row["split_ratio"]) != 1.0:
            actions.append(split(row["date"], row["split_ratio"]))
        if float(row["ex-dividend"]) != 0.0:
            actions.append(dividend(row["date"], row["ex-dividend"]))
    return rows, actions


def _spread(ours: np.ndarray, theirs: Sequence[float]) -> float:
    """How far the ratio of two series moves: 0 when they differ by one constant only."""
    ratio = ours / np.array(theirs)
    return float(ratio.max() / ratio.min() - 1)


def test_twelve_years_of_apple_raw_become_the_adjusted_closes_that_came_with_them() -> None:
    sampledata = pytest.importorskip("bokeh_sampledata")
    stocks = pl.read_csv(Path(sampledata.__file__).parent / "_data" / "stocks.csv.gz")
    rows = stocks.filter(pl.col("Ticker") == "AAPL").sort("Date")
    actions = [
        split("2000-06-21", "2"),
        split("2005-02-28", "2"),
        *(dividend(day, "2.65") for day in ("2012-08-09", "2012-11-07", "2013-02-07")),
    ]
    starts = opens(*rows["Date"])

    found = factors(actions, AAPL, starts, parse("2013-03-02"), "splits+dividends", closes=rows["Close"].to_numpy())

    assert len(rows) == 3270
    # The vendor reinvests at the close of the ex-session, we at the one before: three dividends, 1.8 basis points together.
    assert _spread(rows["Close"].to_numpy() * found.price, rows["Adj Close"].to_list()) < 2e-4


@pytest.mark.shared
def test_apple_2014_raw_becomes_the_adjusted_close_of_quandl_but_for_its_reinvestment_a_day_later(shared: Path) -> None:
    rows, actions = _quandl(shared / "equities/quandl_wiki/AAPL_ZEN_2014.csv.gz", "AAPL")
    starts = opens(*[row["date"] for row in rows])
    closes = np.array([float(row["close"]) for row in rows])

    found = factors(actions, AAPL, starts, parse("2015-01-01"), "splits+dividends", closes=closes)

    assert len(actions) == 5  # one split and four dividends
    # Quandl reinvests at the close of the ex-session, we at the one before: 4 dividends, 0.36 basis points together.
    assert _spread(closes * found.price, [float(row["adj_close"]) for row in rows]) < 4e-5
    raw_volume = np.array([float(row["volume"]) for row in rows])
    assert (raw_volume * found.volume).tolist() == pytest.approx([float(row["adj_volume"]) for row in rows])


@pytest.mark.shared
@pytest.mark.parametrize(("name", "paid"), [("EWG", 5), ("IBE-MC", 8)])
def test_dividends_adjust_as_the_adjusted_close_that_yahoo_published(shared: Path, name: str, paid: int) -> None:
    with gzip.open(shared / f"equities/yahoo_defects/{name}-1d-no-bad-divs.csv.gz", "rt") as lines:
        rows = sorted(csv.DictReader(lines), key=lambda row: row["Datetime"])
    starts = np.array([parse(row["Datetime"][:10]) for row in rows], dtype=np.int64)
    closes = np.array([float(row["Close"]) for row in rows])
    actions = [
        CorporateAction(AAPL, "dividend", int(start), int(start), Decimal(row["Dividends"]))
        for start, row in zip(starts, rows, strict=True)
        if float(row["Dividends"]) > 0
    ]

    found = factors(actions, AAPL, starts, parse("2030-01-01"), "splits+dividends", closes=closes)

    assert len(actions) == paid
    assert _spread(closes * found.price, [float(row["Adj Close"]) for row in rows]) < 1e-6  # float32 of the vendor


@pytest.mark.shared
def test_apple_split_adjusted_equals_the_bundle_that_another_vendor_made(shared: Path) -> None:
    with gzip.open(shared / "equities/zipline_csvdir/AAPL.csv.gz", "rt") as lines:
        theirs = {row["date"][:10]: float(row["close"]) for row in csv.DictReader(lines)}
    rows, actions = _quandl(shared / "equities/quandl_wiki/AAPL_ZEN_2014.csv.gz", "AAPL")
    closes = np.array([float(row["close"]) for row in rows])

    ours = closes * factors(actions, AAPL, opens(*[row["date"] for row in rows]), parse("2015-01-01")).price

    apart = [abs(a / theirs[row["date"]] - 1) for a, row in zip(ours, rows, strict=True) if row["date"] in theirs]
    assert len(apart) == 252
    assert max(apart) < 1e-3


@pytest.mark.shared
def test_our_split_factors_of_apple_are_those_of_a_published_factor_file(shared: Path) -> None:
    with (shared / "equities/lean_daily/factor_files/aapl.csv").open() as lines:
        theirs = [(line[0], float(line[2])) for line in csv.reader(lines)]
    with zipfile.ZipFile(shared / "equities/lean_daily/aapl.zip") as archive:
        text = archive.read(archive.namelist()[0]).decode()
    days = [f"{row[0][:4]}-{row[0][4:6]}-{row[0][6:8]}" for row in csv.reader(io.StringIO(text))]
    splits = [split("2000-06-21", "2"), split("2005-02-28", "2"), split("2014-06-09", "7"), split("2020-08-31", "4")]

    ours = factors(splits, AAPL, opens(*days), parse("2021-04-01")).price

    expected = [next(factor for until, factor in theirs if day.replace("-", "") <= until) for day in days]
    assert len(days) == 5849
    assert ours.tolist() == pytest.approx(expected, abs=1e-6)
