"""Daily equity bars that a vendor drops as files: CSV or Parquet, one per symbol, one per session, or one for all.

Columns `symbol,session,open,high,low,close,volume` and optionally `received_at` (ISO, UTC), `currency`, `split_factor`
(new shares per old share), `dividend` (cash per share). Names may be padded and of any case; other columns are ignored.

A row becomes a bar of `SYMBOL.VENUE` over its session, and a row of `corporate-actions` where it names a split or a dividend.
known_ns is `received_at` (never before the close: a bar's last price cannot be known earlier), else the close plus the lag.
The same session received twice gives two rows, which are versions of one fact.

Options: `name` (the vendor's; default: the folder's), `venue` (default XNAS), `venues` (`IBM=XNYS,BAC=XNYS`, where it differs),
`calendar` (default: the venue's), `lag` (default 2h), `pattern` (default: every .csv, .csv.gz, .zip and .parquet below the
folder; one with `{symbol}` asks for a file per instrument).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import polars as pl

from tradewinds.core.errors import Missing, Rejected
from tradewinds.core.instrument import instrument_id, split_id
from tradewinds.core.market import PRICES
from tradewinds.core.observation import Capability, Dataset, Payload, Pull, Request
from tradewinds.vendors.equity import BARS, CORPORATE_ACTIONS, actions, session_times
from tradewinds.vendors.options import checked, lag_ns, pairs
from tradewinds.vendors.rows import conformed
from tradewinds.vendors.sheet import Sheet, read
from tradewinds.wire.http import HttpClient
from tradewinds.wire.secret import Secret

REQUIRED = ("symbol", "session", *PRICES, "volume")
SUFFIXES = (".csv", ".csv.gz", ".zip", ".parquet")
FILES_MAX = 100_000


class Drops:
    """One vendor's folder of daily equity files; `base_url` is the folder."""

    def __init__(
        self,
        http: HttpClient,
        *,
        base_url: str | None = None,
        secret: Secret | None = None,
        options: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        if base_url is None:
            raise Rejected("equity drops: no folder, expected base_url to name the one with the vendor's files")
        checked(options, "equity drops", name=(), venue=(), venues=(), calendar=(), lag=(), pattern=())
        self.root = Path(base_url.removeprefix("file://"))
        self.name = options.get("name", self.root.name)
        lag = lag_ns(options.get("lag", "2h"), what=self.name)
        self.capability = Capability((BARS.name, CORPORATE_ACTIONS.name), lag_ns=lag, revises=True)
        self._clock = http.clock
        self._venue = options.get("venue", "XNAS")
        self._venues = pairs(options.get("venues", ""), what=f"{self.name}: venues")
        self._calendar = options.get("calendar")
        self._pattern = options.get("pattern", "")

    def datasets(self) -> Sequence[Dataset]:
        return (BARS, CORPORATE_ACTIONS)

    def plan(self, request: Request) -> list[Pull]:
        """One pull per instrument where the pattern names `{symbol}`, else one of the whole folder."""
        if request.dataset not in self.capability.datasets:
            raise Rejected(f"{self.name}: dataset {request.dataset!r}, expected one of {self.capability.datasets}")
        if "{symbol}" not in self._pattern:
            return [Pull(self.name, request.dataset, self._pattern or ".")]
        symbols = dict.fromkeys(split_id(instrument)[0] for instrument in request.instruments)
        return [Pull(self.name, request.dataset, self._pattern.replace("{symbol}", symbol)) for symbol in symbols]

    def capture(self, pull: Pull) -> Iterator[Payload]:
        """The bytes of each file, in the order of their paths; raises Missing where there is none."""
        if not self.root.is_dir():
            raise Missing(f"{self.name}: no folder {self.root}, expected the vendor's files in it")
        paths = self._paths(pull.locator)
        if not paths:
            raise Missing(f"{self.name}: nothing like {pull.locator!r} in {self.root}, expected one of {', '.join(SUFFIXES)}")
        if len(paths) > FILES_MAX:
            raise Rejected(f"{self.name}: {len(paths)} files in {self.root}, expected at most {FILES_MAX}; give a pattern")
        for path in paths:
            locator = path.relative_to(self.root).as_posix()
            yield Payload(replace(pull, locator=locator), path.read_bytes(), self._clock.now_ns())

    def parse(self, payload: Payload) -> pl.DataFrame:
        dataset = CORPORATE_ACTIONS if payload.pull.dataset == CORPORATE_ACTIONS.name else BARS
        sheet = read(payload.content, f"{self.name} {payload.pull.locator}").renamed(str.lower)
        sheet.require(REQUIRED)
        rows = self._timed(sheet)
        return conformed(actions(rows) if dataset is CORPORATE_ACTIONS else rows, dataset, payload)

    def _paths(self, locator: str) -> list[Path]:
        if locator != ".":
            return sorted(path for path in self.root.glob(locator) if path.is_file())
        return sorted(p for p in self.root.rglob("*") if p.name.lower().endswith(SUFFIXES) and not p.name.startswith(".") and p.is_file())

    def _timed(self, sheet: Sheet) -> pl.DataFrame:
        """Every row with instrument, times, prices and, where there, split_factor, dividend and currency."""
        symbols, sessions = sheet.texts("symbol"), sheet.dates("session")
        sheet.refuse("symbol", symbols.is_null(), "a symbol")
        sheet.refuse("session", sessions.is_null(), "a date such as 2024-01-31")
        ids: dict[str, str | None] = {symbol: self._instrument(symbol) for symbol in symbols.unique(maintain_order=True)}
        instruments = symbols.replace_strict(ids, return_dtype=pl.String) if ids else symbols
        sheet.refuse("symbol", instruments.is_null(), "a symbol of letters, digits and _-/&+.")
        has_received = "received_at" in sheet.names
        optional = [name for name in ("split_factor", "dividend") if name in sheet.names]
        rows = pl.DataFrame(
            [
                instruments.alias("instrument"),
                sessions.alias("session"),
                *(sheet.numbers(name).alias(name) for name in (*PRICES, "volume", *optional)),
                *([sheet.texts("currency").alias("currency")] if "currency" in sheet.names else []),
                (sheet.instants("received_at") if has_received else pl.Series([None] * len(symbols), dtype=pl.Int64)).alias("received_ns"),
            ]
        ).with_columns(pl.col("instrument").str.split(".").list.last().alias("venue"), pl.int_range(pl.len()).alias("row"))
        parts = []
        for (venue,), part in rows.partition_by("venue", as_dict=True, maintain_order=True).items():
            times = session_times(part["session"], self._calendar or str(venue))
            parts.append(part.join(times, on="session", how="left", maintain_order="left"))
        timed = pl.concat(parts).sort("row") if parts else rows.with_columns(start_ns=pl.col("row"), event_ns=pl.col("row"))
        sheet.refuse("session", timed["start_ns"].is_null(), "a day that the exchange's calendar speaks of")
        received = pl.col("received_ns").fill_null(pl.col("event_ns") + self.capability.lag_ns)
        return timed.with_columns(known_ns=pl.max_horizontal(received, "event_ns"))

    def _instrument(self, symbol: str) -> str | None:
        try:
            return instrument_id(symbol, self._venues.get(symbol, self._venue))
        except Rejected:
            return None
