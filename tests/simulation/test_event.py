"""The loop of event strategies: equal to vector ones, equal however late the simulation follows, and through a restart."""

from __future__ import annotations

import math
from collections import deque
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewinds.core.errors import Rejected
from tradewinds.core.instrument import Instrument
from tradewinds.history.panel import Panel
from tradewinds.simulation.backtest import backtest, seen_panel
from tradewinds.simulation.books import DIVIDEND, EVENT, SPLIT
from tradewinds.simulation.event import EventRun
from tradewinds.simulation.market import Market, market_of_panel
from tradewinds.simulation.result import Result
from tradewinds.simulation.rules import Account, BasisPoints, Fills, Setup
from tradewinds.trading.columns import Corrections
from tradewinds.trading.desk import Fill
from tradewinds.trading.intent import Bracket, Intent, OneCancelsOther
from tradewinds.trading.state import dump, restore
from tradewinds.trading.strategy import Int, Params, Strategy, TargetUnit, event, vector
from tradewinds.trading.view import View

MINUTE_NS = 60_000_000_000
SETUP = Setup(costs=(BasisPoints(1),))


def tried(strategy: Any, bars: Panel, events: list[tuple[int, int, int, float]] | None = None, **terms: Any) -> Result:
    """A backtest. strategy: Any, because type checkers do not see that a decorator makes a class a Strategy."""
    return backtest(strategy, market(bars, events), bars, **terms)


def panel(closes: Any) -> Panel:
    """Minute bars that open at the close before."""
    close = np.array(closes, dtype=np.float64)
    close = close.reshape(len(close), -1)
    opened = np.vstack([close[:1], close[:-1]])
    times = np.arange(len(close), dtype=np.int64) * MINUTE_NS
    ends = times + MINUTE_NS
    fields = {
        "open": opened, "high": np.maximum(opened, close) + 0.25, "low": np.minimum(opened, close) - 0.25, "close": close,
        "volume": np.full(close.shape, 1000.0),
    }  # fmt: skip
    names = tuple(f"I{at}.XNAS" for at in range(close.shape[1]))
    return Panel(names, times, ends, np.repeat(ends[:, None], close.shape[1], axis=1), fields)


def market(bars: Panel, events: list[tuple[int, int, int, float]] | None = None) -> Market:
    """events: (row, instrument, kind, value)."""
    instruments = [Instrument(name, "equity", "USD", "XNYS", lot=Decimal(1)) for name in bars.instruments]
    happened = np.array([(row, column, kind, value, np.nan) for row, column, kind, value in events or []], dtype=EVENT)
    return market_of_panel(bars, instruments, events=happened)


def walk(seed: int, bars: int, width: int = 1) -> Any:
    return np.round(100 + np.cumsum(np.random.default_rng(seed).normal(0, 1, (bars, width)), axis=0), 2)


@event(parameters={"fast": Int(2, 1, 50), "slow": Int(5, 2, 100)}, lookback=lambda p: p.slow)
class Cross:
    """Long while the mean of the last `fast` closes is above that of the last `slow`."""

    def __init__(self, params: Params) -> None:
        self.params = params
        self.closes: deque[float] = deque(maxlen=params.slow)

    def warm_up(self, view: View) -> None:
        self.closes.append(view.close)

    def on_bar(self, view: View) -> float:
        self.closes.append(view.close)
        closes = list(self.closes)
        return 10.0 if math.fsum(closes[-self.params.fast :]) * len(closes) > math.fsum(closes) * self.params.fast else 0.0


@vector(parameters={"fast": Int(2, 1, 50), "slow": Int(5, 2, 100)}, lookback=lambda p: p.slow)
def cross(seen: Any, params: Params) -> Any:
    close = seen.close[:, 0]
    out = np.zeros(len(close))
    for row in range(params.slow - 1, len(close)):
        window = close[row + 1 - params.slow : row + 1].tolist()
        out[row] = 10.0 if math.fsum(window[-params.fast :]) * params.slow > math.fsum(window) * params.fast else 0.0
    return out


def same(one: Any, two: Any) -> None:
    for log in ("orders", "fills", "postings"):
        for name in getattr(one, log).dtype.names:
            np.testing.assert_array_equal(getattr(one, log)[name], getattr(two, log)[name], err_msg=f"{log} {name}")
    np.testing.assert_array_equal(one.equity, two.equity)


@pytest.mark.parametrize("start_row", [None, 17])
def test_the_same_rule_as_array_code_and_bar_by_bar_gives_the_same_orders(start_row: int | None) -> None:
    bars = panel(walk(3, 80))
    start_ns = None if start_row is None else int(bars.event_ns[start_row])

    one = tried(cross, bars, setup=SETUP, start_ns=start_ns)
    two = tried(Cross, bars, setup=SETUP, start_ns=start_ns)

    assert len(one.fills) > 5
    assert one.first_row == two.first_row == (4 if start_row is None else 18)
    same(one, two)
    assert one.fingerprint.orders == two.fingerprint.orders


class Scripted:
    """Does at each bar what a script says: the acts and reads of a strategy that hypothesis makes up."""

    script: tuple[tuple[str, int, int], ...] = ()

    def __init__(self, params: Params) -> None:
        self.seen: list[Any] = []
        self.at = 0

    def on_bar(self, view: View) -> Any:
        answer = None
        for what, column, size in self.script[self.at : self.at + 2]:
            said = self._act(view, what, view.instruments[column], size)
            answer = answer if said is None else said
        self.at += 2
        return answer

    def _act(self, view: View, what: str, instrument: str, size: int) -> Any:
        price = view.price("close", instrument)
        match what:
            case "target":
                view.target(float(size), instrument)
            case "weight":
                view.target(size / 20, instrument, "weights")
            case "answer":
                return {instrument: size}
            case "array":
                return np.full(len(view.instruments), float(size))
            case "buy":
                view.buy(size + 1, instrument)
            case "sell":
                view.sell(size + 1, instrument)
            case "limit":
                view.buy(size + 1, instrument, limit=price - 0.5 * size)
            case "stop":
                view.sell(size + 1, instrument, stop=price - 0.25 * size)
            case "bracket":
                view.bracket("buy", size + 1, stop=price - 1 - size, take_profit=price + 1 + size, instrument=instrument)
            case "either":
                view.one_cancels_other(
                    Intent("buy", size + 1, instrument, limit=price - 1), Intent("buy", size + 1, instrument, stop=price + 1)
                )
            case "cancel":
                for one in view.open_orders(instrument):
                    view.cancel(one.id)
            case "quantity":
                self.seen.append((view.row, view.quantity(instrument), view.average_price(instrument)))
            case "money":
                self.seen.append((view.row, view.cash, view.equity))
            case "orders":
                self.seen.append((view.row, view.open_orders()))
        return None


ACTS = ("target", "weight", "answer", "array", "buy", "sell", "limit", "stop", "bracket", "either", "cancel", "quantity", "money", "orders",
        "nothing", "nothing", "nothing")  # fmt: skip
STEPS = st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 1), st.integers(0, 5)), max_size=60)


def scripted(
    steps: list[tuple[str, int, int]], *, is_stepped: bool, setup: Setup = SETUP, watched: bool = False, unit: TargetUnit = "units"
) -> EventRun:
    class Told(Scripted):
        def on_fill(self, view: View, fill: Fill) -> None:
            self.seen.append((view.row, "fill", fill.order, fill.quantity))

    declared = Strategy("scripted", "event", Told if watched else Scripted, targets=unit)
    bars = panel(walk(5, 30, 2))
    there = market(bars, [(12, 0, SPLIT, 2.0), (20, 1, DIVIDEND, 0.5)])
    run = EventRun(declared, declared.params(), there, seen_panel(declared, there, bars), setup, 0, is_stepped=is_stepped)
    run.code.script = tuple(steps)
    run.run(30)
    return run


FILLS = (Fills(), Fills(latency_bars=2), Fills(at="same_close"), Fills(participation=0.002))
ACCOUNTS = (Account(2_000.0), Account(2_000.0, kind="cash"), Account(2_000.0, leverage=2.0, maintenance=0.3, debit=0.05))


@settings(max_examples=150, deadline=None)
@given(
    steps=STEPS,
    watched=st.booleans(),
    fills=st.sampled_from(FILLS),
    account=st.sampled_from(ACCOUNTS),
    unit=st.sampled_from(("units", "notional")),
)
def test_following_late_equals_simulating_every_bar_before_it_is_seen(
    steps: Any, watched: bool, fills: Fills, account: Account, unit: TargetUnit
) -> None:
    setup = Setup(account=account, costs=(BasisPoints(1),), fills=fills)

    late = scripted(steps, is_stepped=False, setup=setup, watched=watched, unit=unit)
    stepped = scripted(steps, is_stepped=True, setup=setup, watched=watched, unit=unit)

    same(late.simulator, stepped.simulator)
    assert repr(late.code.seen) == repr(stepped.code.seen)


@pytest.mark.parametrize("unit", ["units", None])
def test_a_target_that_did_not_change_is_followed_again_after_a_late_one_said_otherwise(unit: TargetUnit | None) -> None:
    """Every bar wants 1 of I0. At bar 2 the account is read first, and 5 wanted after that, in a call or in the units that it names."""

    class Wavers:
        def __init__(self, params: Params) -> None: ...

        def on_bar(self, view: View) -> None:
            if view.row == 2:
                assert view.quantity("I0.XNAS") == 1.0
                view.target(5.0 if unit else 500.0, "I0.XNAS", unit or "notional")
            else:
                view.target(1.0, "I0.XNAS")
            if view.row == 4:
                view.target(2.0, "I1.XNAS")  # another's target does not hide it

    bars = panel(np.full((8, 2), 100.0))
    result = tried(event(lookback=1)(Wavers), bars)

    assert result.fills[["row", "instrument", "quantity"]].tolist() == [(1, 0, 1), (3, 0, 4), (4, 0, -4), (5, 1, 2)]


@event(lookback=4)
class Remembering:
    """Buys after two rises, sells after a loss of 1; keeps lists, arrays and numbers between bars."""

    def __init__(self, params: Params) -> None:
        self.rises = 0
        self.last: float | None = None
        self.entries: list[float] = []
        self.counts = np.zeros(3)

    def on_bar(self, view: View) -> Intent | None:
        if self.last is not None:
            self.rises = self.rises + 1 if view.close > self.last else 0
        self.last = view.close
        self.counts[view.row % 3] += 1
        held = view.quantity()
        if held == 0 and self.rises >= 2:
            self.entries.append(view.close)
            return Intent("buy", 1 + float(self.counts.max()) % 3)
        if held > 0 and view.close < self.entries[-1] - 1:
            return Intent("sell", held)
        return None


@settings(max_examples=40, deadline=None)
@given(stop=st.integers(4, 60), seed=st.integers(0, 3))
@pytest.mark.parametrize("strategy", [Remembering, Cross], ids=lambda one: one.name)
def test_a_restart_at_any_bar_changes_no_order(strategy: Strategy, stop: int, seed: int) -> None:
    # given
    bars = panel(walk(seed, 60))
    there, params = market(bars), strategy.params()
    whole = EventRun(strategy, params, there, seen_panel(strategy, there, bars), SETUP, 4)
    whole.run(60)

    # when
    cut = EventRun(strategy, params, there, seen_panel(strategy, there, bars), SETUP, 4)
    cut.run(stop)
    fresh = strategy.code(params)
    restore(fresh, dump(cut.code))
    cut.code = fresh
    cut.run(60)

    # then
    same(whole.simulator, cut.simulator)
    assert dump(whole.code) == dump(cut.code)


def test_fills_are_told_at_the_end_of_their_bar_before_the_next_decision() -> None:
    happened: list[Any] = []

    @event()
    class Told:
        def __init__(self, params: Params) -> None: ...

        def on_bar(self, view: View) -> None:
            happened.append(("bar", view.row))
            if view.row == 1:
                view.buy(3, tag=8)

        def on_fill(self, view: View, fill: Fill) -> None:
            happened.append((view.row, fill.order, fill.instrument, fill.quantity, fill.price, fill.tag, fill.bar_end_ns == view.now_ns))

    bars = panel([10.0, 11.0, 12.0, 13.0])
    tried(Told, bars)

    assert happened == [("bar", 0), ("bar", 1), (2, 1, "I0.XNAS", 3.0, 11.0, 8, True), ("bar", 2), ("bar", 3)]


def test_start_is_called_once_and_warm_up_sees_the_bars_before_the_first_decision() -> None:
    happened: list[Any] = []

    @event(lookback=3)
    class Warmed:
        def __init__(self, params: Params) -> None: ...

        def start(self, view: View) -> None:
            happened.append(("start", view.instruments))

        def warm_up(self, view: View) -> None:
            happened.append(("warm", view.row, view.close, view.quantity(), view.equity))

        def on_bar(self, view: View) -> None:
            happened.append(("bar", view.row))

    bars = panel([10.0, 11.0, 12.0, 13.0, 14.0])
    tried(Warmed, bars, start_ns=int(bars.event_ns[2]))

    assert happened == [
        ("start", ("I0.XNAS",)),
        ("warm", 1, 11.0, 0.0, 100_000.0),
        ("warm", 2, 12.0, 0.0, 100_000.0),
        ("bar", 3),
        ("bar", 4),
    ]


def test_nothing_is_traded_during_warm_up() -> None:
    @event(lookback=2)
    class Early:
        def __init__(self, params: Params) -> None: ...

        def warm_up(self, view: View) -> None:
            view.buy(1)

        def on_bar(self, view: View) -> None: ...

    bars = panel([10.0, 11.0, 12.0])
    with pytest.raises(Rejected, match=r"strategy Early at 1970-01-01T00:01:00Z \(bar 0\): an order or target during warm-up"):
        tried(Early, bars)


def test_only_the_rows_of_the_rhythm_are_decided() -> None:
    rows: list[int] = []

    @event()
    class Rare:
        def __init__(self, params: Params) -> None: ...

        def on_bar(self, view: View) -> float:
            rows.append(view.row)
            return float(view.row)

    bars = panel([10.0] * 6)
    result = tried(Rare, bars, decisions=[1, 4])

    assert rows == [1, 4]
    assert result.orders["decided_row"].tolist() == [1, 4]


def test_history_after_a_split_is_in_new_shares_and_the_price_is_as_traded() -> None:
    seen: list[Any] = []

    @event(lookback=2)
    class Split:
        def __init__(self, params: Params) -> None: ...

        def on_bar(self, view: View) -> None:
            seen.append((view.close, view.history("close", 2).tolist()))

    bars = panel([100.0, 102.0, 51.0, 52.0])
    tried(Split, bars, [(2, 0, SPLIT, 2.0)])

    assert seen == [(102.0, [100.0, 102.0]), (51.0, [51.0, 51.0]), (52.0, [51.0, 52.0])]


def test_a_strategy_that_wants_prices_as_traded_gets_them() -> None:
    seen: list[Any] = []

    @event(lookback=2, prices="raw")
    class Raw:
        def __init__(self, params: Params) -> None: ...

        def on_bar(self, view: View) -> None:
            seen.append(view.history("close", 2).tolist())

    bars = panel([100.0, 102.0, 51.0])
    tried(Raw, bars, [(2, 0, SPLIT, 2.0)])

    assert seen == [[100.0, 102.0], [102.0, 51.0]]


@pytest.mark.parametrize("decisions", [None, [1, 2, 3]])
def test_corrections_and_other_facts_are_seen_from_when_they_were_known(decisions: list[int] | None) -> None:
    seen: list[Any] = []

    @event(lookback=2, interval="1m", datasets=("rates",))
    class Looks:
        def __init__(self, params: Params) -> None: ...

        def on_bar(self, view: View) -> None:
            seen.append((view.history("close", 2).tolist(), view.other("rates", "close")))

    # given a close of the second bar corrected at the end of the third, and a rate of the first bar corrected at the end of the fourth
    bars, rates = panel([10.0, 11.0, 12.0, 13.0]), panel([0.5]).select(["I0.XNAS"])
    one, first = np.array([1]), np.array([0])
    corrections = {
        "1m": Corrections(np.array([3 * MINUTE_NS]), one, first, {"close": np.array([11.5])}),
        "rates": Corrections(np.array([4 * MINUTE_NS]), first, first, {"close": np.array([0.75])}),
    }
    tried(Looks, bars, others={"rates": rates}, corrections=corrections, decisions=decisions)

    assert seen == [([10.0, 11.0], 0.5), ([11.5, 12.0], 0.5), ([12.0, 13.0], 0.75)]


def made(answer: Any, **declared: Any) -> Strategy:
    """An event strategy that answers the same at each bar."""

    class Constant:
        def __init__(self, params: Params) -> None: ...

        def on_bar(self, view: View) -> Any:
            return answer(view) if callable(answer) else answer

    return Strategy("constant", "event", Constant, **declared)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (float("inf"), "target inf of I0.XNAS, expected a finite number"),
        ("long", "target 'long' of type str, expected a number"),
        ({"ZZZ.XNAS": 1.0}, "instrument 'ZZZ.XNAS', expected one of ['I0.XNAS']"),
        ({"I0.XNAS": None}, "target None of type NoneType"),
        (np.zeros(2), "targets of shape (2,), expected (1,)"),
        ([1.0], "an answer holds 1.0, expected intents"),
        (lambda view: view.history("close", 9), "history of 9 bars of close, expected 1 to the declared lookback of 1"),
        (lambda view: view.buy(-1), "quantity -1, expected a number above 0"),
        (lambda view: view.target(1.0, unit="percent"), "target in 'percent', expected one of units, weights, notional"),
        (lambda view: view.cancel(7), "cancel of order 7, expected the id of one of 0 orders"),
        (lambda view: view.cash_in("GBP"), "cash in 'GBP', expected one of USD"),
        (lambda view: 1 / 0, "raised ZeroDivisionError: division by zero"),
    ],
)
def test_nonsense_is_refused_with_strategy_bar_and_value(answer: Any, said: str) -> None:
    bars = panel([10.0, 11.0])

    with pytest.raises(Rejected) as refused:
        tried(made(answer), bars)

    assert str(refused.value).startswith("strategy constant at 1970-01-01T00:01:00Z (bar 0): ")
    assert said in str(refused.value)
    assert refused.value.__cause__ is not None


@pytest.mark.parametrize(
    "answer", [2, 2.0, np.float64(2), np.int64(2), np.array(2.0), np.array([2.0]), {"I0.XNAS": 2}, Intent("buy", 2)], ids=repr
)
def test_targets_and_intents_come_in_many_forms(answer: Any) -> None:
    bars = panel([10.0, 11.0, 12.0])

    result = tried(made(lambda view: answer if view.row == 0 else None), bars)

    assert result.fills["quantity"].tolist() == [2]


@pytest.mark.parametrize("answer", [None, float("nan"), {}, [], np.array([np.nan])], ids=repr)
def test_no_answer_and_nan_leave_the_position(answer: Any) -> None:
    bars = panel([10.0, 11.0, 12.0])

    result = tried(made(lambda view: 2.0 if view.row == 0 else answer), bars)

    assert result.fills["quantity"].tolist() == [2]
    assert result.quantity.tolist() == [2]


def test_brackets_and_alternatives_may_be_answered() -> None:
    bars = panel([10.0, 10.0, 10.0, 13.0, 13.0])
    asked = [
        Bracket(Intent("buy", 1), stop=8.0, take_profit=12.0),
        OneCancelsOther((Intent("buy", 1, limit=5.0), Intent("buy", 1, stop=20.0))),
    ]

    result = tried(made(lambda view: asked if view.row == 0 else None), bars)

    assert result.orders["parent"].tolist() == [0, 1, 1, 0, 0]
    assert len(set(result.orders["group"][1:3].tolist())) == 1
    assert len(set(result.orders["group"][3:].tolist())) == 1
    assert result.orders["group"][1] != result.orders["group"][3]


def test_a_class_that_cannot_be_made_or_has_no_on_bar_is_refused() -> None:
    class Empty:
        def __init__(self, params: Params) -> None: ...

    class Broken(Empty):
        def __init__(self, params: Params) -> None:
            raise KeyError("window")

    bars = panel([10.0, 11.0])
    with pytest.raises(Rejected, match="Empty has no on_bar, expected a class with on_bar"):
        tried(Strategy("empty", "event", Empty), bars)
    with pytest.raises(Rejected, match="strategy broken when it was made: raised KeyError: 'window'"):
        tried(Strategy("broken", "event", Broken), bars)
