"""vectorbt over the scenarios that are lists of market orders: orders at given prices, on shared cash."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import vectorbt as vbt
from given import Case, answer
from vectorbt.portfolio.enums import SizeType


def run(case: Case) -> dict[str, Any]:
    times, width = case.shape
    size, price = np.full((times, width), np.nan), case.open if case.fill == "next_open" else case.close
    later = 0 if case.fill == "same_close" else 1
    is_at_close = any(one.when == "close" for one in case.instructions)
    kind = np.full((times, width), SizeType.Amount)
    for one in case.instructions:
        row = one.row + later
        if row < times:
            size[row, one.instrument] = 0.0 if one.act == "flatten" else one.side * one.quantity
            kind[row, one.instrument] = SizeType.TargetAmount if one.act == "flatten" else SizeType.Amount
    index = pd.to_datetime(case.start_ns)
    portfolio = vbt.Portfolio.from_orders(
        pd.DataFrame(case.close, index),
        size,
        size_type=kind,
        price=case.close if is_at_close else price,
        fees=case.fees.get("bps", 0.0) / 10_000.0,
        fixed_fees=case.fees.get("per_trade", 0.0),
        init_cash=case.cash,
        cash_sharing=True,
        group_by=True,
        allow_partial=False,
        freq=pd.Timedelta(case.bar_ns, "ns"),
    )
    orders = portfolio.orders.records
    fills = [[int(o.idx), int(o.col), float(o.size) * (1 if o.side == 0 else -1), float(o.price)] for o in orders.itertuples()]
    return {"fills": fills, "fees": float(orders["fees"].sum()), "equity": float(portfolio.value().iloc[-1])}


answer("vectorbt", vbt.__version__, run)
