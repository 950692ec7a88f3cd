"""ECB reference rates: XML and CSV of the same days, known from four in the afternoon in Frankfurt."""

from __future__ import annotations

import io
import zipfile
from datetime import date
from typing import TYPE_CHECKING

import pytest

from tradewinds.core import instant
from tradewinds.core.errors import Missing, Rejected, Unreadable
from tradewinds.core.instant import NS_PER_DAY, from_date
from tradewinds.core.observation import Payload, Pull, Request
from tradewinds.vendors.ecb import Ecb
from tradewinds.wire.http import HttpClient

if TYPE_CHECKING:
    from tests.vendors.conftest import Loopback

CAPTURED_NS = 1_800_000_000_000_000_000
CSV = b"Date,USD,JPY,CYP,\n2024-07-05,1.0823,174.22,N/A,\n2024-01-05,1.0921,158.41,N/A,\n2007-12-31,1.4721,164.93,0.585274,\n"
XML = b"""<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
<gesmes:subject>Reference rates</gesmes:subject>
<Cube><Cube time="2024-07-05"><Cube currency="USD" rate="1.0823"/><Cube currency="JPY" rate="174.22"/></Cube>
<Cube time="2024-01-05"><Cube currency="USD" rate="1.0921"/><Cube currency="JPY" rate="158.41"/></Cube></Cube></gesmes:Envelope>"""


def zipped(content: bytes) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("eurofxref-hist.csv"), content, zipfile.ZIP_DEFLATED)  # the same bytes at any time
    return memory.getvalue()


def request(first: date, end: date, *instruments: str, now: date = date(2027, 1, 15)) -> Request:
    return Request("reference-rates", instruments, from_date(first), from_date(end), from_date(now))


def payload(content: bytes, **params: str) -> Payload:
    return Payload(Pull("ecb", "reference-rates", "x/eurofxref", params), content, CAPTURED_NS)


def test_the_history_is_asked_for_once_and_cut_to_the_days_and_currencies_asked_for(http: HttpClient, loopback: Loopback) -> None:
    loopback.answers["/stats/eurofxref/eurofxref-hist.zip"] = zipped(CSV)
    vendor = Ecb(http, base_url=loopback.url)

    (pull,) = vendor.plan(request(date(2024, 1, 5), date(2024, 7, 5), "EURUSD.ECB"))
    (captured,) = vendor.capture(pull)
    rows = vendor.parse(captured)

    assert rows.select("instrument", "rate").rows() == [("EURUSD.ECB", 1.0921)]
    assert captured.content == zipped(CSV)


def test_a_rate_is_agreed_at_a_quarter_past_two_and_known_at_four_frankfurt_time(http: HttpClient) -> None:
    rows = Ecb(http).parse(payload(CSV, currencies="USD"))

    assert [instant.text(event) for event in rows["event_ns"]] == [
        "2007-12-31T13:15:00Z",
        "2024-01-05T13:15:00Z",
        "2024-07-05T12:15:00Z",
    ]
    assert [instant.text(known) for known in rows["known_ns"]] == [
        "2007-12-31T15:00:00Z",
        "2024-01-05T15:00:00Z",
        "2024-07-05T14:00:00Z",
    ]
    assert rows["start_ns"].to_list() == rows["event_ns"].to_list()


def test_a_currency_that_was_not_quoted_has_no_row(http: HttpClient) -> None:
    rows = Ecb(http).parse(payload(CSV))

    assert rows.filter(rows["instrument"] == "EURCYP.ECB")["rate"].to_list() == [0.585274]
    assert rows.height == 7


def test_xml_and_csv_of_the_same_days_give_the_same_rates(http: HttpClient) -> None:
    window = {"first": "2024-01-01", "end": "2024-12-31"}

    from_csv, from_xml = Ecb(http).parse(payload(CSV, **window)), Ecb(http).parse(payload(XML, **window))

    assert from_xml.height == 4
    assert from_csv.drop("source").equals(from_xml.drop("source"))


def test_recent_days_come_from_the_smaller_file_unless_another_is_named(http: HttpClient) -> None:
    recent = request(date(2026, 12, 1), date(2027, 1, 15))
    old = request(date(2026, 1, 1), date(2027, 1, 15))

    assert Ecb(http).plan(recent)[0].locator.endswith("/stats/eurofxref/eurofxref-hist-90d.xml")
    assert Ecb(http).plan(old)[0].locator.endswith("/stats/eurofxref/eurofxref-hist.zip")
    assert Ecb(http, options={"file": "daily"}).plan(old)[0].locator.endswith("/eurofxref-daily.xml")


def test_a_part_of_a_day_asks_for_that_whole_day(http: HttpClient) -> None:
    noon = Request("reference-rates", (), from_date(date(2024, 1, 5)), from_date(date(2024, 1, 5)) + NS_PER_DAY // 2, CAPTURED_NS)

    assert Ecb(http).plan(noon)[0].params == {"first": "2024-01-05", "end": "2024-01-06"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"ecb eurofxref: an empty file"),
        (b"<html><body>maintenance</body></html>", r"maintenance.*expected days with rates"),
        (XML[:300], r"expected the bank's XML"),
        (b"Date,USD,\n2024-01-05,1.09x,\n", r"ecb eurofxref line 2: USD '1.09x', expected a number"),
        (b"Date,USD\n2024-01-05\n", r"line 2: 1 cells"),
        (zipped(CSV)[:50], r"archive of 50 bytes cannot be unpacked"),
    ],
)
def test_what_is_no_table_of_rates_is_refused(http: HttpClient, content: bytes, message: str) -> None:
    with pytest.raises(Unreadable, match=message):
        Ecb(http).parse(payload(content))


def test_an_absent_file_is_missing_and_a_wrong_instrument_is_refused(http: HttpClient, loopback: Loopback) -> None:
    vendor = Ecb(http, base_url=loopback.url)

    with pytest.raises(Missing, match=r"ecb eurofxref-hist.zip: HTTP 404"):
        list(vendor.capture(vendor.plan(request(date(2020, 1, 1), date(2020, 2, 1)))[0]))
    with pytest.raises(Rejected, match=r"instrument 'USDJPY.ECB', expected one such as EURUSD.ECB"):
        vendor.plan(request(date(2020, 1, 1), date(2020, 2, 1), "USDJPY.ECB"))


def test_the_zipped_file_of_one_day_writes_its_date_in_words(http: HttpClient) -> None:
    rows = Ecb(http).parse(payload(b"Date, USD, JPY, \n05 January 2024, 1.0921, 158.41, \n"))

    assert rows.select("instrument", "rate").rows() == [("EURJPY.ECB", 158.41), ("EURUSD.ECB", 1.0921)]
    assert instant.text(rows["known_ns"][0]) == "2024-01-05T15:00:00Z"
