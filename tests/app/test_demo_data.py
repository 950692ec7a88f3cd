"""What the demo drops: real prices, real splits, and errors that are where they are said to be."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tradewinds.app import demo_data
from tradewinds.app.demo_coins import coins_for
from tradewinds.app.demo_data import LATE_NIGHT, DemoData
from tradewinds.calendars.sessions import calendar
from tradewinds.core.errors import Rejected
from tradewinds.core.instant import NS_PER_HOUR


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DemoData]:
    folder = tmp_path_factory.mktemp("drops")
    sessions = calendar("XNYS")
    closes = {day: sessions.close_ns(day) for day in sessions.sessions(demo_data.FIRST, date(2013, 3, 1))}
    return folder, demo_data.write(folder, closes)


def _lines(folder: Path, vendor: str) -> list[list[str]]:
    found = []
    for path in sorted((folder / vendor).glob("*.csv")):
        found += [line.split(",") for line in path.read_text().splitlines()[1:]]
    return found


def test_the_first_vendor_tells_the_splits_that_happened(written: tuple[Path, DemoData]) -> None:
    splits = {(row[0], row[1]): float(row[9]) for row in _lines(written[0], "wiki") if float(row[9]) != 1.0}

    assert splits == {("MSFT", "2003-02-18"): 2.0, ("AAPL", "2005-02-28"): 2.0}


def test_the_special_dividend_of_2004_is_a_dividend(written: tuple[Path, DemoData]) -> None:
    told = {row[1]: float(row[10]) for row in _lines(written[0], "wiki") if row[0] == "MSFT" and row[1].startswith("2004-11")}

    assert told["2004-11-15"] == pytest.approx(3.08, abs=0.01)  # three dollars, and eight cents of the quarter


def test_the_second_opinion_tells_closes_alone(written: tuple[Path, DemoData]) -> None:
    rows = _lines(written[0], "skfolio")

    assert {row[0] for row in rows} == {"AAPL", "MSFT"}
    assert all(row[2] == row[3] == row[4] == row[6] == "" and float(row[5]) > 0 for row in rows)


def test_every_kind_of_error_is_planted_once(written: tuple[Path, DemoData]) -> None:
    kinds = sorted(one.kind for one in written[1].planted)

    assert kinds == sorted(
        ["spike", "unit", "stale", "volume_scale", "impossible", "duplicate", "shift", "swapped", "split", "late", "gap", "revised"]
    )


def test_the_planted_spike_is_in_the_third_vendor_and_not_in_the_first(written: tuple[Path, DemoData]) -> None:
    spike = next(one for one in written[1].planted if one.kind == "spike")
    day = spike.sessions[0].isoformat()
    close = {
        vendor: next(float(r[5]) for r in _lines(written[0], vendor) if r[:2] == [spike.symbol, day]) for vendor in ("wiki", "planted")
    }

    assert close["planted"] == pytest.approx(1.22 * close["wiki"], rel=1e-3)


def test_the_late_vendor_comes_after_its_limit(written: tuple[Path, DemoData]) -> None:
    folder, data = written
    close_ns = calendar("XNYS").close_ns(LATE_NIGHT)

    assert not (folder / "wiki" / f"{LATE_NIGHT}.csv").exists()
    assert {bar.symbol for bar in data.late["wiki"]} == set(demo_data.SYMBOLS)
    assert all(bar.received_ns > close_ns + 12 * NS_PER_HOUR for bar in data.late["wiki"])


def test_writing_twice_gives_the_same_bytes(written: tuple[Path, DemoData], tmp_path: Path) -> None:
    sessions = calendar("XNYS")
    closes = {day: sessions.close_ns(day) for day in sessions.sessions(demo_data.FIRST, date(2013, 3, 1))}

    demo_data.write(tmp_path, closes)

    for path in sorted(written[0].rglob("*.csv")):
        assert (tmp_path / path.relative_to(written[0])).read_bytes() == path.read_bytes()


def test_recorded_files_say_which_coins_and_months_are_played(tmp_path: Path) -> None:
    folder = tmp_path / "binance_um_1m"
    folder.mkdir()
    for name in ("AVAXUSDT-1m-2026-02.csv.gz", "FILUSDT-1m-2023-05.csv.gz", "notes.txt"):
        (folder / name).write_bytes(b"")

    coins = coins_for(folder, is_online=False)

    assert coins.market == "um"
    assert coins.instruments == ("AVAXUSDT", "FILUSDT")
    assert coins.since == date(2023, 5, 1)
    assert coins.partition == "2026-03-10"


def test_a_folder_without_recorded_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="no recorded file"):
        coins_for(tmp_path, is_online=False)
