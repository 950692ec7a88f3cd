"""Joins lake and raw store into the look-ups that `history.lineage` walks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from tradewinds.core.observation import Table
from tradewinds.history.lineage import LineageStep, chain
from tradewinds.jobs.context import Context
from tradewinds.jobs.equities import STAGED
from tradewinds.jobs.tables import table_named, tables


class LakeSources:
    """The sources of a published fact, as the lake and the raw store know them."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def published(self, dataset: str, identity: Mapping[str, Any], as_of_ns: int) -> Mapping[str, Any] | None:
        found = self._rows(table_named(self._context, dataset), identity, as_of_ns)
        return found[0] if found else None

    def vendor_rows(self, dataset: str, identity: Mapping[str, Any], as_of_ns: int) -> Sequence[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        for table in tables(self._context):
            if table.vendor is not None and table.vendor != STAGED.vendor and table.dataset.name == dataset:
                found += [{"vendor": table.vendor, **row} for row in self._rows(table, identity, as_of_ns)]
        if not found:
            # A dataset of one vendor is published as that vendor said it.
            row = self.published(dataset, identity, as_of_ns)
            found = [] if row is None else [row]
        return found

    def has_payload(self, sha256: str) -> bool:
        return self._context.raw.has(sha256)

    def captures(self, sha256: str) -> Sequence[Mapping[str, str]]:
        return self._context.raw.captures(sha256)

    def _rows(self, table: Table, identity: Mapping[str, Any], as_of_ns: int) -> list[dict[str, Any]]:
        start_ns = int(identity["start_ns"])
        rows = self._context.lake.read(
            table, as_of_ns=as_of_ns, instruments=[str(identity["instrument"])], start_ns=start_ns, end_ns=start_ns + 1
        )
        for name in table.dataset.keys:
            if name in identity:
                rows = rows.filter(pl.col(name) == identity[name])
        return rows.to_dicts()


def lineage_of(context: Context, dataset: str, identity: Mapping[str, Any], as_of_ns: int) -> LineageStep:
    """The chain of one published fact back to vendor bytes. Raises Missing when nothing is published."""
    return chain(LakeSources(context), dataset, identity, as_of_ns)
