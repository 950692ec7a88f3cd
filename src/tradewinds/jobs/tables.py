"""Which tables the lake holds, as `Table`s: the datasets behind their names come from the vocabulary, the jobs and the vendors."""

from __future__ import annotations

from collections.abc import Iterator

from tradewinds.core.errors import Rejected, TradewindsError
from tradewinds.core.market import TRADES, bars, interval_of, quotes
from tradewinds.core.observation import Dataset, Table
from tradewinds.jobs.book import book_of, factors_of
from tradewinds.jobs.context import Context
from tradewinds.jobs.crypto_trades import SAMPLED
from tradewinds.jobs.equities import STAGED
from tradewinds.jobs.research_tables import tables_of_book
from tradewinds.simulation.sweep_table import TRIALS


def tables(context: Context) -> list[Table]:
    """Every table of the lake whose dataset is known, by name."""
    return [table for name in sorted(context.lake.tables()) if (table := _table(context, name)) is not None]


def table_named(context: Context, name: str) -> Table:
    """The table of a name such as `history/bars-1m`, `bars-1m` or `vendor/alpha/bars-1d`. Raises Rejected where none is known."""
    full = name if "/" in name else f"history/{name}"
    table = _table(context, full)
    if table is None:
        have = ", ".join(sorted(context.lake.tables())) or "none yet"
        raise Rejected(f"table {name!r}, expected one of: {have}")
    return table


def _table(context: Context, name: str) -> Table | None:
    parts = name.split("/")
    if parts[0] == "history" and len(parts) == 2:
        dataset = _dataset(context, parts[1], None)
        return None if dataset is None else Table(dataset)
    if parts[0] == "vendor" and len(parts) == 3:
        if parts[1] == STAGED.vendor:
            return STAGED
        dataset = _dataset(context, parts[2], parts[1])
        return None if dataset is None else Table(dataset, vendor=parts[1])
    return None


def _dataset(context: Context, name: str, vendor: str | None) -> Dataset | None:
    try:
        if interval_of(name) is not None:
            return bars(name.partition("-")[2])
        if name.startswith("quotes-"):
            return quotes(name.partition("-")[2])
    except Rejected:
        return None
    for dataset in (TRADES, SAMPLED, TRIALS):
        if dataset.name == name:
            return dataset
    found = _of_research(context, name) if vendor is None else None
    if found is not None:
        return found
    for dataset in _of_vendors(context, vendor):
        if dataset.name == name:
            return dataset
    return None


def _of_research(context: Context, name: str) -> Dataset | None:
    """The dataset of a book of research; None where no book of the configuration has it."""
    books = [book for book in context.config.research if f"-{book}" in name]
    if not books:
        return None
    for book in books:
        try:
            found = book_of(context, {"research": book})
            datasets = [one.dataset for one in tables_of_book(book, found.config.features, factors_of(found))]
        except TradewindsError:
            continue  # a book that cannot be read has no tables to look at
        for dataset in datasets:
            if dataset.name == name:
                return dataset
    return None


def _of_vendors(context: Context, vendor: str | None) -> Iterator[Dataset]:
    """The datasets of the vendors that the configuration speaks of, the named one first."""
    config = context.config
    names = [vendor] if vendor else []
    names += [section.vendor for section in config.datasets.values()]
    names += [name for market in config.equities.values() for name in market.vendors]
    for crypto in config.crypto.values():
        names += [crypto.universe.source, crypto.archive, crypto.rest, *([crypto.funding] if crypto.funding else [])]
    names += [config.fx.vendor] if config.fx else []
    for name in dict.fromkeys(names):
        try:
            yield from context.vendor(name).datasets()
        except TradewindsError:
            continue  # a vendor that cannot be built has no tables to look at
