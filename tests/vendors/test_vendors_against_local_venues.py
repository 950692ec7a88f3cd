"""The adapters and the local venues speak the same wire: what the venues serve, the adapters read."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date

import polars as pl
import pytest

from tradewinds.core import instant
from tradewinds.core.errors import Rejected
from tradewinds.core.instant import from_date, parse
from tradewinds.core.observation import Request
from tradewinds.core.ports import Vendor
from tradewinds.sandbox.config import SandboxConfig
from tradewinds.sandbox.server import Sandbox
from tradewinds.vendors.cftc import Cftc
from tradewinds.vendors.ecb import Ecb
from tradewinds.vendors.edgar import Edgar
from tradewinds.vendors.tiingo import Tiingo
from tradewinds.wire.http import HttpClient, Limits
from tradewinds.wire.secret import Secret

NOW_NS = parse("2024-03-08T12:00:00Z")


class VenueClock:
    def now_ns(self) -> int:
        return NOW_NS


@pytest.fixture(scope="module")
def venues() -> Iterator[Sandbox]:
    with Sandbox(SandboxConfig(seed=7, now_ns=NOW_NS)) as running:
        yield running


@pytest.fixture
def client() -> Iterator[HttpClient]:
    with HttpClient(VenueClock(), sleep=lambda seconds: None, random=random.Random(7), limits=Limits(attempts_max=1)) as found:
        yield found


def rows(vendor: Vendor, dataset: str, *instruments: str, first: date = date(2024, 2, 1), end: date = date(2024, 3, 8)) -> pl.DataFrame:
    request = Request(dataset, instruments, from_date(first), from_date(end), NOW_NS)
    return pl.concat([vendor.parse(payload) for pull in vendor.plan(request) for payload in vendor.capture(pull)])


@pytest.mark.parametrize("dataset", ["cot", "cot-disaggregated", "cot-financial"])
@pytest.mark.parametrize("report", ["futures", "combined"])
def test_the_commitments_of_traders_by_api_and_by_file_are_the_same(client: HttpClient, venues: Sandbox, dataset: str, report: str) -> None:
    by_api = rows(Cftc(client, base_url=venues.urls["cftc"], options={"report": report, "page": "50"}), dataset)
    archive = Cftc(client, base_url=venues.urls["cftc"], options={"report": report, "source": "archive"})
    by_file = rows(archive, dataset).filter(pl.col("start_ns") >= from_date(date(2024, 2, 1)))

    assert by_api.height > 0
    assert by_api["start_ns"].max() == from_date(date(2024, 2, 27))  # that of 5 March comes out this evening
    assert by_api["known_ns"].max() == parse("2024-03-01T20:30:00Z")
    same = ["instrument", "report", "start_ns", "known_ns", "open_interest", "nonreportable_short", "market"]
    assert by_api.select(same).sort(same).equals(by_file.select(same).sort(same))


def test_the_reference_rates_of_the_last_days(client: HttpClient, venues: Sandbox) -> None:
    vendor = Ecb(client, base_url=venues.urls["ecb"])
    recent = rows(vendor, "reference-rates", "EURUSD.ECB", first=date(2024, 3, 4))
    history = rows(
        Ecb(client, base_url=venues.urls["ecb"], options={"file": "hist"}), "reference-rates", "EURUSD.ECB", first=date(2024, 3, 4)
    )
    today = rows(Ecb(client, base_url=venues.urls["ecb"], options={"file": "daily"}), "reference-rates", "EURUSD.ECB")

    assert [instant.text(known) for known in recent["known_ns"]] == [f"2024-03-0{day}T15:00:00Z" for day in (4, 5, 6, 7)]
    assert history.drop("source").equals(recent.drop("source"))
    assert today["rate"].to_list() == recent["rate"].to_list()[-1:]


def test_the_filings_of_a_company(client: HttpClient, venues: Sandbox) -> None:
    company = "CIK0000320193.EDGAR"
    vendor = Edgar(client, base_url=venues.urls["edgar"], options={"contact": "A Fund data@fund.example"})

    facts = rows(vendor, "company-facts", company)
    profile = rows(vendor, "company-profile", company)

    assert set(facts["concept"].unique()) >= {"Revenues", "Assets"}
    assert facts["known_ns"].max() <= NOW_NS
    assert facts.filter(pl.col("known_ns") < pl.col("event_ns")).height == 0
    assert profile["sector"].to_list() == ["business equipment"]
    assert rows(vendor, "shares-outstanding", company).height > 0
    assert rows(vendor, "filings", company)["accession"].is_unique().all()


def test_the_sessions_of_tiingo_need_its_key(client: HttpClient, venues: Sandbox) -> None:
    vendor = Tiingo(client, base_url=venues.urls["tiingo"], secret=Secret(venues.config.tiingo_token))
    stranger = Tiingo(client, base_url=venues.urls["tiingo"], secret=Secret("not-it"))

    bars = rows(vendor, "bars-1d", "AAPL.XNAS", first=date(2024, 3, 4))

    assert [instant.text(start)[:10] for start in bars["start_ns"]] == ["2024-03-04", "2024-03-05", "2024-03-06", "2024-03-07"]
    assert (bars["low"] <= bars["high"]).all()
    with pytest.raises(Rejected):
        rows(stranger, "bars-1d", "AAPL.XNAS")
