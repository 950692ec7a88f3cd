"""Quality of bid and ask bars: each side as bars without volume, and both against each other. Nothing is altered.

    crossed       an ask below its bid: nobody would have left such an order standing
    the rest      as `quality_bars` names them, the field with its side in front (`bid_close`)

Gaps are not looked for: currencies rest at weekends and holidays, and minutes without a change of price are left out by many vendors.
"""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from tradewinds.core.errors import Rejected
from tradewinds.core.market import PRICES
from tradewinds.core.observation import Dataset, Finding
from tradewinds.history.quality import BarLimits, check_bars

SIDES = ("bid", "ask")
OF_ROWS = ("unordered", "duplicate", "revised", "conflict", "future", "late")  # about whole rows: one side says it for both


def check_quotes(
    rows: pl.DataFrame, dataset: Dataset | str, *, vendor: str, now_ns: int | None = None, limits: BarLimits | None = None
) -> list[Finding]:
    """Findings about one vendor's bid and ask bars of one or many instruments.

    rows: instrument, start_ns, event_ns, bid_open ... ask_close; known_ns is looked at where it stands.
    """
    name = dataset if isinstance(dataset, str) else dataset.name
    needed = ("instrument", "start_ns", "event_ns", *(f"{side}_{price}" for side in SIDES for price in PRICES))
    absent = [column for column in needed if column not in rows.columns]
    if absent:
        raise Rejected(f"quality of {name} from {vendor}: columns {absent} are missing, found {rows.columns}")
    found: list[Finding] = []
    times = [column for column in ("instrument", "start_ns", "event_ns", "known_ns") if column in rows.columns]
    for side in SIDES:
        prices = [pl.col(f"{side}_{price}").alias(price) for price in PRICES]
        bars = rows.select(*times, *prices, pl.lit(None, pl.Float64).alias("volume"))
        for one in check_bars(bars, name, vendor=vendor, now_ns=now_ns, limits=limits):
            if side == SIDES[0] or one.kind not in OF_ROWS:
                found.append(_of_side(one, side))
    return [*found, *_crossed(rows, name, vendor)]


def _of_side(finding: Finding, side: str) -> Finding:
    if finding.kind in OF_ROWS:
        return finding
    return replace(finding, field=f"{side}_{finding.field}" if finding.field else side)


def _crossed(rows: pl.DataFrame, name: str, vendor: str) -> list[Finding]:
    apart = [(pl.col(f"ask_{price}") - pl.col(f"bid_{price}")).alias(price) for price in PRICES]
    odd = (
        rows.select("instrument", "start_ns", "event_ns", *apart)
        .filter(pl.any_horizontal(pl.col(price) < 0 for price in PRICES))
        .sort("instrument", "start_ns")
    )
    found = []
    for instrument, start_ns, event_ns, *gaps in odd.iter_rows():
        worst = min((gap, price) for gap, price in zip(gaps, PRICES, strict=True) if gap is not None)
        detail = f"ask_{worst[1]} {-worst[0]:.6g} below bid_{worst[1]}, expected at or above it"
        found.append(Finding(vendor, instrument, name, start_ns, "crossed", detail, field=worst[1], end_ns=event_ns))
    return found
