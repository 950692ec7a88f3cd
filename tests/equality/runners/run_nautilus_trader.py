"""nautilus_trader over the scenarios: it fills market orders at the close at which they were decided."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import nautilus_trader
import pandas as pd
from given import Case, answer
from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.backtest.models import FixedFeeModel
from nautilus_trader.config import BacktestEngineConfig, LoggingConfig, StrategyConfig
from nautilus_trader.model.currencies import BTC, USD
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide, TimeInForce, TrailingOffsetType
from nautilus_trader.model.events import OrderFilled
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import CurrencyPair
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.persistence.wranglers import BarDataWrangler
from nautilus_trader.trading.strategy import Strategy

VENUE = Venue("SIM")


def instrument(case: Case, column: int) -> CurrencyPair:
    name, places = f"S{column:03d}", 0 if case.lot == 1 else 3
    fee = Decimal(str(case.fees.get("bps", 0.0))) / 10_000
    return CurrencyPair(
        InstrumentId(Symbol(name), VENUE), Symbol(name), BTC, USD, 2, places, Price.from_str("0.01"), Quantity(case.lot, places), 0, 0,
        lot_size=Quantity(case.lot, places), margin_init=Decimal(0), margin_maint=Decimal(0), maker_fee=fee, taker_fee=fee,
    )  # fmt: skip


class Follower(Strategy):
    def __init__(self, case: Case, instruments: list[CurrencyPair], types: list[BarType]) -> None:
        super().__init__(StrategyConfig(strategy_id="follower"))
        self.case, self.instruments, self.types = case, instruments, types
        self.column = {kind: column for column, kind in enumerate(types)}
        self.column_of_id = {one.id: column for column, one in enumerate(instruments)}
        self.row = {int(at) + case.bar_ns: row for row, at in enumerate(case.start_ns)}
        self.wanted: dict[tuple[int, int], list[Any]] = {}
        for one in case.instructions:
            self.wanted.setdefault((one.row, one.instrument), []).append(one)
        self.fills: list[list[float]] = []
        self.fees = 0.0

    def on_start(self) -> None:
        for kind in self.types:
            self.subscribe_bars(kind)

    def on_bar(self, bar: Bar) -> None:
        column = self.column[bar.bar_type]
        for one in self.wanted.get((self.row[bar.ts_event], column), ()):
            self.follow(one, self.instruments[column])

    def follow(self, one: Any, instrument: CurrencyPair) -> None:
        held = float(self.portfolio.net_position(instrument.id))
        waiting = self.cache.orders_open(instrument_id=instrument.id) + self.cache.orders_emulated(instrument_id=instrument.id)
        if one.act in ("flatten", "cancel"):
            self.cancel_all_orders(instrument.id)
            if one.act == "flatten" and held:
                self.submit_order(self.order_factory.market(instrument.id, side_of(-held), instrument.make_qty(abs(held))))
            return
        if (one.is_if_flat and (held or waiting)) or (one.kind == "trailing_stop" and not held):
            return
        side, quantity, make = side_of(one.side), instrument.make_qty(one.quantity), self.order_factory
        if one.stop_loss is not None:
            self.submit_order_list(
                make.bracket(
                    instrument.id, side, quantity, sl_trigger_price=instrument.make_price(one.stop_loss),
                    tp_price=instrument.make_price(one.take_profit), tp_post_only=False,
                )
            )  # fmt: skip
        elif one.kind == "market":
            self.submit_order(make.market(instrument.id, side, quantity))
        elif one.kind == "limit":
            until = pd.Timestamp(self.clock.timestamp_ns(), tz="UTC").normalize() + pd.Timedelta(days=1)
            tif = {"time_in_force": TimeInForce.GTD, "expire_time": until} if one.tif == "day" else {}
            self.submit_order(make.limit(instrument.id, side, quantity, instrument.make_price(one.limit), **tif))
        elif one.kind == "stop":
            self.submit_order(make.stop_market(instrument.id, side, quantity, instrument.make_price(one.stop)))
        else:
            self.submit_order(
                make.trailing_stop_market(
                    instrument.id, side, quantity, Decimal(str(one.trail)), trailing_offset_type=TrailingOffsetType.PRICE
                )
            )

    def on_order_filled(self, event: OrderFilled) -> None:
        sign = 1.0 if event.order_side == OrderSide.BUY else -1.0
        # A fill within a bar carries the time of the tick it was split into, the bar's end.
        self.fills.append(
            [self.row[event.ts_event], self.column_of_id[event.instrument_id], sign * event.last_qty.as_double(), event.last_px.as_double()]
        )
        self.fees += event.commission.as_double()


def side_of(sign: float) -> OrderSide:
    return OrderSide.BUY if sign > 0 else OrderSide.SELL


def run(case: Case) -> dict[str, Any]:
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    fees = FixedFeeModel(Money(case.fees["per_trade"], USD)) if "per_trade" in case.fees else None
    engine.add_venue(
        VENUE, OmsType.NETTING, AccountType.MARGIN, starting_balances=[Money(case.cash, USD)], base_currency=USD, fee_model=fees
    )
    instruments, types = [], []
    index = pd.to_datetime(case.start_ns + case.bar_ns, utc=True)
    for column in range(case.shape[1]):
        one = instrument(case, column)
        kind = BarType.from_str(f"{one.id}-1-{'DAY' if case.bar_ns > 60 * 10**9 else 'MINUTE'}-LAST-EXTERNAL")
        frame = pd.DataFrame({name: getattr(case, name)[:, column] for name in ("open", "high", "low", "close", "volume")}, index)
        engine.add_instrument(one)
        engine.add_data(BarDataWrangler(kind, one).process(frame), sort=column == case.shape[1] - 1)
        instruments.append(one)
        types.append(kind)
    strategy = Follower(case, instruments, types)
    engine.add_strategy(strategy)
    engine.run()
    account = engine.portfolio.account(VENUE)
    unrealised = sum(engine.portfolio.unrealized_pnl(one.id).as_double() for one in instruments if engine.portfolio.net_position(one.id))
    equity = account.balance_total(USD).as_double() + unrealised
    engine.dispose()
    return {"fills": strategy.fills, "fees": strategy.fees, "equity": equity}


answer("nautilus_trader", nautilus_trader.__version__, run)
