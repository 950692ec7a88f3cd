"""EDGAR: submissions and company facts. Whoever does not say who they are gets 403, as at the SEC.

A quarter's report is accepted about a month after the quarter's end, in the evening of New York; before that nobody sees it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from tradewinds.sandbox.companies import Company, companies
from tradewinds.sandbox.market import SeededMarket
from tradewinds.sandbox.world import World

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

FIRST_YEAR = 2015
ANONYMOUS = ("", "python-requests", "python-urllib", "python-httpx", "curl", "wget", "go-http-client", "mozilla/4.0")
_NEW_YORK = ZoneInfo("America/New_York")
_QUARTERS = ((3, 31), (6, 30), (9, 30), (12, 31))
_FLOWS = {"Revenues": ("Revenues", 0.06), "NetIncomeLoss": ("Net Income (Loss)", 0.012)}
_STOCKS = {"Assets": ("Assets", 0.4), "StockholdersEquity": ("Stockholders' Equity", 0.12)}


@dataclass(frozen=True, slots=True)
class Filing:
    """One periodic report."""

    accession: str
    form: str
    start: date
    end: date
    filed: date
    accepted: datetime
    year: int
    period: str
    figures: dict[str, int]
    shares: int


def routes(world: World) -> list[Route]:
    """The addresses of data.sec.gov, and the list of tickers of www.sec.gov."""
    from starlette.responses import JSONResponse, PlainTextResponse
    from starlette.routing import Route

    known = {company.cik: company for company in companies().values()}

    def endpoint(answer: Any) -> Any:
        async def call(request: Request) -> Response:
            agent = request.headers.get("user-agent", "").lower()
            if any(agent.startswith(name) if name else not agent for name in ANONYMOUS):
                return PlainTextResponse(
                    "<html><head><title>SEC.gov | Request Rate Threshold Exceeded</title></head></html>", 403, media_type="text/html"
                )
            company = known.get(int(request.path_params.get("cik", 0)))
            if company is None and "cik" in request.path_params:
                return PlainTextResponse("<Error><Code>NoSuchKey</Code></Error>", 404, media_type="application/xml")
            body = answer(world, company, request.path_params)
            return JSONResponse(body) if body is not None else PlainTextResponse("not found", 404)

        return call

    return [
        Route("/submissions/CIK{cik:int}.json", endpoint(submissions)),
        Route("/api/xbrl/companyfacts/CIK{cik:int}.json", endpoint(company_facts)),
        Route("/api/xbrl/companyconcept/CIK{cik:int}/{taxonomy}/{concept}.json", endpoint(_concept)),
        Route("/files/company_tickers.json", endpoint(_tickers)),
    ]


def filings(market: SeededMarket, company: Company, now: datetime) -> list[Filing]:
    """The periodic reports accepted until now, oldest first."""
    found: list[Filing] = []
    for year in range(FIRST_YEAR, now.year + 1):
        for quarter, (month, day) in enumerate(_QUARTERS, 1):
            generator = market.generator("filing", company.cik, year, quarter)
            end = date(year, month, day)
            filed = end + timedelta(days=26 + int(generator.integers(0, 15)) + (20 if quarter == 4 else 0))
            filed += timedelta(days={5: 2, 6: 1}.get(filed.weekday(), 0))
            accepted = datetime.combine(filed, time(16, int(generator.integers(0, 60)), int(generator.integers(0, 60))), _NEW_YORK)
            if accepted > now:
                continue
            growth = 1.05 ** (year - 2024 + quarter / 4)
            scale = company.price * company.shares * growth
            later = 1.0
            for split_day, ratio in company.splits:
                later *= ratio if split_day > filed else 1.0
            noise = generator.normal(1.0, 0.04, 4)
            names = {**_FLOWS, **_STOCKS}
            figures = {name: int(scale * share * noise[at]) // 1_000_000 * 1_000_000 for at, (name, (_, share)) in enumerate(names.items())}
            shares = int(company.shares / later * (1 + 0.004 * (2024 - year)))
            accession = f"{company.cik:010d}-{filed.year % 100:02d}-{len(found) + 1:06d}"
            form, period = ("10-K", "FY") if quarter == 4 else ("10-Q", f"Q{quarter}")
            start = date(year, 1, 1) if quarter == 4 else date(year, month - 2, 1)
            found.append(Filing(accession, form, start, end, filed, accepted, year, period, figures, shares))
    return found


def submissions(world: World, company: Company, path: dict[str, Any]) -> dict[str, Any]:
    """The profile of a company and its filings, newest first."""
    latest = filings(world.market, company, _now(world))[::-1]
    return {
        "cik": f"{company.cik:010d}",
        "entityType": "operating",
        "sic": company.sic,
        "sicDescription": company.industry,
        "name": company.name,
        "tickers": [company.ticker],
        "exchanges": [company.exchange],
        "category": "Large accelerated filer",
        "fiscalYearEnd": "1231",
        "stateOfIncorporation": "DE",
        "formerNames": [],
        "filings": {
            "recent": {
                "accessionNumber": [each.accession for each in latest],
                "filingDate": [each.filed.isoformat() for each in latest],
                "reportDate": [each.end.isoformat() for each in latest],
                "acceptanceDateTime": [each.accepted.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z") for each in latest],
                "act": ["34"] * len(latest),
                "form": [each.form for each in latest],
                "fileNumber": ["001-00001"] * len(latest),
                "items": [""] * len(latest),
                "size": [1_000_000] * len(latest),
                "isXBRL": [1] * len(latest),
                "isInlineXBRL": [1] * len(latest),
                "primaryDocument": [f"{company.ticker.lower()}-{each.end:%Y%m%d}.htm" for each in latest],
                "primaryDocDescription": [each.form for each in latest],
            },
            "files": [],
        },
    }


def company_facts(world: World, company: Company, path: dict[str, Any]) -> dict[str, Any]:
    """Every figure of every filing; a year's report states the year before again."""
    known = filings(world.market, company, _now(world))
    taxonomy: dict[str, Any] = {}
    for name, (label, _) in {**_FLOWS, **_STOCKS}.items():
        facts = [_fact(each, each, name) for each in known]
        facts += [_fact(before, each, name) for before, each in zip(known, known[4:], strict=False) if each.form == before.form == "10-K"]
        facts.sort(key=lambda fact: (fact["end"], fact["filed"]))
        taxonomy[name] = {"label": label, "description": f"{label}, as reported.", "units": {"USD": facts}}
    cover = [{**_stamp(each), "end": (each.filed - timedelta(days=7)).isoformat(), "val": each.shares} for each in known]
    shares = {
        "label": "Entity Common Stock, Shares Outstanding",
        "description": "Number of shares outstanding.",
        "units": {"shares": cover},
    }
    return {
        "cik": company.cik,
        "entityName": company.name,
        "facts": {"dei": {"EntityCommonStockSharesOutstanding": shares}, "us-gaap": taxonomy},
    }


def _fact(about: Filing, told_in: Filing, name: str) -> dict[str, Any]:
    span = {"start": about.start.isoformat()} if name in _FLOWS else {}
    return {**span, "end": about.end.isoformat(), "val": about.figures[name], **_stamp(told_in)}


def _stamp(each: Filing) -> dict[str, Any]:
    return {"accn": each.accession, "fy": each.year, "fp": each.period, "form": each.form, "filed": each.filed.isoformat()}


def _concept(world: World, company: Company, path: dict[str, Any]) -> dict[str, Any] | None:
    found = company_facts(world, company, path)["facts"].get(path["taxonomy"], {}).get(path["concept"])
    return found and {"cik": company.cik, "taxonomy": path["taxonomy"], "tag": path["concept"], "entityName": company.name, **found}


def _tickers(world: World, company: Company | None, path: dict[str, Any]) -> dict[str, Any]:
    rows = ({"cik_str": each.cik, "ticker": each.ticker, "title": each.name} for each in companies().values())
    return {str(number): row for number, row in enumerate(rows)}


def _now(world: World) -> datetime:
    return datetime.fromtimestamp(world.clock.now_ms() / 1000, UTC)
