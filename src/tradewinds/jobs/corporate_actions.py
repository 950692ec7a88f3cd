"""Splits and dividends: what each vendor says of them, and what the reconciled history takes as known.

A split factor is published as reconciliation decided it from the prices. A dividend is published when a vendor tells it; the first
vendor in the configured order wins, and one that tells another amount is a finding.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

import polars as pl

from tradewinds.core.instrument import CorporateAction
from tradewinds.core.observation import Finding, Table
from tradewinds.jobs.config import EquitiesConfig
from tradewinds.jobs.context import Context
from tradewinds.jobs.ingest import FAR_FUTURE_NS

DATASET = "corporate-actions"
SPLIT: Literal["split"] = "split"
DIVIDEND: Literal["dividend"] = "dividend"
AMOUNT_TOLERANCE = 0.02  # of a dividend, as a fraction: vendors round


def told(context: Context, vendor: str, kind: str, instruments: list[str]) -> pl.DataFrame:
    """instrument, start_ns, value and currency of one kind of action as the vendor tells it, latest version known now."""
    empty = pl.DataFrame(
        schema={"instrument": pl.String, "start_ns": pl.Int64, "known_ns": pl.Int64, "value": pl.Float64, "currency": pl.String}
    )
    dataset = next((found for found in context.vendor(vendor).datasets() if found.name == DATASET), None)
    if dataset is None:
        return empty
    rows = context.lake.read(Table(dataset, vendor=vendor), as_of_ns=context.clock.now_ns(), instruments=instruments)
    return rows.filter(pl.col("kind") == kind).select(empty.columns)


def with_splits(context: Context, vendor: str, rows: pl.DataFrame) -> pl.DataFrame:
    """The vendor's bars with a column split_factor: what it tells, 1 where it tells nothing."""
    splits = told(context, vendor, SPLIT, rows["instrument"].unique().to_list()).select(
        "instrument", "start_ns", pl.col("value").alias("split_factor")
    )
    return rows.join(splits, on=["instrument", "start_ns"], how="left", maintain_order="left").with_columns(
        pl.col("split_factor").fill_null(1.0)
    )


def record(context: Context, config: EquitiesConfig, by_vendor: Mapping[str, pl.DataFrame], decided: pl.DataFrame) -> int:
    """Keep the splits that were decided and the dividends that were told; returns how many were new."""
    certain = decided.filter((pl.col("split_factor") != 1.0) & (pl.col("status") != "held"))
    actions = [
        CorporateAction(instrument, SPLIT, start_ns, known_ns, value=Decimal(repr(value)))
        for instrument, start_ns, known_ns, value in certain.select("instrument", "start_ns", "known_ns", "split_factor").iter_rows()
    ]
    dividends, findings = _dividends(context, config, by_vendor, decided)
    if findings:
        context.records.record(findings)
    if not actions and not dividends:
        return 0
    return context.records.add_actions([*_unknown_yet(context, [*actions, *dividends])])


def _dividends(
    context: Context, config: EquitiesConfig, by_vendor: Mapping[str, pl.DataFrame], decided: pl.DataFrame
) -> tuple[list[CorporateAction], list[Finding]]:
    names = decided["instrument"].unique().to_list()
    low, high = decided["start_ns"].min(), decided["start_ns"].max()
    chosen: dict[tuple[str, int], CorporateAction] = {}
    findings = []
    for vendor in config.vendors:
        if vendor not in by_vendor:
            continue
        rows = told(context, vendor, DIVIDEND, names).filter(pl.col("start_ns").is_between(low, high) & (pl.col("value") > 0))
        for instrument, start_ns, known_ns, value, currency in rows.iter_rows():
            mine = chosen.get((instrument, start_ns))
            if mine is None:
                amount = Decimal(repr(value))
                chosen[instrument, start_ns] = CorporateAction(
                    instrument, DIVIDEND, start_ns, known_ns, amount, currency, f"told by {vendor}"
                )
            elif mine.value is not None and abs(float(mine.value) - value) > AMOUNT_TOLERANCE * value:
                detail = f"dividend {value:g}, {mine.detail}: {float(mine.value):g}"
                findings.append(Finding("*", instrument, DATASET, start_ns, "conflict", detail, field="dividend"))
    return list(chosen.values()), findings


def _unknown_yet(context: Context, actions: list[CorporateAction]) -> list[CorporateAction]:
    """Those that differ from what is known; a later version is known now, not before."""
    instruments = sorted({action.instrument for action in actions})
    known = {(a.instrument, a.kind, a.effective_ns): a for a in context.records.actions(as_of_ns=FAR_FUTURE_NS, instruments=instruments)}
    fresh = []
    for action in actions:
        earlier = known.get((action.instrument, action.kind, action.effective_ns))
        if earlier is None:
            fresh.append(action)
        elif earlier.value != action.value:
            known_ns = max(context.clock.now_ns(), earlier.known_ns + 1)
            fresh.append(
                CorporateAction(action.instrument, action.kind, action.effective_ns, known_ns, action.value, action.currency, action.detail)
            )
    return fresh
