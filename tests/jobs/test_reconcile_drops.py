"""`tradewinds reconcile`: folders of files in, three files out."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from tradewinds.core.errors import Missing, Rejected, Unreadable
from tradewinds.jobs.reconcile_drops import reconcile_drops

# 2024-03-04 is a Monday; New York changes to summer time on Sunday 2024-03-10, so closes move from 21:00 to 20:00 UTC.
DAYS = [date(2024, 3, day) for day in (4, 5, 6, 7, 8, 11, 12, 13, 14, 15)]
CLOSES = [100.0, 101.0, 100.5, 102.0, 101.5, 103.0, 102.5, 104.0, 103.5, 105.0]
HEADER = "symbol,session,open,high,low,close,volume,received_at,currency,split_factor,dividend"


def lines(cents: float = 0.0, volume: int = 1_000_000) -> list[str]:
    """One vendor's rows of ACME, received at 21:40 UTC."""
    return [
        f"ACME,{day},{close - 0.5},{close + 1},{close - 1},{close + cents},{volume + 1000 * k},{day}T21:40:00Z,USD,1.0,0.0"
        for k, (day, close) in enumerate(zip(DAYS, CLOSES, strict=True))
    ]


def drop(folder: Path, vendor: str, rows: list[str], header: str = HEADER, name: str = "ACME.csv") -> None:
    (folder / vendor).mkdir(parents=True, exist_ok=True)
    (folder / vendor / name).write_text("\n".join([header, *rows]) + "\n")


@pytest.fixture
def drops(tmp_path: Path) -> Path:
    folder = tmp_path / "drops"
    drop(folder, "alpha", lines())
    drop(folder, "bravo", lines(cents=0.01, volume=980_000))
    drop(folder, "charlie", lines(cents=-0.01, volume=990_000))
    return folder


def run(drops: Path, **options: object) -> tuple[dict[str, object], pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """(counts, history, versions, findings)."""
    out = drops.parent / "out"
    counts = reconcile_drops(drops, "XNYS", out, **options)  # type: ignore[arg-type]  # options differ by test
    return counts, *(pl.read_parquet(out / f"{name}.parquet") for name in ("history", "versions", "findings"))


def told(findings: pl.DataFrame) -> list[tuple[str, ...]]:
    return findings.select("vendor", "session", "kind").with_columns(pl.col("session").cast(pl.String)).rows()


def test_three_files_are_written_with_the_columns_that_readers_rely_on(drops: Path) -> None:
    counts, history, versions, findings = run(drops)

    assert history.columns[:10] == ["symbol", "session", "open", "high", "low", "close", "volume", "source", "known_at", "status"]
    assert findings.columns == ["vendor", "symbol", "session", "field", "kind", "detail"]
    assert history.schema["session"] == pl.Date
    assert history.schema["known_at"] == pl.Datetime("us", "UTC")
    assert (history.height, versions.height, findings.height) == (10, 10, 0)
    assert history["session"].to_list() == DAYS
    assert counts["status"] == {"ok": 10}
    assert history["known_at"][0] == datetime(2024, 3, 4, 21, 40, tzinfo=UTC)


def test_a_second_run_writes_the_same_bytes_and_leaves_nothing_else(drops: Path) -> None:
    run(drops)
    before = {path.name: path.read_bytes() for path in (drops.parent / "out").iterdir()}

    run(drops)

    assert {path.name: path.read_bytes() for path in (drops.parent / "out").iterdir()} == before
    assert sorted(before) == ["findings.parquet", "history.parquet", "versions.parquet"]


def test_the_order_of_rows_and_files_does_not_matter(drops: Path) -> None:
    _, history, _, _ = run(drops)
    drop(drops, "bravo", lines(cents=0.01, volume=980_000)[::-1][:4], name="b.csv")
    drop(drops, "bravo", lines(cents=0.01, volume=980_000)[::-1][4:], name="a.csv")
    (drops / "bravo" / "ACME.csv").unlink()

    _, again, _, _ = run(drops)

    assert again.equals(history)


def test_the_same_file_twice_is_ten_duplicates_and_one_history(drops: Path) -> None:
    drop(drops, "alpha", lines(), name="copy.csv")

    _, history, _, findings = run(drops)

    assert history.height == 10
    assert told(findings) == [("alpha", str(day), "duplicate") for day in DAYS]


def test_names_of_columns_and_symbols_may_be_written_in_any_case_and_further_columns_are_passed_over(drops: Path) -> None:
    rows = [line.replace("ACME", "acme") + ",hello" for line in lines()]
    drop(drops, "alpha", rows, header=HEADER.upper().replace("VOLUME", " Volume") + ",Remark")

    counts, history, _, findings = run(drops)

    assert (counts["symbols"], history.height, findings.height) == (1, 10, 0)


def test_without_received_at_a_row_is_known_at_the_lateness_limit(drops: Path) -> None:
    short = [",".join(line.split(",")[:7]) for line in lines()]
    for vendor in ("alpha", "bravo", "charlie"):
        drop(drops, vendor, short, header="symbol,session,open,high,low,close,volume")

    _, history, _, findings = run(drops)

    assert findings.is_empty()
    assert history["known_at"][0] == datetime(2024, 3, 5, 9, 0, tzinfo=UTC)  # 16:00 in New York and twelve hours
    assert history["known_at"][5] == datetime(2024, 3, 12, 8, 0, tzinfo=UTC)  # the same in summer time


def test_a_late_vendor_means_two_versions(drops: Path) -> None:
    rows = lines()
    rows[3] = rows[3].replace("2024-03-07T21:40:00Z", "2024-03-08T18:00:00+02:00")
    drop(drops, "alpha", rows)

    _, history, versions, findings = run(drops)

    assert told(findings) == [("alpha", "2024-03-07", "late")]
    mine = versions.filter(pl.col("session") == date(2024, 3, 7))
    assert mine["status"].to_list() == ["provisional", "ok"]
    assert mine["known_at"].to_list() == [datetime(2024, 3, 8, 9, 0, tzinfo=UTC), datetime(2024, 3, 8, 16, 0, tzinfo=UTC)]
    assert history.filter(pl.col("session") == date(2024, 3, 7))["status"].to_list() == ["ok"]


def test_the_lateness_limit_can_be_set(drops: Path) -> None:
    rows = lines()
    rows[3] = rows[3].replace("2024-03-07T21:40:00Z", "2024-03-08T16:00:00Z")
    drop(drops, "alpha", rows)

    _, _, _, findings = run(drops, lateness_hours=24)

    assert findings.is_empty()


def test_a_session_that_no_vendor_has_is_a_gap_of_nobody_and_not_invented(drops: Path) -> None:
    for vendor in ("alpha", "bravo", "charlie"):
        drop(drops, vendor, lines()[:4] + lines()[6:])

    _, history, _, findings = run(drops)

    assert told(findings) == [("*", "2024-03-08", "gap")]
    assert history.height == 8


def test_a_bar_of_one_vendor_on_a_saturday_is_a_shift_and_not_published(drops: Path) -> None:
    drop(drops, "charlie", [*lines(), "ACME,2024-03-09,101,102,100,101,900000,2024-03-09T21:40:00Z,USD,1.0,0.0"])

    _, history, _, findings = run(drops)

    assert told(findings) == [("charlie", "2024-03-09", "shift")]
    assert history.height == 10


def test_parquet_files_are_read_too(drops: Path) -> None:
    frame = pl.read_csv(drops / "charlie" / "ACME.csv", try_parse_dates=True)
    (drops / "charlie" / "ACME.csv").unlink()
    assert isinstance(frame.schema["received_at"], pl.Datetime)
    frame.with_columns(pl.col("session").cast(pl.Datetime)).write_parquet(drops / "charlie" / "ACME.parquet")

    _, history, _, findings = run(drops)

    assert (history.height, findings.height) == (10, 0)
    assert history["known_at"][0] == datetime(2024, 3, 4, 21, 40, tzinfo=UTC)


def test_values_that_can_be_read_but_not_be_true_are_findings(drops: Path) -> None:
    rows = lines()
    rows[2] = rows[2].replace(",99.5,", ",-99.5,")
    rows[5] = rows[5].replace(",102.5,", ",NaN,")
    rows[7] = rows[7].replace(",1007000,", ",9300000000000000000,")
    drop(drops, "alpha", rows)

    _, history, _, findings = run(drops)

    assert told(findings) == [
        ("alpha", "2024-03-06", "impossible"),
        ("alpha", "2024-03-11", "impossible"),
        ("alpha", "2024-03-13", "impossible"),
    ]
    assert history["low"].min() == 99.0
    assert history["volume"].max() < 2_000_000


@pytest.mark.parametrize("price", [0.00000812, 100_000.0])
def test_tiny_and_large_prices_come_through_unchanged(drops: Path, price: float) -> None:
    rows = [f"ACME,{day},{price},{price},{price},{price},{1000 + k}" for k, day in enumerate(DAYS)]
    for vendor in ("alpha", "bravo", "charlie"):
        drop(drops, vendor, rows, header="symbol,session,open,high,low,close,volume")

    _, history, _, _ = run(drops)

    assert set(history["close"]) == {price}


# What cannot be read


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("ACME,2024-03-18,1,2,x,1.5,100,,,,", r"ACME.csv line 12: low 'x', expected a number"),
        ("ACME,18.3.2024,1,2,1,1.5,100,,,,", r"ACME.csv line 12: session '18.3.2024', expected a date such as 2024-01-31"),
        ("ACME,2024-03-18,1,2,1,,100,,,,", r"ACME.csv line 12: close None, expected a number"),
        ("ACME,2024-03-18,1,2,1,1.5,100,noon,,,", r"ACME.csv line 12: received_at 'noon', expected ISO 8601"),
        ("ACME,2024-03-18,1,2,1,1.5,100,,USD,two,", r"ACME.csv line 12: split_factor 'two', expected a number"),
        (",2024-03-18,1,2,1,1.5,100,,,,", r"ACME.csv line 12: symbol is empty, expected a ticker"),
    ],
)
def test_a_value_that_cannot_be_read_names_file_line_and_value(drops: Path, line: str, message: str) -> None:
    drop(drops, "alpha", [*lines(), line])

    with pytest.raises(Unreadable, match=message):
        run(drops)
    assert not (drops.parent / "out").exists()


def test_an_empty_file_is_refused_by_name(drops: Path) -> None:
    (drops / "bravo" / "ACME.csv").write_text("")

    with pytest.raises(Unreadable, match=r"bravo/ACME.csv: it is empty, expected a header with symbol, session"):
        run(drops)


def test_a_file_without_a_needed_column_is_refused(drops: Path) -> None:
    drop(drops, "bravo", ["ACME,2024-03-04"], header="symbol,session")

    with pytest.raises(Unreadable, match=r"columns \['open', 'high', 'low', 'close', 'volume'\] are missing"):
        run(drops)


@pytest.mark.parametrize("cut", [1, 9, 20, 45, 75])
def test_a_file_that_breaks_off_in_a_line_is_refused(drops: Path, cut: int) -> None:
    (drops / "bravo" / "ACME.csv").write_text("\n".join([HEADER, *lines()])[: -cut - 3])

    with pytest.raises(Unreadable, match=r"bravo/ACME.csv line 11: \d+ values, expected 11: the file breaks off"):
        run(drops)


def test_bytes_that_are_no_csv_or_parquet_are_refused(drops: Path) -> None:
    (drops / "bravo" / "more.parquet").write_bytes(b"<html>Bad gateway</html>")

    with pytest.raises(Unreadable, match=r"bravo/more.parquet.*expected PARQUET"):
        run(drops)


def test_a_folder_without_vendors_is_missing(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="no vendor, expected folders"):
        reconcile_drops(tmp_path, "XNYS", tmp_path / "out")


def test_an_unknown_calendar_is_refused(drops: Path) -> None:
    with pytest.raises(Rejected, match="XXXX"):
        reconcile_drops(drops, "XXXX", drops.parent / "out")


# Real prices with planted errors


@pytest.mark.shared
@pytest.mark.parametrize("seed", [7, 2026])
def test_errors_planted_in_real_prices_are_found_and_none_is_published(shared: Path, tmp_path: Path, seed: int) -> None:
    tool = shared.parent / "tools" / "vendor_errors.py"
    if not tool.is_file():
        pytest.skip("the planting tool is absent")
    plant = [sys.executable, str(tool), "plant", "--source", str(shared / "equities/lean_daily"), "--seed", str(seed), "--errors", "120"]
    subprocess.run([*plant, "--out", str(tmp_path / "drops"), "--truth", str(tmp_path / "truth")], check=True, capture_output=True)

    reconcile_drops(tmp_path / "drops", "XNYS", tmp_path / "out")

    score = [sys.executable, str(tool), "score", "--truth", str(tmp_path / "truth"), "--result", str(tmp_path / "out")]
    figures = json.loads(subprocess.run(score, check=False, capture_output=True, text=True).stdout)
    assert figures["reached"], figures
