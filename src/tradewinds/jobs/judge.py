"""Looks over rows before they are published and says what is wrong with them; never changes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import polars as pl

from tradewinds.core.market import interval_of
from tradewinds.core.observation import Dataset, Finding
from tradewinds.jobs.context import Context

Judge = Callable[[pl.DataFrame], list[Finding]]
QUOTES = "quotes-"


def judge_of(context: Context, dataset: Dataset, vendor: str) -> Judge | None:
    """The checks for this kind of dataset, None where there are none."""
    if interval_of(dataset.name) is not None:
        return judge_bars(context, dataset, vendor)
    return judge_quotes(context, dataset, vendor) if dataset.name.startswith(QUOTES) else None


def judge_bars(context: Context, dataset: Dataset, vendor: str, continues: Mapping[str, int] = MappingProxyType({})) -> Judge:
    """The quality checks of `history.quality` for bars of one vendor.

    continues: the end of what is known of an instrument, where its next rows are to go on from there. Rows handed over later go on
    from those before, so that a month whose end was cut off is a gap as much as a hole in its middle.
    """
    from tradewinds.history.quality import check_bars, stretches

    ends = dict(continues)

    def judge(rows: pl.DataFrame) -> list[Finding]:
        found = check_bars(rows, dataset, vendor=vendor, now_ns=context.clock.now_ns(), follows=ends)
        for instrument, low, high in stretches(rows):
            last = rows["event_ns"][low:high].max()
            assert isinstance(last, int)
            ends[instrument] = max(ends.get(instrument, last), last)
        return found

    return judge


def judge_quotes(context: Context, dataset: Dataset, vendor: str) -> Judge:
    """The quality checks of `history.quality_quotes` for bid and ask bars of one vendor."""
    from tradewinds.history.quality_quotes import check_quotes

    def judge(rows: pl.DataFrame) -> list[Finding]:
        return check_quotes(rows, dataset, vendor=vendor, now_ns=context.clock.now_ns())

    return judge
