"""`tradewinds data`: in from the local venues and from files, out to terminals and files, and back to the bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tradewinds.wiring import house as wiring_house

HOURS = ("--interval", "1h")
BARS = "Date,O,H,L,C,Vol.\n2024-01-02,10,11,9,10.5,1000\n2024-01-03,10.5,12,10,11.5,2000\n"
MAP = "time=Date,open=O,high=H,low=L,close=C,volume=Vol."


@pytest.fixture
def fetched(command: Any, venue_settings: None) -> Any:
    """Two days of hours of BTCUSDT from the local venues."""
    ended = command("data", "fetch", "BTCUSDT", *HOURS, "--from", "2025-01-01", "--to", "2025-01-03")
    assert ended.code == 0, ended.err
    return command


@pytest.fixture
def imported(command: Any, workspace: Path) -> Any:
    """Two daily bars of ACME from a CSV file with columns of its own."""
    (workspace / "acme.csv").write_text(BARS)
    ended = command("data", "import", "acme.csv", "--instrument", "ACME.XNYS", "--columns", MAP)
    assert ended.code == 0, ended.err
    return command


def test_a_fetch_brings_the_bars_between_two_times_and_another_brings_nothing(command: Any, venue_settings: None) -> None:
    asked = ("data", "fetch", "btcusdt", *HOURS, "--from", "2025-01-01", "--to", "2025-01-02", "--json")

    first, again = command(*asked), command(*asked)

    assert (first.code, first.json["instrument"], first.json["state"], first.json["rows_published"]) == (0, "BTCUSDT.BINANCE", "done", 24)
    assert (again.code, again.json["state"], again.json["rows_published"]) == (99, "nothing", 0)


def test_minutes_from_a_past_day_on_come_from_archive_and_rest_until_now(command: Any, venue_settings: None) -> None:
    ended = command("data", "fetch", "BTCUSDT", "--interval", "1m", "--from", "2024-12-27")

    assert ended.code == 0
    # Seven whole days, six and a half hours of the eighth; the bar that closes at 06:30 sharp is known a second later.
    assert f"{7 * 1440 + 389:,} new" in ended.out
    rows = command("sql", "select vendor, count(*) n from history.bars_1m group by all order by all", "--json").json["rows"]
    assert [row["vendor"] for row in rows] == ["binance_archive", "binance_rest"]


def test_a_fetch_without_times_goes_on_where_the_last_one_ended(fetched: Any) -> None:
    ended = fetched("data", "fetch", "BTCUSDT", *HOURS)

    assert ended.out == "BTCUSDT.BINANCE 1h: 6 new, 0 restated, 0 findings\n"


def test_the_venue_in_the_name_chooses_the_market(command: Any, venue_settings: None) -> None:
    ended = command("data", "fetch", "BTCUSDT.BINANCE_UM", *HOURS, "--from", "2025-01-02", "--to", "2025-01-03", "--json")

    assert (ended.code, ended.json["instrument"], ended.json["rows_published"]) == (0, "BTCUSDT.BINANCE_UM", 24)


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("BTCUSDT", "--interval", "7x"), 2, "interval: '7x'"),
        (("BTCUSDT", "--from", "yesterday"), 2, "--from: 'yesterday', expected ISO 8601"),
        (("BTCUSDT", "--from", "2025-01-02", "--to", "2025-01-01"), 2, "--to 2025-01-01, expected a time after --from 2025-01-02"),
        (("BTCUSDT", "--from", "2031-01-01"), 2, "--from 2031-01-01, expected a time before now"),
        (("AAPL.XNAS",), 2, "venue XNAS, expected one of BINANCE"),
        (("NOSUCHUSDT", "--from", "2025-01-02"), 65, "expected a symbol that the venue lists"),
    ],
)
def test_what_cannot_be_fetched_says_why(command: Any, venue_settings: None, arguments: tuple[str, ...], code: int, told: str) -> None:
    ended = command("data", "fetch", *arguments)

    assert (ended.code, ended.out) == (code, "")
    assert told in ended.err


def test_a_venue_that_is_away_may_come_back(command: Any, venue: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    venue.answer("/api/v3/klines", "busy", status=503, headers={"Retry-After": "100000"})
    for name in ("BINANCE", "BINANCE_ARCHIVE"):
        monkeypatch.setenv(f"TRADEWINDS_{name}_URL", venue.url)

    ended = command("data", "fetch", "BTCUSDT", *HOURS, "--from", "2025-01-03")

    assert ended.code == 75, ended.err


def test_an_import_publishes_a_csv_with_columns_of_its_own_once(imported: Any) -> None:
    shown = imported("data", "show", "bars-1d", "--json").json["rows"]
    again = imported("data", "import", "acme.csv", "--instrument", "ACME.XNYS", "--columns", MAP, "--json")

    assert [(row["start"], row["close"], row["volume"], row["vendor"]) for row in shown] == [
        ("2024-01-02T14:30:00Z", 10.5, 1000.0, "import"),
        ("2024-01-03T14:30:00Z", 11.5, 2000.0, "import"),
    ]
    assert (again.code, again.json["state"]) == (99, "nothing")


def test_an_import_reads_parquet_and_what_changed_is_a_restatement(imported: Any, workspace: Path) -> None:
    frame = pl.read_csv(workspace / "acme.csv", try_parse_dates=True).with_columns(pl.lit(11.75).alias("C"))
    frame.write_parquet(workspace / "acme.parquet")

    ended = imported("data", "import", "acme.parquet", "--instrument", "acme.xnys", "--columns", MAP, "--json")

    assert (ended.code, ended.json["rows_published"], ended.json["rows_restated"]) == (0, 0, 2)
    assert [row["close"] for row in imported("data", "show", "bars-1d", "--json").json["rows"]] == [11.75, 11.75]
    assert len(imported("data", "show", "bars-1d", "--versions", "--json").json["rows"]) == 4


def test_a_file_of_many_symbols_is_imported_with_their_venue(command: Any, workspace: Path) -> None:
    rows = ("Ticker,Day,open,high,low,close,volume", "AAA,2024-01-02,1,2,1,1.5,10", "BBB,2024-01-02,0.00000812,100000,0.000001,2,20")
    (workspace / "all.csv").write_text("\n".join(rows) + "\n")

    ended = command("data", "import", "all.csv", "--venue", "xnas", "--columns", "symbol=Ticker,time=Day", "--json")
    shown = command("data", "show", "bars-1d", "--json").json["rows"]

    assert (ended.code, ended.json["rows_published"]) == (0, 2), ended.err
    assert [(row["instrument"], row["open"], row["high"]) for row in shown] == [("AAA.XNAS", 1.0, 2.0), ("BBB.XNAS", 0.00000812, 100000.0)]
    assert command("data", "import", "all.csv").code == 2
    assert command("data", "import", "all.csv", "--venue", "XNAS", "--instrument", "AAA.XNAS").code == 2


def test_quotes_are_imported_into_a_table_of_their_own(command: Any, workspace: Path) -> None:
    sides = ",".join(f"{side}_{price}" for side in ("bid", "ask") for price in ("open", "high", "low", "close"))
    (workspace / "quotes.csv").write_text(f"time,{sides}\n2024-01-02T10:00:00Z,1.1,1.2,1.0,1.15,1.11,1.21,1.01,1.16\n")

    ended = command("data", "import", "quotes.csv", "--instrument", "EUR_USD.OANDA", "--interval", "1m", "--option", "kind=quotes")

    assert ended.code == 0, ended.err
    assert command("data", "show", "quotes-1m", "--json").json["rows"][0]["ask_close"] == 1.16


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (BARS.replace("11.5", "n/k"), "acme.csv line 3: close 'n/k', expected a number"),
        (BARS.replace("2024-01-03", "3.1.2024"), "acme.csv line 3: time '3.1.2024'"),
        ("", "acme.csv"),
        ("Date,Other\n2024-01-02,1\n", "acme.csv: columns ['Date', 'Other'], expected ['O', 'H', 'L', 'C', 'Vol.'] among them"),
        (BARS[:-9], "acme.csv line 3"),
    ],
)
def test_a_broken_file_is_65_and_names_file_line_and_value(command: Any, workspace: Path, content: str, told: str) -> None:
    (workspace / "acme.csv").write_text(content)

    ended = command("data", "import", "acme.csv", "--instrument", "ACME.XNYS", "--columns", MAP)

    assert (ended.code, ended.out) == (65, "")
    assert told in ended.err
    assert command("data", "list", "--json").json == {"tables": []}


def test_bytes_that_are_no_parquet_are_65(command: Any, workspace: Path) -> None:
    (workspace / "acme.parquet").write_bytes(b"PAR1 no more")

    ended = command("data", "import", "acme.parquet", "--instrument", "ACME.XNYS")

    assert ended.code == 65
    assert "acme.parquet" in ended.err


def test_an_import_with_wrong_options_is_2(command: Any, workspace: Path) -> None:
    (workspace / "acme.csv").write_text(BARS)
    asked = ("data", "import", "acme.csv", "--instrument", "ACME.XNYS")

    assert "expected KEY=VALUE" in command(*asked, "--option", "zone").err
    assert command(*asked, "--option", "colour=red").code == 2
    assert command("data", "import", "absent.csv", "--instrument", "ACME.XNYS").code == 2
    assert command("data", "import", "acme.csv", "--instrument", "ACME").code == 2


def test_bars_are_readable_on_eighty_columns(fetched: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")

    ended = fetched("data", "show", "bars-1h", "--limit", "2")

    lines = [line for line in ended.out.splitlines() if line]
    assert max(len(line) for line in lines) <= 80
    assert lines[0] == "bars-1h of BTCUSDT.BINANCE, the last 2 rows"
    assert lines[1].split() == ["start", "status", "open", "high", "low", "close", "volume"]
    assert [line.split("Z")[0] for line in lines[-2:]] == ["2025-01-02 22:00", "2025-01-02 23:00"]
    assert "not shown" in ended.err


def test_all_columns_and_json_have_every_column(fetched: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")

    shown = fetched("data", "show", "bars-1h", "--limit", "1", "--all-columns").out
    row = fetched("data", "show", "bars-1h", "--limit", "1", "--json").json["rows"][0]

    assert {"source", "captured", "known", "reason", "close"} <= set(row)
    assert all(name in shown for name in row)
    assert row["source"] in shown


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("bars-7x",), 2, "expected one of: history/bars-1h"),
        (("bars-1d",), 2, "history/bars-1d is not there yet, expected one of: history/bars-1h"),
        (("bars-1h", "--instrument", "DOGEUSDT.BINANCE"), 2, "instrument DOGEUSDT.BINANCE, expected one of BTCUSDT.BINANCE"),
        (("bars-1h", "--as-of", "noon"), 2, "--as-of: 'noon', expected ISO 8601"),
        (("bars-1h", "--from", "2026-01-01"), 1, "no row of that"),
        (("bars-1h", "--as-of", "2020-01-01"), 1, "no row of that then"),
    ],
)
def test_what_cannot_be_shown_says_why(fetched: Any, arguments: tuple[str, ...], code: int, told: str) -> None:
    ended = fetched("data", "show", *arguments)

    assert (ended.code, ended.out) == (code, "")
    assert told in ended.err


def test_an_export_is_what_was_known_then_whole_and_alone(fetched: Any, workspace: Path) -> None:
    csv = fetched("data", "export", "bars-1h", "day.csv", "--as-of", "2025-01-02", "--json")
    parquet = fetched("data", "export", "bars-1h", "all.parquet")

    # The hour that ends at midnight is known a second later.
    assert (csv.code, csv.json["rows"]) == (0, 23)
    assert parquet.out == "all.parquet: 48 rows\n"
    frame = pl.read_parquet(workspace / "all.parquet")
    text = (workspace / "day.csv").read_text().splitlines()
    assert (frame.height, len(text)) == (48, 24)
    assert frame.schema["start"] == pl.Datetime("us", "UTC")
    assert text[1].startswith("BTCUSDT.BINANCE,2025-01-01T00:00:00.000000Z,")
    assert sorted(path.name for path in workspace.iterdir()) == ["all.parquet", "day.csv", "tradewinds.yaml"]


def test_an_export_that_breaks_leaves_the_file_that_was_there(fetched: Any, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (workspace / "bars.parquet").write_text("mine")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    ended = fetched("data", "export", "bars-1h", "bars.parquet")

    assert ended.code == 75
    assert sorted(path.name for path in workspace.iterdir()) == ["bars.parquet", "tradewinds.yaml"]
    assert (workspace / "bars.parquet").read_text() == "mine"


def test_an_export_to_a_place_that_cannot_be_is_2(fetched: Any) -> None:
    assert "expected a name that ends in .parquet or .csv" in fetched("data", "export", "bars-1h", "bars.xlsx").err
    ended = fetched("data", "export", "bars-1h", "nowhere/bars.csv")
    assert (ended.code, "nowhere is no folder" in ended.err) == (2, True)


def test_lineage_by_date_and_by_time_ends_in_bytes_that_are_kept(imported: Any) -> None:
    by_date = imported("data", "lineage", "ACME.XNYS", "2024-01-02", "--json")
    by_time = imported("data", "lineage", "ACME.XNYS", "2024-01-02T14:30", "--json")

    payload = by_date.json["from"][0]["from"][0]
    assert by_date.out == by_time.out
    assert payload["kind"] == "payload"
    house = next(iter(wiring_house._houses.values()))
    assert house.raw.get(payload["title"]) == BARS.encode()
    assert payload["title"] in imported("data", "lineage", "ACME.XNYS", "2024-01-02").out


def test_lineage_of_nothing_and_of_too_much_says_so(fetched: Any) -> None:
    asked = ("data", "lineage", "BTCUSDT.BINANCE")

    nothing = fetched(*asked, "2025-02-01", "--dataset", "bars-1h")
    nothing_then = fetched(*asked, "2025-02-01T00:00", "--dataset", "bars-1h")
    many = fetched(*asked, "2025-01-02", "--dataset", "bars-1h")

    assert (nothing.code, nothing_then.code, many.code) == (65, 65, 2)
    assert "nothing published" in nothing.err
    assert "24 rows start then; give the time, such as 2025-01-02T00:00:00Z" in many.err
    assert fetched(*asked, "noon", "--dataset", "bars-1h").code == 2


def test_the_list_names_tables_and_partitions(fetched: Any) -> None:
    (table,) = fetched("data", "list", "--json").json["tables"]

    assert (table["table"], table["partitions"], table["first"], table["last"]) == ("history/bars-1h", 1, "2025-01", "2025-01")
    assert "history/bars-1h" in fetched("data", "list").out


def test_an_empty_lake_says_how_to_begin(command: Any) -> None:
    assert "no table yet; `tradewinds data fetch BTCUSDT`" in command("data", "list").out
    assert command("data", "show", "bars-1d").code == 2
    assert command("data", "findings").out == "Findings: none\n"
    assert command("data", "findings", "--holds", "--json").json == {"holds": []}
