"""The public archive of Binance: monthly and daily zip files of klines, trades and aggregated trades, with checksums.

A daily file appears the day after, a monthly file on the first Monday after its month: `plan` takes months where they are out and
enough of them is wanted, days to bridge since then; what is newer is REST's (`published_until` says from where on).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from types import MappingProxyType
from urllib.parse import urlsplit

import polars as pl

from tradewinds.core.errors import Missing, Rejected, Unreadable
from tradewinds.core.instant import NS_PER_DAY, NS_PER_HOUR, from_date, to_date
from tradewinds.core.market import interval_of
from tradewinds.core.observation import Capability, Dataset, Finding, Payload, Pull, Request
from tradewinds.vendors.binance_files import ArchiveFile, archive_file, read_file
from tradewinds.vendors.binance_venue import DATASETS, EARLIEST_NS, LAG_NS, MARKETS, Market, Venues, checked_interval
from tradewinds.vendors.options import checked
from tradewinds.wire.budget import Cost
from tradewinds.wire.http import HttpClient
from tradewinds.wire.secret import Secret

BASE_URL = "https://data.binance.vision"
# A month's file for so few of its days costs more than the days' own.
DAYS_AT_MOST = 7
DAILY_OUT_NS = 6 * NS_PER_HOUR
MONTHLY_ONLY = ("3d", "1w", "1mo")
# A month this young may be missing although its days are out.
YOUNG_MONTH_DAYS = 45
CHECKSUM_BYTES_MAX = 4096
_CHECKSUM = re.compile(r"([0-9a-fA-F]{64})[ \t]+\*?(\S+)")
_KINDS = {"trades": "trades", "agg-trades": "aggTrades"}


class BinanceArchive:
    """Implements `core.ports.Vendor`. Options: `venue` and `market` (see `binance_venue.Venues`), `daily_fallback`: recent or always."""

    name = "binance_archive"

    def __init__(
        self,
        http: HttpClient,
        *,
        base_url: str | None = None,
        secret: Secret | None = None,
        options: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._http = http
        self._base_url = (base_url or BASE_URL).rstrip("/")
        self._venues = Venues.of(checked(options, self.name, venue=(), market=MARKETS, daily_fallback=("recent", "always")))
        self._falls_back_always = options.get("daily_fallback", "recent") == "always"
        self.capability = Capability(
            datasets=tuple(dataset.name for dataset in DATASETS),
            lag_ns=LAG_NS,
            revises=True,
            earliest_ns=EARLIEST_NS,
            note="files of whole days and months; rows beyond the asked range come with them",
        )

    def datasets(self) -> Sequence[Dataset]:
        return DATASETS

    def plan(self, request: Request) -> list[Pull]:
        """One pull per file. request.params `files`: `daily` or `monthly` takes only those (to compare the two)."""
        kind, interval = self._kind(request.dataset)
        wanted = request.params.get("files", "both")
        if wanted not in ("both", "daily", "monthly"):
            raise Rejected(f"binance archive plan: files {wanted!r}, expected both, daily or monthly")
        pulls = []
        for instrument in request.instruments:
            symbol, market = self._venues.symbol(instrument)
            if market == "cm" and kind == "aggTrades":
                raise Rejected(
                    f"binance archive {instrument}: agg-trades of coin-margined futures count contracts, expected trades or bars"
                )
            for stem, is_monthly in _periods(request, kind, interval, wanted):
                pulls.append(self._pull(request, instrument, (market, kind, symbol, interval), stem, is_monthly=is_monthly))
        return pulls

    def published_until(self, now_ns: int) -> int:
        """The instant up to which daily files should be out by `now_ns`."""
        return (now_ns - DAILY_OUT_NS) // NS_PER_DAY * NS_PER_DAY

    def capture(self, pull: Pull) -> Iterator[Payload]:
        """The file, verified against its CHECKSUM; a young month that is not out yet comes as its days."""
        try:
            yield self._verified(pull)
        except Missing:
            if pull.params.get("fallback") != "daily":
                raise
            yield from self._days_instead(pull)

    def stated_sha256(self, pull: Pull) -> str:
        """The SHA-256 that the archive states for a file, without fetching the file: bytes already kept need no download."""
        locator = pull.checksum_locator or pull.locator + ".CHECKSUM"
        answer = self._get(locator, f"binance archive {locator.rpartition('/')[2]}", CHECKSUM_BYTES_MAX)
        match = _CHECKSUM.fullmatch(answer[0].decode("ascii", "replace").strip())
        name = pull.locator.rpartition("/")[2]
        if match is None or match[2] != name:
            raise Unreadable(f"binance archive {name}.CHECKSUM: {answer[0][:100]!r}, expected 64 hex digits and {name}")
        return match[1].lower()

    def parse(self, payload: Payload) -> pl.DataFrame:
        return self.parse_with_findings(payload)[0]

    def parse_with_findings(self, payload: Payload) -> tuple[pl.DataFrame, list[Finding]]:
        """The rows, and what is odd about the file without making it unreadable (see `binance_files.read_file`)."""
        file = archive_file(payload.pull.locator)
        return read_file(payload, self._venues.instrument(file.symbol, file.market))

    def _kind(self, dataset: str) -> tuple[str, str | None]:
        interval = interval_of(dataset)
        if interval is not None:
            return "klines", checked_interval(interval)
        if dataset not in _KINDS:
            raise Rejected(f"binance archive: dataset {dataset!r}, expected bars-<interval>, trades or agg-trades")
        return _KINDS[dataset], None

    def _pull(
        self, request: Request, instrument: str, series: tuple[Market, str, str, str | None], period: str, *, is_monthly: bool
    ) -> Pull:
        market, kind, symbol, interval = series
        folder = "spot" if market == "spot" else f"futures/{market}"
        inner = f"{interval}/" if interval else ""
        stem = f"{symbol}-{interval or kind}-{period}"
        locator = f"data/{folder}/{'monthly' if is_monthly else 'daily'}/{kind}/{symbol}/{inner}{stem}.zip"
        params = {"instrument": instrument}
        if is_monthly and interval not in MONTHLY_ONLY and request.params.get("files", "both") == "both":
            age_ns = request.now_ns - archive_file(locator).end_ns
            if self._falls_back_always or age_ns < YOUNG_MONTH_DAYS * NS_PER_DAY:
                params["fallback"] = "daily"
        return Pull(self.name, request.dataset, locator, MappingProxyType(params), locator + ".CHECKSUM")

    def _verified(self, pull: Pull) -> Payload:
        name = pull.locator.rpartition("/")[2]
        found = stated = ""
        # Twice: the archive replaces files, and one may change between the file and its checksum.
        for _ in range(2):
            payload = Payload(pull, *self._get(pull.locator, f"binance archive {name}", None))
            try:
                stated = self.stated_sha256(pull)
            except Missing:
                raise Unreadable(f"binance archive {name}: no CHECKSUM beside it, expected one") from None
            found = payload.sha256
            if found == stated:
                return payload
        raise Unreadable(f"binance archive {name}: SHA-256 {found}, expected {stated} as its CHECKSUM states")

    def _days_instead(self, pull: Pull) -> Iterator[Payload]:
        file = archive_file(pull.locator)
        found = 0
        for day in _days(file.start_ns, file.end_ns):
            locator = _daily_locator(pull.locator, file, day)
            daily = replace(pull, locator=locator, params=_without_fallback(pull), checksum_locator=locator + ".CHECKSUM")
            try:
                payload = self._verified(daily)
            except Missing:
                continue
            found += 1
            yield payload
        if not found:
            raise Missing(f"binance archive {file.stem}: neither the month nor any of its days is there, expected it to exist")

    def _get(self, locator: str, what: str, bytes_max: int | None) -> tuple[bytes, int]:
        cost = Cost(f"{self.name}@{urlsplit(self._base_url).netloc}")
        answer = self._http.get(f"{self._base_url}/{locator}", what=what, cost=cost, body_bytes_max=bytes_max)
        return answer.content, answer.captured_ns


def month_out_ns(first: date) -> int:
    """When the file of the month that begins on `first` should be out: the end of the first Monday after the month."""
    after = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return from_date(after + timedelta(days=(7 - after.weekday()) % 7 + 1))


def _periods(request: Request, kind: str, interval: str | None, wanted: str) -> Iterator[tuple[str, bool]]:
    """(`2024-01`, True) or (`2024-01-31`, False) for each file that the request needs and that should be out."""
    start_ns, end_ns = max(request.start_ns, EARLIEST_NS), min(request.end_ns, request.now_ns)
    if start_ns >= end_ns:
        return
    month = to_date(start_ns).replace(day=1)
    while from_date(month) < end_ns:
        following = date(month.year + month.month // 12, month.month % 12 + 1, 1)
        days = list(_days(max(start_ns, from_date(month)), min(end_ns, from_date(following))))
        is_out = request.now_ns >= month_out_ns(month)
        # Trade files of a month can outgrow memory; their days never do.
        takes_month = wanted == "monthly" or interval in MONTHLY_ONLY or (kind == "klines" and len(days) > DAYS_AT_MOST)
        if is_out and takes_month and wanted != "daily":
            yield month.strftime("%Y-%m"), True
        elif wanted != "monthly" and interval not in MONTHLY_ONLY:
            for day in days:
                if from_date(day) + NS_PER_DAY + DAILY_OUT_NS <= request.now_ns:
                    yield day.isoformat(), False
        month = following


def _days(start_ns: int, end_ns: int) -> Iterator[date]:
    day = to_date(start_ns)
    while from_date(day) < end_ns:
        yield day
        day += timedelta(days=1)


def _daily_locator(locator: str, file: ArchiveFile, day: date) -> str:
    stem = file.stem.rpartition("-")[0].rpartition("-")[0]
    return locator.replace("/monthly/", "/daily/").replace(f"{file.stem}.zip", f"{stem}-{day.isoformat()}.zip")


def _without_fallback(pull: Pull) -> Mapping[str, str]:
    return MappingProxyType({name: value for name, value in pull.params.items() if name != "fallback"})
