"""Tiingo and EDGAR, asked by third-party clients as they are and by hand."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tradewinds.core.instant import parse
from tradewinds.sandbox.faults import Fault
from tradewinds.sandbox.server import Sandbox

TOKEN = {"Authorization": "Token sandbox-tiingo-token"}
AGENT = {"User-Agent": "Tradewinds tests tests@example.org"}


def prices(http: httpx.Client, venues: Sandbox, ticker: str, **params: str) -> Any:
    return http.get(f"{venues.urls['tiingo']}/tiingo/daily/{ticker}/prices", params=params, headers=TOKEN).json()


def test_the_tiingo_client_reads_prices(venues: Sandbox) -> None:
    tiingo = pytest.importorskip("tiingo")
    client = tiingo.TiingoClient({"api_key": "sandbox-tiingo-token"})
    client._base_url = venues.urls["tiingo"]
    rows = client.get_ticker_price("AAPL", startDate="2025-03-03", endDate="2025-03-07")
    assert [row["date"][:10] for row in rows] == ["2025-03-03", "2025-03-04", "2025-03-05", "2025-03-06", "2025-03-07"]
    assert client.get_ticker_metadata("AAPL")["exchangeCode"] == "NASDAQ"
    assert client.get_ticker_price("AAPL", startDate="2025-03-03", fmt="csv").startswith("date,close,high")


def test_a_split_divides_the_price_and_the_adjusted_one_stays(venues: Sandbox, http: httpx.Client) -> None:
    before, after = prices(http, venues, "nvda", startDate="2024-06-07", endDate="2024-06-10")
    assert (before["splitFactor"], after["splitFactor"]) == (1.0, 10.0)
    assert before["close"] / after["close"] == pytest.approx(10, rel=0.15)
    assert before["adjClose"] / after["adjClose"] == pytest.approx(1, rel=0.15)
    assert before["adjClose"] == pytest.approx(before["close"] / 10, rel=0.01)
    assert before["adjVolume"] == pytest.approx(before["volume"] * 10, rel=0.01)


def test_the_adjusted_past_changes_when_a_split_comes(own_venues: Sandbox, http: httpx.Client) -> None:
    own_venues.world.clock.set(parse("2024-06-08T12:00:00Z"))
    before = prices(http, own_venues, "NVDA", startDate="2024-06-07", endDate="2024-06-07")[0]
    own_venues.world.clock.set(parse("2024-06-12"))
    after = prices(http, own_venues, "NVDA", startDate="2024-06-07", endDate="2024-06-07")[0]
    assert before["close"] == after["close"]
    assert before["adjClose"] == before["close"]
    assert after["adjClose"] == pytest.approx(before["adjClose"] / 10)


def test_a_session_is_out_in_the_evening(own_venues: Sandbox, http: httpx.Client) -> None:
    own_venues.world.clock.set(parse("2025-03-12T20:00:00Z"))
    assert prices(http, own_venues, "KO")[0]["date"][:10] == "2025-03-11"
    own_venues.world.clock.set(parse("2025-03-13T00:30:00Z"))
    assert prices(http, own_venues, "KO")[0]["date"][:10] == "2025-03-12"


def test_dividends_fall_every_quarter(venues: Sandbox, http: httpx.Client) -> None:
    year = prices(http, venues, "XOM", startDate="2024-01-01", endDate="2024-12-31")
    assert len(year) == 252
    assert [row["date"][5:7] for row in year if row["divCash"] > 0] == ["02", "05", "08", "11"]


def test_restated_and_missing_sessions(own_venues: Sandbox, http: httpx.Client) -> None:
    span = {"startDate": "2025-02-03", "endDate": "2025-02-28"}
    clean = prices(http, own_venues, "JPM", **span)
    own_venues.world.faults.add(Fault("restated", venue="tiingo", amount=0.3, seed=2))
    restated = prices(http, own_venues, "JPM", **span)
    changed = [one["date"] for one, two in zip(clean, restated, strict=True) if one != two]
    assert 0 < len(changed) < len(clean)
    own_venues.world.faults.add(
        Fault(
            "missing", venue="tiingo", symbol="JPM", amount=1.0, start_ms=parse("2025-02-10") // 10**6, end_ms=parse("2025-02-12") // 10**6
        )
    )
    assert {row["date"] for row in restated} - {row["date"] for row in prices(http, own_venues, "JPM", **span)} == {
        "2025-02-10T00:00:00.000Z",
        "2025-02-11T00:00:00.000Z",
    }


@pytest.mark.parametrize(("headers", "status"), [({}, 403), ({"Authorization": "Token another"}, 401)])
def test_tiingo_wants_its_token(venues: Sandbox, http: httpx.Client, headers: dict[str, str], status: int) -> None:
    assert http.get(venues.urls["tiingo"] + "/tiingo/daily/AAPL/prices", headers=headers).status_code == status


def test_the_token_may_stand_in_the_address_and_is_not_logged(own_venues: Sandbox, http: httpx.Client) -> None:
    answer = http.get(own_venues.urls["tiingo"] + "/tiingo/daily/NOSUCH/prices?token=sandbox-tiingo-token")
    assert (answer.status_code, answer.json()) == (404, {"detail": "Not found."})
    assert "sandbox-tiingo-token" not in str(own_venues.world.requests.describe())


def test_edgar_wants_to_know_who_asks(venues: Sandbox, http: httpx.Client) -> None:
    url = venues.urls["edgar"] + "/submissions/CIK0000320193.json"
    assert http.get(url).status_code == 403
    assert http.get(url, headers={"User-Agent": ""}).status_code == 403
    assert http.get(url, headers=AGENT).json()["tickers"] == ["AAPL"]


def test_facts_name_filings_that_the_submissions_list(venues: Sandbox, http: httpx.Client) -> None:
    recent = http.get(venues.urls["edgar"] + "/submissions/CIK0000320193.json", headers=AGENT).json()["filings"]["recent"]
    facts = http.get(venues.urls["edgar"] + "/api/xbrl/companyfacts/CIK0000320193.json", headers=AGENT).json()
    assets = facts["facts"]["us-gaap"]["Assets"]["units"]["USD"]
    assert {fact["accn"] for fact in assets} == set(recent["accessionNumber"])
    assert all(fact["filed"] > fact["end"] for fact in assets)
    assert len({len(column) for column in recent.values()}) == 1
    told_twice = [fact for fact in assets if fact["end"] == "2022-12-31"]
    assert sorted(fact["filed"][:4] for fact in told_twice) == ["2023", "2024"]
    shares = facts["facts"]["dei"]["EntityCommonStockSharesOutstanding"]["units"]["shares"]
    assert shares[-1]["val"] > 1e10


def test_a_filing_is_unknown_before_it_was_accepted(own_venues: Sandbox, http: httpx.Client) -> None:
    url = own_venues.urls["edgar"] + "/submissions/CIK0000019617.json"
    recent = http.get(url, headers=AGENT).json()["filings"]["recent"]
    accepted = parse(recent["acceptanceDateTime"][0])
    own_venues.world.clock.set(accepted - 1_000_000_000)
    assert http.get(url, headers=AGENT).json()["filings"]["recent"]["accessionNumber"] == recent["accessionNumber"][1:]


def test_an_unknown_company_is_not_found(venues: Sandbox, http: httpx.Client) -> None:
    assert http.get(venues.urls["edgar"] + "/submissions/CIK0000000001.json", headers=AGENT).status_code == 404
    assert http.get(venues.urls["edgar"] + "/files/company_tickers.json", headers=AGENT).json()["0"]["ticker"] == "AAPL"
    concept = http.get(venues.urls["edgar"] + "/api/xbrl/companyconcept/CIK0000320193/us-gaap/Revenues.json", headers=AGENT).json()
    assert concept["tag"] == "Revenues"
