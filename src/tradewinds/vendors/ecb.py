"""ECB euro reference rates: what one euro costs in other currencies, once per working day.

A rate is about the instant at which the central banks agree on it (14:15 Frankfurt) and known from its publication (16:00
Frankfurt). The instrument is `EUR<currency>.ECB`: `EURUSD.ECB` holds
dollars per euro.
`N/A` means that the currency was not quoted, and gives no row.

Option: `file` (90d, hist or daily) instead of the smallest that holds the time asked for. Each is read as XML or CSV, zipped or not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from types import MappingProxyType
from xml.etree import ElementTree

import polars as pl

from tradewinds.calendars.publication import ECB_AGREED_CLOCK, ECB_CLOCK, FRANKFURT, local_ns
from tradewinds.core.errors import Rejected, Unreadable
from tradewinds.core.instant import NS_PER_DAY, NS_PER_HOUR, from_date, to_date
from tradewinds.core.instrument import split_id
from tradewinds.core.observation import Capability, Column, Dataset, Payload, Pull, Request
from tradewinds.vendors.observed import nothing
from tradewinds.vendors.options import checked
from tradewinds.vendors.rows import conformed
from tradewinds.vendors.sheet import LINE, Sheet, read, unpacked
from tradewinds.wire.http import HttpClient, excerpt
from tradewinds.wire.secret import Secret

URL = "https://www.ecb.europa.eu"
VENUE = "ECB"
FILES = {"90d": "eurofxref-hist-90d.xml", "hist": "eurofxref-hist.zip", "daily": "eurofxref-daily.xml"}
DATE_IN_WORDS = "%d %B %Y"
RECENT_NS = 85 * NS_PER_DAY  # the 90-day file, with a margin
RATES = Dataset(
    "reference-rates",
    (Column("rate", unit="currency per euro"),),
    partitioning="year",
    lag_ns=2 * NS_PER_HOUR,
    description="ECB euro reference rates: units of the currency per euro, for information and not for trading",
)


class Ecb:
    """The euro reference rates of the European Central Bank, from 1999-01-04."""

    name = "ecb"
    capability = Capability((RATES.name,), lag_ns=RATES.lag_ns, earliest_ns=from_date(date(1999, 1, 4)))

    def __init__(
        self,
        http: HttpClient,
        *,
        base_url: str | None = None,
        secret: Secret | None = None,
        options: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._http = http
        self._base_url = (base_url or URL).rstrip("/")
        self._file = checked(options, self.name, file=tuple(FILES)).get("file")

    def datasets(self) -> Sequence[Dataset]:
        return (RATES,)

    def plan(self, request: Request) -> list[Pull]:
        """One pull; its parameters keep the days and currencies asked for, so that parse leaves out the rest of the file."""
        if request.dataset != RATES.name:
            raise Rejected(f"ecb: dataset {request.dataset!r}, expected {RATES.name}")
        chosen = self._file or ("90d" if request.start_ns >= request.now_ns - RECENT_NS else "hist")
        params = {"first": to_date(request.start_ns).isoformat(), "end": to_date(request.end_ns + NS_PER_DAY - 1).isoformat()}
        currencies = sorted({_currency(instrument) for instrument in request.instruments})
        if currencies:
            params["currencies"] = ",".join(currencies)
        return [Pull(self.name, RATES.name, f"{self._base_url}/stats/eurofxref/{FILES[chosen]}", params)]

    def capture(self, pull: Pull) -> Iterator[Payload]:
        answer = self._http.get(pull.locator, what=f"ecb {pull.locator.rpartition('/')[2]}")
        yield Payload(pull, answer.content, answer.captured_ns)

    def parse(self, payload: Payload) -> pl.DataFrame:
        params = payload.pull.params
        what = f"ecb {payload.pull.locator.rpartition('/')[2]}"
        content = unpacked(payload.content, what)
        sheet = _from_xml(content, what) if content.lstrip()[:1] == b"<" else read(content, what)
        table = _rates(sheet)
        if "first" in params:
            table = table.filter(
                pl.col("day").is_between(date.fromisoformat(params["first"]), date.fromisoformat(params["end"]), closed="left")
            )
        if "currencies" in params:
            table = table.filter(pl.col("currency").is_in(params["currencies"].split(",")))
        if table.is_empty():
            return nothing(RATES)
        days = table["day"].unique().to_list()
        agreed = {day: local_ns(day, ECB_AGREED_CLOCK, FRANKFURT) for day in days}
        published = {day: local_ns(day, ECB_CLOCK, FRANKFURT) for day in days}
        rows = table.select(
            ("EUR" + pl.col("currency") + f".{VENUE}").alias("instrument"),
            pl.col("day").replace_strict(agreed, return_dtype=pl.Int64).alias("start_ns"),
            pl.col("day").replace_strict(agreed, return_dtype=pl.Int64).alias("event_ns"),
            pl.col("day").replace_strict(published, return_dtype=pl.Int64).alias("known_ns"),
            "rate",
        )
        return conformed(rows, RATES, payload)


def _currency(instrument: str) -> str:
    symbol, venue = split_id(instrument)
    if venue != VENUE or len(symbol) != 6 or not symbol.startswith("EUR"):
        raise Rejected(f"ecb: instrument {instrument!r}, expected one such as EURUSD.ECB")
    return symbol[3:]


def _rates(sheet: Sheet) -> pl.DataFrame:
    """One row (day, currency, rate) per quoted cell of a table with a Date column and one column per currency."""
    sheet.require(("Date",))
    # The zipped file of one day writes `05 January 2024`, all others 2024-01-05.
    is_in_words = bool(sheet.texts("Date").str.contains("[A-Za-z]").any())
    days = sheet.dates("Date", (DATE_IN_WORDS,) if is_in_words else ())
    sheet.refuse("Date", days.is_null(), "a date such as 2024-01-31")
    # The bank ends every line with a comma, which makes a last column without a name.
    currencies = [name for name in sheet.names if name != "Date" and not name.startswith("column_")]
    if not currencies:
        raise Unreadable(f"{sheet.what}: columns {sheet.names}, expected one per currency")
    wide = pl.DataFrame([days.alias("day"), *(sheet.numbers(name).alias(name) for name in currencies)])
    return wide.unpivot(index="day", variable_name="currency", value_name="rate").drop_nulls("rate")


def _from_xml(content: bytes, what: str) -> Sheet:
    """The same table from `<Cube time="..."><Cube currency="USD" rate="1.1"/>...`."""
    try:
        root = ElementTree.fromstring(content)  # noqa: S314  # expat since 2.4.1 limits entity expansion
    except ElementTree.ParseError as error:
        raise Unreadable(f"{what}: {excerpt(content)!r} ({error}), expected the bank's XML") from None
    rows: list[dict[str, str | None]] = []
    for day in root.iter():
        if "time" in day.attrib:
            quotes = {quote.attrib.get("currency", ""): quote.attrib.get("rate") for quote in day}
            rows.append({"Date": day.attrib["time"], **quotes})
    if not rows:
        raise Unreadable(f"{what}: {excerpt(content)!r}, expected days with rates in the bank's XML")
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = pl.DataFrame({name: [row.get(name) for row in rows] for name in names}, schema=dict.fromkeys(names, pl.String))
    return Sheet(what, cells.with_row_index(LINE, offset=1))
