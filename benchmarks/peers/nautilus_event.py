"""nautilus_trader: a moving-average cross on one instrument or several, one unit each, 1 basis point; it fills at the close decided at.

Loading the bars into the engine is not measured; each round runs the engine anew over them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from decimal import Decimal

import nautilus_trader
import pandas as pd
import prices
from measured import Outcome, answer, asked
from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.config import BacktestEngineConfig, LoggingConfig, StrategyConfig
from nautilus_trader.model.currencies import BTC, USD
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import CurrencyPair
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.persistence.wranglers import BarDataWrangler
from nautilus_trader.trading.strategy import Strategy

settings = asked()
VENUE = Venue("SIM")


def instrument(number: int) -> CurrencyPair:
    name = f"S{number:03d}"
    return CurrencyPair(
        InstrumentId(Symbol(name), VENUE), Symbol(name), BTC, USD, 2, 0, Price.from_str("0.01"), Quantity.from_int(1), 0, 0,
        lot_size=Quantity.from_int(1), margin_init=Decimal(0), margin_maint=Decimal(0), maker_fee=Decimal("0.0001"),
        taker_fee=Decimal("0.0001"),
    )  # fmt: skip


class Mean:
    """A moving average over whole cents, kept up bar by bar."""

    def __init__(self, window: int) -> None:
        self.values: deque[float] = deque(maxlen=window)
        self.total = 0.0

    def update(self, value: float) -> float:
        if len(self.values) == self.values.maxlen:
            self.total -= self.values[0]
        self.values.append(value)
        self.total += value
        return self.total / len(self.values)


class SmaCross(Strategy):
    def __init__(self, instruments: list[CurrencyPair], types: list[BarType]) -> None:
        super().__init__(StrategyConfig(strategy_id="cross"))
        self.instruments = dict(zip(types, instruments, strict=True))
        self.means = {kind: (Mean(settings.fast), Mean(settings.slow)) for kind in types}
        self.is_long = dict.fromkeys(types, False)
        self.seen = dict.fromkeys(types, 0)
        self.one = Quantity.from_int(1)

    def on_start(self) -> None:
        for kind in self.instruments:
            self.subscribe_bars(kind)

    def on_bar(self, bar: Bar) -> None:
        kind = bar.bar_type
        fast, slow = self.means[kind]
        close = round(bar.close.as_double() * 100.0)
        quick, lazy = fast.update(close), slow.update(close)
        self.seen[kind] += 1
        if self.seen[kind] < settings.slow or (quick > lazy) == self.is_long[kind]:
            return
        self.is_long[kind] = quick > lazy
        side = OrderSide.BUY if self.is_long[kind] else OrderSide.SELL
        self.submit_order(self.order_factory.market(self.instruments[kind].id, side, self.one))


def loaded() -> tuple[BacktestEngine, list[CurrencyPair], list[BarType]]:
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    engine.add_venue(
        VENUE, OmsType.NETTING, AccountType.MARGIN, starting_balances=[Money(10_000_000 * settings.instruments, USD)], base_currency=USD
    )
    bars = prices.walks(settings.bars, settings.instruments, settings.seed)
    index = pd.to_datetime(prices.starts_ns(settings.bars) + prices.MINUTE_NS, utc=True)
    instruments, types = [], []
    for number in range(settings.instruments):
        one = instrument(number)
        kind = BarType.from_str(f"{one.id}-1-MINUTE-LAST-EXTERNAL")
        engine.add_instrument(one)
        frame = pd.DataFrame({name: bars[name][:, number] for name in prices.FIELDS}, index)
        engine.add_data(BarDataWrangler(kind, one).process(frame), sort=number == settings.instruments - 1)
        instruments.append(one)
        types.append(kind)
    return engine, instruments, types


engine, instruments, types = loaded()


def work() -> Callable[[], Outcome]:
    engine.reset()
    engine.clear_strategies()
    engine.add_strategy(SmaCross(instruments, types))
    engine.run()
    account = engine.portfolio.account(VENUE)
    exposure = sum(float(engine.portfolio.unrealized_pnl(one.id) or 0.0) for one in instruments)
    fills = sum(len(order.events) and order.filled_qty.as_double() > 0 for order in engine.cache.orders())
    equity = account.balance_total(USD).as_double() + exposure
    return lambda: Outcome(int(fills), equity)


answer("nautilus_trader", nautilus_trader.__version__, settings, work)
