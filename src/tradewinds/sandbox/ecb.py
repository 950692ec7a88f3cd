"""The ECB's euro reference rates: daily, 90 days and history, as XML and as zipped CSV. A day is out from 16:00 Frankfurt on."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

import anyio.to_thread
import numpy as np

from tradewinds.calendars.publication import ECB_CLOCK, FRANKFURT, local_ns
from tradewinds.sandbox.bridge import mean_reverting
from tradewinds.sandbox.fx import SeededFx
from tradewinds.sandbox.market import EPOCH_DAY, LAST_DAY, SeededMarket
from tradewinds.sandbox.world import World

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

FIRST = date(2017, 1, 2)
DAYS_90 = 90
# Units per euro, and the decimals that the bank shows; None where the pair is made from the market of `fx`.
CURRENCIES: dict[str, tuple[float | None, int]] = {
    "USD": (None, 4),
    "JPY": (None, 2),
    "CZK": (24.9, 3),
    "DKK": (7.456, 4),
    "GBP": (None, 5),
    "HUF": (385.0, 2),
    "PLN": (4.33, 4),
    "SEK": (11.2, 4),
    "CHF": (None, 4),
    "NOK": (11.4, 4),
    "TRY": (33.0, 4),
    "AUD": (1.65, 4),
    "CAD": (1.47, 4),
    "CNY": (7.8, 4),
    "HKD": (8.4, 4),
    "INR": (89.5, 4),
    "KRW": (1440.0, 2),
    "ZAR": (20.2, 4),
    "RUB": (85.0, 4),
}
_RUB_ENDS = date(2022, 3, 2)
_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?><gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" '
    'xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref"><gesmes:subject>Reference rates</gesmes:subject>'
    "<gesmes:Sender><gesmes:name>European Central Bank</gesmes:name></gesmes:Sender>"
)


def routes(world: World) -> list[Route]:
    """The files below /stats/eurofxref/."""
    from starlette.responses import Response
    from starlette.routing import Route

    rates = ReferenceRates(world.market)

    def file(count: int | None, *, is_zip: bool) -> object:
        async def call(request: Request) -> Response:
            days = published(world)[: count or None]
            if is_zip:
                name = "eurofxref.csv" if count == 1 else "eurofxref-hist.csv"
                return Response(await anyio.to_thread.run_sync(_zip, rates, name, days), media_type="application/zip")
            return Response(await anyio.to_thread.run_sync(_xml, rates, days), media_type="text/xml")

        return call

    files = {
        "eurofxref-daily.xml": file(1, is_zip=False),
        "eurofxref-hist-90d.xml": file(DAYS_90 * 5 // 7, is_zip=False),
        "eurofxref-hist.xml": file(None, is_zip=False),
        "eurofxref-hist.zip": file(None, is_zip=True),
        "eurofxref.zip": file(1, is_zip=True),
    }
    return [Route(f"/stats/eurofxref/{name}", call) for name, call in files.items()]  # type: ignore[arg-type]  # endpoints are coroutines


class ReferenceRates:
    """Rates of the seed, near the pairs of the local OANDA."""

    def __init__(self, market: SeededMarket) -> None:
        self._fx = SeededFx(market)
        self._market = market
        self._walk = lru_cache(len(CURRENCIES))(self._make_walk)

    def text(self, currency: str, day: date) -> str | None:
        """The rate as the bank shows it, None where the currency is not quoted."""
        if currency == "RUB" and day >= _RUB_ENDS:
            return None
        number = day.toordinal() - 719_163
        level, decimals = CURRENCIES[currency]
        if level is not None:
            return f"{level * float(np.exp(self._walk(currency)[number - EPOCH_DAY])):.{decimals}f}"
        mids = {
            pair: (self._fx.mid(pair, number) + self._fx.mid(pair, number + 1)) / 2 for pair in ("EUR_USD", "EUR_JPY", "EUR_GBP", "EUR_CHF")
        }
        return f"{mids[f'EUR_{currency}']:.{decimals}f}"

    def _make_walk(self, currency: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        scale = 0.0001 if currency == "DKK" else 0.004
        return mean_reverting(self._market.generator("ecb", currency).standard_normal(LAST_DAY - EPOCH_DAY + 1) * scale, keep=0.998)


def published(world: World) -> list[date]:
    """The days that are out by the venue's clock, newest first."""
    day = datetime.fromtimestamp(world.clock.now_ms() / 1000, UTC).date() + timedelta(days=1)
    found = []
    while day >= FIRST:
        if is_working_day(day) and local_ns(day, ECB_CLOCK, FRANKFURT) <= world.clock.now_ns():
            found.append(day)
        day -= timedelta(days=1)
    return found


def is_working_day(day: date) -> bool:
    """Whether the euro's payment system works: weekdays but six holidays."""
    if day.weekday() >= 5 or (day.month, day.day) in ((1, 1), (5, 1), (12, 25), (12, 26)):
        return False
    return day - easter(day.year) not in (timedelta(days=-2), timedelta(days=1))


def easter(year: int) -> date:
    """Easter Sunday (the anonymous Gregorian computus, Meeus, Astronomical Algorithms, ch. 8)."""
    a, (b, c) = year % 19, divmod(year, 100)
    d, e = divmod(b, 4)
    h = (19 * a + b - d - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    i, k = divmod(c, 4)
    weekday = (32 + 2 * e + 2 * i - h - k) % 7
    m = (a + 11 * h + 22 * weekday) // 451
    month, day = divmod(h + weekday - 7 * m + 114, 31)
    return date(year, month, day + 1)


def _xml(rates: ReferenceRates, days: list[date]) -> str:
    parts = [_HEAD, "<Cube>"]
    for day in days:
        quoted = ((currency, rates.text(currency, day)) for currency in CURRENCIES)
        cubes = "".join(f'<Cube currency="{currency}" rate="{rate}"/>' for currency, rate in quoted if rate is not None)
        parts.append(f'<Cube time="{day.isoformat()}">{cubes}</Cube>')
    return "".join([*parts, "</Cube></gesmes:Envelope>"])


def _zip(rates: ReferenceRates, name: str, days: list[date]) -> bytes:
    is_daily = name == "eurofxref.csv"
    lines = [("Date, " + ", ".join(CURRENCIES) + ", ") if is_daily else "Date," + ",".join(CURRENCIES) + ","]
    for day in days:
        cells = [rates.text(currency, day) or "N/A" for currency in CURRENCIES]
        stamp = f"{day.day} {day:%B %Y}" if is_daily else day.isoformat()
        lines.append(", ".join([stamp, *cells]) + ", " if is_daily else ",".join([stamp, *cells]) + ",")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name, (2017, 1, 1, 0, 0, 0)), "\n".join(lines) + "\n", zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
