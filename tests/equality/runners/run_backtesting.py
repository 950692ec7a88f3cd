"""backtesting.py over the scenarios of one instrument: market, limit and stop orders, stop-loss and take-profit, trade_on_close."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
from backtesting import Backtest, Strategy, __version__
from given import Case, answer

warnings.simplefilter("ignore")


def run(case: Case) -> dict[str, Any]:
    by_row = case.by_row()
    unit = case.lot  # this engine knows whole units alone: a unit is a lot, a price is the price of a lot
    frame = pd.DataFrame(
        {
            "Open": case.open[:, 0] * unit, "High": case.high[:, 0] * unit, "Low": case.low[:, 0] * unit, "Close": case.close[:, 0] * unit,
            "Volume": case.volume[:, 0],
        },
        pd.to_datetime(case.start_ns),
    )  # fmt: skip

    class Follower(Strategy):
        def init(self) -> None:
            return

        def next(self) -> None:
            for one in by_row.get(len(self.data) - 1, ()):
                follow(self, one)

    def follow(strategy: Strategy, one: Any) -> None:
        if one.act in ("flatten", "cancel"):
            for order in list(strategy.orders):
                if not order.is_contingent:
                    order.cancel()
            if one.act == "flatten":
                strategy.position.close()
            return
        if one.is_if_flat and (strategy.position or strategy.orders):
            return
        place = strategy.buy if one.side > 0 else strategy.sell
        place(size=round(one.quantity / unit), limit=one.limit, stop=one.stop, sl=one.stop_loss, tp=one.take_profit)

    engine = Backtest(
        frame, Follower, cash=case.cash, commission=case.fee, margin=1.0 if case.is_rejecting else 0.01,
        trade_on_close=case.fill == "same_close",
    )  # fmt: skip
    # The engine begins with the second bar; `finalize_trades` stays off, so that what is held at the end stays held.
    found = engine.run()
    trades = found["_trades"]
    fills = [[int(t.EntryBar), 0, float(t.Size) * unit, float(t.EntryPrice) / unit] for t in trades.itertuples()]
    fills += [[int(t.ExitBar), 0, -float(t.Size) * unit, float(t.ExitPrice) / unit] for t in trades.itertuples()]
    for trade in found["_strategy"]._broker.trades:
        fills.append([int(trade.entry_bar), 0, float(trade.size) * unit, float(trade.entry_price) / unit])
    equity = float(np.asarray(found["_equity_curve"]["Equity"])[-1])
    # Its own sum counts a fixed fee at entry once for every part sold later; what left the account is what is compared.
    spent = sum(quantity * (price - case.close[-1, 0]) for _, _, quantity, price in fills)
    return {"fills": fills, "fees": case.cash - spent - equity, "equity": equity}


answer("backtesting", __version__, run)
