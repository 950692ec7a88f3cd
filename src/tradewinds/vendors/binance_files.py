"""Reads the files of the Binance archive: zip bytes to rows, as fast as the machine allows.

1. `archive_zip` inflates the one CSV and checks its CRC.
2. The head is looked at: futures files have a header line, spot files have none.
3. polars parses the columns that are wanted with a fixed schema; a cell that is no number makes the file unreadable.
4. Times become nanoseconds, by magnitude; every row must lie in the period that the file's name states.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

import polars as pl

from tradewinds.core.errors import Rejected, Unreadable
from tradewinds.core.instant import NS_PER_DAY, NS_PER_MS, from_date, text
from tradewinds.core.market import TRADES, Interval, bars
from tradewinds.core.observation import Dataset, Finding, Payload
from tradewinds.vendors.archive_zip import only_member
from tradewinds.vendors.binance_venue import AGG_TRADES, LAG_NS, MICROSECONDS_FROM, Market, end_ns, times_ns
from tradewinds.vendors.observed import observed

CSV_BYTES_MAX = 4 << 30
LINE_BYTES_MAX = 1024
FINDINGS_MAX = 1_000
VENDOR = "binance_archive"

_LOCATOR = re.compile(
    r"data/(?:(spot)|futures/(um|cm))/(?:daily|monthly)/(klines|trades|aggTrades)/(?P<symbol>[^/]+)/(?:(?P<interval>[^/]+)/)?"
    r"(?P<stem>[^/]+-(?P<year>\d{4})-(?P<month>\d\d)(?:-(?P<day>\d\d))?)\.zip"
)
_I, _F, _B = pl.Int64, pl.Float64, pl.Boolean
_KLINES = {
    "open_time": _I,
    "open": _F,
    "high": _F,
    "low": _F,
    "close": _F,
    "volume": _F,
    "close_time": _I,
    "quote_volume": _F,
    "trades": _I,
    "taker_base": _F,
    "taker_quote": _F,
    "ignore": pl.String,
}
_TRADES = {"id": _I, "price": _F, "quantity": _F, "quote_quantity": _F, "time": _I, "is_buyer_maker": _B}
_AGG_TRADES = {"id": _I, "price": _F, "quantity": _F, "first_id": _I, "last_id": _I, "time": _I, "is_buyer_maker": _B}
_BEST_MATCH = {"is_best_match": pl.String}
# The header names that the venue uses, in the order of the columns above; another order is refused, not guessed.
_HEADERS = {
    "klines": b"open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore",
    "trades": b"id,price,qty,quote_qty,time,is_buyer_maker",
    "aggTrades": b"agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker",
}
_COIN_HEADERS = {
    "klines": b"open_time,open,high,low,close,volume,close_time,base_volume,count,taker_buy_volume,taker_buy_base_volume,ignore",
    "trades": b"id,price,qty,base_qty,time,is_buyer_maker",
}


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """What the path of an archive file says about it."""

    market: Market
    kind: str
    symbol: str
    interval: Interval | None
    stem: str
    start_ns: int
    end_ns: int

    @property
    def dataset(self) -> Dataset:
        if self.interval is not None:
            return bars(self.interval)
        return TRADES if self.kind == "trades" else AGG_TRADES


def archive_file(locator: str) -> ArchiveFile:
    """The file that an archive path names; raises Rejected for any other path."""
    match = _LOCATOR.fullmatch(locator)
    if match is None or (match["interval"] is None) == (match[3] == "klines"):
        raise Rejected(f"binance archive path: {locator!r}, expected such as data/spot/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2024-01-31.zip")
    first = date(int(match["year"]), int(match["month"]), int(match["day"] or 1))
    start_ns = from_date(first)
    following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    stop_ns = start_ns + NS_PER_DAY if match["day"] else from_date(following)
    market: Market = "spot" if match[1] else ("um" if match[2] == "um" else "cm")
    interval = Interval(match["interval"]) if match["interval"] else None
    return ArchiveFile(market, match[3], match["symbol"], interval, match["stem"], start_ns, stop_ns)


def read_file(payload: Payload, instrument: str) -> tuple[pl.DataFrame, list[Finding]]:
    """Rows of one archive file, and what is odd about it without making it unreadable.

    Findings: `reordered` (rows were not in order; they are now), `odd_close` (a bar whose stated close is not its interval's end,
    such as the stub before an outage; the row is kept), `future` (rows beyond the capture; left out).
    """
    file = archive_file(payload.pull.locator)
    what = f"binance archive {file.stem}"
    content = only_member(payload.content, f"{file.stem}.csv", what=what, bytes_max=CSV_BYTES_MAX)
    table = _parsed(content, file, what)
    table = _with_times(table, file, what)
    _check_period(table, file, what)
    findings: list[Finding] = []
    order = ["start_ns"] if file.interval is not None else ["id", "start_ns"]
    if not table[order[0]].is_sorted():
        table = table.sort(order, maintain_order=True)
        findings.append(_finding(file, instrument, file.start_ns, "reordered", f"{file.stem}: rows are not in order of {order[0]}"))
    if file.interval is not None:
        findings += _odd_closes(table, file, instrument)
    rows = observed(table, file.dataset, payload, lag_ns=LAG_NS, instrument=instrument)
    if len(rows) < len(table):
        detail = f"{file.stem}: {len(table) - len(rows)} rows beyond the capture at {text(payload.captured_ns)}"
        findings.append(_finding(file, instrument, file.start_ns, "future", detail))
    return rows, findings


def _parsed(content: bytes, file: ArchiveFile, what: str) -> pl.DataFrame:
    if not content[:LINE_BYTES_MAX].strip():
        raise Unreadable(f"{what}: no rows, expected at least one")
    head = content[:LINE_BYTES_MAX].partition(b"\n")[0].strip()
    has_header = head[:1].isalpha()
    if has_header and head not in _known_headers(file):
        raise Unreadable(f"{what}: header {head.decode('ascii', 'replace')!r}, expected {_HEADERS[file.kind].decode()!r}")
    columns = _columns(file, head.count(b",") + 1, what)
    _check_last_line(content, len(columns), what)
    try:
        table = (
            pl.scan_csv(content, has_header=False, skip_lines=int(has_header), schema=columns, quote_char=None)
            .select([name for name in columns if name not in ("ignore", "is_best_match")])
            .collect()
        )
    except pl.exceptions.PolarsError as error:
        raise Unreadable(f"{what}: {str(error).splitlines()[0]}, expected {len(columns)} columns of numbers") from None
    empty = [name for name in table.columns if table[name].null_count()]
    if empty or table.is_empty():
        raise Unreadable(f"{what}: {f'empty cells in {empty[0]}' if empty else 'no rows'}, expected rows with every cell filled")
    if file.market != "cm":
        return table
    return _in_base_coin(table, file)


def _known_headers(file: ArchiveFile) -> tuple[bytes, ...]:
    usual = _HEADERS[file.kind]
    return (usual, usual + b",is_best_match", _COIN_HEADERS.get(file.kind, usual))


def _columns(file: ArchiveFile, count: int, what: str) -> dict[str, pl.DataType | type[pl.DataType]]:
    usual = {"klines": _KLINES, "trades": _TRADES, "aggTrades": _AGG_TRADES}[file.kind]
    columns: dict[str, pl.DataType | type[pl.DataType]] = dict(usual)
    if file.kind != "klines" and count == len(columns) + 1:
        columns |= _BEST_MATCH
    if count != len(columns):
        raise Unreadable(f"{what}: {count} columns, expected {len(columns)}")
    return columns


def _check_last_line(content: bytes, columns: int, what: str) -> None:
    """A file that was cut ends in the middle of a row; polars would fill the missing cells with nulls."""
    last = content[-LINE_BYTES_MAX:].rstrip(b"\r\n").rpartition(b"\n")[2]
    if last.count(b",") != columns - 1 or last.endswith(b","):
        raise Unreadable(f"{what}: last line {last[-80:].decode('ascii', 'replace')!r} is cut, expected {columns} cells")


def _in_base_coin(table: pl.DataFrame, file: ArchiveFile) -> pl.DataFrame:
    """Coin-margined files count contracts and state the base volume beside it; here volume is always in the base coin."""
    if file.kind == "klines":
        return table.with_columns(
            volume=pl.col("quote_volume"),
            taker_base=pl.col("taker_quote"),
            quote_volume=pl.lit(None, pl.Float64),
            taker_quote=pl.lit(None, pl.Float64),
        )
    if file.kind == "trades":
        return table.with_columns(quantity=pl.col("quote_quantity"), quote_quantity=pl.lit(None, pl.Float64))
    return table


def _with_times(table: pl.DataFrame, file: ArchiveFile, what: str) -> pl.DataFrame:
    start = times_ns(table["time" if file.interval is None else "open_time"], what).alias("start_ns")
    event = pl.col("start_ns") if file.interval is None else end_ns(pl.col("start_ns"), file.interval)
    return table.with_columns(start).with_columns(event.alias("event_ns"))


def _check_period(table: pl.DataFrame, file: ArchiveFile, what: str) -> None:
    # A bar of several days or a month may begin before the period that its file is named for.
    slack_ns = 0 if file.interval is None or not file.interval.is_daily_or_longer else (file.interval.ns or 31 * NS_PER_DAY)
    for at_ns in (table["start_ns"].min(), table["start_ns"].max()):
        assert isinstance(at_ns, int)
        if not file.start_ns - slack_ns <= at_ns < file.end_ns:
            raise Unreadable(f"{what}: a row at {_when(at_ns)}, expected within {text(file.start_ns)} and {text(file.end_ns)}")


def _when(at_ns: int) -> str:
    try:
        return text(at_ns)
    except (OverflowError, ValueError):
        return f"{at_ns} ns"


def _odd_closes(table: pl.DataFrame, file: ArchiveFile, instrument: str) -> list[Finding]:
    # The stated close is the last millisecond, or microsecond, within the bar.
    last_ms = (pl.col("event_ns") - 1) // NS_PER_MS
    closes_ms = pl.when(pl.col("close_time") < MICROSECONDS_FROM).then(pl.col("close_time")).otherwise(pl.col("close_time") // 1000)
    odd = table.lazy().filter(closes_ms != last_ms).select("start_ns", (closes_ms * NS_PER_MS).alias("closes"), "event_ns").collect()
    return [
        _finding(file, instrument, start, "odd_close", f"{file.stem}: states its close at {_when(closes)}, expected {_when(ends)}")
        for start, closes, ends in odd.head(FINDINGS_MAX).iter_rows()
    ]


def _finding(file: ArchiveFile, instrument: str, start_ns: int, kind: str, detail: str) -> Finding:
    return Finding(VENDOR, instrument, file.dataset.name, start_ns, kind, detail, severity="info" if kind == "reordered" else "warning")
