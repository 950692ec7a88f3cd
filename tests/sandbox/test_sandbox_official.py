"""The CFTC's and the ECB's publications."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import date
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest

from tradewinds.core.instant import parse
from tradewinds.sandbox.ecb import easter
from tradewinds.sandbox.server import Sandbox

LEGACY = "/resource/6dca-aqww.json"


def cot(http: httpx.Client, venues: Sandbox, path: str = LEGACY, **asked: str) -> Any:
    return http.get(venues.urls["cftc"] + path, params={f"${name}": value for name, value in asked.items()}).json()


def test_an_answer_has_1000_rows_unless_asked_otherwise(venues: Sandbox, http: httpx.Client) -> None:
    assert len(cot(http, venues)) == 1000
    everything = cot(http, venues, limit="50000")
    assert int(cot(http, venues, select="count(*)")[0]["count"]) == len(everything) > 10_000
    paged = [row["id"] for page in range(4) for row in cot(http, venues, limit="300", offset=str(300 * page), order=":id")]
    assert len(set(paged)) == 1200


def test_numbers_are_text_and_sides_add_up(venues: Sandbox, http: httpx.Client) -> None:
    row = cot(http, venues, where="cftc_contract_market_code='001602' and report_date_as_yyyy_mm_dd='2024-02-06'")[0]
    assert all(isinstance(value, str) for value in row.values())
    assert row["report_date_as_yyyy_mm_dd"] == "2024-02-06T00:00:00.000"
    interest = int(row["open_interest_all"])
    for side in ("long", "short"):
        parts = [
            f"noncomm_positions_{side}_all",
            "noncomm_postions_spread_all",
            f"comm_positions_{side}_all",
            f"nonrept_positions_{side}_all",
        ]
        assert sum(int(row[name]) for name in parts) == interest


@pytest.mark.parametrize("resource", ["6dca-aqww", "jun7-fc8e", "72hh-3qpy", "kh3c-gbw2", "gpe5-46if", "yw9f-hn96"])
def test_every_report_can_be_asked_by_day_and_market(venues: Sandbox, http: httpx.Client, resource: str) -> None:
    code = "088691" if resource in ("72hh-3qpy", "kh3c-gbw2") else "099741"
    rows = cot(
        http,
        venues,
        f"/resource/{resource}.json",
        where="report_date_as_yyyy_mm_dd >= '2024-01-01T00:00:00.000' and report_date_as_yyyy_mm_dd < '2024-02-01' "
        f"and cftc_contract_market_code in('{code}')",
        order="report_date_as_yyyy_mm_dd DESC",
        select="report_date_as_yyyy_mm_dd as day, open_interest_all",
    )
    assert [row["day"][:10] for row in rows] == ["2024-01-30", "2024-01-23", "2024-01-16", "2024-01-09", "2024-01-02"]


def test_conditions_of_every_kind(venues: Sandbox, http: httpx.Client) -> None:
    count = lambda where: int(cot(http, venues, where=where, select="count(*)")[0]["count"])  # noqa: E731 - a phrase of this test
    year = "report_date_as_yyyy_mm_dd between '2024-01-01' and '2024-12-31'"
    assert count(f"{year} and commodity_name = 'GOLD'") == 53
    assert count(f"{year} and (commodity_name = 'GOLD' or commodity_name = 'SILVER')") == 106
    assert count(f"{year} and commodity_name not in ('GOLD')") == 53 * 13
    assert count(f"{year} and contract_market_name like '%YEN%'") == 53
    assert count(f"{year} and open_interest_all > 1000000 and not (commodity_name like 'CO%')") > 100
    assert count("commodity_name is null") == 0


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"where": "no_column = 1"}, "query.soql.no-such-column"),
        ({"where": "commodity_name ="}, "query.soql.invalid"),
        ({"order": "commodity_name sideways"}, "query.soql.invalid"),
        ({"limit": "50001"}, "invalid-limit"),
        ({"select": "nothing_here"}, "query.soql.no-such-column"),
    ],
)
def test_a_wrong_question_is_refused(venues: Sandbox, http: httpx.Client, asked: dict[str, str], code: str) -> None:
    answer = http.get(venues.urls["cftc"] + LEGACY, params={f"${name}": value for name, value in asked.items()})
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_a_report_is_unknown_until_friday_half_past_three(own_venues: Sandbox, http: httpx.Client) -> None:
    asked = {"where": "report_date_as_yyyy_mm_dd = '2025-03-04' and commodity_name = 'GOLD'"}
    own_venues.world.clock.set(parse("2025-03-07T20:29:59Z"))
    assert cot(http, own_venues, **asked) == []
    own_venues.world.clock.set(parse("2025-03-07T20:30:00Z"))
    assert len(cot(http, own_venues, **asked)) == 1


@pytest.mark.parametrize("name", ["deacot2024", "deahistfo2024", "fut_disagg_txt_2024", "fut_fin_txt_2024"])
def test_the_yearly_file_tells_the_same(venues: Sandbox, http: httpx.Client, name: str) -> None:
    answer = http.get(f"{venues.urls['cftc']}/files/dea/history/{name}.zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        rows = list(csv.reader(io.StringIO(archive.read(archive.namelist()[0]).decode())))
    assert rows[0][3] == "CFTC Contract Market Code"
    assert len({row[2] for row in rows[1:]}) == 53
    if name == "deacot2024":
        wheat = next(row for row in rows if row[3] == "001602" and row[2] == "2024-02-06")
        asked = cot(http, venues, where="cftc_contract_market_code='001602' and report_date_as_yyyy_mm_dd='2024-02-06'")[0]
        assert int(wheat[rows[0].index("Open Interest (All)")]) == int(asked["open_interest_all"])


def test_files_and_resources_that_are_not_there(venues: Sandbox, http: httpx.Client) -> None:
    assert http.get(venues.urls["cftc"] + "/files/dea/history/deacot2030.zip").status_code == 404
    assert http.get(venues.urls["cftc"] + "/resource/none-none.json").status_code == 404


def test_the_banks_history_is_the_same_as_xml_and_as_csv(venues: Sandbox, http: httpx.Client) -> None:
    base = venues.urls["ecb"] + "/stats/eurofxref/"
    with zipfile.ZipFile(io.BytesIO(http.get(base + "eurofxref-hist.zip").content)) as archive:
        assert archive.namelist() == ["eurofxref-hist.csv"]
        rows = list(csv.DictReader(io.StringIO(archive.read("eurofxref-hist.csv").decode())))
    days = [cube for cube in ElementTree.fromstring(http.get(base + "eurofxref-hist.xml").content).iter() if "time" in cube.attrib]
    assert rows[0]["Date"] == days[0].attrib["time"] == "2025-03-13"
    assert rows[-1]["Date"] == "2017-01-02"
    assert len(rows) == len(days)
    assert {cube.attrib["currency"]: cube.attrib["rate"] for cube in days[0]}["USD"] == rows[0]["USD"]
    assert rows[0]["RUB"] == "N/A"
    assert len(rows[0]["USD"].partition(".")[2]) == 4


def test_a_rate_is_out_at_four_in_frankfurt(own_venues: Sandbox, http: httpx.Client) -> None:
    url = own_venues.urls["ecb"] + "/stats/eurofxref/eurofxref-daily.xml"
    own_venues.world.clock.set(parse("2025-03-14T14:59:59Z"))
    assert 'time="2025-03-13"' in http.get(url).text
    own_venues.world.clock.set(parse("2025-03-14T15:00:00Z"))
    assert 'time="2025-03-14"' in http.get(url).text


def test_the_90_days_file_is_short_and_knows_easter(own_venues: Sandbox, http: httpx.Client) -> None:
    own_venues.world.clock.set(parse("2025-05-02T18:00:00Z"))
    text = http.get(own_venues.urls["ecb"] + "/stats/eurofxref/eurofxref-hist-90d.xml").text
    assert easter(2025) == date(2025, 4, 20)
    assert text.count("time=") == 64
    assert 'time="2025-04-17"' in text
    assert 'time="2025-04-18"' not in text
    assert 'time="2025-04-21"' not in text
    assert 'time="2025-05-01"' not in text
