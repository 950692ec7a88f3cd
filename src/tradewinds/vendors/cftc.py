"""CFTC Commitments of Traders: the weekly positions of futures traders, from the Socrata API or the yearly archive.

A row is about the report's day (a Tuesday, as a rule) and known from its publication (Friday 15:30 New York, later around
holidays and after shutdowns: `calendars.publication`). Nobody can foresee a shutdown: when the next one comes, give its dates
in the option `announced`, or its reports would seem to have been known on their Fridays.
The instrument is `<contract market code>.CFTC`; codes are text (`001602`).

Options: `source` (socrata, the default, or archive), `report` (futures, the default, or combined), `page` (rows of one
answer, at most 50000), `archive_url`, `announced` (`2026-11-24=2026-12-15`: publication dates that are not known here).
The secret is a Socrata application token; it is not needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from types import MappingProxyType

import polars as pl

from tradewinds.calendars.publication import cot_publication_ns
from tradewinds.core.errors import Rejected, Unreadable
from tradewinds.core.instant import from_date, to_date
from tradewinds.core.instrument import instrument_id, split_id
from tradewinds.core.observation import Capability, Dataset, Payload, Pull, Request
from tradewinds.vendors.cftc_reports import (
    CODE,
    COT,
    COT_DISAGGREGATED,
    COT_FINANCIAL,
    EXCHANGE,
    LAST_PACK_YEAR,
    MARKET,
    REPORT_DATE,
    REPORTS,
    UNITS,
    USUAL_LAG_NS,
    Report,
    canonical,
)
from tradewinds.vendors.json_rows import objects, tabulated
from tradewinds.vendors.observed import nothing
from tradewinds.vendors.options import checked, pairs
from tradewinds.vendors.rows import conformed
from tradewinds.vendors.sheet import Sheet, read
from tradewinds.wire.http import HttpClient
from tradewinds.wire.secret import Secret

SOCRATA_URL = "https://publicreporting.cftc.gov"
ARCHIVE_URL = "https://www.cftc.gov"
VENUE = "CFTC"
PAGE_ROWS_MAX = 50_000
PAGES_MAX = 200
CODES_IN_QUESTION_MAX = 100  # more make an address that servers refuse; then all markets are asked for
_DAY = "report_date_as_yyyy_mm_dd"
_MARKET_CODE = "cftc_contract_market_code"


class Cftc:
    """The Commitments of Traders in their legacy, disaggregated and financial form."""

    name = "cftc"
    capability = Capability(
        (COT.name, COT_DISAGGREGATED.name, COT_FINANCIAL.name),
        lag_ns=USUAL_LAG_NS,
        batch=PAGE_ROWS_MAX,
        revises=True,
        earliest_ns=from_date(date(1986, 1, 1)),
        note="known from publication, which shutdowns have delayed by weeks",
    )

    def __init__(
        self,
        http: HttpClient,
        *,
        base_url: str | None = None,
        secret: Secret | None = None,
        options: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        chosen = checked(
            options, self.name, source=("socrata", "archive"), report=("futures", "combined"), page=(), archive_url=(), announced=()
        )
        self._http = http
        self._socrata = (base_url or SOCRATA_URL).rstrip("/")
        self._archive = (chosen.get("archive_url") or base_url or ARCHIVE_URL).rstrip("/")
        self._secret = secret
        self._source = chosen.get("source", "socrata")
        self._variant = chosen.get("report", "futures")
        self._page = int(chosen.get("page", PAGE_ROWS_MAX))
        if not 1 <= self._page <= PAGE_ROWS_MAX:
            raise Rejected(f"cftc: page {self._page}, expected 1 to {PAGE_ROWS_MAX}")
        told = pairs(chosen.get("announced", ""), what="cftc: announced")
        self._announced = {date.fromisoformat(about): date.fromisoformat(out) for about, out in told.items()}

    def datasets(self) -> Sequence[Dataset]:
        return (COT, COT_DISAGGREGATED, COT_FINANCIAL)

    def plan(self, request: Request) -> list[Pull]:
        """One pull of the API (its pages follow), or one of every yearly file that the time touches."""
        variant = request.params.get("report", self._variant)
        report = _report(request.dataset, variant)
        params = {"report": variant}
        if request.params.get("source", self._source) == "archive":
            years = range(to_date(request.start_ns).year, to_date(max(request.start_ns, request.end_ns - 1)).year + 1)
            stems = dict.fromkeys(report.pack if year <= LAST_PACK_YEAR else report.yearly.format(year=year) for year in years)
            return [Pull(self.name, request.dataset, f"{self._archive}/files/dea/history/{stem}.zip", params) for stem in stems]
        first, end = to_date(request.start_ns), to_date(request.end_ns)
        where = f"{_DAY} >= '{first}T00:00:00.000' and {_DAY} < '{end}T00:00:00.000'"
        codes = sorted({split_id(instrument)[0] for instrument in request.instruments})
        if 0 < len(codes) <= CODES_IN_QUESTION_MAX:
            quoted = ",".join("'" + code.replace("'", "''") + "'" for code in codes)
            where += f" and {_MARKET_CODE} in({quoted})"
        question = {"$where": where, "$order": f"{_DAY},{_MARKET_CODE}", "$limit": str(self._page)}
        return [Pull(self.name, request.dataset, f"{self._socrata}/resource/{report.resource}.json", params | question)]

    def capture(self, pull: Pull) -> Iterator[Payload]:
        """A yearly file, or the API's pages until one is not full."""
        what = f"cftc {pull.dataset} {pull.locator.rpartition('/')[2]}"
        if "$limit" not in pull.params:
            answer = self._http.get(pull.locator, what=what)
            yield Payload(pull, answer.content, answer.captured_ns)
            return
        headers = {"X-App-Token": self._secret} if self._secret else {}
        for page in range(PAGES_MAX):
            asked = replace(pull, params={**pull.params, "$offset": str(page * self._page)})
            question = {name: value for name, value in asked.params.items() if name.startswith("$")}
            answer = self._http.get(pull.locator, what=what, params=question, headers=headers)
            yield Payload(asked, answer.content, answer.captured_ns)
            if len(objects(answer.content, what)) < self._page:
                return
        raise Rejected(f"{what}: {PAGES_MAX} pages of {self._page} rows and no end, expected fewer; ask for a shorter time")

    def parse(self, payload: Payload) -> pl.DataFrame:
        report = _report(payload.pull.dataset, payload.pull.params.get("report", self._variant))
        what = f"cftc {payload.pull.dataset} {payload.pull.locator.rpartition('/')[2]}"
        if "$limit" in payload.pull.params:
            sheet = tabulated(objects(payload.content, what), what)
        else:
            sheet = read(payload.content, what, encoding="cp1252")
        return self._rows(sheet, report, payload)

    def _rows(self, sheet: Sheet, report: Report, payload: Payload) -> pl.DataFrame:
        if sheet.cells.is_empty():
            return nothing(report.dataset)
        columns = _columns(sheet)
        days = sheet.dates(_one(columns, REPORT_DATE, sheet))
        sheet.refuse(_one(columns, REPORT_DATE, sheet), days.is_null(), "the report's date")
        codes = sheet.texts(_one(columns, CODE, sheet))
        sheet.refuse(_one(columns, CODE, sheet), codes.is_null(), "a contract market code")
        instruments = {code: instrument_id(code, VENUE) for code in codes.unique()}
        starts = {day: from_date(day) for day in days.unique()}
        published = {day: cot_publication_ns(day, self._announced) for day in days.unique()}
        texts = [
            sheet.texts(columns[spelling]).alias(name)
            for name, spellings in (("market", MARKET), ("exchange", EXCHANGE), ("units", UNITS))
            for spelling in [one for one in spellings if one in columns][:1]
        ]
        stated = [field for field in report.fields if field.is_required or any(spelling in columns for spelling in field.spellings)]
        numbers = [sheet.numbers(_one(columns, field.spellings, sheet)).alias(field.name) for field in stated]
        start = days.replace_strict(starts, return_dtype=pl.Int64)
        known = days.replace_strict(published, return_dtype=pl.Int64)
        rows = pl.DataFrame(
            [
                codes.replace_strict(instruments, return_dtype=pl.String).alias("instrument"),
                start.alias("start_ns"),
                start.alias("event_ns"),
                known.alias("known_ns"),
                *texts,
                *numbers,
            ]
        ).with_columns(pl.lit(report.variant).alias("report"))
        return conformed(rows, report.dataset, payload)


def _report(dataset: str, variant: str) -> Report:
    for report in REPORTS:
        if report.dataset.name == dataset and report.variant == variant:
            return report
    raise Rejected(f"cftc: dataset {dataset!r} as {variant!r}, expected cot, cot-disaggregated or cot-financial as futures or combined")


def _columns(sheet: Sheet) -> dict[str, str]:
    """Canonical spelling -> the column; the first of two that are spelt alike (`x` and `x_all`)."""
    found: dict[str, str] = {}
    for name in sheet.names:
        found.setdefault(canonical(name), name)
    return found


def _one(columns: Mapping[str, str], spellings: Sequence[str], sheet: Sheet) -> str:
    for spelling in spellings:
        if spelling in columns:
            return columns[spelling]
    raise Unreadable(
        f"{sheet.what}: no column like {spellings[0]!r} among {len(sheet.names)} ({', '.join(sheet.names[:4])}, ...), expected one"
    )
