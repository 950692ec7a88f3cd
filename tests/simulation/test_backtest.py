"""One strategy over one market: warm-up, what counts as an answer, what is refused, windows equal to the whole."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.core.instrument import Instrument
from tradewinds.history.panel import Panel
from tradewinds.simulation.anchor import anchor_of
from tradewinds.simulation.backtest import backtest, seen_panel
from tradewinds.simulation.books import DIVIDEND, EVENT, SPLIT
from tradewinds.simulation.market import Market, market_of_panel
from tradewinds.simulation.rules import Account, Setup
from tradewinds.trading.decide import decide_all, decide_window
from tradewinds.trading.strategy import Int, Params, Strategy, vector

MINUTE_NS = 60_000_000_000


def panel(closes: Any) -> Panel:
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
    instruments = [Instrument(name, "equity", "USD", "XNYS", lot=Decimal(1)) for name in bars.instruments]
    happened = np.array([(row, column, kind, value, np.nan) for row, column, kind, value in events or []], dtype=EVENT)
    return market_of_panel(bars, instruments, events=happened)


def answering(answer: Any, **declared: Any) -> Strategy:
    return Strategy("fixed", "vector", answer if callable(answer) else lambda seen, params: answer, **declared)


def momentum(seen: Any, params: Params) -> Any:
    """Long above the close `bars` - 1 rows ago."""
    out = np.full(seen.shape, np.nan)
    out[params.bars - 1 :] = (seen.close[params.bars - 1 :] > seen.close[: len(seen.close) - params.bars + 1]) * 5.0
    return out


MOMENTUM = Strategy("momentum", "vector", momentum, {"bars": Int(4, 2, 20)}, lambda p: p.bars)


def test_the_first_decision_falls_on_the_first_bar_with_the_lookback_behind_it() -> None:
    bars = panel([10.0, 11.0, 12.0, 13.0, 14.0, 15.0])

    result = backtest(MOMENTUM, market(bars), bars)

    assert result.first_row == 3
    assert result.orders["decided_row"].tolist() == [3]
    assert result.fills["price"].tolist() == [13.0]
    assert np.isnan(result.equity[:3]).all()
    assert result.equity[3:].tolist() == [100_000.0, 100_005.0, 100_010.0]


def test_a_start_without_its_warm_up_names_the_missing_range() -> None:
    bars = panel([10.0, 11.0, 12.0, 13.0, 14.0])
    strategy = Strategy("momentum", "vector", momentum, {"bars": Int(4, 2, 20)}, lambda p: p.bars, interval="1m")

    with pytest.raises(Rejected) as refused:
        backtest(strategy, market(bars), bars, start_ns=int(bars.event_ns[0]))

    assert str(refused.value) == (
        "strategy momentum: a start at 1970-01-01T00:01:00Z has 2 bars, expected the 4 of its lookback; missing are 2 bars of 1m before "
        "1970-01-01T00:00:00Z (from 1969-12-31T23:58:00Z where it trades without a pause)"
    )


def test_fewer_bars_than_the_lookback_and_a_span_without_bars_are_refused() -> None:
    bars = panel([10.0, 11.0, 12.0, 13.0, 14.0])

    with pytest.raises(Rejected, match="5 bars, expected at least 9 for its lookback"):
        backtest(MOMENTUM, market(bars), bars, {"bars": 9})
    with pytest.raises(Rejected, match=r"a start at 1970-01-02T00:00:00Z, expected one before 1970-01-01T00:05:00Z"):
        backtest(MOMENTUM, market(bars), bars, start_ns=86_400_000_000_000)
    with pytest.raises(Rejected, match="no bar from its first decision 1970-01-01T00:04:00Z to the end asked for"):
        backtest(MOMENTUM, market(bars), bars, end_ns=int(bars.event_ns[2]))


def test_a_run_ends_where_it_is_told() -> None:
    bars = panel([10.0, 11.0, 12.0, 13.0, 14.0, 15.0])

    result = backtest(MOMENTUM, market(bars), bars, end_ns=int(bars.event_ns[4]))

    assert (result.first_row, result.last_row) == (3, 5)
    assert result.final_equity == 100_005.0
    assert np.isnan(result.equity[5])


def test_targets_of_rows_without_a_decision_do_not_count() -> None:
    bars = panel([10.0] * 6)

    result = backtest(answering(np.arange(1.0, 7.0)), market(bars), bars, decisions=np.array([1, 3]))

    assert result.orders["decided_row"].tolist() == [1, 3]
    assert result.quantity.tolist() == [4]


@pytest.mark.parametrize("rows", [[3, 1], [-1, 2], [2, 6], [1, 1]], ids=repr)
def test_decisions_that_are_no_rising_rows_are_refused(rows: list[int]) -> None:
    bars = panel([10.0] * 6)

    with pytest.raises(Rejected, match="expected rising rows from 0 to 5"):
        backtest(answering(np.ones(6)), market(bars), bars, decisions=rows)


@pytest.mark.parametrize(
    "answer",
    [
        np.full(4, 3.0),
        np.full((4, 1), 3.0),
        np.full(4, 3),
        [3, 3, 3, 3],
        np.full(4, 3, np.float32),
        lambda seen, params: seen.close * 0 + 3,
    ],
    ids=["row", "table", "ints", "list", "float32", "code"],
)
def test_targets_may_be_any_numbers_of_the_right_shape(answer: Any) -> None:
    bars = panel([10.0] * 4)

    result = backtest(answering(answer), market(bars), bars)

    assert result.fills["quantity"].tolist() == [3]


def test_a_strategy_that_answers_what_it_was_shown_does_not_write_into_it() -> None:
    bars = panel([10.0, 11.0, 12.0])

    result = backtest(answering(lambda seen, params: seen.close), market(bars), bars)

    assert result.quantity.tolist() == [11]
    assert bars.close[:, 0].tolist() == [10.0, 11.0, 12.0]


def test_true_and_false_are_one_unit_and_none() -> None:
    bars = panel([10.0, 11.0, 9.0, 9.0])

    result = backtest(answering(lambda seen, params: seen.close > 9.5), market(bars), bars)

    assert result.fills["quantity"].tolist() == [1, -1]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "targets are None, expected numbers (4, 1) (times, instruments)"),
        ("buy", "targets are of type str"),
        (np.ones(3), "targets of shape (3,), expected (4, 1) (times, instruments)"),
        (np.ones((4, 2)), "targets of shape (4, 2)"),
        (1.0, "targets of shape ()"),
        ([[1.0], [2.0, 3.0]], "targets that are no array"),
        (np.array(["a"] * 4), "targets are of type ndarray (<U1)"),
        (np.array([1j] * 4), "targets are of type ndarray (complex128)"),
        (np.array([0.0, 0.0, np.inf, 0.0]), "target inf of I0.XNAS at 1970-01-01T00:03:00Z (bar 2), expected a finite number"),
        (lambda seen, params: seen.close[99], "raised IndexError: index 99 is out of bounds"),
        (lambda seen, params: seen.field("vwap"), "raised Rejected: panel: field 'vwap'"),
        (lambda seen, params: params.speed, "raised AttributeError"),
    ],
)
def test_nonsense_is_refused_with_strategy_and_value(answer: Any, said: str) -> None:
    bars = panel([10.0] * 4)

    with pytest.raises(Rejected) as refused:
        backtest(answering(answer), market(bars), bars)

    assert str(refused.value).startswith("strategy fixed: ")
    assert said in str(refused.value)


def test_the_cause_of_a_raising_strategy_is_kept() -> None:
    bars = panel([10.0] * 4)

    with pytest.raises(Rejected) as refused:
        backtest(answering(lambda seen, params: tuple(seen.instruments)[7]), market(bars), bars)

    assert isinstance(refused.value.__cause__, IndexError)
    assert "over bars up to 1970-01-01T00:04:00Z" in str(refused.value)


def test_a_panel_of_other_times_a_missing_field_and_a_missing_dataset_are_refused() -> None:
    bars = panel([10.0] * 4)
    there = market(bars)

    with pytest.raises(Rejected, match="expected the times and instruments of the market"):
        backtest(answering(np.ones(3)), there, bars.last(3))
    with pytest.raises(Rejected, match=r"'funding' is declared and was not given, expected it among \['rates'\]"):
        backtest(answering(np.ones(4), datasets=("funding",)), there, bars, others={"rates": bars})
    with pytest.raises(Rejected, match="field 'vwap' of its bars, expected one of close, high, low, open, volume"):
        backtest(answering(np.ones(4), fields=("vwap",)), there, bars)
    with pytest.raises(Rejected, match="parameter 'speed'"):
        backtest(answering(np.ones(4)), there, bars, {"speed": 1})


def test_a_strategy_sees_only_the_others_that_it_declares() -> None:
    bars = panel([10.0] * 4)
    slow = panel([20.0] * 4)

    @vector(datasets=("slow",))
    def both(seen: Any, params: Params) -> Any:
        assert seen.other_instruments("slow") == ("I0.XNAS",)
        return seen.other("slow", "close") / 20 + (0 if "hidden" in seen.others else 1)

    result = backtest(both, market(bars), bars, others={"slow": slow, "hidden": slow})

    assert result.quantity.tolist() == [2]


def test_prices_are_comparable_over_a_split_and_a_dividend() -> None:
    # given two for one before row 2, and 1.00 paid before row 3 at a close of 50
    bars = panel([100.0, 100.0, 50.0, 49.0])
    there = market(bars, [(2, 0, SPLIT, 2.0), (3, 0, DIVIDEND, 1.0)])
    strategy = answering(np.ones(4))

    seen = seen_panel(strategy, there, bars)

    np.testing.assert_allclose(seen.close[:, 0], [100.0, 100.0, 100.0, 100.0], rtol=1e-12)
    assert seen.volume[:, 0].tolist() == [1000.0, 1000.0, 500.0, 500.0]
    assert seen.raw("close")[:, 0].tolist() == [100.0, 100.0, 50.0, 49.0]
    raw = seen_panel(answering(np.ones(4), prices="raw"), there, bars)
    assert raw.close[:, 0].tolist() == [100.0, 100.0, 50.0, 49.0]


def test_other_intervals_of_the_same_instruments_are_comparable_too() -> None:
    bars = panel([100.0, 100.0, 50.0, 50.0])
    slow = Panel(bars.instruments, bars.times[::2], bars.event_ns[1::2], bars.event_ns[1::2, None], {"close": np.array([[100.0], [50.0]])})
    there = market(bars, [(2, 0, SPLIT, 2.0)])

    seen = seen_panel(answering(np.ones(4), other_intervals=("2m",)), there, bars, others={"2m": slow})

    np.testing.assert_array_equal(seen.other("2m", "close")[:, 0], [np.nan, 100.0, 100.0, 100.0])


def test_a_dividend_above_the_price_is_a_fault_of_the_data() -> None:
    with pytest.raises(DataFault, match=r"dividend 200 of I0.XNAS at 1970-01-01T00:01:00Z, expected less than the close of 100 before"):
        anchor_of(market(panel([100.0, 100.0]), [(1, 0, DIVIDEND, 200.0)]))


def test_events_that_do_not_scale_prices_leave_the_panel_as_it_is() -> None:
    bars = panel([100.0, 100.0])

    assert anchor_of(market(bars)) is None
    assert np.shares_memory(seen_panel(answering(np.ones(2)), market(bars), bars).close, bars.close)


@settings(max_examples=50, deadline=None)
@given(
    closes=st.lists(st.floats(1, 100), min_size=8, max_size=25),
    bars_back=st.integers(2, 6),
    split=st.integers(1, 7),
)
def test_deciding_on_the_trailing_window_equals_deciding_over_the_whole(closes: list[float], bars_back: int, split: int) -> None:
    bars = panel(closes)
    there = market(bars, [(split, 0, SPLIT, 2.0)])
    params = MOMENTUM.params({"bars": bars_back})
    seen = seen_panel(MOMENTUM, there, bars)

    whole = decide_all(MOMENTUM, seen, params)

    for row in range(bars_back - 1, len(closes)):
        window = seen.window(row + 1 - bars_back, row + 1)
        np.testing.assert_array_equal(decide_window(MOMENTUM, window, params), whole[row])


def test_an_infinite_target_of_a_window_is_refused() -> None:
    bars = panel([10.0] * 5)
    strategy = answering(np.array([np.inf, 1.0, -np.inf]))

    with pytest.raises(Rejected, match=r"strategy fixed: target -inf of I0.XNAS at 1970-01-01T00:03:00Z, expected a finite number"):
        decide_window(strategy, seen_panel(strategy, market(bars), bars).window(0, 3), strategy.params())


def test_an_account_that_falls_below_zero_names_strategy_bar_and_value() -> None:
    bars = panel([100.0, 100.0, 100.0, 350.0])
    short = Setup(account=Account(1_000.0, leverage=5.0))

    with pytest.raises(Rejected, match=r"strategy fixed: simulation: equity -250.00 USD at 1970-01-01T00:04:00Z \(bar 3\)"):
        backtest(answering(np.full(4, -5.0)), market(bars), bars, setup=short)


def test_a_window_shorter_than_the_lookback_is_refused() -> None:
    bars = panel([10.0] * 5)
    seen = seen_panel(MOMENTUM, market(bars), bars)

    with pytest.raises(Rejected, match="a window of 3 bars, expected at least the 4 of its lookback"):
        decide_window(MOMENTUM, seen.window(0, 3), MOMENTUM.params())


def test_a_panel_of_latest_values_marks_the_result() -> None:
    bars = panel([10.0] * 3)
    latest = Panel(bars.instruments, bars.times, bars.event_ns, bars.known_ns, bars.fields, "latest")

    assert backtest(answering(np.ones(3)), market(bars), bars).is_point_in_time
    assert not backtest(answering(np.ones(3)), market(latest), latest).is_point_in_time
