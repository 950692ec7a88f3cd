"""The fill-rule table of docs/kernel.md, row by row: what fills in a bar, where, and in which order."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from tradewinds.core.errors import Rejected
from tradewinds.core.instrument import Instrument
from tradewinds.history.panel import Panel
from tradewinds.simulation.books import REASONS, STATUSES, TOUCHES
from tradewinds.simulation.market import Market, market_of_panel
from tradewinds.simulation.rules import Account, Fills, HalfSpread, Setup
from tradewinds.simulation.simulator import Simulator

NAN = float("nan")
DAY = 86_400_000_000_000
FIRST = (100.0, 101.0, 99.0, 100.0)  # the bar at whose close the orders are decided
MISSING = (NAN, NAN, NAN, NAN)


def market(*bars: tuple[float, ...], tick: str | None = None, session: list[int] | None = None) -> Market:
    """One instrument; bars (open, high, low, close) or with a volume, 1000 where there is none."""
    rows = np.array([(*bar, 1000.0)[:5] for bar in bars])
    times = np.arange(len(rows), dtype=np.int64) * DAY
    fields = {name: rows[:, [at]].copy() for at, name in enumerate(("open", "high", "low", "close", "volume"))}
    panel = Panel(("AAPL.XNAS",), times, times + DAY, (times + DAY)[:, None].copy(), fields)
    one = Instrument("AAPL.XNAS", "equity", "USD", "XNYS", lot=Decimal(1), tick=Decimal(tick) if tick else None)
    return market_of_panel(panel, [one], session=None if session is None else np.array(session, dtype=np.int64))


def simulator(*bars: tuple[float, ...], fills: Fills | None = None, costs: Any = (), held: float = 0.0, **kinds: Any) -> Simulator:
    """At the close of FIRST, holding `held` units bought or sold at its open, price 100."""
    made = Simulator(market(FIRST, FIRST, *bars, **kinds), Setup(Account(1_000_000.0), costs, fills or Fills()))
    if held:
        made.submit(0, 1 if held > 0 else -1, abs(held), when="open")
    made.advance(2)
    return made


def filled(run: Simulator, order: int) -> list[tuple[int, float, float, str]]:
    """(bars after the decision, quantity, price, touch) of each fill of the order."""
    return [
        (int(one["row"]) - 1, float(one["quantity"]), float(one["price"]), TOUCHES[one["touch"]])
        for one in run.fills
        if one["order"] == order
    ]


def ended(run: Simulator, order: int) -> tuple[str, str]:
    record = run.order(order)
    return STATUSES[record["status"]], REASONS[record["reason"]]


@pytest.mark.parametrize(
    ("side", "order", "bar", "expected"),
    [
        (1, {"kind": "market"}, (102.0, 103.0, 101.0, 102.5), [(1, 10.0, 102.0, "open")]),
        (-1, {"kind": "market"}, (102.0, 103.0, 101.0, 102.5), [(1, -10.0, 102.0, "open")]),
        (1, {"kind": "market", "when": "close"}, (102.0, 103.0, 101.0, 102.5), [(1, 10.0, 102.5, "close")]),
        (1, {"kind": "limit", "limit": 98.0}, (100.0, 101.0, 97.0, 99.0), [(1, 10.0, 98.0, "limit")]),
        (1, {"kind": "limit", "limit": 98.0}, (100.0, 101.0, 98.0, 99.0), [(1, 10.0, 98.0, "limit")]),  # a touch is enough
        (1, {"kind": "limit", "limit": 98.0}, (100.0, 101.0, 98.5, 99.0), []),
        (1, {"kind": "limit", "limit": 98.0}, (96.0, 97.0, 95.0, 96.0), [(1, 10.0, 96.0, "open")]),  # the gap is a gift
        (-1, {"kind": "limit", "limit": 102.0}, (100.0, 103.0, 99.0, 101.0), [(1, -10.0, 102.0, "limit")]),
        (-1, {"kind": "limit", "limit": 102.0}, (104.0, 105.0, 103.0, 104.0), [(1, -10.0, 104.0, "open")]),
        (1, {"kind": "limit", "limit": 98.0, "when": "open"}, (100.0, 101.0, 97.0, 99.0), []),
        (1, {"kind": "limit", "limit": 101.0, "when": "open"}, (100.0, 101.0, 97.0, 99.0), [(1, 10.0, 100.0, "open")]),
        (1, {"kind": "limit", "limit": 99.5, "when": "close"}, (100.0, 101.0, 97.0, 99.0), [(1, 10.0, 99.0, "close")]),
        (1, {"kind": "limit", "limit": 98.5, "when": "close"}, (100.0, 101.0, 97.0, 99.0), []),
        (1, {"kind": "stop", "stop": 102.0}, (100.0, 103.0, 99.0, 101.0), [(1, 10.0, 102.0, "stop")]),
        (1, {"kind": "stop", "stop": 102.0}, (100.0, 101.0, 99.0, 101.0), []),
        (1, {"kind": "stop", "stop": 102.0}, (104.0, 105.0, 103.0, 104.0), [(1, 10.0, 104.0, "open")]),  # the gap hurts
        (-1, {"kind": "stop", "stop": 98.0}, (100.0, 101.0, 97.0, 99.0), [(1, -10.0, 98.0, "stop")]),
        (-1, {"kind": "stop", "stop": 98.0}, (95.0, 96.0, 94.0, 95.0), [(1, -10.0, 95.0, "open")]),
        (1, {"kind": "stop_limit", "stop": 102.0, "limit": 103.0}, (100.0, 104.0, 99.0, 101.0), [(1, 10.0, 102.0, "stop")]),
        (1, {"kind": "stop_limit", "stop": 102.0, "limit": 101.0}, (100.0, 104.0, 99.0, 101.0), []),  # would have to come back
        (1, {"kind": "stop_limit", "stop": 102.0, "limit": 103.0}, (102.5, 104.0, 102.0, 103.0), [(1, 10.0, 102.5, "open")]),
        (1, {"kind": "stop_limit", "stop": 102.0, "limit": 103.0}, (105.0, 106.0, 104.0, 105.0), []),
        (1, {"kind": "stop_limit", "stop": 102.0, "limit": 103.0}, (105.0, 106.0, 102.5, 104.0), [(1, 10.0, 103.0, "limit")]),
        (1, {"kind": "market", "tif": "ioc"}, (102.0, 103.0, 101.0, 102.5), [(1, 10.0, 102.0, "open")]),
        (1, {"kind": "limit", "limit": 98.0, "tif": "ioc"}, (100.0, 101.0, 97.0, 99.0), []),
        (1, {"kind": "limit", "limit": 98.0, "tif": "fok"}, (97.0, 101.0, 97.0, 99.0), [(1, 10.0, 97.0, "open")]),
        (1, {"kind": "market"}, MISSING, []),
        (1, {"kind": "limit", "limit": 98.0}, MISSING, []),
    ],
)  # fmt: skip
def test_an_order_fills_as_its_row_of_the_table_says(side: int, order: dict[str, Any], bar: tuple[float, ...], expected: Any) -> None:
    run = simulator(bar)

    placed = run.submit(0, side, 10.0, **order)
    run.advance(3)

    assert filled(run, placed) == expected


def test_an_order_waits_for_the_first_bar_that_trades() -> None:
    run = simulator(MISSING, MISSING, (103.0, 104.0, 102.0, 103.0))

    placed = run.submit(0, 1, 10.0, when="open")
    run.advance(5)

    assert filled(run, placed) == [(3, 10.0, 103.0, "open")]


def test_a_halted_position_counts_at_its_last_close() -> None:
    run = simulator((100.0, 120.0, 100.0, 110.0), MISSING, held=10)

    run.advance(4)

    assert run.equity[2:4].tolist() == [1_000_100.0, 1_000_100.0]


def test_the_same_close_rule_fills_at_the_close_of_the_decision_and_the_equity_knows() -> None:
    run = simulator((104.0, 104.0, 104.0, 104.0), fills=Fills(at="same_close"), costs=(HalfSpread(price=0.5),))

    placed = run.submit(0, 1, 10.0)

    assert filled(run, placed) == [(0, 10.0, 100.5, "close")]
    assert run.equity_now == 999_995.0
    run.advance(3)
    assert run.equity[1:3].tolist() == [999_995.0, 1_000_035.0]


def test_latency_delays_orders_of_every_kind_by_its_bars() -> None:
    bars = [(100.0 + at, 101.0 + at, 99.0 + at, 100.0 + at) for at in range(4)]
    run = simulator(*bars, fills=Fills(latency_bars=2))

    market_order, limit = run.submit(0, 1, 10.0), run.submit(0, 1, 10.0, "limit", limit=150.0)
    run.advance(6)

    assert filled(run, market_order) == [(3, 10.0, 102.0, "open")]
    assert filled(run, limit) == [(3, 10.0, 102.0, "open")]


@pytest.mark.parametrize(("touches", "price"), [("pessimistic", 95.0), ("optimistic", 105.0)])
def test_of_a_stop_and_a_target_touched_in_one_bar_the_worse_comes_first(touches: Any, price: float) -> None:
    run = simulator((100.0, 106.0, 94.0, 100.0), held=10, fills=Fills(touches=touches))
    target = run.submit(0, -1, 10.0, "take_profit", limit=105.0, group=7)
    stop = run.submit(0, -1, 10.0, "stop", stop=95.0, group=7, is_reduce_only=True)

    run.advance(3)

    assert [fill["price"] for fill in run.fills[1:]] == [price]
    assert sorted([ended(run, target), ended(run, stop)]) == [("cancelled", "other side filled"), ("filled", "")]


def bracket(run: Simulator, entry: dict[str, Any], stop: float, target: float) -> tuple[int, int, int]:
    parent = run.submit(0, 1, 10.0, **entry)
    loss = run.submit(0, -1, 10.0, "stop", stop=stop, parent=parent, group=parent, is_reduce_only=True)
    return parent, loss, run.submit(0, -1, 10.0, "take_profit", limit=target, parent=parent, group=parent)


def test_an_entry_inside_the_bar_can_be_stopped_in_it_but_not_reach_its_target() -> None:
    wide = (100.0, 106.0, 94.0, 100.0)
    run = simulator(wide, wide)
    _, loss, target = bracket(run, {"kind": "limit", "limit": 98.0}, 90.0, 105.0)

    run.advance(3)
    assert (filled(run, loss), filled(run, target)) == ([], [])
    run.advance(4)
    assert filled(run, target) == [(2, -10.0, 105.0, "limit")]
    assert ended(run, loss) == ("cancelled", "other side filled")

    stopped = simulator(wide)
    _, loss, target = bracket(stopped, {"kind": "limit", "limit": 98.0}, 95.0, 105.0)
    stopped.advance(3)
    assert filled(stopped, loss) == [(1, -10.0, 95.0, "stop")]
    assert stopped.quantity(0) == 0.0


def test_an_entry_at_the_open_has_the_whole_bar_before_it() -> None:
    run = simulator((100.0, 106.0, 96.0, 100.0))
    _, loss, target = bracket(run, {"kind": "market"}, 95.0, 105.0)

    run.advance(3)

    assert filled(run, target) == [(1, -10.0, 105.0, "limit")]
    assert ended(run, loss) == ("cancelled", "other side filled")


def test_a_stop_that_the_open_has_passed_when_its_entry_fills_there_fills_there_too() -> None:
    run = simulator((90.0, 97.0, 89.0, 96.0))
    _, loss, _ = bracket(run, {"kind": "limit", "limit": 98.0}, 95.0, 105.0)

    run.advance(3)

    assert filled(run, loss) == [(1, -10.0, 90.0, "open")]


def test_children_end_with_a_parent_that_never_filled() -> None:
    run = simulator((100.0, 101.0, 99.0, 100.0))
    parent, loss, target = bracket(run, {"kind": "limit", "limit": 50.0}, 45.0, 60.0)

    assert run.open_orders() == [parent, loss, target]
    assert run.cancel(parent)

    assert ended(run, loss) == ended(run, target) == ("cancelled", "parent ended")
    assert run.open_orders() == []
    assert not run.cancel(parent)


@pytest.mark.parametrize("keeps_log", [True, False])
def test_a_child_of_a_parent_that_filled_at_the_same_close_works_at_once(keeps_log: bool) -> None:
    bars = market(FIRST, FIRST, (100.0, 101.0, 94.0, 95.0))
    run = Simulator(bars, Setup(Account(1_000_000.0), fills=Fills(at="same_close")), keeps_log=keeps_log)
    run.advance(2)
    parent = run.submit(0, 1, 10.0)
    assert run.quantity(0) == 10.0

    loss = run.submit(0, -1, 10.0, "stop", stop=96.0, parent=parent, group=parent, is_reduce_only=True)

    assert (STATUSES[run.order(loss)["status"]], int(run.order(loss)["parent"])) == ("working", 0)
    run.advance(3)
    assert (run.quantity(0), run.cash()) == (0.0, 1_000_000.0 - 10 * (100 - 96))


def test_a_child_of_a_parent_that_ended_without_a_fill_is_cancelled() -> None:
    run = simulator(FIRST, fills=Fills(at="same_close"))
    parent = run.submit(0, 1, 10.0, "limit", limit=50.0)
    run.cancel(parent)

    late = run.submit(0, -1, 10.0, "stop", stop=96.0, parent=parent, is_reduce_only=True)

    assert ended(run, late) == ("cancelled", "parent ended")
    assert run.open_orders() == []


def test_a_partial_fill_takes_as_much_from_the_other_orders_of_the_group() -> None:
    run = simulator((106.0, 107.0, 105.5, 106.0, 4.0), (105.0, 105.0, 90.0, 90.0, 1000.0), held=10, fills=Fills(participation=1.0))
    target = run.submit(0, -1, 10.0, "take_profit", limit=105.0, group=3)
    stop = run.submit(0, -1, 10.0, "stop", stop=95.0, group=3, is_reduce_only=True)

    run.advance(4)

    assert filled(run, target) == [(1, -4.0, 106.0, "open"), (2, -6.0, 105.0, "open")]
    assert ended(run, stop) == ("cancelled", "other side filled")
    assert (run.order(stop)["quantity"], run.order(stop)["filled"]) == (0, 0)


def test_a_trailing_stop_follows_the_highs_of_bars_before_and_never_comes_back() -> None:
    run = simulator((100.0, 108.0, 100.0, 107.0), (107.0, 107.5, 104.0, 105.0), (105.0, 106.0, 102.0, 102.0), held=10)
    amount = run.submit(0, -1, 5.0, "trailing_stop", trail=5.0, is_reduce_only=True)
    fraction = run.submit(0, -1, 5.0, "trailing_stop", trail=0.05, is_trail_fraction=True, is_reduce_only=True)
    assert (run.order(amount)["stop"], run.order(fraction)["stop"]) == (95.0, 95.0)

    run.advance(3)
    assert run.order(amount)["stop"] == 103.0
    assert run.order(fraction)["stop"] == pytest.approx(102.6)
    run.advance(5)

    assert filled(run, amount) == [(3, -5.0, 103.0, "stop")]
    assert filled(run, fraction)[0][0] == 3


def test_participation_fills_in_parts_and_the_rest_stays() -> None:
    bars = [(100.0, 101.0, 99.0, 100.0, volume) for volume in (40.0, 0.0, NAN, 200.0)]
    run = simulator(*bars, fills=Fills(participation=0.1))

    placed = run.submit(0, 1, 10.0)
    run.advance(6)

    assert filled(run, placed) == [(1, 4.0, 100.0, "open"), (4, 6.0, 100.0, "open")]


def test_participation_is_shared_by_the_orders_of_a_bar_reducing_ones_first() -> None:
    run = simulator((100.0, 101.0, 99.0, 100.0, 100.0), held=8, fills=Fills(participation=0.1))

    buy, sell = run.submit(0, 1, 8.0), run.submit(0, -1, 8.0)
    run.advance(3)

    assert filled(run, sell) == [(1, -8.0, 100.0, "open")]
    assert filled(run, buy) == [(1, 2.0, 100.0, "open")]


def test_all_or_none_and_immediate_orders_end_with_their_first_bar() -> None:
    run = simulator((100.0, 101.0, 99.0, 100.0, 40.0), (100.0, 101.0, 99.0, 100.0, 40.0), fills=Fills(participation=0.1))

    whole, part = run.submit(0, 1, 10.0, tif="fok"), run.submit(0, 1, 10.0, tif="ioc")
    run.advance(4)

    assert (filled(run, whole), ended(run, whole)) == ([], ("expired", ""))
    assert (filled(run, part), ended(run, part)) == ([(1, 4.0, 100.0, "open")], ("expired", ""))


def test_a_day_order_ends_with_its_session() -> None:
    same = (100.0, 101.0, 99.0, 100.0)
    run = simulator(same, same, same, session=[0, 0, 1, 1, 2])

    placed = run.submit(0, 1, 10.0, "limit", limit=50.0, tif="day")
    run.advance(3)
    assert run.open_orders() == [placed]
    run.advance(4)

    assert ended(run, placed) == ("expired", "")
    assert run.order(placed)["expires_row"] == 3


def test_a_reduce_only_order_never_opens_a_position() -> None:
    run = simulator((100.0, 101.0, 99.0, 100.0), (100.0, 101.0, 99.0, 100.0), held=4)

    over, late = run.submit(0, -1, 10.0, is_reduce_only=True), run.submit(0, -1, 1.0, "limit", limit=101.0, is_reduce_only=True)
    run.advance(4)

    assert filled(run, over) == [(1, -4.0, 100.0, "open")]
    assert ended(run, over) == ended(run, late) == ("cancelled", "would not reduce")
    assert run.quantity(0) == 0.0


def test_prices_are_rounded_to_the_tick_against_the_trader() -> None:
    run = simulator((100.13, 101.0, 99.0, 100.0), (100.0, 101.0, 99.0, 100.0), tick="0.25")

    buy, sell = run.submit(0, 1, 1.0), run.submit(0, -1, 1.0)
    limit, stop = run.submit(0, 1, 1.0, "limit", limit=99.2), run.submit(0, 1, 1.0, "stop", stop=100.8)
    run.advance(4)

    assert filled(run, buy)[0][2] == 100.25
    assert filled(run, sell)[0][2] == 100.0
    assert (run.order(limit)["limit"], run.order(stop)["stop"]) == (99.0, 101.0)


def test_reducing_orders_go_first_then_those_with_the_smaller_id() -> None:
    run = simulator((100.0, 101.0, 99.0, 100.0), held=10)

    orders = [run.submit(0, side, 1.0) for side in (1, -1, 1, -1)]
    run.advance(3)

    assert run.fills["order"][1:].tolist() == [orders[1], orders[3], orders[0], orders[2]]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"kind": "iceberg"}, "kind 'iceberg'"),
        ({"side": 2}, "side 2"),
        ({"quantity": 0.4}, "quantity 0.4"),
        ({"quantity": NAN}, "quantity nan"),
        ({"kind": "limit"}, "limit nan"),
        ({"kind": "stop", "stop": -1.0}, "stop -1.0"),
        ({"kind": "trailing_stop"}, "trail nan"),
        ({"kind": "stop", "stop": 90.0, "tif": "fok"}, "stop fok"),
        ({"instrument": 3}, "instrument 3"),
    ],
)  # fmt: skip
def test_what_no_order_can_be_is_refused_with_its_value(wrong: dict[str, Any], told: str) -> None:
    run = simulator((100.0, 101.0, 99.0, 100.0))
    asked: dict[str, Any] = {"instrument": 0, "side": 1, "quantity": 1.0} | wrong

    with pytest.raises(Rejected, match=told):
        run.submit(**asked)

    assert run.open_orders() == []
