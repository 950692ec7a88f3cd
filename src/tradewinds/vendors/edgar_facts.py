"""What the SEC's JSON says: facts of a company, its filings, its profile; and the sector that an industry code belongs to.

Acceptance times: the `acceptanceDateTime` of the submissions ends in Z, yet for about a quarter of the filers it is New York's
clock. The string alone cannot tell, so it is read as New York's, which is the later of the two, unless the system is closed at
that hour (22:00 to 06:00); then it must be UTC. A fact may thus be known up to five hours late, never early.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any

from tradewinds.calendars.publication import NEW_YORK, SEC_CLOCK, local_ns
from tradewinds.core.errors import Unreadable
from tradewinds.core.instant import from_date, parse
from tradewinds.core.observation import Column, Dataset

VENUE = "EDGAR"
FACTS = Dataset(
    "company-facts",
    (
        Column("taxonomy", "text"),
        Column("concept", "text"),
        Column("unit", "text"),
        Column("days", "int", "days of the period, 0 for an instant"),
        Column("accession", "text"),
        Column("value"),
        Column("fiscal_year", "int"),
        Column("fiscal_period", "text"),
        Column("form", "text"),
        Column("filed", "date"),
        Column("frame", "text"),
    ),
    keys=("taxonomy", "concept", "unit", "days", "accession"),
    partitioning="year",
    description="facts that a company filed: about the end of their period, known when the filing was accepted",
)
SHARES = Dataset(
    "shares-outstanding",
    (Column("concept", "text"), Column("accession", "text"), Column("shares", unit="shares"), Column("filed", "date")),
    keys=("concept", "accession"),
    partitioning="year",
    description="shares outstanding as a company filed them",
)
FILINGS = Dataset(
    "filings",
    (
        Column("accession", "text"),
        Column("form", "text"),
        Column("filed", "date"),
        Column("report_date", "date"),
        Column("document", "text"),
    ),
    keys=("accession",),
    partitioning="year",
    description="filings of a company, at their acceptance",
)
PROFILE = Dataset(
    "company-profile",
    (
        Column("name", "text"),
        Column("sic", "text"),
        Column("sic_description", "text"),
        Column("sector", "text"),
        Column("tickers", "text"),
        Column("exchanges", "text"),
    ),
    partitioning="year",
    description="what a company is, as of its latest filing; known when we saw it, because the SEC keeps no history of it",
)
SHARE_CONCEPTS = ("EntityCommonStockSharesOutstanding", "CommonStockSharesOutstanding")
_OPEN, _CLOSED = time(6, 0), time(22, 0)

Row = dict[str, object]


def accepted_ns(text: str, what: str) -> int:
    """The instant of an `acceptanceDateTime`, read so that it is never too early (see the module)."""
    try:
        clock = datetime.fromisoformat(text.removesuffix("Z"))
    except ValueError:
        raise Unreadable(f"{what}: acceptanceDateTime {text!r}, expected one such as 2024-02-01T18:03:38.000Z") from None
    if _OPEN <= clock.time() < _CLOSED:
        return local_ns(clock.date(), clock.time(), NEW_YORK)
    return parse(clock.replace(tzinfo=None).isoformat() + "Z")


def fact_rows(body: object, accepted: Mapping[str, int], what: str) -> Iterator[Row]:
    """A row for every fact of a companyfacts document; `accepted` holds what is known of acceptance, by accession number."""
    for taxonomy, concepts in _mapping(_mapping(body, what).get("facts"), what).items():
        for concept, told in _mapping(concepts, what).items():
            for unit, facts in _mapping(_mapping(told, what).get("units"), what).items():
                for fact in _list(facts, what):
                    yield _fact_row(taxonomy, concept, unit, fact, accepted, f"{what} {concept}")


def share_rows(rows: Iterator[Row]) -> Iterator[Row]:
    """Of fact rows those that count shares outstanding."""
    return ({**row, "shares": row["value"]} for row in rows if row["concept"] in SHARE_CONCEPTS and row["unit"] == "shares")


def filing_rows(body: object, what: str) -> Iterator[Row]:
    """A row for every filing of a submissions document or one of its older pages."""
    table = filing_table(body, what)
    for number, accession in enumerate(table["accessionNumber"]):
        at = accepted_ns(table["acceptanceDateTime"][number], what)
        yield {
            "start_ns": at,
            "event_ns": at,
            "known_ns": at,
            "accession": accession,
            "form": table["form"][number],
            "filed": _date(table["filingDate"][number], what),
            "report_date": _date(table["reportDate"][number], what) if table["reportDate"][number] else None,
            "document": table["primaryDocument"][number] or None,
        }


def filing_table(body: object, what: str) -> Mapping[str, Sequence[Any]]:
    """The columns of the filings, all of one length."""
    document = _mapping(body, what)
    table = _mapping(document["filings"], what).get("recent") if "filings" in document else document
    wanted = ("accessionNumber", "acceptanceDateTime", "filingDate", "reportDate", "form", "primaryDocument")
    columns = {name: _list(_mapping(table, what).get(name), f"{what} {name}") for name in wanted}
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) != 1:
        raise Unreadable(f"{what}: filings of {lengths} cells, expected columns of one length")
    return columns


def profile_row(body: object, captured_ns: int, what: str) -> Row:
    """The one row of a submissions document that says what the company is."""
    document = _mapping(body, what)
    times = [accepted_ns(text, what) for text in filing_table(body, what)["acceptanceDateTime"]]
    latest = max(times, default=captured_ns)
    code = str(document.get("sic") or "")
    return {
        "start_ns": latest,
        "event_ns": latest,
        "known_ns": captured_ns,
        "name": document.get("name"),
        "sic": code or None,
        "sic_description": document.get("sicDescription") or None,
        "sector": sector(int(code)) if code.isdigit() else None,
        "tickers": ",".join(str(ticker) for ticker in _list(document.get("tickers") or [], what)) or None,
        "exchanges": ",".join(str(exchange) for exchange in _list(document.get("exchanges") or [], what) if exchange) or None,
    }


def sector(sic: int) -> str:
    """The sector of a Standard Industrial Classification code: the twelve industries of K. R. French's data library (Siccodes12)."""
    place = bisect_right(_STARTS, sic) - 1
    return _SECTORS[place][2] if place >= 0 and sic <= _SECTORS[place][1] else "other"


def _fact_row(taxonomy: str, concept: str, unit: str, fact: Any, accepted: Mapping[str, int], what: str) -> Row:
    told = _mapping(fact, what)
    end, filed = _date(told.get("end"), what), _date(told.get("filed"), what)
    start = _date(told["start"], what) if told.get("start") else end
    accession = told.get("accn")
    value = told.get("val")
    if not isinstance(accession, str) or isinstance(value, bool) or not (value is None or isinstance(value, int | float)):
        raise Unreadable(f"{what}: fact {str(fact)[:160]}, expected an accession number and a number")
    return {
        "start_ns": from_date(end),
        "event_ns": from_date(end),
        "known_ns": accepted.get(accession, local_ns(filed, SEC_CLOCK, NEW_YORK)),
        "taxonomy": taxonomy,
        "concept": concept,
        "unit": unit,
        "days": (end - start).days,
        "accession": accession,
        "value": None if value is None else float(value),
        "fiscal_year": told.get("fy"),
        "fiscal_period": told.get("fp"),
        "form": told.get("form"),
        "filed": filed,
        "frame": told.get("frame"),
    }


def _date(value: object, what: str) -> date:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise Unreadable(f"{what}: date {value!r}, expected one such as 2024-01-31") from None


def _mapping(value: object, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise Unreadable(f"{what}: {str(value)[:120]!r}, expected a JSON object")
    return value


def _list(value: object, what: str) -> Sequence[Any]:
    if not isinstance(value, list):
        raise Unreadable(f"{what}: {str(value)[:120]!r}, expected a JSON list")
    return value


_RANGES = {
    "consumer nondurables": "100-999 2000-2399 2700-2749 2770-2799 3100-3199 3940-3989",
    "consumer durables": "2500-2519 2590-2599 3630-3659 3710-3711 3714-3714 3716-3716 3750-3751 3792-3792 3900-3939 3990-3999",
    "manufacturing": (
        "2520-2589 2600-2699 2750-2769 3000-3099 3200-3569 3580-3629 3700-3709 3712-3713 3715-3715 3717-3749 3752-3791 3793-3799 "
        "3830-3839 3860-3899"
    ),
    "energy": "1200-1399 2900-2999",
    "chemicals": "2800-2829 2840-2899",
    "business equipment": "3570-3579 3660-3692 3694-3699 3810-3829 7370-7379",
    "telecommunications": "4800-4899",
    "utilities": "4900-4949",
    "shops": "5000-5999 7200-7299 7600-7699",
    "health": "2830-2839 3693-3693 3840-3859 8000-8099",
    "finance": "6000-6999",
}
_SECTORS = sorted(
    (int(first), int(last), name) for name, ranges in _RANGES.items() for first, _, last in (part.partition("-") for part in ranges.split())
)
_STARTS = [first for first, _, _ in _SECTORS]
