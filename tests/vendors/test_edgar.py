"""EDGAR: facts known from the acceptance of their filing, over HTTP and from a folder of the same shape."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tradewinds.core import instant
from tradewinds.core.errors import Missing, Rejected, Transient, Unreadable
from tradewinds.core.instant import from_date
from tradewinds.core.observation import Payload, Pull, Request
from tradewinds.vendors.edgar import Edgar
from tradewinds.vendors.edgar_facts import accepted_ns, sector
from tradewinds.wire.http import HttpClient

if TYPE_CHECKING:
    from tests.vendors.conftest import Loopback

CAPTURED_NS = 1_800_000_000_000_000_000
COMPANY = "CIK0000000123"
INSTRUMENT = f"{COMPANY}.EDGAR"
OLD, NEW = "0000000123-13-000004", "0000000123-24-000010"


def filings(*rows: tuple[str, str, str, str]) -> dict[str, list[str]]:
    """(accession, accepted, filed, form) as the columns of a submissions document."""
    return {
        "accessionNumber": [row[0] for row in rows],
        "acceptanceDateTime": [row[1] for row in rows],
        "filingDate": [row[2] for row in rows],
        "reportDate": ["2023-12-31" if row[3] == "10-K" else "" for row in rows],
        "form": [row[3] for row in rows],
        "primaryDocument": ["report.htm" for _ in rows],
    }


SUBMISSIONS = {
    "cik": "123",
    "name": "Example Instruments Inc",
    "sic": "3571",
    "sicDescription": "Electronic Computers",
    "tickers": ["EXI"],
    "exchanges": ["Nasdaq"],
    "filings": {
        "recent": filings(
            (NEW, "2024-02-01T18:03:38.000Z", "2024-02-02", "10-K"),
            ("0000000123-24-000011", "2024-03-01T12:00:00.000Z", "2024-03-01", "8-K"),
        ),
        "files": [{"name": f"{COMPANY}-submissions-001.json"}],
    },
}
OLDER = filings((OLD, "2013-02-01T23:30:00.000Z", "2013-02-01", "10-K"))
FACTS = {
    "cik": 123,
    "entityName": "Example Instruments Inc",
    "facts": {
        "dei": {
            "EntityCommonStockSharesOutstanding": {
                "units": {
                    "shares": [
                        {
                            "end": "2024-01-19",
                            "val": 15000000000,
                            "accn": NEW,
                            "fy": 2023,
                            "fp": "FY",
                            "form": "10-K",
                            "filed": "2024-02-02",
                        }
                    ]
                }
            }
        },
        "us-gaap": {
            "Revenues": {
                "units": {
                    "USD": [
                        {
                            "start": "2012-01-01",
                            "end": "2012-12-31",
                            "val": 100.5,
                            "accn": OLD,
                            "fy": 2012,
                            "fp": "FY",
                            "form": "10-K",
                            "filed": "2013-02-01",
                        },
                        {
                            "start": "2023-01-01",
                            "end": "2023-12-31",
                            "val": 383285000000,
                            "accn": NEW,
                            "fy": 2023,
                            "fp": "FY",
                            "form": "10-K",
                            "filed": "2024-02-02",
                            "frame": "CY2023",
                        },
                        {"start": "2022-01-01", "end": "2022-12-31", "val": None, "accn": "9999999999-99-999999", "filed": "2023-02-03"},
                    ]
                }
            }
        },
    },
}


def request(dataset: str, *instruments: str) -> Request:
    return Request(dataset, instruments or (INSTRUMENT,), from_date(date(2000, 1, 1)), from_date(date(2025, 1, 1)), CAPTURED_NS)


@pytest.fixture
def served(loopback: Loopback) -> Loopback:
    loopback.answers[f"/submissions/{COMPANY}.json"] = json.dumps(SUBMISSIONS)
    loopback.answers[f"/submissions/{COMPANY}-submissions-001.json"] = json.dumps(OLDER)
    loopback.answers[f"/api/xbrl/companyfacts/{COMPANY}.json"] = json.dumps(FACTS)
    return loopback


def everything(vendor: Edgar, dataset: str):  # type: ignore[no-untyped-def]  # (payloads, polars frames)
    (pull,) = vendor.plan(request(dataset))
    payloads = list(vendor.capture(pull))
    return payloads, [vendor.parse(payload) for payload in payloads]


def test_facts_are_about_their_period_and_known_from_the_acceptance_of_their_filing(http: HttpClient, served: Loopback) -> None:
    payloads, tables = everything(Edgar(http, base_url=served.url), "company-facts")

    assert [table.height for table in tables] == [0, 0, 4]
    facts = tables[-1].filter(tables[-1]["concept"] == "Revenues").sort("start_ns")
    assert facts["value"].to_list() == [100.5, None, 383285000000.0]
    assert facts["days"].to_list() == [365, 364, 364]
    assert [instant.text(event)[:10] for event in facts["event_ns"]] == ["2012-12-31", "2022-12-31", "2023-12-31"]
    assert [instant.text(known) for known in facts["known_ns"]] == [
        "2013-02-01T23:30:00Z",  # New York's offices are closed at 23:30, so this one is UTC
        "2023-02-04T03:00:00Z",  # no acceptance known: 22:00 New York of the filing day
        "2024-02-01T23:03:38Z",  # read as New York's clock
    ]
    assert facts.row(2, named=True)["frame"] == "CY2023"
    assert payloads[0].pull.locator.endswith(f"/submissions/{COMPANY}.json")


def test_the_bytes_alone_with_their_pull_give_the_same_rows_again(http: HttpClient, served: Loopback) -> None:
    payloads, tables = everything(Edgar(http, base_url=served.url), "company-facts")
    served.answers.clear()

    again = Edgar(http, base_url="http://127.0.0.1:1").parse(payloads[-1])

    assert again.equals(tables[-1])


def test_a_folder_of_the_same_shape_gives_the_same_facts(http: HttpClient, served: Loopback, tmp_path: Path) -> None:
    for name, body in ((f"{COMPANY}.json", SUBMISSIONS), (f"{COMPANY}-submissions-001.json", OLDER)):
        (tmp_path / "submissions").mkdir(exist_ok=True)
        (tmp_path / "submissions" / name).write_text(json.dumps(body))
    (tmp_path / "companyfacts").mkdir()
    (tmp_path / "companyfacts" / f"{COMPANY}.json").write_text(json.dumps(FACTS))

    _, over_http = everything(Edgar(http, base_url=served.url), "company-facts")
    payloads, from_folder = everything(Edgar(http, base_url=str(tmp_path)), "company-facts")

    assert from_folder[-1].equals(over_http[-1])
    assert payloads[-1].pull.locator == f"companyfacts/{COMPANY}.json"


def test_facts_without_submissions_are_known_at_the_end_of_their_filing_day(http: HttpClient, tmp_path: Path) -> None:
    (tmp_path / "companyfacts").mkdir()
    (tmp_path / "companyfacts" / f"{COMPANY}.json").write_text(json.dumps(FACTS))

    _, (rows,) = everything(Edgar(http, base_url=f"file://{tmp_path}"), "company-facts")

    assert instant.text(rows.filter(rows["frame"] == "CY2023")["known_ns"][0]) == "2024-02-03T03:00:00Z"


def test_shares_outstanding_are_a_dataset_of_their_own(http: HttpClient, served: Loopback) -> None:
    _, tables = everything(Edgar(http, base_url=served.url), "shares-outstanding")

    assert tables[-1].select("instrument", "shares", "filed").rows() == [(INSTRUMENT, 15000000000.0, date(2024, 2, 2))]


def test_filings_stand_at_their_acceptance_older_pages_included(http: HttpClient, served: Loopback) -> None:
    _, tables = everything(Edgar(http, base_url=served.url), "filings")

    assert [table.height for table in tables] == [2, 1]
    row = tables[0].row(0, named=True)
    assert (row["accession"], row["form"], row["filed"], row["report_date"]) == (NEW, "10-K", date(2024, 2, 2), date(2023, 12, 31))
    assert instant.text(row["known_ns"]) == "2024-02-01T23:03:38Z"
    assert tables[0]["report_date"].to_list() == [date(2023, 12, 31), None]


def test_a_profile_is_known_from_when_we_saw_it(http: HttpClient, served: Loopback) -> None:
    _, (profile,) = everything(Edgar(http, base_url=served.url), "company-profile")

    row = profile.row(0, named=True)
    assert (row["name"], row["sic"], row["sector"], row["tickers"]) == ("Example Instruments Inc", "3571", "business equipment", "EXI")
    assert row["known_ns"] == CAPTURED_NS
    assert instant.text(row["event_ns"]) == "2024-03-01T17:00:00Z"


@pytest.mark.parametrize(
    ("sic", "name"),
    [
        (100, "consumer nondurables"),
        (1311, "energy"),
        (2834, "health"),
        (2860, "chemicals"),
        (3711, "consumer durables"),
        (3674, "business equipment"),
        (4813, "telecommunications"),
        (4911, "utilities"),
        (5331, "shops"),
        (6021, "finance"),
        (1700, "other"),
        (9995, "other"),
    ],
)
def test_an_industry_code_belongs_to_a_sector(sic: int, name: str) -> None:
    assert sector(sic) == name


def test_an_acceptance_time_is_read_as_the_later_of_its_two_meanings() -> None:
    assert instant.text(accepted_ns("2025-05-01T16:21:59.000Z", "t")) == "2025-05-01T20:21:59Z"
    assert instant.text(accepted_ns("2025-05-01T03:10:00.000Z", "t")) == "2025-05-01T03:10:00Z"
    with pytest.raises(Unreadable, match=r"t: acceptanceDateTime 'soon'"):
        accepted_ns("soon", "t")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"facts": []}, r"edgar company-facts CIK0000000123: '\[\]', expected a JSON object"),
        (
            {"facts": {"us-gaap": {"Assets": {"units": {"USD": [{"end": "2024-1", "filed": "2024-02-02", "accn": NEW, "val": 1}]}}}}},
            r"Assets: date '2024-1'",
        ),
        (
            {
                "facts": {
                    "us-gaap": {"Assets": {"units": {"USD": [{"end": "2024-01-01", "filed": "2024-02-02", "accn": NEW, "val": "1x"}]}}}
                }
            },
            r"Assets: fact .*1x",
        ),
        ({"message": "rate"}, r"expected a JSON object"),
    ],
)
def test_what_is_no_document_of_facts_is_refused(http: HttpClient, body: object, message: str) -> None:
    pull = Pull("edgar", "company-facts", "x", {"company": COMPANY, "accepted": "{}"})

    with pytest.raises(Unreadable, match=message):
        Edgar(http).parse(Payload(pull, json.dumps(body).encode(), CAPTURED_NS))


def test_refusals_are_typed_and_the_sec_is_told_who_asks(http: HttpClient, served: Loopback) -> None:
    served.answers[f"/api/xbrl/companyfacts/{COMPANY}.json"] = (429, {"Retry-After": "600"}, "Request Rate Threshold Exceeded")
    vendor = Edgar(http, base_url=served.url, options={"contact": "A Fund data@fund.example"})

    with pytest.raises(Transient, match=r"edgar company-facts CIK0000000123: HTTP 429"):
        list(vendor.capture(vendor.plan(request("company-facts"))[0]))
    assert served.asked[0].headers["user-agent"] == "tradewinds A Fund data@fund.example"
    with pytest.raises(Rejected, match=r"no contact"):
        list(Edgar(http).capture(Edgar(http).plan(request("filings"))[0]))
    with pytest.raises(Missing, match=r"HTTP 404"):
        list(vendor.capture(vendor.plan(request("filings", "CIK0000000999.EDGAR"))[0]))
    with pytest.raises(Rejected, match=r"instrument 'AAPL.XNAS', expected ten digits"):
        vendor.plan(request("filings", "AAPL.XNAS"))
