"""A vendor that tells only adjusted closes cannot supply bars, but it can disagree.

Its levels mean nothing here (later splits and dividends are in them), its one-session returns do: the published total return
of a session, with the split and the dividend of that session, must be what the adjusted closes say.

1. A session whose return differs, and whose next return differs the other way by as much, has a disputed close.
2. A session whose return differs and does not come back has a disputed split or dividend.
3. A disputed session is held, because no majority can tell who is right, until somebody releases it; the finding names both returns.

The tolerance is the configured one, or twice the rounding of the adjusted closes where that is coarser (old prices, many splits).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import polars as pl

from tradewinds.core.observation import Finding

RETURN_TOLERANCE = 0.003
DECIMALS_MAX = 6


@dataclass(frozen=True, slots=True)
class Opinion:
    """One disputed session: `field` is close, or adjustment where the difference stays."""

    instrument: str
    start_ns: int
    field: str
    ours: float
    theirs: float


def disputes(rows: pl.DataFrame, dividends: pl.DataFrame, adjusted: pl.DataFrame, tolerance: float = RETURN_TOLERANCE) -> list[Opinion]:
    """Where adjusted closes contradict published rows.

    rows: instrument, start_ns, close, split_factor; dividends: instrument, start_ns, value; adjusted: instrument, start_ns, close.
    A dividend is per share after the split of its session, as vendors of raw prices state it.
    """
    joined = (
        rows.select("instrument", "start_ns", "close", pl.col("split_factor").fill_null(1.0))
        .join(adjusted.select("instrument", "start_ns", pl.col("close").alias("adjusted")), on=["instrument", "start_ns"])
        .join(dividends.group_by("instrument", "start_ns").agg(pl.col("value").sum()), on=["instrument", "start_ns"], how="left")
        .sort("instrument", "start_ns")
    )
    found: list[Opinion] = []
    for (name,), part in joined.group_by("instrument", maintain_order=True):
        found += _of_one(str(name), part, tolerance)
    return found


def finding(opinion: Opinion, vendor: str, dataset: str) -> Finding:
    """What is recorded of a dispute; the data alone cannot tell who is wrong."""
    detail = f"{vendor} returns {opinion.theirs:+.3%}, the vendors of bars {opinion.ours:+.3%}"
    return Finding("*", opinion.instrument, dataset, opinion.start_ns, "conflict", detail, field=opinion.field, severity="error")


def _of_one(name: str, part: pl.DataFrame, tolerance: float) -> list[Opinion]:
    step = _step(part["adjusted"])
    before = pl.col("close").shift(1)
    differ = part.with_columns(
        ours=(pl.col("close") * pl.col("split_factor") + pl.col("value").fill_null(0.0) * pl.col("split_factor")) / before - 1,
        theirs=pl.col("adjusted") / pl.col("adjusted").shift(1) - 1,
        allowed=pl.max_horizontal(pl.lit(tolerance), 2 * step / pl.min_horizontal("adjusted", pl.col("adjusted").shift(1))),
    ).with_columns(apart=pl.col("ours") - pl.col("theirs"))
    found = []
    skip = -1
    apart, allowed = differ["apart"].to_list(), differ["allowed"].to_list()
    for index, (gap, limit) in enumerate(zip(apart, allowed, strict=True)):
        if gap is None or index <= skip or not math.isfinite(gap) or abs(gap) <= limit:
            continue
        following = apart[index + 1] if index + 1 < len(apart) else None
        comes_back = following is None or abs(gap + following) <= max(limit, abs(gap) / 3)
        row = differ.row(index, named=True)
        found.append(Opinion(name, row["start_ns"], "close" if comes_back else "adjustment", row["ours"], row["theirs"]))
        if comes_back:
            skip = index + 1
    return found


def _step(values: pl.Series) -> float:
    """The size of the last decimal that the vendor writes."""
    for decimals in range(DECIMALS_MAX):
        if bool(((values * 10**decimals - (values * 10**decimals).round()).abs() < 1e-6 * 10**decimals).all()):
            return float(10.0**-decimals)
    return float(10.0**-DECIMALS_MAX)
