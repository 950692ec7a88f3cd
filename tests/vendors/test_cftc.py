"""Commitments of Traders: two spellings of one report, and nothing known before it was published."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tradewinds.core import instant
from tradewinds.core.errors import Missing, Rejected, Transient, Unreadable
from tradewinds.core.instant import from_date
from tradewinds.core.observation import Payload, Pull, Request
from tradewinds.vendors.cftc import Cftc
from tradewinds.vendors.cftc_reports import COT, COT_DISAGGREGATED, REPORTS, canonical
from tradewinds.wire.http import HttpClient
from tradewinds.wire.secret import Secret

if TYPE_CHECKING:
    from tests.vendors.conftest import Asked, Loopback

CAPTURED_NS = 1_800_000_000_000_000_000
ARCHIVE_SPELLINGS = {
    "open_interest": "Open Interest (All)",
    "noncommercial_long": "Noncommercial Positions-Long (All)",
    "noncommercial_spread": "Noncommercial Positions-Spreading (All)",
    "reportable_long": " Total Reportable Positions-Long (All)",
    "concentration_gross_4_long": "Concentration-Gross LT = 4 TDR-Long (All)",
    "concentration_net_8_short": "Concentration-Net LT =8 TDR-Short (All)",
    "traders": "Traders-Total (All)",
}
SOCRATA_SPELLINGS = {
    "open_interest": "open_interest_all",
    "noncommercial_long": "noncomm_positions_long_all",
    "noncommercial_spread": "noncomm_postions_spread_all",
    "reportable_long": "tot_rept_positions_long_all",
    "concentration_gross_4_long": "conc_gross_le_4_tdr_long",
    "concentration_net_8_short": "conc_net_le_8_tdr_short_all",
    "traders": "traders_tot_all",
}


def legacy_names(spellings: dict[str, str]) -> dict[str, str]:
    """Our name -> a column's name, for every number of the legacy report."""
    return {field.name: spellings.get(field.name, field.spellings[-1]) for field in REPORTS[0].fields}


def socrata_row(day: str, code: str, **numbers: str) -> dict[str, str]:
    row = {
        "market_and_exchange_names": "WHEAT-SRW - CHICAGO BOARD OF TRADE ",
        "report_date_as_yyyy_mm_dd": f"{day}T00:00:00.000",
        "cftc_contract_market_code": code,
        "cftc_market_code": "CBT ",
        "contract_units": "(CONTRACTS OF 5,000 BUSHELS)",
    }
    return row | {name: numbers.get(ours, "1") for ours, name in legacy_names(SOCRATA_SPELLINGS).items()}


def archive_csv(*rows: tuple[str, str, str]) -> bytes:
    """(day, code, open interest) as a yearly file of the legacy report."""
    names = legacy_names(ARCHIVE_SPELLINGS)
    head = ["Market and Exchange Names", "As of Date in Form YYYY-MM-DD", "CFTC Contract Market Code", "CFTC Market Code in Initials"]
    lines = [",".join(f'"{name}"' for name in (*head, *names.values()))]
    for day, code, interest in rows:
        cells = [interest if ours == "open_interest" else "      2" for ours in names]
        lines.append(f'"WHEAT-SRW - CHICAGO BOARD OF TRADE",{day},{code},CBT ,{",".join(cells)}')
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("annual.txt", "\r\n".join(lines) + "\r\n")
    return memory.getvalue()


def request(first: date, end: date, *instruments: str, dataset: str = "cot", **params: str) -> Request:
    return Request(dataset, instruments, from_date(first), from_date(end), CAPTURED_NS, params)


WEEKS = request(date(2024, 1, 1), date(2024, 2, 1), "001602.CFTC")


def test_the_api_is_asked_in_pages_until_one_is_not_full(http: HttpClient, loopback: Loopback) -> None:
    days = ["2024-01-02", "2024-01-09", "2024-01-16"]
    rows = [socrata_row(day, "001602", open_interest=str(n)) for n, day in enumerate(days)]

    def page(asked: Asked) -> str:
        first = int(asked.query["$offset"])
        return json.dumps(rows[first : first + int(asked.query["$limit"])])

    loopback.answers["/resource/6dca-aqww.json"] = page
    vendor = Cftc(http, base_url=loopback.url, options={"page": "2"})

    (pull,) = vendor.plan(WEEKS)
    payloads = list(vendor.capture(pull))
    tables = [vendor.parse(payload) for payload in payloads]

    assert [table.height for table in tables] == [2, 1]
    assert [asked.query["$offset"] for asked in loopback.asked] == ["0", "2"]
    assert loopback.asked[0].query["$where"] == (
        "report_date_as_yyyy_mm_dd >= '2024-01-01T00:00:00.000' and report_date_as_yyyy_mm_dd < '2024-02-01T00:00:00.000'"
        " and cftc_contract_market_code in('001602')"
    )
    assert payloads[0].pull.params["$offset"] == "0"
    assert "x-app-token" not in loopback.asked[0].headers


def test_a_report_is_about_its_tuesday_and_known_from_friday_half_past_three(http: HttpClient) -> None:
    vendor = Cftc(http)
    pull = Pull("cftc", "cot", "x/6dca-aqww.json", {"report": "futures", "$limit": "50000"})

    rows = vendor.parse(Payload(pull, json.dumps([socrata_row("2024-01-02", "001602", open_interest="419546")]).encode(), CAPTURED_NS))

    row = rows.row(0, named=True)
    assert row["instrument"] == "001602.CFTC"
    assert instant.text(row["start_ns"]) == instant.text(row["event_ns"]) == "2024-01-02T00:00:00Z"
    assert instant.text(row["known_ns"]) == "2024-01-05T20:30:00Z"
    assert (row["market"], row["exchange"], row["report"]) == ("WHEAT-SRW - CHICAGO BOARD OF TRADE", "CBT", "futures")
    assert row["open_interest"] == 419546.0


def test_a_report_of_the_shutdown_is_known_when_its_backlog_came_out(http: HttpClient) -> None:
    vendor = Cftc(http)
    pull = Pull("cftc", "cot", "x/6dca-aqww.json", {"report": "futures", "$limit": "50000"})

    rows = vendor.parse(Payload(pull, json.dumps([socrata_row("2025-09-30", "001602")]).encode(), CAPTURED_NS))

    assert instant.text(rows["known_ns"][0]) == "2025-11-19T20:30:00Z"


def test_an_announced_date_goes_before_the_rule(http: HttpClient) -> None:
    vendor = Cftc(http, options={"announced": "2026-11-24=2026-12-15,2027-01-05=2027-06-01"})
    pull = Pull("cftc", "cot", "x/6dca-aqww.json", {"report": "futures", "$limit": "50000"})
    body = json.dumps([socrata_row("2026-11-24", "001602"), socrata_row("2027-01-05", "001602")]).encode()

    rows = vendor.parse(Payload(pull, body, CAPTURED_NS))

    assert [instant.text(known) for known in rows["known_ns"]] == ["2026-12-15T20:30:00Z", "2027-06-01T19:30:00Z"]


def test_the_archive_and_the_api_spell_the_same_report_differently(http: HttpClient, loopback: Loopback) -> None:
    loopback.answers["/files/dea/history/deacot2024.zip"] = archive_csv(("2024-01-09", "001602", "  419546"), ("2024-01-02", "13874+", "5"))
    vendor = Cftc(http, base_url=loopback.url, options={"source": "archive"})

    (pull,) = vendor.plan(WEEKS)
    (payload,) = vendor.capture(pull)
    rows = vendor.parse(payload)

    assert rows["instrument"].to_list() == ["001602.CFTC", "13874+.CFTC"]
    assert rows["open_interest"].to_list() == [419546.0, 5.0]
    assert rows["noncommercial_spread"].to_list() == [2.0, 2.0]
    assert rows["units"].to_list() == [None, None]
    assert payload.content[:2] == b"PK"


def test_old_years_come_in_one_pack(http: HttpClient) -> None:
    vendor = Cftc(http, base_url="http://127.0.0.1:1")

    pulls = vendor.plan(request(date(2014, 1, 1), date(2019, 1, 1), source="archive", report="combined"))

    assert [pull.locator.rpartition("/")[2] for pull in pulls] == ["deahistfo_1995_2016.zip", "deahistfo2017.zip", "deahistfo2018.zip"]


def test_the_token_is_sent_in_a_header_and_stands_nowhere_else(http: HttpClient, loopback: Loopback) -> None:
    loopback.answers["/resource/6dca-aqww.json"] = "[]"
    vendor = Cftc(http, base_url=loopback.url, secret=Secret("hush"))

    payloads = list(vendor.capture(vendor.plan(WEEKS)[0]))

    assert loopback.asked[0].headers["x-app-token"] == "hush"
    assert "hush" not in repr(payloads)
    assert vendor.parse(payloads[0]).height == 0


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        ((429, {"Retry-After": "30"}, "slow down"), Transient, r"cftc cot 6dca-aqww.json: HTTP 429"),
        ((500, {}, "oops"), Transient, r"HTTP 500"),
        ((404, {}, "gone"), Missing, r"HTTP 404"),
        ((400, {}, '{"error":true,"message":"no such column"}'), Rejected, r"no such column"),
        ((200, {}, '{"error":true,"message":"try later"}'), Unreadable, r"try later.*expected a JSON list of rows"),
        ((200, {}, "<html>"), Unreadable, r"<html>.*expected JSON"),
    ],
)
def test_refusals_and_errors_dressed_as_answers_are_told_apart(
    http: HttpClient, loopback: Loopback, answer: object, error: type[Exception], message: str
) -> None:
    loopback.answers["/resource/6dca-aqww.json"] = answer
    vendor = Cftc(http, base_url=loopback.url)

    with pytest.raises(error, match=message):
        list(vendor.capture(vendor.plan(WEEKS)[0]))


def test_an_unreadable_number_and_a_missing_column_are_named(http: HttpClient) -> None:
    vendor = Cftc(http)
    pull = Pull("cftc", "cot", "x/6dca-aqww.json", {"report": "futures", "$limit": "50000"})
    bad = socrata_row("2024-01-02", "001602", open_interest="12a")
    without = {name: cell for name, cell in socrata_row("2024-01-02", "001602").items() if name != "open_interest_all"}

    with pytest.raises(Unreadable, match=r"cftc cot 6dca-aqww.json line 1: open_interest_all '12a', expected a number"):
        vendor.parse(Payload(pull, json.dumps([bad]).encode(), CAPTURED_NS))
    with pytest.raises(Unreadable, match=r"no column like 'open_interest'"):
        vendor.parse(Payload(pull, json.dumps([without]).encode(), CAPTURED_NS))


def test_every_spelling_comes_down_to_one(http: HttpClient) -> None:
    assert canonical(" Total Reportable Positions-Long (All)") == "total_reportable_positions_long"
    assert canonical("Swap__Positions_Short_All") == canonical("swap_positions_short") == "swap_positions_short"
    assert canonical("noncomm_postions_spread_all") == "noncomm_positions_spread"
    assert canonical("Open Interest (Old)") == "open_interest_old"
    assert {"swap_short", "managed_spread", "producer_long"} <= {column.name for column in COT_DISAGGREGATED.columns}


def test_unknown_options_and_datasets_are_refused(http: HttpClient) -> None:
    with pytest.raises(Rejected, match=r"cftc: option source 'web', expected one of socrata, archive"):
        Cftc(http, options={"source": "web"})
    with pytest.raises(Rejected, match=r"cftc: page 0"):
        Cftc(http, options={"page": "0"})
    with pytest.raises(Rejected, match=r"cftc: dataset 'cot-x' as 'futures'"):
        Cftc(http).plan(request(date(2024, 1, 1), date(2024, 2, 1), dataset="cot-x"))


@pytest.mark.shared
def test_a_real_yearly_file_gives_325_markets_on_six_tuesdays(http: HttpClient, shared: Path) -> None:
    raw = gzip.decompress((shared / "cftc/deacot2024_annual.txt.gz").read_bytes())
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("annual.txt", raw)

    rows = Cftc(http).parse(Payload(Pull("cftc", "cot", "x/deacot2024.zip", {"report": "futures"}), memory.getvalue(), CAPTURED_NS))

    assert rows.height == 1820
    assert rows["instrument"].n_unique() == 325
    assert sorted({instant.text(start)[:10] for start in rows["start_ns"]}) == [
        "2024-01-02",
        "2024-01-09",
        "2024-01-16",
        "2024-01-23",
        "2024-01-30",
        "2024-02-06",
    ]
    assert rows.select("instrument", "report", "start_ns").is_duplicated().sum() == 0
    wheat = rows.filter((rows["instrument"] == "001602.CFTC") & (rows["start_ns"] == from_date(date(2024, 2, 6)))).row(0, named=True)
    assert (wheat["open_interest"], wheat["noncommercial_long"], wheat["noncommercial_spread"]) == (419546.0, 121345.0, 113552.0)
    assert (wheat["reportable_short"], wheat["traders"], wheat["concentration_net_8_short"]) == (382554.0, 360.0, 15.2)
    assert wheat["market"] == "WHEAT-SRW - CHICAGO BOARD OF TRADE"
    # The long side adds up to the open interest but for one contract in six rows, all of them consolidated markets.
    long = rows["noncommercial_long"] + rows["noncommercial_spread"] + rows["commercial_long"] + rows["nonreportable_long"]
    off = rows.filter((long - rows["open_interest"]).abs() > 0)
    assert off.height == 6
    assert off["market"].str.contains("Consolidated").all()
    assert [column.name for column in COT.columns] == rows.columns[6:]
