"""Joins lake and raw store into the look-ups that `history.lineage` walks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from tradewinds.core.instant import text
from tradewinds.core.observation import Table
from tradewinds.history.lineage import LineageStep, chain
from tradewinds.jobs.context import Context
from tradewinds.jobs.equities import STAGED
from tradewinds.jobs.tables import table_named, tables

OF_US = "tradewinds"  # the source of rows that we computed


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
        return sha256 != OF_US and self._context.raw.has(sha256)

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
    """The chain of one published fact back to vendor bytes. Raises Missing when nothing is published.

    What research computed leads to the features of that session, and those to the bars that they were computed of: the session's own with
    its whole chain, those before it by number and span.
    """
    step = chain(LakeSources(context), dataset, identity, as_of_ns)
    book = next((name for name in context.config.research if f"-{name}" in dataset), None)
    if book is None or step.facts.get("source") != OF_US:
        return step
    return replace(step, parents=tuple(_made_of(context, book, dataset.removeprefix("history/"), identity, as_of_ns)))


def _made_of(context: Context, book: str, dataset: str, identity: Mapping[str, Any], as_of_ns: int) -> Iterator[LineageStep]:
    from tradewinds.jobs.book import book_of
    from tradewinds.jobs.research_book import decisions_of, known_bars
    from tradewinds.jobs.research_features import features_of
    from tradewinds.jobs.research_tables import features_table

    found = book_of(context, {"research": book})
    features = features_table(book, found.config.features).dataset.name
    place = {"instrument": identity["instrument"], "start_ns": identity["start_ns"]}
    if dataset != features:
        if LakeSources(context).published(features, place, as_of_ns) is not None:
            yield lineage_of(context, features, place, as_of_ns)
        return
    wanted = features_of(found)
    rows = known_bars(context, found, str(identity["instrument"]), int(identity["start_ns"]), as_of_ns)
    _, decided = decisions_of(found, rows)
    read = rows.filter(pl.col("known_ns") <= int(decided[-1])).tail(wanted.lookback + 1)
    for start_ns in read["start_ns"].to_list()[-1:]:
        own = chain(LakeSources(context), found.config.bars, place | {"start_ns": start_ns}, int(decided[-1]))
        before = read.height - 1
        across = any(one.steps.reads_across for one in wanted.factors.values())
        facts = {"rows": str(before), "known_by": text(int(decided[-1])), "instruments": "all of the book" if across else "this one"}
        yield own
        if before:
            title = f"{found.config.bars} of the {before} sessions before, from {text(int(read['start_ns'][0]))}"
            yield LineageStep("published", title, facts)
