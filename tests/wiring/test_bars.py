"""Plain files of bars are read without a house, whatever they look like."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tradewinds.core.errors import DataFault, Missing, Rejected
from tradewinds.core.instant import parse, text
from tradewinds.wiring.bars import bars_of_files
from tradewinds.wiring.market import Wanted, market_of_files

DAYS = "Date,Open,High,Low,Close,Volume\n2024-01-02,1,2,0.5,1.5,100\n2024-01-03,2,3,1.5,2.5,200\n2024-01-04,3,4,2.5,3.5,300\n"


def written(folder: Path, name: str, content: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(content)
    return folder / name


def test_a_file_of_days_is_named_after_itself_and_its_interval_is_read_off(tmp_path: Path) -> None:
    panel, interval = bars_of_files(written(tmp_path, "goog.csv", DAYS), None, ())
    assert (panel.instruments, interval) == (("GOOG.FILE",), "1d")
    assert panel.close[:, 0].tolist() == [1.5, 2.5, 3.5]
    assert text(int(panel.event_ns[0])) == "2024-01-03T00:00:00Z"


def test_a_named_instrument_has_the_sessions_of_its_exchange(tmp_path: Path) -> None:
    panel, _ = bars_of_files(written(tmp_path, "goog.csv", DAYS), None, ("GOOG.XNAS",))
    assert panel.instruments == ("GOOG.XNAS",)
    assert (text(int(panel.times[0])), text(int(panel.event_ns[0]))) == ("2024-01-02T14:30:00Z", "2024-01-02T21:00:00Z")


def test_an_index_without_a_name_is_the_time(tmp_path: Path) -> None:
    panel, _ = bars_of_files(written(tmp_path, "goog.csv", DAYS.removeprefix("Date")), None, ())
    assert panel.shape == (3, 1)


@pytest.mark.parametrize(("minutes", "interval"), [(1, "1m"), (5, "5m"), (60, "1h"), (240, "4h"), (7, "7m")])
def test_the_interval_of_intraday_files_is_the_usual_distance(tmp_path: Path, minutes: int, interval: str) -> None:
    starts = [parse("2024-01-02") + row * minutes * 60 * 10**9 for row in (0, 1, 2, 3, 10)]
    lines = ["timestamp,close", *(f"{text(at)},{row}" for row, at in enumerate(starts, 1))]
    panel, found = bars_of_files(written(tmp_path, "coin.csv", "\n".join(lines) + "\n"), None, ())
    assert found == interval
    assert int(panel.event_ns[0] - panel.times[0]) == minutes * 60 * 10**9


def test_a_folder_holds_one_instrument_a_file(tmp_path: Path) -> None:
    written(tmp_path / "prices", "aapl.csv", DAYS)
    written(tmp_path / "prices", "ibm.csv", DAYS.replace("2024-01-03,2,3,1.5,2.5,200\n", ""))
    panel, _ = bars_of_files(tmp_path / "prices", None, ())
    assert panel.instruments == ("AAPL.FILE", "IBM.FILE")
    assert np.isnan(panel.close[1]).tolist() == [False, True]
    chosen, _ = bars_of_files(tmp_path / "prices", None, ("IBM.FILE",))
    assert chosen.shape == (2, 1)
    with pytest.raises(Missing, match=r"no row of MSFT\.FILE, expected one of AAPL\.FILE, IBM\.FILE"):
        bars_of_files(tmp_path / "prices", None, ("MSFT.FILE",))


def test_other_intervals_lie_in_folders_that_the_main_read_leaves_alone(tmp_path: Path) -> None:
    place = tmp_path / "prices"
    written(place, "aapl.csv", DAYS)
    written(place / "1w", "aapl.csv", "Date,Close\n2023-12-25,7\n2024-01-01,8\n")
    prepared = market_of_files(place, Wanted(other_intervals=("1w",)))
    assert (prepared.interval, prepared.market.shape) == ("1d", (3, 1))
    assert prepared.market.close[:, 0].tolist() == [1.5, 2.5, 3.5]
    assert prepared.others["1w"].close[:, 0].tolist() == [7.0, 8.0]
    # The folder named as the interval is the main one where that interval is asked for.
    assert bars_of_files(place, "1w", ())[0].close[:, 0].tolist() == [7.0, 8.0]
    with pytest.raises(Missing, match=r"bars-1mo of AAPL\.FILE: no folder .*1mo, expected one with files of them"):
        market_of_files(place, Wanted(other_intervals=("1mo",)))


def test_a_column_of_symbols_parts_one_file(tmp_path: Path) -> None:
    rows = "symbol,date,open,high,low,close,volume\nA,2024-01-02,1,1,1,1,5\nB,2024-01-02,2,2,2,2,5\nA,2024-01-03,3,3,3,3,5\n"
    panel, _ = bars_of_files(written(tmp_path, "all.csv", rows), "1d", ())
    assert panel.instruments == ("A.FILE", "B.FILE")


def test_parquet_is_read_as_well(tmp_path: Path) -> None:
    days = [parse("2024-01-02"), parse("2024-01-03")]
    frame = pl.DataFrame({"time": pl.Series(days).cast(pl.Datetime("ns")), "open": [1.0, 2.0], "close": [1.5, 2.5]})
    frame.write_parquet(tmp_path / "x.parquet")
    panel, interval = bars_of_files(tmp_path / "x.parquet", None, ())
    assert (panel.shape, interval) == ((2, 1), "1d")


def test_a_market_of_files_needs_no_volume_and_takes_a_lot(tmp_path: Path) -> None:
    rows = "date,open,high,low,close\n2024-01-02,1,2,0.5,1.5\n2024-01-03,2,3,1.5,2.5\n"
    place = written(tmp_path, "coin.csv", rows)
    prepared = market_of_files(place, Wanted(currency="EUR", lot=Decimal("0.01")))
    assert prepared.market.currencies == ("EUR",)
    assert prepared.market.instruments[0].lot == Decimal("0.01")
    assert np.isnan(prepared.market.volume).all()
    assert prepared.notes == ("bars of 1d, read off the times",)


def test_a_universe_or_a_dataset_needs_a_house(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="expected no universe and no datasets"):
        market_of_files(written(tmp_path, "goog.csv", DAYS), Wanted(datasets=("cot",)))


def test_a_start_without_its_lookback_is_refused(tmp_path: Path) -> None:
    place = written(tmp_path, "goog.csv", DAYS)
    with pytest.raises(Missing, match="warm-up before 2024-01-03T00:00:00Z: 3 of 5 bars of 1d are missing"):
        market_of_files(place, Wanted(start_ns=parse("2024-01-03"), lookback=5))
    with pytest.raises(Missing, match="and 5 bars of lookback"):
        market_of_files(place, Wanted(lookback=5))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "bars|empty|no row"),
        ("Date,Open,Close\n", "no row in it"),
        ("Date,Close\nyesterday,5\n", "yesterday"),
        ("Date,Close\n2024-01-02,x\n", "x"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, content: str, told: str) -> None:
    with pytest.raises(DataFault, match=told):
        bars_of_files(written(tmp_path, "bad.csv", content), None, ())


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="nothing to read at"):
        bars_of_files(tmp_path, None, ())
