"""Equity drops: files of any vendor become bars and corporate actions with the times at which they were known."""

from __future__ import annotations

import io
import zipfile
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from tradewinds.core import instant
from tradewinds.core.errors import Missing, Rejected, Unreadable
from tradewinds.core.instant import from_date
from tradewinds.core.observation import Payload, Pull, Request
from tradewinds.vendors.drops import Drops
from tradewinds.wire.http import HttpClient

HEADER = "symbol,session,open,high,low,close,volume"
CAPTURED_NS = 1_800_000_000_000_000_000


def parsed(vendor: Drops, content: bytes | str, dataset: str = "bars-1d", locator: str = "f.csv") -> pl.DataFrame:
    data = content.encode() if isinstance(content, str) else content
    return vendor.parse(Payload(Pull(vendor.name, dataset, locator), data, CAPTURED_NS))


def request(dataset: str = "bars-1d", *instruments: str) -> Request:
    return Request(dataset, instruments, from_date(date(2024, 1, 1)), from_date(date(2024, 2, 1)), CAPTURED_NS)


@pytest.fixture
def alpha(http: HttpClient, tmp_path: Path) -> Drops:
    folder = tmp_path / "alpha"
    folder.mkdir()
    return Drops(http, base_url=str(folder))


def test_a_row_becomes_a_bar_over_the_session_known_when_it_was_received(alpha: Drops) -> None:
    rows = parsed(alpha, f"{HEADER},received_at\nAAPL,2024-01-02,1,4,0.5,2,1000,2024-01-02T22:15:00Z\n")

    row = rows.row(0, named=True)
    assert row["instrument"] == "AAPL.XNAS"
    assert instant.text(row["start_ns"]) == "2024-01-02T14:30:00Z"
    assert instant.text(row["event_ns"]) == "2024-01-02T21:00:00Z"
    assert instant.text(row["known_ns"]) == "2024-01-02T22:15:00Z"
    assert row["captured_ns"] == CAPTURED_NS
    assert (row["open"], row["high"], row["low"], row["close"], row["volume"], row["trades"]) == (1.0, 4.0, 0.5, 2.0, 1000.0, None)
    assert len(row["source"]) == 64


def test_a_row_without_a_receipt_is_known_two_hours_after_the_close_unless_configured(http: HttpClient) -> None:
    content = f"{HEADER}\nAAPL,2024-07-03,1,1,1,1,1\n"  # a half-day: the close is 13:00 New York

    by_default = parsed(Drops(http, base_url="drops/alpha"), content)
    configured = parsed(Drops(http, base_url="drops/alpha", options={"lag": "30m"}), content)

    assert instant.text(by_default["known_ns"][0]) == "2024-07-03T19:00:00Z"
    assert instant.text(configured["known_ns"][0]) == "2024-07-03T17:30:00Z"


def test_a_bar_is_never_known_before_its_close(alpha: Drops) -> None:
    rows = parsed(alpha, f"{HEADER},received_at\nAAPL,2024-01-02,1,1,1,1,1,2024-01-02T15:00:00Z\n")

    assert instant.text(rows["known_ns"][0]) == "2024-01-02T21:00:00Z"


def test_the_same_session_received_twice_gives_two_versions(alpha: Drops) -> None:
    rows = parsed(
        alpha,
        f"{HEADER},received_at\nAAPL,2024-01-02,1,4,1,3,10,2024-01-04T09:00:00Z\nAAPL,2024-01-02,1,4,1,2,10,2024-01-02T22:00:00Z\n",
    )

    assert rows["close"].to_list() == [2.0, 3.0]
    assert rows["start_ns"].n_unique() == 1
    assert rows["known_ns"].is_sorted()


def test_splits_and_dividends_become_corporate_actions_at_the_open_of_their_session(alpha: Drops) -> None:
    content = (
        f"{HEADER},currency,split_factor,dividend\nAAPL,2014-06-06,1,1,1,1,1,USD,1.0,0.0\n"
        "AAPL,2014-06-09,1,1,1,1,1,USD,7.0,0.0\nAAPL,2014-08-07,1,1,1,1,1,USD,1,0.47\n"
    )

    rows = parsed(alpha, content, "corporate-actions")

    assert rows.select("instrument", "kind", "value", "currency").rows() == [
        ("AAPL.XNAS", "dividend", 0.47, "USD"),
        ("AAPL.XNAS", "split", 7.0, None),
    ]
    assert instant.text(rows["start_ns"][1]) == "2014-06-09T13:30:00Z"
    assert rows["event_ns"].to_list() == rows["start_ns"].to_list()
    assert instant.text(rows["known_ns"][1]) == "2014-06-09T22:00:00Z"


def test_a_file_without_split_and_dividend_has_no_corporate_actions(alpha: Drops) -> None:
    rows = parsed(alpha, f"{HEADER}\nAAPL,2024-01-02,1,1,1,1,1\n", "corporate-actions")

    assert rows.height == 0
    assert rows.columns[-3:] == ["kind", "value", "currency"]


def test_impossible_numbers_are_kept_and_absent_ones_are_null(alpha: Drops) -> None:
    content = f"{HEADER}\nA,2024-01-02,-1,0,1e-8,100000,36893488147419103232\nB,2024-01-02,NaN,,1,1,\n"

    rows = parsed(alpha, content)

    assert rows.select("open", "high", "low", "close", "volume").rows() == [
        (-1.0, 0.0, 1e-8, 100000.0, 36893488147419103232.0),
        (None, None, 1.0, 1.0, None),
    ]


def test_an_unreadable_cell_names_vendor_file_line_value_and_what_was_expected(alpha: Drops) -> None:
    with pytest.raises(Unreadable, match=r"alpha 2024/f.csv line 3: low '1.0x', expected a number"):
        parsed(alpha, f"{HEADER}\nA,2024-01-02,1,1,1,1,1\nA,2024-01-03,1,1,1.0x,1,1\n", locator="2024/f.csv")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (",2024-01-02,1,1,1,1,1", r"line 2: symbol None, expected a symbol|line 2: symbol '', expected a symbol"),
        ("A,,1,1,1,1,1", r"line 2: session (None|''), expected a date"),
        ("A,2199-01-02,1,1,1,1,1", r"line 2: session '2199-01-02', expected a day that the exchange's calendar speaks of"),
        ("A,2024-13-02,1,1,1,1,1", r"line 2: session '2024-13-02', expected a date"),
        ("$?,2024-01-02,1,1,1,1,1", r"line 2: symbol '\$\?', expected a symbol of letters"),
    ],
)
def test_rows_that_say_nothing_usable_are_refused(alpha: Drops, row: str, message: str) -> None:
    with pytest.raises(Unreadable, match=message):
        parsed(alpha, f"{HEADER}\n{row}\n")


def test_a_file_without_a_required_column_is_refused(alpha: Drops) -> None:
    with pytest.raises(Unreadable, match=r"alpha f.csv: columns .* expected \['volume'\] among them"):
        parsed(alpha, "symbol,session,open,high,low,close\nA,2024-01-02,1,1,1,1\n")


def test_a_header_without_rows_is_an_empty_drop(alpha: Drops) -> None:
    assert parsed(alpha, HEADER + "\n").height == 0


def test_a_bar_on_a_holiday_keeps_the_hours_of_the_session_before(alpha: Drops) -> None:
    rows = parsed(alpha, f"{HEADER}\nA,2024-01-06,1,1,1,1,1\n")  # a Saturday

    assert instant.text(rows["start_ns"][0]) == "2024-01-06T14:30:00Z"
    assert instant.text(rows["event_ns"][0]) == "2024-01-06T21:00:00Z"


def test_headers_may_be_padded_and_of_any_case_rows_in_any_order_and_dates_unpadded(alpha: Drops) -> None:
    rows = parsed(alpha, '\ufeffSymbol , Session,Open,High,Low,Close,Volume,Note\nA,2024-1-3,2,2,2,2,"1,000",x\nA,2024-1-2,1,1,1,1,5,\n')

    assert rows["close"].to_list() == [1.0, 2.0]
    assert rows["volume"].to_list() == [5.0, 1000.0]


def test_each_symbol_trades_at_the_venue_that_the_options_name(http: HttpClient) -> None:
    vendor = Drops(http, base_url="drops/alpha", options={"venue": "XNAS", "venues": "IBM=XNYS,600519=XSHG"})

    rows = parsed(vendor, f"{HEADER}\n600519,2024-01-02,1,1,1,1,1\nIBM,2024-01-02,1,1,1,1,1\nAAPL,2024-01-02,1,1,1,1,1\n")

    assert rows["instrument"].to_list() == ["600519.XSHG", "AAPL.XNAS", "IBM.XNYS"]
    assert instant.text(rows["event_ns"][0]) == "2024-01-02T07:00:00Z"


def test_files_below_the_folder_are_captured_unchanged_in_the_order_of_their_paths(alpha: Drops) -> None:
    (alpha.root / "2024").mkdir()
    (alpha.root / "2024" / "b.csv").write_bytes(b"b")
    (alpha.root / "a.parquet").write_bytes(b"PAR1")
    (alpha.root / "readme.md").write_text("not data")
    (alpha.root / ".hidden.csv").write_text("not data")

    (pull,) = alpha.plan(request())
    payloads = list(alpha.capture(pull))

    assert [(p.pull.locator, p.content, p.captured_ns) for p in payloads] == [
        ("2024/b.csv", b"b", CAPTURED_NS),
        ("a.parquet", b"PAR1", CAPTURED_NS),
    ]
    assert {p.pull.dataset for p in payloads} == {"bars-1d"}


def test_a_pattern_with_symbol_asks_for_one_file_per_instrument(http: HttpClient, tmp_path: Path) -> None:
    (tmp_path / "AAPL.csv").write_bytes(b"x")
    vendor = Drops(http, base_url=str(tmp_path), options={"name": "bravo", "pattern": "{symbol}.csv"})

    pulls = vendor.plan(request("bars-1d", "AAPL.XNAS", "IBM.XNYS"))

    assert [pull.locator for pull in pulls] == ["AAPL.csv", "IBM.csv"]
    assert [payload.content for payload in vendor.capture(pulls[0])] == [b"x"]
    with pytest.raises(Missing, match=r"bravo: nothing like 'IBM.csv'"):
        list(vendor.capture(pulls[1]))


def test_an_absent_folder_is_missing_and_wrong_options_are_refused(http: HttpClient, tmp_path: Path) -> None:
    vendor = Drops(http, base_url=str(tmp_path / "nowhere"))

    with pytest.raises(Missing, match=r"nowhere: no folder"):
        list(vendor.capture(vendor.plan(request())[0]))
    with pytest.raises(Rejected, match=r"dataset 'bars-1m', expected one of"):
        vendor.plan(request("bars-1m"))
    with pytest.raises(Rejected, match=r"equity drops: option 'venu', expected one of calendar"):
        Drops(http, base_url="x", options={"venu": "XNYS"})
    with pytest.raises(Rejected, match=r"no folder, expected base_url"):
        Drops(http)


def test_csv_and_parquet_of_the_same_rows_give_the_same_bars(alpha: Drops) -> None:
    table = pl.DataFrame(
        {
            "symbol": ["AAPL", "AAPL"],
            "session": [date(2024, 1, 2), date(2024, 1, 3)],
            "open": [1.25, 2.0],
            "high": [3.0, 3.0],
            "low": [1.0, 1.0],
            "close": [2.0, 2.5],
            "volume": [10, 20],
        }
    )
    memory = io.BytesIO()
    table.write_parquet(memory)

    as_csv, as_parquet = parsed(alpha, table.write_csv()), parsed(alpha, memory.getvalue())

    assert as_csv.drop("source").equals(as_parquet.drop("source"))


@pytest.mark.shared
def test_real_apple_prices_and_splits_pass_through_a_drop(alpha: Drops, shared: Path) -> None:
    with zipfile.ZipFile(shared / "equities/lean_daily/aapl.zip") as archive:
        raw = archive.read("aapl.csv")
    names = ["stamp", "open", "high", "low", "close", "volume"]
    table = pl.read_csv(raw, has_header=False, new_columns=names)
    session = pl.col("stamp").str.slice(0, 8)
    splits = {"20000621": 2.0, "20050228": 2.0, "20140609": 7.0, "20200831": 4.0}
    drop = table.select(
        pl.lit("AAPL").alias("symbol"),
        session.alias("session"),
        *(pl.col(name) / 10_000 for name in names[1:5]),
        "volume",
        session.replace_strict(splits, default=1.0).alias("split_factor"),
    )

    bars = parsed(alpha, drop.write_csv())
    actions = parsed(alpha, drop.write_csv(), "corporate-actions")

    assert bars.height == 5849
    assert instant.text(bars["event_ns"][0]) == "1998-01-02T21:00:00Z"
    assert bars["close"][0] == 16.25
    assert [(instant.text(row[0])[:10], row[1]) for row in actions.select("start_ns", "value").rows()] == [
        ("2000-06-21", 2.0),
        ("2005-02-28", 2.0),
        ("2014-06-09", 7.0),
        ("2020-08-31", 4.0),
    ]


@pytest.mark.shared
def test_vintages_of_a_shanghai_share_are_versions_of_the_same_sessions(http: HttpClient, shared: Path) -> None:
    vendor = Drops(http, base_url="drops/east", options={"venue": "XSHG"})
    versions = []
    for day in ("2025-08-28", "2025-08-29", "2025-09-01"):
        vintage = pl.read_csv(shared / f"equities/sse_daily/vintages/600519_v{day}.csv")
        stated = pl.lit(f"{day}T09:30:00Z").alias("received_at")
        drop = vintage.select(
            pl.lit("600519").alias("symbol"), pl.col("date").alias("session"), "open", "high", "low", "close", "volume", stated
        )
        versions.append(parsed(vendor, drop.write_csv(), locator=f"{day}.csv"))

    assert [rows.height for rows in versions] == [886, 887, 888]
    assert [instant.text(rows["known_ns"].max()) for rows in versions] == [
        "2025-08-28T09:30:00Z",
        "2025-08-29T09:30:00Z",
        "2025-09-01T09:30:00Z",
    ]
    assert versions[0]["start_ns"].to_list() == versions[2]["start_ns"].to_list()[:886]
