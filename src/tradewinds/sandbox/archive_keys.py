"""The tree of the Binance archive as S3 keys: which files exist at an instant, in the order of their names.

A day's file appears at 02:00 UTC of the next day, a month's at noon of the first Monday after the month.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from tradewinds.sandbox.bars import DAY_MS, INTERVALS
from tradewinds.sandbox.market import Kind
from tradewinds.sandbox.world import World

DAILY_AFTER_MS = 2 * 3_600_000
MONTHLY_AFTER_MS = 12 * 3_600_000
MONTHLY_ONLY = ("3d", "1w", "1mo")
_KEY = re.compile(
    r"data/(?P<market>spot|futures/um)/(?P<period>daily|monthly)/(?P<content>klines|markPriceKlines|trades|aggTrades|fundingRate)/"
    r"(?P<symbol>[A-Z0-9]+)/(?:(?P<interval>[0-9a-z]+)/)?(?P<stem>[A-Za-z0-9-]+?-(?P<label>\d{4}-\d\d(?:-\d\d)?))\.zip(?P<sum>\.CHECKSUM)?"
)
_CONTENTS: dict[tuple[Kind, str], tuple[str, ...]] = {
    ("spot", "daily"): ("aggTrades", "klines", "trades"),
    ("spot", "monthly"): ("aggTrades", "klines", "trades"),
    ("um", "daily"): ("aggTrades", "klines", "markPriceKlines", "trades"),
    ("um", "monthly"): ("aggTrades", "fundingRate", "klines", "markPriceKlines", "trades"),
}


@dataclass(frozen=True, slots=True)
class ArchiveKey:
    """One file of the archive. `stem` is its name without `.zip`; [start_ms, end_ms) its period."""

    kind: Kind
    content: str
    symbol: str
    interval: str | None
    stem: str
    start_ms: int
    end_ms: int
    is_monthly: bool
    is_checksum: bool

    @property
    def out_ms(self) -> int:
        """When the file appears."""
        if not self.is_monthly:
            return self.end_ms + DAILY_AFTER_MS
        first = date.fromordinal(719_163 + self.end_ms // DAY_MS)
        return self.end_ms + (7 - first.weekday()) % 7 * DAY_MS + MONTHLY_AFTER_MS


def archive_key(path: str) -> ArchiveKey | None:
    """What a path names, None where the archive has no such kind of file."""
    match = _KEY.fullmatch(path)
    if match is None:
        return None
    interval, label, content = match["interval"], match["label"], match["content"]
    is_monthly = match["period"] == "monthly"
    is_kline = content.endswith("lines")
    kind: Kind = "spot" if match["market"] == "spot" else "um"
    name = interval if is_kline else content
    if content not in _CONTENTS[kind, match["period"]] or match["stem"] != f"{match['symbol']}-{name}-{label}":
        return None
    if (interval is None) == is_kline or (interval or "1m") not in INTERVALS or (len(label) == 7) != is_monthly:
        return None
    if interval in MONTHLY_ONLY and not is_monthly:
        return None
    try:
        first = date.fromisoformat(label + "-01" if is_monthly else label)
    except ValueError:
        return None
    last = next_month(first) if is_monthly else first + timedelta(days=1)
    return ArchiveKey(kind, content, match["symbol"], interval, match["stem"], _ms(first), _ms(last), is_monthly, match["sum"] is not None)


def exists(world: World, key: ArchiveKey) -> bool:
    """Whether the file is out by the venue's clock and the symbol traded in its period."""
    listing = world.source.listing(key.symbol, key.kind)
    if listing is None or key.out_ms > world.clock.now_ms():
        return False
    ends = listing.end is None or _ms(listing.end) >= key.start_ms
    return ends and _ms(listing.start) < key.end_ms and world.source.covers(key.symbol, key.start_ms, key.end_ms)


def keys(world: World, prefix: str, delimiter: str, after: str) -> Iterator[tuple[str, bool]]:
    """(key, False) of files and (common prefix, True) of folders below `prefix` and later than `after`, sorted by name."""
    yield from _walk(world, "", prefix, delimiter, after)


def _walk(world: World, folder: str, prefix: str, delimiter: str, after: str) -> Iterator[tuple[str, bool]]:
    for name in _children(world, folder):
        path = folder + name
        is_folder = path.endswith("/")
        if not (path.startswith(prefix) or (is_folder and prefix.startswith(path))):
            continue
        if path <= after and not (is_folder and after.startswith(path)):
            continue
        if not is_folder:
            yield path, False
        elif delimiter == "/" and path.startswith(prefix) and path != prefix:
            if path > after:
                yield path, True
        else:
            yield from _walk(world, path, prefix, delimiter, after)


def _children(world: World, folder: str) -> list[str]:
    parts = folder.strip("/").split("/") if folder else []
    fixed = {
        (): ["data/"],
        ("data",): ["futures/", "spot/"],
        ("data", "futures"): ["um/"],
        ("data", "spot"): ["daily/", "monthly/"],
        ("data", "futures", "um"): ["daily/", "monthly/"],
    }
    if tuple(parts) in fixed:
        return fixed[tuple(parts)]
    kind: Kind = "spot" if parts[1] == "spot" else "um"
    rest = parts[2:] if kind == "spot" else parts[3:]
    period = rest[0]
    if len(rest) == 1:
        return [f"{content}/" for content in _CONTENTS[kind, period]]
    if len(rest) == 2:
        return sorted(f"{symbol}/" for symbol in world.source.symbols(kind))
    if len(rest) == 3 and rest[1].endswith("lines"):
        return sorted(f"{interval}/" for interval in INTERVALS if period == "monthly" or interval not in MONTHLY_ONLY)
    return _files(world, folder, rest)


def _files(world: World, folder: str, rest: list[str]) -> list[str]:
    kind: Kind = "spot" if folder.startswith("data/spot") else "um"
    listing = world.source.listing(rest[2], kind)
    if listing is None:
        return []
    is_monthly = rest[0] == "monthly"
    stem = f"{rest[2]}-{rest[3] if len(rest) == 4 else rest[1]}"
    day = listing.start.replace(day=1) if is_monthly else listing.start
    last_ms = min(world.clock.now_ms(), _ms(listing.end) + DAY_MS if listing.end else world.clock.now_ms())
    found = []
    while _ms(day) < last_ms:
        name = f"{stem}-{day.isoformat()[:7] if is_monthly else day.isoformat()}.zip"
        key = archive_key(folder + name)
        if key is not None and exists(world, key):
            found += [name, name + ".CHECKSUM"]
        day = next_month(day) if is_monthly else day + timedelta(days=1)
    return found


def next_month(day: date) -> date:
    """The first of the month after."""
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


def _ms(day: date) -> int:
    return (day.toordinal() - 719_163) * DAY_MS
