"""Recorded Binance files as the market: `SYMBOL-INTERVAL-YYYY-MM[-DD]` as .csv, .csv.gz or .zip, in any folder below those given.

A symbol has the minutes (or longer bars) that were recorded and nothing else; longer intervals are summed from the shortest one.
The same recording answers for spot and for perpetuals, because a folder of files does not say which it was; a recorded zip that is asked
for under its own market comes back byte for byte.
"""

from __future__ import annotations

import gzip
import io
import re
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

import numpy as np

from tradewinds.core.errors import Rejected, Unreadable
from tradewinds.sandbox.bars import DAY_MS, INTERVALS_MS, Bars, aggregate, bucket_ceiling, bucket_start, concatenate
from tradewinds.sandbox.listings import Listing, listings
from tradewinds.sandbox.market import Kind

_NAME = re.compile(r"([A-Z0-9]+)-(\d+[smhd])-(\d{4})-(\d\d)(?:-(\d\d))?\.(csv|csv\.gz|zip)")
_QUOTES = ("USDT", "USDC", "FDUSD", "BUSD", "USD", "BTC", "ETH", "BNB", "EUR")
_COLUMNS = ("open_time", "open", "high", "low", "close", "volume", "close_time", "quote", "trades", "taker", "taker_quote", "ignore")
_FILES_KEPT = 6
_MICROSECONDS = 10**14
_PADDED = 8


@dataclass(frozen=True, slots=True)
class Recording:
    """One recorded file and the days it covers."""

    path: Path
    symbol: str
    interval: str
    start_ms: int
    end_ms: int


class RecordedMarket:
    """Bars of the recorded files below some folders."""

    def __init__(self, folders: Iterable[str | Path]) -> None:
        self._recordings: dict[str, list[Recording]] = {}
        names = [str(folder) for folder in folders]
        for folder in names:
            for path in sorted(Path(folder).expanduser().rglob("*")):
                found = _recording(path)
                if found is not None:
                    self._recordings.setdefault(found.symbol, []).append(found)
        if not self._recordings:
            raise Rejected(f"recorded archive {', '.join(names)}: no file, expected such as AVAXUSDT-1m-2026-02.csv.gz")
        self._read = lru_cache(_FILES_KEPT)(_read)
        self._listings = {symbol: self._listing(symbol) for symbol in sorted(self._recordings)}

    @property
    def last_ms(self) -> int:
        """Where the newest recording ends."""
        return max(each.end_ms for recordings in self._recordings.values() for each in recordings)

    def symbols(self, kind: Kind = "spot") -> Sequence[str]:
        """The recorded symbols."""
        return list(self._listings)

    def listing(self, symbol: str, kind: Kind = "spot") -> Listing | None:
        """The rules of a recorded symbol; tick and lot are as fine as the recorded numbers."""
        return self._listings.get(symbol)

    def covers(self, symbol: str, start_ms: int, end_ms: int) -> bool:
        """Whether any recording reaches into the period; between recordings there is nothing, as if the venue had no file."""
        return any(each.start_ms < end_ms and each.end_ms > start_ms for each in self._recordings[symbol])

    def minutes(self, symbol: str, start_ms: int, end_ms: int, kind: Kind = "spot") -> Bars:
        """Recorded bars that start in [start_ms, end_ms)."""
        recordings = self._recordings[symbol]
        parts = [
            self._read(each.path).between(start_ms, end_ms) for each in recordings if each.start_ms < end_ms and each.end_ms > start_ms
        ]
        if not parts:
            return self._read(recordings[0].path).take(slice(0, 0))
        joined = concatenate(parts)
        return joined.take(np.unique(joined.start_ms, return_index=True)[1])

    def bars(self, symbol: str, interval: str, start_ms: int, end_ms: int, now_ms: int, kind: Kind = "spot") -> Bars:
        """Bars as seen at `now_ms`; nothing is known about the inside of a recorded bar, so an unfinished one counts whole ones only."""
        shortest = min(INTERVALS_MS[each.interval] for each in self._recordings[symbol])
        if INTERVALS_MS.get(interval, DAY_MS) < shortest:
            return self.minutes(symbol, 0, 0)
        start = bucket_ceiling(interval, start_ms)
        until = min(bucket_ceiling(interval, end_ms), now_ms // shortest * shortest)
        return aggregate(self.minutes(symbol, start, until), interval)

    def original(self, symbol: str, interval: str, start_ms: int, end_ms: int, kind: Kind) -> bytes | None:
        """The very zip that was recorded for this period and market, None where there is none."""
        for each in self._recordings.get(symbol, ()):
            same = (each.interval, each.start_ms, each.end_ms) == (interval, start_ms, end_ms)
            if same and each.path.suffix == ".zip" and _kind(each.path) == kind:
                return each.path.read_bytes()
        return None

    def _listing(self, symbol: str) -> Listing:
        known = listings().get(symbol)
        recordings = self._recordings[symbol]
        sample = self._read(recordings[0].path)
        quote = next((name for name in _QUOTES if symbol.endswith(name)), "USDT")
        base = symbol.removesuffix(quote)
        return Listing(
            symbol,
            base,
            quote,
            known.base_id if known else base.lower(),
            known.quote_id if known else quote.lower(),
            float(sample.close[-1]) / 10**sample.price_decimals,
            sample.price_decimals,
            sample.quantity_decimals,
            _date(min(each.start_ms for each in recordings)),
            None,
            sigma=0.0,
            turnover=0.0,
            ticket=1.0,
            has_perpetual=True,
        )


def _date(at_ms: int) -> date:
    return date.fromordinal(719_163 + at_ms // DAY_MS)


def _recording(path: Path) -> Recording | None:
    match = _NAME.fullmatch(path.name)
    if match is None or not path.is_file() or match[2] not in INTERVALS_MS:
        return None
    first = date(int(match[3]), int(match[4]), int(match[5] or 1))
    start = (first.toordinal() - 719_163) * DAY_MS
    end = start + DAY_MS if match[5] else bucket_start("1mo", start + 32 * DAY_MS)
    return Recording(path, match[1], match[2], start, end)


def _kind(path: Path) -> Kind:
    """The market of a file: from folders named as in the archive, else futures where it has a header line."""
    if {"spot", "um"} & set(path.parts):
        return "um" if "um" in path.parts else "spot"
    return "um" if _content(path)[:1].isalpha() else "spot"


def _read(path: Path) -> Bars:
    """The bars of one recorded file, as exact integers."""
    import polars as pl

    content = _content(path)
    has_header = content[:1].isalpha()
    try:
        table = pl.read_csv(
            content, has_header=False, skip_rows=int(has_header), new_columns=list(_COLUMNS), schema_overrides=[pl.String] * len(_COLUMNS)
        )
    except pl.exceptions.PolarsError as error:
        raise Unreadable(f"recorded archive {path.name}: {str(error).splitlines()[0]}, expected 12 columns") from None
    times = table.select(pl.col("open_time", "close_time", "trades").cast(pl.Int64))
    unit = 1000 if int(times["open_time"][0]) >= _MICROSECONDS else 1
    price, prices = _integers(table, ("open", "high", "low", "close"))
    quantity, quantities = _integers(table, ("volume", "taker"))
    quote, quotes = _integers(table, ("quote", "taker_quote"))
    trades = times["trades"].to_numpy().copy()
    return Bars(
        start_ms=times["open_time"].to_numpy() // unit,
        end_ms=(times["close_time"].to_numpy() + 1) // unit - 1,
        volume=quantities["volume"],
        taker=quantities["taker"],
        quote=quotes["quote"],
        taker_quote=quotes["taker_quote"],
        trades=trades,
        first_id=np.cumsum(trades) - trades,
        price_decimals=price,
        quantity_decimals=quantity,
        quote_decimals=quote,
        **prices,
    )


def _content(path: Path) -> bytes:
    raw = path.read_bytes()
    if path.suffix == ".gz":
        return gzip.decompress(raw)
    if path.suffix != ".zip":
        return raw
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        return archive.read(archive.namelist()[0])


def _integers(table: object, names: tuple[str, ...]) -> tuple[int, dict[str, np.ndarray[tuple[int], np.dtype[np.int64]]]]:
    """The finest number of decimals among columns of decimal text, and the columns as integers of that unit."""
    import polars as pl

    assert isinstance(table, pl.DataFrame)
    written, needed = (
        max(int(value or 0) for value in table.select(pl.col(*names).str.extract(pattern, 1).str.len_bytes().max()).row(0))
        for pattern in (r"\.(\d*)$", r"\.(\d*?)0*$")
    )
    # Spot files pad everything to eight decimals; as integers of that unit large volumes would not fit.
    places = needed if written == _PADDED else written
    exact = table.select(pl.col(*names).str.to_decimal(scale=places).cast(pl.Decimal(38, places)) * 10**places)
    return places, {name: exact[name].cast(pl.Int64).to_numpy() for name in names}
