"""Looks over rows before they are published and says what is wrong with them; never changes them."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from tradewinds.core.observation import Dataset, Finding
from tradewinds.jobs.context import Context


def judge_bars(context: Context, dataset: Dataset, vendor: str) -> Callable[[pl.DataFrame], list[Finding]]:
    """The quality checks of `history.quality` for bars of one vendor."""
    from tradewinds.history.quality import check_bars

    def judge(rows: pl.DataFrame) -> list[Finding]:
        return check_bars(rows, dataset, vendor=vendor, now_ns=context.clock.now_ns())

    return judge
