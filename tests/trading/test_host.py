"""The strategies of an account live: the same decisions and orders as a backtest, each strategy alone in its failing."""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from tradewinds.calendars.sessions import calendar
from tradewinds.core.account import Fill
from tradewinds.core.broker import BrokerCapability, OrderReport
from tradewinds.core.errors import Rejected
from tradewinds.core.instrument import Instrument
from tradewinds.core.order import ORDER_KINDS, TIMES_IN_FORCE, Intent, OrderState
from tradewinds.factors.incremental import Ema
from tradewinds.factors.indicator import sma
from tradewinds.history.panel import Panel
from tradewinds.risk.limits import Gate, Limits
from tradewinds.simulation.backtest import backtest
from tradewinds.simulation.market import market_of_panel
from tradewinds.simulation.rules import Account, Setup
from tradewinds.trading.books import Books
from tradewinds.trading.engine import Command, Engine
from tradewinds.trading.entry import Alerted, Allotted, Answered, Approved, Bar, BarsClosed, Decided, Heard, Priced, Waiting
from tradewinds.trading.host import StrategyHost, warm_up_bars
from tradewinds.trading.hosted import Hosted
from tradewinds.trading.strategy import Float, Int, Strategy, event, vector
from tradewinds.trading.view import View

MINUTE_NS = 60_000_000_000
START_NS = 1_795_392_000_000_000_000  # 2026-11-23 00:00Z
CAPABILITY = BrokerCapability(
    "hand", "XNAS", frozenset(ORDER_KINDS), frozenset(TIMES_IN_FORCE), can_replace=False, has_reduce_only=True, absent_after_s=1.0,
    holds="positions",
)  # fmt: skip


@vector(parameters={"fast": Int(3, 2, 50), "slow": Int(8, 3, 100)}, lookback=lambda p: p.slow, interval="1m")
def crossing(panel: Any, params: Any) -> Any:
    return np.where(sma(panel.close, params.fast) > sma(panel.close, params.slow), 3.0, 0.0)


@vector(lookback=4, interval="1m", targets="weights")
def shares(panel: Any, params: Any) -> Any:
    change = panel.close / np.vstack([panel.close[:1], panel.close[:-1]]) - 1.0
    return np.clip(change * 20.0, -0.4, 0.4)


@event(parameters={"length": Int(5, 2, 50), "risk": Float(2.0, 0.0, 10.0)}, lookback=lambda p: 4 * p.length, interval="1m")
class Following:
    """An average that remembers, and what it has seen."""

    def __init__(self, params: Any) -> None:
        self.params = params
        self.average = Ema(params.length)
        self.seen = 0

    def warm_up(self, view: View) -> None:
        self.average.update(view.close)

    def on_bar(self, view: View) -> float:
        self.seen += 1
        return 2.0 if view.close > self.average.update(view.close) else -1.0


def panel(width: int = 1, count: int = 240, seed: int = 3) -> Panel:
    """Minute bars on cents; every open differs from the close before."""
    drawn = np.random.default_rng(seed)
    close = np.round(100.0 + np.cumsum(drawn.normal(0, 0.2, (count, width)), axis=0), 2)
    opened = np.round(np.vstack([close[:1], close[:-1]]) + drawn.normal(0, 0.05, (count, width)), 2)
    times = START_NS + np.arange(count, dtype=np.int64) * MINUTE_NS
    ends = times + MINUTE_NS
    fields = {
        "open": opened, "high": np.maximum(opened, close) + 0.03, "low": np.minimum(opened, close) - 0.03, "close": close,
        "volume": np.full(close.shape, 1000.0),
    }  # fmt: skip
    names = tuple(f"I{at}.XNAS" for at in range(width))
    return Panel(names, times, ends, np.repeat(ends[:, None], width, axis=1), fields)


def instruments(bars: Panel) -> tuple[Instrument, ...]:
    return tuple(Instrument(name, "equity", "USD", "24/7", tick=Decimal("0.01"), lot=Decimal(1)) for name in bars.instruments)


def hosted(strategy: Any, bars: Panel, **terms: Any) -> Hosted:
    """strategy: Any, because type checkers do not see that a decorator makes a class a Strategy."""
    assert isinstance(strategy, Strategy)
    return Hosted(terms.pop("name", strategy.name), strategy, instruments(bars), "USD", **terms)


def closed(bars: Panel, row: int) -> BarsClosed:
    end = int(bars.event_ns[row])
    found = []
    for column, name in enumerate(bars.instruments):
        opened, high, low, close, volume = (float(bars.field(field)[row, column]) for field in ("open", "high", "low", "close", "volume"))
        if close == close:
            found.append(Bar(name, opened, high, low, close, volume, end))
    return BarsClosed("1m", end, tuple(found))


class Hand:
    """An engine whose orders are filled by hand at the opens of the next bar: the rule of the backtest."""

    def __init__(self, *strategies: Hosted, books: Books | None = None, capability: BrokerCapability = CAPABILITY) -> None:
        self.host = StrategyHost("main", strategies, capability)
        self.engine = Engine(Books("main") if books is None else books, Gate(), capability, self.host)
        for one in strategies if books is None else ():
            self.engine.books.apply(0, [Allotted(one.name, "USD", Decimal(100_000))])
        self.waiting: list[Command] = []
        self.records: list[Any] = []
        self.fills: list[tuple[int, str, float, float]] = []

    def see(self, bars: Panel, rows: range, *, fills: bool = True) -> None:
        for row in rows:
            if fills:
                self._fill(bars, row)
            self._handle(int(bars.event_ns[row]), closed(bars, row))

    def _handle(self, time_ns: int, given: Any) -> None:
        outcome = self.engine.handle(time_ns, given)
        self.records += outcome.entry.records
        self.waiting += [one for one in outcome.commands if isinstance(one, Command) and one.ask == "submit"]

    def _fill(self, bars: Panel, row: int) -> None:
        waiting, self.waiting = self.waiting, []
        for number, command in enumerate(waiting):
            assert command.order is not None
            terms = command.order.terms
            price = float(bars.open[row, bars.instruments.index(terms.instrument)])
            at = int(bars.times[row])
            self._handle(at, Answered("submit", command.client_order_id, self._report(command, OrderState.ACCEPTED, at)))
            fill = Fill(
                f"{at}-{number}",
                "XNAS",
                command.client_order_id,
                terms.instrument,
                terms.side,
                terms.quantity,
                Decimal(repr(price)),
                "USD",
                at,
            )
            self.fills.append((row, terms.instrument, float(terms.signed), price))
            self._handle(at, Heard(fill))

    def _report(self, command: Command, state: OrderState, at: int) -> OrderReport:
        assert command.order is not None
        return OrderReport(command.client_order_id, "v-" + command.client_order_id, command.order.terms.instrument, state, at)


def simulated(strategy: Any, bars: Panel) -> list[tuple[int, str, float, float]]:
    market = market_of_panel(bars, instruments(bars))
    result = backtest(strategy, market, bars, setup=Setup(Account(100_000.0, "USD")))
    fills = result.fills
    return [(int(one["row"]), bars.instruments[one["instrument"]], float(one["quantity"]), float(one["price"])) for one in fills]


@pytest.mark.parametrize(("strategy", "width"), [(crossing, 1), (crossing, 3), (shares, 3), (Following, 1)])
def test_live_trades_what_the_backtest_trades(strategy: Any, width: int) -> None:
    bars = panel(width)

    hand = Hand(hosted(strategy, bars))
    hand.see(bars, range(240))

    assert len(hand.fills) > 20
    assert hand.fills == simulated(strategy, bars)


def test_a_decision_carries_every_digit_and_orders_are_whole_lots() -> None:
    bars = panel(3)
    hand = Hand(hosted(shares, bars))

    hand.see(bars, range(60))

    decided = [one for one in hand.records if isinstance(one, Decided)]
    orders = [one.order.terms for one in hand.records if isinstance(one, Approved)]
    assert [one.decision_ns for one in decided] == [int(bars.event_ns[row]) for row in range(3, 60)]
    assert decided[-1].targets["I0.XNAS"] == repr(float(np.clip((bars.close[59, 0] / bars.close[58, 0] - 1.0) * 20.0, -0.4, 0.4)))
    assert all(terms.quantity == terms.quantity.to_integral_value() for terms in orders)


def test_orders_that_reduce_a_position_come_first() -> None:
    bars = panel(2)

    @vector(lookback=1, interval="1m")
    def turn(panel: Any, params: Any) -> Any:
        is_early = np.arange(len(panel.close))[:, None] < 5
        return np.where(is_early, [0.0, 5.0], [5.0, 0.0])

    hand = Hand(hosted(turn, bars, warm_up_bars=20))
    hand.see(bars, range(8))

    terms = [one.order.terms for one in hand.records if isinstance(one, Approved)]
    assert [(one.instrument, one.side) for one in terms] == [("I1.XNAS", "buy"), ("I1.XNAS", "sell"), ("I0.XNAS", "buy")]


def test_a_strategy_that_raises_is_alone_in_it() -> None:
    bars = panel()

    @vector(lookback=1, interval="1m", name="broken")
    def broken(panel: Any, params: Any) -> Any:
        if len(panel.close) > 4:
            raise ZeroDivisionError("by hand")
        return np.ones(panel.shape)

    hand = Hand(hosted(broken, bars, warm_up_bars=20), hosted(crossing, bars))
    hand.see(bars, range(40))

    alerts = [one for one in hand.records if isinstance(one, Alerted)]
    decided = [one.strategy for one in hand.records if isinstance(one, Decided)]
    assert [(one.severity, "broken is disabled" in one.text, "by hand" in one.text) for one in alerts] == [("critical", True, True)]
    assert decided.count("broken") == 4
    assert decided.count("crossing") == 33
    assert set(hand.host.disabled) == {"broken"}


def test_history_told_as_warm_up_decides_nothing_and_makes_the_first_bar_decide() -> None:
    bars = panel()
    hand = Hand(hosted(crossing, bars))
    need = hand.host.needs()[0]

    for one in warm_up_bars(closed(bars, row) for row in range(need.bars)):
        hand.engine.handle(one.end_ns, one)
    hand.see(bars, range(need.bars, need.bars + 1))

    assert (need.interval, need.instruments, need.bars) == ("1m", ("I0.XNAS",), 120)
    assert [one.decision_ns for one in hand.records if isinstance(one, Decided)] == [int(bars.event_ns[120])]


def test_a_newest_bar_told_as_warm_up_is_decided_on_once_when_it_is_asked_for() -> None:
    bars = panel()
    host = StrategyHost("main", [hosted(crossing, bars)])
    books = Books("main")
    for row in range(20):
        one = closed(bars, row)
        assert list(host.decide(BarsClosed(one.interval, one.end_ns, one.bars, is_warm_up=True), books)) == []

    asked = list(host.decide(closed(bars, 19), books))

    assert [type(one) for one, _ in asked] == [Decided]
    assert asked[0][0].decision_ns == closed(bars, 19).end_ns
    assert list(host.decide(closed(bars, 19), books)) == []


def test_what_was_decided_before_a_restart_is_not_decided_again() -> None:
    bars = panel()
    host = StrategyHost("main", [hosted(crossing, bars)])
    books = Books("main")
    books.decided_ns["crossing"] = closed(bars, 19).end_ns
    for row in range(20):
        one = closed(bars, row)
        list(host.decide(BarsClosed(one.interval, one.end_ns, one.bars, is_warm_up=True), books))

    assert list(host.decide(closed(bars, 19), books)) == []


def test_a_missing_bar_is_nan_and_a_late_one_rewrites_no_decision() -> None:
    bars = panel(2)
    seen: list[list[float]] = []

    @vector(lookback=2, interval="1m")
    def looking(panel: Any, params: Any) -> Any:
        seen.append(panel.close[-2:, 1].tolist())
        return np.zeros(panel.shape)

    hand = Hand(hosted(looking, bars))
    hand.see(bars, range(4))
    whole = closed(bars, 4)
    hand.engine.handle(whole.end_ns, BarsClosed("1m", whole.end_ns, whole.bars[:1]))
    late = hand.engine.handle(whole.end_ns + 1, BarsClosed("1m", whole.end_ns, whole.bars[1:]))
    hand.see(bars, range(5, 6))

    assert late.entry.records == ()
    assert np.isnan(seen[-2][1])
    assert seen[-1] == [float(bars.close[4, 1]), float(bars.close[5, 1])]


def test_an_event_strategy_goes_on_after_a_restart_as_if_there_had_been_none() -> None:
    bars = panel()
    through = Hand(hosted(Following, bars))
    through.see(bars, range(200))

    before = Hand(hosted(Following, bars))
    before.see(bars, range(120))
    after = Hand(hosted(Following, bars), books=before.engine.books)
    after.waiting = before.waiting
    for one in warm_up_bars(closed(bars, row) for row in range(60, 120)):
        after.engine.handle(one.end_ns, one)
    after.see(bars, range(120, 200))

    assert before.fills + after.fills == through.fills
    assert before.engine.books.states["Following"] == through.engine.books.states["Following"]


def test_a_bar_that_came_too_late_to_be_decided_on_is_learned_from() -> None:
    bars = panel()
    hand = Hand(hosted(Following, bars))
    hand.see(bars, range(60))
    for row in (60, 61):
        hand.engine.handle(int(bars.event_ns[row]), next(iter(warm_up_bars([closed(bars, row)]))))
    hand.see(bars, range(62, 90))

    whole = Hand(hosted(Following, bars))
    whole.see(bars, range(90))

    late = [one.decision_ns for one in hand.records if isinstance(one, Decided)]
    both = {one.decision_ns: dict(one.targets) for one in whole.records if isinstance(one, Decided)}
    assert len(both) - len(late) == 2
    assert all(dict(one.targets) == both[one.decision_ns] for one in hand.records if isinstance(one, Decided))


def test_the_exits_of_a_bracket_follow_its_entry_and_one_cancels_the_other() -> None:
    bars = panel()

    @event(lookback=1, interval="1m", name="bracket")
    class Bracketed:
        def __init__(self, params: Any) -> None:
            self.bars = 0

        def on_bar(self, view: View) -> None:
            self.bars += 1
            if self.bars == 3:
                view.bracket("buy", 7.9, stop=view.close - 5.004, take_profit=view.close + 5.0)

    hand = Hand(hosted(Bracketed, bars))
    hand.see(bars, range(3))
    entry = [one.order for one in hand.records if isinstance(one, Approved)]
    hand._fill(bars, 3)  # the exits leave with the fill, before any bar ends
    first = [one.order for one in hand.records if isinstance(one, Approved)]
    hand.see(bars, range(3, 5), fills=False)

    close = Decimal(repr(float(bars.close[2, 0])))
    orders = [one.order for one in hand.records if isinstance(one, Approved)]
    exits = [one.terms for one in orders if one not in first[:1]]
    assert [one.terms.kind for one in entry] == ["market"]
    assert [one.terms.kind for one in first] == ["market", "stop", "take_profit"]
    assert first[0].terms.quantity == 7
    assert exits[0].stop == close - Decimal("5.01")
    assert exits[1].limit == close + 5
    assert all(one.is_reduce_only and one.side == "sell" and one.quantity == 7 for one in exits)

    profit = next(one for one in orders if one.terms.kind == "take_profit")
    stop = next(one for one in orders if one.terms.kind == "stop")
    at = int(bars.event_ns[4]) + 1
    for order in (profit, stop):
        hand._handle(
            at, Answered("submit", order.client_order_id, OrderReport(order.client_order_id, "v", "I0.XNAS", OrderState.ACCEPTED, at))
        )
    hand._handle(at, Heard(Fill("f", "XNAS", profit.client_order_id, "I0.XNAS", "sell", Decimal(7), Decimal(110), "USD", at)))
    hand.waiting = []
    hand.see(bars, range(5, 6))

    assert hand.engine.books.orders[stop.client_order_id].state is OrderState.CANCEL_SENT


def test_a_target_that_waits_for_a_person_or_is_only_a_shadow_is_not_wanted_again() -> None:
    bars = panel()

    @vector(lookback=1, interval="1m")
    def always(panel: Any, params: Any) -> Any:
        return np.full(panel.shape, 5.0)

    asking = Hand(hosted(always, bars))
    asking.engine.gate.limit(Limits(approval_above=Decimal(1)))
    shadow = Hand(hosted(always, bars))
    shadow.engine.ordering.is_shadow = True
    for hand in (asking, shadow):
        for row in range(5):
            price = Decimal(repr(float(bars.close[row, 0])))
            hand.engine.handle(int(bars.event_ns[row]), Priced("I0.XNAS", price, int(bars.event_ns[row]), Decimal(1)))
            hand.see(bars, range(row, row + 1))

    assert len([one for one in asking.records if isinstance(one, Waiting)]) == 1
    assert len([one for one in shadow.records if isinstance(one, Approved)]) == 1
    assert len([one for one in shadow.records if isinstance(one, Decided)]) == 5


def test_a_stop_that_the_broker_cannot_hold_is_watched_and_sent_when_touched() -> None:
    bars = panel()
    lows = float(bars.low[3:30, 0].min())
    row = 3 + int(np.argmin(bars.low[3:30, 0]))

    @event(lookback=1, interval="1m", name="guarded")
    class Guarded:
        def __init__(self, params: Any) -> None:
            self.bars = 0

        def on_bar(self, view: View) -> None:
            self.bars += 1
            if self.bars == 2:
                view.buy(4.0)
            if self.bars == 3:
                view.sell(4.0, stop=lows + 0.001)

    without = BrokerCapability(
        "plain", "XNAS", frozenset({"market", "limit"}), frozenset(TIMES_IN_FORCE), can_replace=False, has_reduce_only=False,
        absent_after_s=1.0, holds="balances",
    )  # fmt: skip
    hand = Hand(hosted(Guarded, bars), capability=without)
    hand.see(bars, range(40))

    orders = [
        (one.order.intent.decision_ns, one.order.terms.kind, one.order.terms.side) for one in hand.records if isinstance(one, Approved)
    ]
    assert orders == [(int(bars.event_ns[1]), "market", "buy"), (int(bars.event_ns[row]), "market", "sell")]


def test_a_rhythm_decides_at_its_bars_alone() -> None:
    bars = panel()

    @vector(lookback=1, interval="1m", rhythm="every 1h")
    def hourly(panel: Any, params: Any) -> Any:
        return np.ones(panel.shape)

    hand = Hand(hosted(hourly, bars, calendar=calendar("24/7")))
    hand.see(bars, range(240))

    decided = [one.decision_ns for one in hand.records if isinstance(one, Decided)]
    assert decided == [START_NS + hour * 60 * MINUTE_NS for hour in (1, 2, 3, 4)]


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"datasets": ("funding",)}, "dataset 'funding'"),
        ({"fields": ("close", "quote_volume")}, "field 'quote_volume'"),
        ({"rhythm": "close - 15m"}, "without a calendar"),
    ],
)
def test_what_cannot_run_live_is_refused_at_the_start(declared: dict[str, Any], said: str) -> None:
    bars = panel()
    strategy = vector(lookback=1, interval="1m", name="other", **declared)(lambda panel, params: panel.close)

    with pytest.raises(Rejected, match=said):
        StrategyHost("main", [hosted(strategy, bars)])


def test_a_strategy_whose_state_cannot_be_written_is_refused_at_the_start() -> None:
    bars = panel()

    @event(lookback=1, interval="1m", name="stream")
    class Held:
        def __init__(self, params: Any) -> None:
            self.lines = iter(deque([1]))

        def on_bar(self, view: View) -> None:
            return None

    with pytest.raises(Rejected, match="attribute lines"):
        StrategyHost("main", [hosted(Held, bars)])


def test_intents_are_named_by_what_was_decided() -> None:
    bars = panel()
    one, two = Hand(hosted(crossing, bars)), Hand(hosted(crossing, bars))

    one.see(bars, range(60))
    two.see(bars, range(60))

    ids = [entry.order.client_order_id for entry in one.records if isinstance(entry, Approved)]
    assert len(ids) > 3
    assert ids == [entry.order.client_order_id for entry in two.records if isinstance(entry, Approved)]
    assert isinstance(next(entry.order.intent for entry in one.records if isinstance(entry, Approved)), Intent)
