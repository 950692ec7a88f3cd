"""backtrader over the scenarios: market, limit, stop, trailing and close orders, brackets, cheat-on-close for `same_close`."""

from __future__ import annotations

import datetime as dt
from typing import Any

import backtrader as bt
from given import Case, answer

EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 -- the engine's times have no zone
KINDS = {"market": bt.Order.Market, "limit": bt.Order.Limit, "stop": bt.Order.Stop, "trailing_stop": bt.Order.StopTrail}


class Feed(bt.feed.DataBase):
    """The bars of one column."""

    params = (("case", None), ("column", 0))

    def start(self) -> None:
        super().start()
        case = self.p.case
        # A bar stands at its end less a hair, so that the last minute of a day is not the next one's.
        self.rows = iter(range(case.shape[0]))
        self.times = [bt.date2num(EPOCH + dt.timedelta(microseconds=int(at) // 1000)) for at in case.start_ns]
        self.columns = [field[:, self.p.column].tolist() for field in (case.open, case.high, case.low, case.close, case.volume)]

    def _load(self) -> bool:
        row = next(self.rows, None)
        if row is None:
            return False
        lines = self.lines
        lines.datetime[0] = self.times[row]
        lines.open[0], lines.high[0], lines.low[0], lines.close[0], lines.volume[0] = (column[row] for column in self.columns)
        lines.openinterest[0] = 0.0
        return True


class Fees(bt.CommInfoBase):
    """The scenario's fees."""

    params = (("case", None), ("stocklike", True), ("commtype", bt.CommInfoBase.COMM_PERC), ("percabs", True))

    def _getcommission(self, size: float, price: float, pseudoexec: bool) -> float:
        return self.p.case.fee(size, price) if size else 0.0


class Follower(bt.Strategy):
    params = (("case", None),)

    def __init__(self) -> None:
        self.by_row = self.p.case.by_row()
        self.open_orders: dict[int, list[bt.Order]] = {column: [] for column in range(len(self.datas))}
        self.column = {id(data): column for column, data in enumerate(self.datas)}
        self.fills: list[list[float]] = []
        self.fees, self.refused = 0.0, 0

    def next(self) -> None:
        row = len(self.datas[0]) - 1
        for one in self.by_row.get(row, ()):
            self.follow(one)

    def follow(self, one: Any) -> None:
        data, waiting = self.datas[one.instrument], self.open_orders[one.instrument]
        held = self.getposition(data).size
        if one.act in ("flatten", "cancel"):
            for order in list(waiting):
                self.cancel(order)
            waiting.clear()
            if one.act == "flatten" and held:
                (self.sell if held > 0 else self.buy)(data=data, size=abs(held))
            return
        if one.is_if_flat and (held or waiting):
            return
        if one.kind == "trailing_stop" and not held:
            return
        place = self.buy if one.side > 0 else self.sell
        kind = bt.Order.Close if one.when == "close" else KINDS[one.kind]
        more: dict[str, Any] = {"price": one.limit or one.stop} if one.kind in ("limit", "stop") else {}
        if one.tif == "day":
            more["valid"] = bt.Order.DAY
        if one.kind == "trailing_stop":
            more["trailamount"] = one.trail
        if one.stop_loss is None:
            waiting.append(place(data=data, size=one.quantity, exectype=kind, **more))
            return
        exit_by = self.sell if one.side > 0 else self.buy
        entry = place(data=data, size=one.quantity, exectype=kind, transmit=False, **more)
        stop = exit_by(data=data, size=one.quantity, exectype=bt.Order.Stop, price=one.stop_loss, parent=entry, transmit=False)
        limit = exit_by(data=data, size=one.quantity, exectype=bt.Order.Limit, price=one.take_profit, parent=entry, transmit=True)
        waiting += [entry, stop, limit]

    def notify_order(self, order: bt.Order) -> None:
        column = self.column[id(order.data)]
        if order.status in (order.Completed, order.Margin, order.Rejected, order.Canceled, order.Expired):
            self.open_orders[column] = [one for one in self.open_orders[column] if one.ref != order.ref]
        if order.status in (order.Margin, order.Rejected):
            self.refused += 1
        if order.status == order.Completed:
            row = self.rows[order.executed.dt]
            self.fills.append([row, column, order.executed.size, order.executed.price])
            self.fees += order.executed.comm

    def start(self) -> None:
        self.rows = {bt.date2num(EPOCH + dt.timedelta(microseconds=int(at) // 1000)): row for row, at in enumerate(self.p.case.start_ns)}


def run(case: Case) -> dict[str, Any]:
    engine = bt.Cerebro(stdstats=False)
    frame, size = (bt.TimeFrame.Days, 1) if case.bar_ns >= 86_400 * 10**9 else (bt.TimeFrame.Minutes, 1)
    for column in range(case.shape[1]):
        engine.adddata(Feed(case=case, column=column, timeframe=frame, compression=size))
    engine.addstrategy(Follower, case=case)
    broker = engine.broker
    broker.setcash(case.cash)
    broker.addcommissioninfo(Fees(case=case))
    broker.set_coc(case.fill == "same_close")
    broker.set_checksubmit(False)
    if not case.is_rejecting:
        broker.set_shortcash(True)
    strategy = engine.run()[0]
    return {"fills": strategy.fills, "fees": strategy.fees, "equity": broker.getvalue(), "refused": strategy.refused}


answer("backtrader", bt.__version__, run)
