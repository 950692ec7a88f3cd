"""Round trips: what is matched with what, what it earned, how far the price went meanwhile."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.performance.track_record import FillLog, Floats, TrackRecord, fill_log, with_splits
from tradewinds.performance.trade_stats import longest_streak, trade_stats
from tradewinds.performance.trades import MATCHINGS, Matching, round_trips


def record(log: FillLog, close: list[float] | Floats, **other: object) -> TrackRecord:
    """One instrument, one bar a session; highs 1 above and lows 1 below the close."""
    prices = np.asarray(close, np.float64).reshape(len(close), -1)
    times, width = prices.shape
    made = TrackRecord(
        instruments=tuple(f"I{index}.X" for index in range(width)), end_ns=np.arange(1, times + 1) * 86_400_000_000_000,
        session=np.arange(times), equity=np.full(times, 1000.0), capital=1000.0, first_row=0, last_row=times, fills=log,
        high=prices + 1, low=prices - 1, close=prices, multiplier=np.ones(width), rates=np.ones((1, width)), lot=np.ones(width),
    )  # fmt: skip
    return replace(made, **other)


def log(*fills: tuple[int, float, float], commission: float = 0.0) -> FillLog:
    """Fills (row, quantity, price) of the first instrument, each for the same commission."""
    rows, quantities, prices = (np.array(column) for column in zip(*fills, strict=True))
    return fill_log(rows, np.zeros(len(rows), np.int64), quantities, prices, np.full(len(rows), commission))


PYRAMID = log((1, 10, 11.0), (2, 10, 12.0), (3, -15, 13.0), (4, -10, 12.0), commission=1.0)
CLOSES = [10.0, 11.0, 12.0, 13.0, 12.0, 11.0]


def test_an_episode_is_from_flat_to_flat_at_average_prices() -> None:
    closed, opened = round_trips(record(PYRAMID, CLOSES))

    assert (closed["side"], closed["quantity"], closed["entry_row"], closed["exit_row"], closed["bars"]) == (1, 20, 1, 4, 3)
    assert closed["entry_price"] == 11.5
    assert closed["exit_price"] == 12.75  # 15 at 13, 5 at 12
    assert (closed["cost"], closed["gross"], closed["commission"], closed["net"]) == (230.0, 25.0, 3.5, 21.5)
    assert closed["fraction"] == 21.5 / 230
    assert (opened["side"], opened["quantity"], opened["is_open"], opened["exit_row"]) == (-1, 5, 1, 5)
    assert (opened["gross"], opened["commission"]) == (5.0, 0.5)  # sold at 12, marked at 11


def test_fifo_closes_the_oldest_first() -> None:
    trips = round_trips(record(PYRAMID, CLOSES), "fifo")

    assert trips["quantity"].tolist() == [10, 5, 5, 5]
    assert trips["entry_row"].tolist() == [1, 2, 2, 4]
    assert trips["exit_row"].tolist() == [3, 3, 4, 5]
    assert trips["gross"].tolist() == [20, 5, 0, 5]
    assert trips["commission"].tolist() == pytest.approx([1 + 10 / 15, 0.5 + 5 / 15, 1.0, 0.5])
    assert trips["is_open"].tolist() == [0, 0, 0, 1]


def test_a_fill_through_zero_ends_one_trip_and_begins_the_next() -> None:
    for matching in MATCHINGS:
        first, second = round_trips(record(log((0, 10, 10.0), (2, -30, 12.0), (3, 20, 13.0), commission=3.0), CLOSES), matching)

        assert (first["side"], first["quantity"], first["gross"], first["commission"]) == (1, 10, 20.0, 4.0)
        assert (second["side"], second["quantity"], second["gross"], second["commission"]) == (-1, 20, -20.0, 5.0)


def test_excursions_leave_out_what_the_trade_did_not_see() -> None:
    closes = [10.0, 20.0, 10.0, 12.0, 50.0]
    at_open = log((1, 1, 20.0), (4, -1, 12.0))  # filled at opens: the last bar's high of 51 came later

    [trip] = round_trips(record(at_open, closes))
    assert (trip["mfe"], trip["mae"]) == (1 / 20, -11 / 20)  # high 21 in row 1, low 9 in row 2

    at_close = replace(at_open, is_at_close=np.array([True, True]))
    [trip] = round_trips(record(at_close, closes))
    assert trip["mfe"] == 31 / 20  # high 51 in row 4; row 1 was over when it was bought

    [short] = round_trips(record(log((1, -1, 20.0), (4, 1, 12.0)), closes))
    assert (short["mfe"], short["mae"]) == (11 / 20, -1 / 20)


def test_a_split_changes_quantity_and_price_and_no_profit() -> None:
    split = with_splits(log((0, 10, 40.0), (3, -40, 11.0)), np.array([2]), np.array([0]), np.array([4.0]))

    for matching in MATCHINGS:
        [trip] = round_trips(record(split, [40.0, 44.0, 11.0, 11.0]), matching)
        assert (trip["quantity"], trip["entry_price"], trip["exit_price"], trip["gross"]) == (40, 10.0, 11.0, 40.0)


def test_what_a_split_leaves_of_less_than_a_lot_is_gone() -> None:
    split = with_splits(log((0, 5, 30.0), (3, -7, 20.0)), np.array([1]), np.array([0]), np.array([1.5]))

    for matching in MATCHINGS:
        trips = round_trips(record(split, [30.0, 20.0, 20.0, 20.0]), matching)
        assert not trips["is_open"].any()  # 7.5 became 7
        # The half unit's cost of 10 is lost here; its cash is a charge. Lots know what they sold, an episode what it bought.
        assert trips["gross"].sum() == (-10.0 if matching == "episode" else 0.0)


def test_a_split_entry_of_a_bad_ratio_is_refused() -> None:
    with pytest.raises(DataFault, match=r"split in row 1: ratio 0\.0, expected a positive number of new units per old"):
        with_splits(log((0, 5, 30.0)), np.array([1]), np.array([0]), np.array([0.0]))


def test_profit_contains_what_the_currency_did() -> None:
    rates = np.array([[1.0], [1.0], [1.1]])

    [trip] = round_trips(record(log((0, 10, 100.0), (2, -10, 100.0)), [100.0, 100.0, 100.0], rates=rates))

    assert trip["gross"] == pytest.approx(100.0)  # bought at 1.0, sold at 1.1


def test_an_open_trip_of_what_never_closed_has_no_profit() -> None:
    [trip] = round_trips(record(log((0, 10, 100.0)), [np.nan, np.nan]))

    assert trip["is_open"]
    assert np.isnan([trip["exit_price"], trip["gross"], trip["net"], trip["fraction"]]).all()
    assert trade_stats(np.array([trip])).count == 0


def test_no_fill_makes_no_trip() -> None:
    empty = fill_log(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), np.empty(0))

    for matching in MATCHINGS:
        assert len(round_trips(record(empty, CLOSES), matching)) == 0


def test_an_unknown_matching_is_refused() -> None:
    with pytest.raises(Rejected, match="matching 'lifo', expected one of episode, fifo"):
        round_trips(record(PYRAMID, CLOSES), "lifo")  # type: ignore[arg-type] # that is the point


def test_a_log_out_of_order_is_refused() -> None:
    with pytest.raises(DataFault, match="fill log: row 1 after row 3"):
        log((3, 1, 1.0), (1, -1, 1.0))


def test_prices_that_cannot_be_written_are_read() -> None:
    made = record(PYRAMID, CLOSES)
    for prices in (made.high, made.low, made.close):
        prices.setflags(write=False)

    assert len(round_trips(made)) == 2


fills = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 1), st.integers(-9, 9).filter(bool), st.integers(1, 50)), min_size=1, max_size=25
)


@settings(max_examples=150, deadline=None)
@given(fills=fills, matching=st.sampled_from(MATCHINGS))
def test_trips_together_earn_what_the_fills_moved(fills: list[tuple[int, int, int, int]], matching: Matching) -> None:
    fills = sorted(fills, key=lambda fill: fill[0])
    rows, instruments, quantities, prices = (np.array(column) for column in zip(*fills, strict=True))
    made = record(
        fill_log(rows, instruments, quantities.astype(float), prices.astype(float), np.ones(len(rows))), np.full((4, 2), 20.0)
    )  # fmt: skip

    trips = round_trips(made, matching)

    held = [int(quantities[instruments == one].sum()) for one in (0, 1)]
    moved = sum(20 * quantity for quantity in held) - int((quantities * prices).sum())
    assert trips["gross"].sum() == pytest.approx(moved, abs=1e-9)
    assert trips["commission"].sum() == pytest.approx(len(fills))
    opened = trips[trips["is_open"] == 1]
    if matching == "fifo":
        for one in (0, 1):
            mine = opened[opened["instrument"] == one]
            assert (mine["side"] * mine["quantity"]).sum() == held[one]
        assert [float(part) for part in _fifo(fills)] == pytest.approx(trips["gross"][trips["is_open"] == 0].tolist())


def _fifo(fills: list[tuple[int, int, int, int]]) -> list[Fraction]:
    """Profit of each meeting of lots, slowly and exactly."""
    lots: dict[int, list[list[Fraction]]] = {0: [], 1: []}
    profits = []
    for _, one, signed, price in fills:
        left = Fraction(signed)
        while left and lots[one] and lots[one][0][0] * left < 0:
            oldest = lots[one][0]
            part = min(abs(left), abs(oldest[0]))
            side = 1 if oldest[0] > 0 else -1
            profits.append(side * part * (price - oldest[1]))
            oldest[0] -= side * part
            left += side * part
            if not oldest[0]:
                lots[one].pop(0)
        if left:
            lots[one].append([left, Fraction(price)])
    return profits


@pytest.mark.parametrize("seed", range(3))
def test_long_holdings_are_searched_in_steps_and_found_the_same(seed: int) -> None:
    generator = np.random.default_rng(seed)
    prices = 1000 + np.cumsum(generator.normal(size=5000))
    rows = np.sort(generator.integers(0, 5000, 400))
    quantities = generator.integers(1, 5, 400) * generator.choice([-1.0, 1.0], 400, p=[0.35, 0.65])
    made = record(fill_log(rows, np.zeros(400, np.int64), quantities, prices[rows]), prices)

    trips = round_trips(made, "fifo")

    assert trips["bars"].sum() > 8 * 5000  # enough for the steps
    for trip in trips:
        top = max([*made.high[trip["entry_row"] : trip["exit_row"] + trip["is_open"], 0], trip["exit_price"]])
        bottom = min([*made.low[trip["entry_row"] : trip["exit_row"] + trip["is_open"], 0], trip["exit_price"]])
        best, worst = (top, bottom) if trip["side"] > 0 else (bottom, top)
        assert trip["mfe"] == pytest.approx(max(trip["side"] * (best / trip["entry_price"] - 1), 0))
        assert trip["mae"] == pytest.approx(min(trip["side"] * (worst / trip["entry_price"] - 1), 0))


def test_statistics_of_a_handful_of_trades() -> None:
    # Nets of 2, 1, -1, 0, 4, -3 on 10 each.
    moves = [2.0, 1.0, -1.0, 0.0, 4.0, -3.0]
    pairs = [(index, quantity, price) for index, move in enumerate(moves) for quantity, price in ((1.0, 10.0), (-1.0, 10.0 + move))]

    stats = trade_stats(round_trips(record(log(*pairs), np.full(6, 10.0))))

    assert (stats.count, stats.won, stats.lost, stats.long, stats.open) == (6, 3, 2, 6, 0)
    assert stats.strike_rate == 0.5
    assert stats.net == 3.0
    assert stats.profit_factor == 7 / 4
    assert stats.payoff == pytest.approx((7 / 3) / 2)
    assert stats.expectancy == 0.5
    assert stats.expectancy_fraction == pytest.approx(0.05)
    assert stats.sqn == pytest.approx(6**0.5 * 0.5 / 2.428991)
    assert stats.kelly == pytest.approx(0.5 - 0.5 / (7 / 6))
    assert (stats.streak_won, stats.streak_lost) == (2, 1)
    assert (stats.best, stats.worst, stats.best_fraction, stats.worst_fraction) == (4.0, -3.0, 0.4, -0.3)


def test_what_nothing_defines_is_none() -> None:
    nothing = trade_stats(round_trips(record(log((0, 1, 10.0)), CLOSES)))
    assert (nothing.count, nothing.open) == (0, 1)
    assert nothing.strike_rate is nothing.profit_factor is nothing.sqn is nothing.best is None

    one_win = trade_stats(round_trips(record(log((0, 1, 10.0), (1, -1, 11.0)), CLOSES)))
    assert (one_win.profit_factor, one_win.payoff, one_win.sqn, one_win.kelly) == (None, None, None, None)
    assert one_win.strike_rate == 1.0


def test_the_longest_streak() -> None:
    assert longest_streak(np.array([True, True, False, True, True, True, False])) == 3
    assert longest_streak(np.array([False])) == 0
    assert longest_streak(np.array([], np.bool_)) == 0
