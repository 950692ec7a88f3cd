"""Declared datasets: what a YAML file says about a table's columns, and what becomes of the table."""

from __future__ import annotations

import gzip
import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest
import yaml

from tradewinds.core import instant
from tradewinds.core.errors import DataFault, Missing, Rejected, Unreadable
from tradewinds.core.instant import from_date
from tradewinds.core.observation import Payload, Pull, Request
from tradewinds.vendors.declared import Declared
from tradewinds.wire.http import HttpClient
from tradewinds.wire.secret import Secret

if TYPE_CHECKING:
    from tests.vendors.conftest import Loopback

CAPTURED_NS = 1_800_000_000_000_000_000
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "dataset_news.yaml"
NEWS = {
    "name": "news",
    "path": "news.csv",
    "instrument": {"column": "symbol", "venue": "XNAS"},
    "event": {"column": "published"},
    "known": {"column": "received", "lag": "15m"},
    "keys": ["id"],
    "columns": {"id": "int", "headline": "text", "tone": {"kind": "float", "unit": "fraction", "from": "sentiment"}},
}
HEADER = "id,published,received,symbol,headline,sentiment\n"


def declared(http: HttpClient, folder: Path, secret: Secret | None = None, **changes: object) -> Declared:
    place = folder / "news.yaml"
    place.write_text(yaml.safe_dump(NEWS | changes))
    return Declared(http, base_url=str(place), secret=secret)


def parsed(vendor: Declared, content: str | bytes) -> pl.DataFrame:
    data = content.encode() if isinstance(content, str) else content
    return vendor.parse(Payload(Pull(vendor.name, "news", "news.csv"), data, CAPTURED_NS))


def request(first: date = date(2024, 1, 1), end: date = date(2024, 1, 3), *instruments: str) -> Request:
    return Request("news", instruments, from_date(first), from_date(end), CAPTURED_NS)


def captured(vendor: Declared) -> list[Payload]:
    return [payload for pull in vendor.plan(request()) for payload in vendor.capture(pull)]


def test_the_shipped_news_file_is_captured_and_known_when_it_reached_us(http: HttpClient) -> None:
    vendor = Declared(http, base_url=str(EXAMPLE))

    (payload,) = captured(vendor)
    rows = vendor.parse(payload)

    assert (vendor.name, vendor.datasets()[0].identity) == ("news", ("instrument", "headline_id", "start_ns"))
    assert payload.content == (EXAMPLE.parent / "news.csv").read_bytes()
    assert rows.height == 6
    first = rows.row(by_predicate=pl.col("headline_id") == "n-0001", named=True)
    assert (first["instrument"], first["tone"], first["words"], first["is_correction"]) == ("WHEAT.COMMODITY", -0.25, 184, False)
    assert instant.text(first["event_ns"]) == "2024-03-04T13:15:00Z"
    assert instant.text(first["known_ns"]) == "2024-03-04T13:15:20Z"
    unstated = rows.row(by_predicate=pl.col("headline_id") == "n-0004", named=True)
    assert instant.text(unstated["known_ns"]) == "2024-03-05T12:31:00Z"
    after_clock_change = rows.row(by_predicate=pl.col("headline_id") == "n-0006", named=True)
    assert instant.text(after_clock_change["event_ns"]) == "2024-03-11T13:30:00Z"
    assert after_clock_change["tone"] is None


def test_csv_json_lines_json_and_parquet_say_the_same(http: HttpClient, tmp_path: Path) -> None:
    rows = [
        {
            "id": 9007199254740993,
            "published": "2024-01-02T10:00:00Z",
            "received": None,
            "symbol": "A",
            "headline": "x, y",
            "sentiment": 0.5,
        },
        {
            "id": 2,
            "published": "2024-01-02T11:00:00Z",
            "received": "2024-01-02T11:00:05Z",
            "symbol": "B",
            "headline": None,
            "sentiment": None,
        },
    ]
    table = pl.DataFrame(rows, infer_schema_length=None)
    table.write_parquet(tmp_path / "t.parquet")
    contents = {
        "csv": table.write_csv().encode(),
        "jsonl": "\n".join(json.dumps(row) for row in rows).encode() + b"\n\n",
        "json": json.dumps(rows).encode(),
        "parquet": (tmp_path / "t.parquet").read_bytes(),
    }

    tables = {form: parsed(declared(http, tmp_path, format=form), content).drop("source") for form, content in contents.items()}
    tables["packed"] = parsed(declared(http, tmp_path, format="jsonl"), gzip.compress(contents["jsonl"])).drop("source")

    assert tables["csv"]["id"].to_list() == [9007199254740993, 2]
    assert all(table.equals(tables["csv"]) for table in tables.values())
    assert [instant.text(known) for known in tables["csv"]["known_ns"]] == ["2024-01-02T10:15:00Z", "2024-01-02T11:00:05Z"]


def test_a_constant_instrument_and_an_interval(http: HttpClient, tmp_path: Path) -> None:
    vendor = declared(
        http,
        tmp_path,
        instrument="ALL.WEATHER",
        start={"column": "from", "unit": "s"},
        event={"column": "to", "unit": "ms"},
        known={},
        keys=[],
        columns={"rain": "float", "day": "date", "seen": {"kind": "time", "zone": "Asia/Shanghai"}},
    )

    row = parsed(vendor, "from,to,rain,day,seen\n1704067200,1704153600000,3.5,2024-1-1,2024-01-02 08:00\n").row(0, named=True)

    assert row["instrument"] == "ALL.WEATHER"
    assert (instant.text(row["start_ns"]), instant.text(row["event_ns"])) == ("2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z")
    assert row["known_ns"] == row["event_ns"]
    assert (row["rain"], row["day"], instant.text(row["seen"])) == (3.5, date(2024, 1, 1), "2024-01-02T00:00:00Z")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("x,2024-01-02,,A,h,0", r"news news.csv line 2: id 'x', expected a number"),
        ("1.5,2024-01-02,,A,h,0", r"line 2: id '1.5', expected a whole number"),
        (",2024-01-02,,A,h,0", r"line 2: id (None|''), expected a value, because it is a key"),
        ("1,,,A,h,0", r"line 2: published (None|''), expected a time"),
        ("1,yesterday,,A,h,0", r"line 2: published 'yesterday', expected a time such as"),
        ("1,2024-01-02,,,h,0", r"line 2: symbol (None|''), expected a symbol"),
        ("1,2024-01-02,,$,h,0", r"line 2: symbol '\$', expected a symbol of letters"),
        ("1,2024-01-02,,A,h,good", r"line 2: sentiment 'good', expected a number"),
        ("1,2024-01-02,,A", r"line 2: 4 cells"),
    ],
)
def test_a_cell_that_says_nothing_is_refused_with_its_line(http: HttpClient, tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(Unreadable, match=message):
        parsed(declared(http, tmp_path), HEADER + row + "\n")


def test_a_broken_line_of_json_is_named(http: HttpClient, tmp_path: Path) -> None:
    vendor = declared(http, tmp_path, format="jsonl")

    with pytest.raises(Unreadable, match=r"news news.csv line 2: .*expected JSON"):
        parsed(vendor, b'{"id": 1}\n{"id": \n')
    with pytest.raises(Unreadable, match=r"line 1: b'\[1\]', expected a JSON object"):
        parsed(vendor, b"[1]\n")
    with pytest.raises(Unreadable, match=r"an empty file of 0 bytes"):
        parsed(vendor, b"")


def test_a_missing_column_is_named(http: HttpClient, tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match=r"expected \['received', 'sentiment'\] among them"):
        parsed(declared(http, tmp_path), "id,published,symbol,headline\n1,2024-01-02,A,h\n")


def test_globs_days_symbols_and_addresses_are_captured(http: HttpClient, tmp_path: Path, loopback: Loopback) -> None:
    (tmp_path / "b.csv").write_bytes(b"b")
    (tmp_path / "a.csv").write_bytes(b"a")
    loopback.answers["/2024-01-01/A.csv"] = b"served"

    assert [payload.pull.locator for payload in captured(declared(http, tmp_path, path="*.csv"))] == ["a.csv", "b.csv"]
    vendor = declared(http, tmp_path, path=loopback.url + "/{date}/{symbol}.csv", secret_header="X-Key", secret=Secret("hush"))
    pulls = vendor.plan(request(date(2024, 1, 1), date(2024, 1, 3), "A.XNAS"))
    assert [pull.locator.removeprefix(loopback.url) for pull in pulls] == ["/2024-01-01/A.csv", "/2024-01-02/A.csv"]
    assert [payload.content for payload in vendor.capture(pulls[0])] == [b"served"]
    assert loopback.asked[0].headers["x-key"] == "hush"
    with pytest.raises(Missing, match=r"news 2?.*HTTP 404"):
        list(vendor.capture(pulls[1]))
    with pytest.raises(Missing, match=r"nothing like 'c.csv'"):
        captured(declared(http, tmp_path, path="c.csv"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"colour": "red"}, r"declaration news.yaml: unknown \['colour'\]"),
        ({"event": None}, r"without \['event'\]"),
        ({"columns": {"id": "number"}}, r"columns: id is 'number', expected one of float"),
        ({"columns": {}}, r"columns \{\}, expected a name and a kind"),
        ({"keys": ["nope"]}, r"keys \['nope'\], expected names among its columns"),
        ({"name": "News!"}, r"dataset name: 'News!'"),
        ({"columns": {"known_ns": "int"}, "keys": []}, r"reserved"),
        ({"known": {"lag": "1mo"}}, r"lag '1mo', expected seconds to weeks"),
        ({"partitioning": "day"}, r"partitioning 'day', expected month or year"),
        ({"format": "xlsx"}, r"format 'xlsx', expected one of csv"),
        ({"event": {"column": "x", "unit": "minutes"}}, r"time unit 'minutes'"),
        ({"instrument": "AAPL"}, r"instrument id: 'AAPL'"),
    ],
)
def test_an_impossible_declaration_is_refused(http: HttpClient, tmp_path: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(Rejected, match=message):
        declared(http, tmp_path, **changes).datasets()


def test_an_absent_or_broken_declaration_is_named(http: HttpClient, tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("name: [")

    with pytest.raises(DataFault, match=r"nowhere.yaml: no such file"):
        Declared(http, base_url=str(tmp_path / "nowhere.yaml")).datasets()
    with pytest.raises(Rejected, match=r"broken.yaml: .*expected YAML"):
        Declared(http, base_url=str(tmp_path / "broken.yaml")).datasets()
    with pytest.raises(Rejected, match=r"no declaration"):
        Declared(http)
