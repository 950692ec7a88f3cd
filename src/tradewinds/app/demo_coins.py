"""Where the demo's coins come from: a local venue with a seeded market, recorded files, or the real venues."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from tradewinds.core.errors import Rejected
from tradewinds.core.instant import from_date, parse, text, to_date
from tradewinds.wiring.clock import SystemClock

SEED = 7
TOP = 6
# The archive's spot files change from milliseconds to microseconds with 2025, in the middle of this history.
SEEDED_SINCE = date(2024, 12, 1)
SEEDED_NOW = "2025-01-09T06:30:00Z"
_RECORDED = re.compile(r"([A-Z0-9]+)-1m-(\d{4})-(\d{2})\.(csv|csv\.gz|zip)")
# What the local venue does wrong on purpose: an outage, a limit, a broken file that is whole the second time.
FAULTS = (
    {"kind": "missing", "symbol": "ETHUSDT", "amount": 1.0, "start": "2024-12-18T02:00:00Z", "end": "2024-12-18T04:00:00Z"},
    {"kind": "throttle", "venue": "binance_rest", "path": "*klines*", "times": 1, "amount": 1.0},
    {"kind": "truncated", "venue": "binance_archive", "path": "*monthly*BTCUSDT-1m*.zip", "times": 1},
)


@dataclass(frozen=True, slots=True)
class Coins:
    """The crypto section of the demo's configuration and what the local venues need."""

    now: str
    market: str
    instruments: tuple[str, ...]
    since: date
    folder: Path | None = None
    is_online: bool = False

    @property
    def partition(self) -> str:
        """The day the coins are fetched for."""
        return to_date(parse(self.now)).isoformat()

    def sandbox(self) -> dict[str, Any]:
        """What the local venues are started with."""
        base: dict[str, Any] = {"seed": SEED, "now_ns": parse(self.now)}
        if self.folder is not None:
            return {**base, "archive": [str(self.folder)]}
        return {**base, "faults": list(FAULTS)}

    def environment(self) -> dict[str, str]:
        """The time at which the coins are played; the real one when online."""
        return {} if self.is_online else {"TRADEWINDS_CLOCK": self.now}

    def yaml(self) -> str:
        """The crypto section."""
        names = ", ".join(self.instruments)
        return (
            "crypto:\n"
            "  binance:\n"
            f"    market: {self.market}\n"
            f"    universe: {{top: {TOP}, quote: USDT}}\n"
            "    shard_symbols: 3\n"
            "    shard_months: 1\n"
            "    bars:\n"
            f"      - {{interval: 1m, instruments: [{names}], since: {self.since}}}\n"
        )


def coins_for(archive: Path | None, *, is_online: bool) -> Coins:
    """The coins of the demo. Raises Rejected when a folder holds no recorded file."""
    if is_online:
        now_ns = SystemClock().now_ns()
        return Coins(text(now_ns), "spot", ("BTCUSDT", "ETHUSDT"), to_date(now_ns) - timedelta(days=3), is_online=True)
    if archive is None:
        return Coins(SEEDED_NOW, "spot", ("universe",), SEEDED_SINCE)
    found = sorted(match.groups()[:3] for path in archive.rglob("*") if (match := _RECORDED.fullmatch(path.name)))
    if not found:
        raise Rejected(f"demo: no recorded file in {archive}, expected names such as AVAXUSDT-1m-2026-02.csv.gz or .zip")
    months = [date(int(year), int(month), 1) for _, year, month in found]
    after = (max(months) + timedelta(days=32)).replace(day=1)
    symbols = tuple(dict.fromkeys(symbol for symbol, _, _ in found))
    return Coins(text(from_date(after + timedelta(days=9))), _market_of(archive), symbols, min(months), folder=archive)


def _market_of(archive: Path) -> str:
    """Recorded futures files stand in folders that say so; otherwise they are taken for spot."""
    name = archive.absolute().as_posix()
    return "um" if "_um" in name or "/um" in name else "cm" if "_cm" in name or "/cm" in name else "spot"
