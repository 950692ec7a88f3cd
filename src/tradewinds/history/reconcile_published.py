"""Decisions as rows of the history and as findings of the ledger."""

from __future__ import annotations

import numpy as np
import polars as pl

from tradewinds.core.observation import Finding, Severity
from tradewinds.history.reconcile_cells import Cells
from tradewinds.history.reconcile_decision import STATUS, Decided
from tradewinds.history.reconcile_limits import ANY_VENDOR
from tradewinds.history.reconcile_reading import Fault


def published(block: Cells, decided: Decided) -> pl.DataFrame:
    """The published rows: the chosen vendor's row, with the volume of another where that was decided."""
    at = np.arange(block.size)
    rows = block.rows[block.row[decided.price_from, at]]
    vendors = np.array(block.vendors, dtype=object)
    mixed = decided.price_from != decided.volume_from
    names = vendors[decided.price_from]
    if mixed.any():
        names = np.where(mixed, names + ";volume=" + vendors[decided.volume_from], names)
    return rows.with_columns(
        pl.Series("volume", block.volume[decided.volume_from, at]),
        pl.Series("known_ns", decided.known),
        pl.Series("split_factor", decided.split),
        pl.Series("vendor", names.tolist(), dtype=pl.String),
        pl.Series("status", [STATUS[k] for k in decided.status.tolist()], dtype=pl.String),
        pl.Series("reason", decided.reason, dtype=pl.String),
    )


def finding(block: Cells, dataset: str, fault: Fault) -> Finding:
    """A fault as the ledger keeps it."""
    vendor, cell, field, kind, detail = fault
    severity: Severity = (
        "error" if vendor == ANY_VENDOR or kind == "conflict" else "info" if kind in ("duplicate", "revised") else "warning"
    )
    return Finding(
        vendor=vendor,
        instrument=block.instruments[int(block.instrument[cell])],
        dataset=dataset,
        start_ns=int(block.start[cell]),
        end_ns=int(block.event[cell]),
        kind=kind,
        field=field,
        detail=detail,
        severity=severity,
    )
