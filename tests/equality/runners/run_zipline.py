"""zipline over the scenarios that are lists of market orders: on days it fills an order at the close after the decision."""

from __future__ import annotations

import datetime as dt
import os
import tempfile
import warnings
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

os.environ["ZIPLINE_ROOT"] = tempfile.mkdtemp(prefix="zipline-")

import pandas as pd
import zipline
from exchange_calendars import ExchangeCalendar, register_calendar_type
from given import Case, answer
from zipline import api
from zipline.data import bundles
from zipline.data.bundles.csvdir import csvdir_equities
from zipline.finance import commission, slippage
from zipline.utils.calendar_utils import get_calendar

warnings.simplefilter("ignore")


class Weekdays(ExchangeCalendar):
    """Every weekday from 10:00 to 16:00."""

    name = "WEEKDAYS"
    tz = ZoneInfo("UTC")
    open_times = ((None, dt.time(10)),)
    close_times = ((None, dt.time(16)),)

    @classmethod
    def default_start(cls) -> pd.Timestamp:
        return pd.Timestamp("2003-01-01")

    @classmethod
    def default_end(cls) -> pd.Timestamp:
        return pd.Timestamp("2035-12-31")


register_calendar_type("WEEKDAYS", Weekdays)


def run(case: Case) -> dict[str, Any]:
    days = pd.to_datetime(case.start_ns)
    calendar = get_calendar("WEEKDAYS")
    bundles.register(case.name, csvdir_equities(["daily"], write(case, days)), calendar_name="WEEKDAYS")
    bundles.ingest(case.name, show_progress=False)
    by_row, row_of = case.by_row(), {day.date(): row for row, day in enumerate(days)}

    def row_at(close: pd.Timestamp) -> int:
        return row_of[close.date()]

    def begin(context: Any) -> None:
        context.assets = [api.symbol(f"S{column:03d}") for column in range(case.shape[1])]
        api.set_slippage(us_equities=slippage.NoSlippage())
        fee = (
            commission.PerTrade(case.fees["per_trade"])
            if "per_trade" in case.fees
            else commission.PerDollar(case.fees.get("bps", 0.0) / 1e4)
        )
        api.set_commission(us_equities=fee)

    def decide(context: Any, data: Any) -> None:
        for one in by_row.get(row_at(api.get_datetime()), ()):
            asset = context.assets[one.instrument]
            held = context.portfolio.positions[asset].amount if asset in context.portfolio.positions else 0
            amount = -held if one.act == "flatten" else one.side * one.quantity
            if amount:
                api.order(asset, amount)

    found = zipline.run_algorithm(
        start=days[0], end=days[-1], initialize=begin, handle_data=decide, capital_base=case.cash, data_frequency="daily", bundle=case.name,
        trading_calendar=calendar, benchmark_returns=pd.Series(0.0, calendar.sessions_in_range(days[0], days[-1])),
    )  # fmt: skip
    done = [one for of_day in found["transactions"] for one in of_day]
    fills = [[row_at(t["dt"]), int(t["sid"].symbol[1:]), float(t["amount"]), float(t["price"])] for t in done]
    fees = {order["id"]: float(order["commission"] or 0.0) for of_day in found["orders"] for order in of_day}
    return {"fills": fills, "fees": sum(fees.values()), "equity": float(found["portfolio_value"].iloc[-1])}


def write(case: Case, days: pd.DatetimeIndex) -> str:
    """The bars as files of the kind that its `csvdir` bundle reads."""
    folder = Path(os.environ["ZIPLINE_ROOT"]) / f"csv-{case.name}"
    (folder / "daily").mkdir(parents=True)
    for column in range(case.shape[1]):
        frame = pd.DataFrame({name: getattr(case, name)[:, column] for name in ("open", "high", "low", "close", "volume")}, days)
        frame["dividend"], frame["split"] = 0.0, 1.0
        frame.rename_axis("date").to_csv(folder / "daily" / f"S{column:03d}.csv")
    return str(folder)


answer("zipline", zipline.__version__, run)
