"""The CFTC's Commitments of Traders: the Socrata data sets, where every number is text, and the yearly zip files."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import anyio.to_thread

from tradewinds.calendars.publication import cot_publication_ns
from tradewinds.core.instant import to_date
from tradewinds.sandbox.cftc_positions import CATEGORIES, FIRST_YEAR, FuturesMarket, futures_markets, positions, report_days
from tradewinds.sandbox.market import SeededMarket
from tradewinds.sandbox.soql import Refused, answer
from tradewinds.sandbox.world import World

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

# Resource -> (kind, with options).
RESOURCES = {
    "6dca-aqww": ("legacy", False),
    "jun7-fc8e": ("legacy", True),
    "72hh-3qpy": ("disaggregated", False),
    "kh3c-gbw2": ("disaggregated", True),
    "gpe5-46if": ("financial", False),
    "yw9f-hn96": ("financial", True),
}
# Name of the yearly file, of the text inside -> kind, with options.
FILES = {
    "deacot": ("annual.txt", "legacy", False),
    "deahistfo": ("annualof.txt", "legacy", True),
    "fut_disagg_txt_": ("f_year.txt", "disaggregated", False),
    "com_disagg_txt_": ("c_year.txt", "disaggregated", True),
    "fut_fin_txt_": ("FinFutYY.txt", "financial", False),
    "com_fin_txt_": ("FinComYY.txt", "financial", True),
}
_YEARS_KEPT = 64
_LEGACY_NAMES = {
    "open_interest_all": "Open Interest (All)",
    "noncomm_positions_long_all": "Noncommercial Positions-Long (All)",
    "noncomm_positions_short_all": "Noncommercial Positions-Short (All)",
    "noncomm_postions_spread_all": "Noncommercial Positions-Spreading (All)",
    "comm_positions_long_all": "Commercial Positions-Long (All)",
    "comm_positions_short_all": "Commercial Positions-Short (All)",
    "tot_rept_positions_long_all": " Total Reportable Positions-Long (All)",
    "tot_rept_positions_short_all": "Total Reportable Positions-Short (All)",
    "nonrept_positions_long_all": "Nonreportable Positions-Long (All)",
    "nonrept_positions_short_all": "Nonreportable Positions-Short (All)",
    "change_in_open_interest_all": "Change in Open Interest (All)",
    "traders_tot_all": "Traders-Total (All)",
}


def routes(world: World) -> list[Route]:
    """The data sets below /resource/, and the files below /files/dea/history/."""
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Route

    reports = Reports(world.market)

    async def resource(request: Request) -> Response:
        found = RESOURCES.get(request.path_params["resource"])
        if found is None:
            return JSONResponse({"code": "dataset.missing", "error": True, "message": "Not found"}, 404)
        asked = {name: value for name, value in request.query_params.items() if name != "$$app_token"}
        try:
            return JSONResponse(await anyio.to_thread.run_sync(_answer, world, reports, found, asked))
        except Refused as error:
            return JSONResponse({"code": error.code, "error": True, "message": str(error), "data": {}}, 400)

    async def file(request: Request) -> Response:
        content = await anyio.to_thread.run_sync(_file, world, reports, request.path_params["name"])
        if content is None:
            return Response("<html><head><title>404 Not Found</title></head></html>", 404, media_type="text/html")
        return Response(content, media_type="application/zip")

    return [Route("/resource/{resource}.json", resource), Route("/files/dea/history/{name}.zip", file)]


class Reports:
    """The rows of every report, made by year."""

    def __init__(self, market: SeededMarket) -> None:
        self._market = market
        self.rows = lru_cache(_YEARS_KEPT)(self._make_rows)

    def _make_rows(self, kind: str, combined: bool, year: int) -> list[tuple[date, dict[str, str]]]:
        found = []
        for day in report_days(year):
            for each in futures_markets(kind):
                numbers = {name: str(value) for name, value in positions(self._market, each, day, kind, combined=combined).items()}
                found.append((day, {**_labels(each, day, combined), **numbers, **_tail(each, combined)}))
        return found


def columns_of(kind: str) -> list[str]:
    """The columns that a data set has."""
    each, day = futures_markets(kind)[0], date(2024, 1, 2)
    sides = [name for _, *names in CATEGORIES[kind] for name in names if name]
    suffix = "" if kind == "disaggregated" else "_all"
    totals = [
        "tot_rept_positions_long_all",
        f"tot_rept_positions_short{suffix}",
        "nonrept_positions_long_all",
        "nonrept_positions_short_all",
    ]
    return [
        *_labels(each, day, False),
        "open_interest_all",
        *sides,
        *totals,
        "change_in_open_interest_all",
        "traders_tot_all",
        *_tail(each, False),
    ]


def _answer(world: World, reports: Reports, found: tuple[str, bool], asked: dict[str, str]) -> list[dict[str, str]]:
    kind, combined = found
    last = to_date(world.clock.now_ns()).year
    rows = [row for year in range(FIRST_YEAR, last + 1) for row in _published(world, reports, kind, combined, year)]
    return answer(rows, columns_of(kind), asked)


def _published(world: World, reports: Reports, kind: str, combined: bool, year: int) -> list[dict[str, str]]:
    now_ns = world.clock.now_ns()
    return [row for day, row in reports.rows(kind, combined, year) if cot_publication_ns(day) <= now_ns]


def _file(world: World, reports: Reports, name: str) -> bytes | None:
    stem = next((stem for stem in FILES if name.startswith(stem) and name.removeprefix(stem).isdigit()), None)
    if stem is None:
        return None
    inner, kind, combined = FILES[stem]
    year = int(name.removeprefix(stem))
    rows = _published(world, reports, kind, combined, year) if FIRST_YEAR <= year <= 2035 else []
    if not rows:
        return None
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_MINIMAL, lineterminator="\r\n")
    plain = [column for column in columns_of(kind) if column in rows[0] and column not in _LABEL_COLUMNS]
    writer.writerow(
        [*_FILE_LABELS, *(_LEGACY_NAMES.get(column, column) if kind == "legacy" else column.title() for column in plain), "Contract Units"]
    )
    for row in reversed(rows):
        day = row["report_date_as_yyyy_mm_dd"][:10]
        labels = [
            row["market_and_exchange_names"],
            day[2:].replace("-", ""),
            day,
            row["cftc_contract_market_code"],
            f"{row['cftc_market_code']:<4}",
        ]
        writer.writerow([*labels, *(f"{int(row[column]):>8}" for column in plain), row["contract_units"]])
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            zipfile.ZipInfo(inner.replace("YY", f"{year % 100:02d}"), (2017, 1, 1, 0, 0, 0)), text.getvalue(), zipfile.ZIP_DEFLATED
        )
    return buffer.getvalue()


def _labels(each: FuturesMarket, day: date, combined: bool) -> dict[str, Any]:
    return {
        "id": f"{day:%y%m%d}{each.code}{'C' if combined else 'F'}",
        "market_and_exchange_names": each.name,
        "report_date_as_yyyy_mm_dd": f"{day.isoformat()}T00:00:00.000",
        "yyyy_report_week_ww": f"{day:%G} Report Week {day:%V}",
        "contract_market_name": each.name.rpartition(" - ")[0],
        "cftc_contract_market_code": each.code,
        "cftc_market_code": each.exchange,
        "cftc_region_code": each.region,
        "cftc_commodity_code": each.commodity_code,
        "commodity_name": each.commodity,
    }


def _tail(each: FuturesMarket, combined: bool) -> dict[str, str]:
    return {
        "contract_units": each.units,
        "commodity": each.commodity,
        "commodity_group_name": each.group,
        "futonly_or_combined": "Combined" if combined else "FutOnly",
    }


_LABEL_COLUMNS = frozenset({**_labels(futures_markets("legacy")[0], date(2024, 1, 2), False), **_tail(futures_markets("legacy")[0], False)})
_FILE_LABELS = (
    "Market and Exchange Names",
    "As of Date in Form YYMMDD",
    "As of Date in Form YYYY-MM-DD",
    "CFTC Contract Market Code",
    "CFTC Market Code in Initials",
)
