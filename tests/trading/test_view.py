"""What an event strategy sees at a decision, and what its acts become on the desk behind the view."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tradewinds.core.errors import Rejected
from tradewinds.history.panel import Panel
from tradewinds.trading.columns import Columns, Corrections, corrections_of_pack
from tradewinds.trading.desk import OpenOrder
from tradewinds.trading.intent import Intent, OrderKind
from tradewinds.trading.panel import Anchor, as_of_rows
from tradewinds.trading.strategy import TargetUnit
from tradewinds.trading.view import View


class Notebook:
    """A desk that writes down what it is asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def target(self, column: int, value: float, unit: TargetUnit | None) -> None:
        self.asked.append(("target", column, value, unit))

    def new_group(self) -> int:
        return 7

    def submit(self, column: int, intent: Intent, *, parent: int = 0, group: int = 0, kind: OrderKind | None = None) -> int:
        self.asked.append((column, intent.side, kind or intent.kind, intent.quantity, parent, group))
        return len(self.asked)

    def cancel(self, order: int) -> bool:
        return order == 1

    def quantity(self, column: int) -> float:
        return 5.0 + column

    def average_price(self, column: int) -> float | None:
        return None if column else 99.5

    def cash(self, currency: str | None) -> float:
        return 1000.0 if currency is None else 50.0

    def equity(self) -> float:
        return 1500.0

    def open_orders(self, column: int | None) -> tuple[OpenOrder, ...]:
        return ()


def panel(closes: list[list[float]], *, length: int = 10, known: list[list[int]] | None = None) -> Panel:
    close = np.array(closes, dtype=np.float64)
    times = np.arange(len(close), dtype=np.int64) * length
    moments = np.repeat((times + length)[:, None], close.shape[1], axis=1) if known is None else np.array(known, dtype=np.int64)
    names = ("A.XNAS", "B.XNAS")[: close.shape[1]]
    fields = {"open": close - 0.5, "high": close + 1.0, "low": close - 1.0, "close": close, "volume": np.full(close.shape, 100.0)}
    return Panel(names, times, times + length, moments, fields)


def view_of(bars: Panel, others: dict[str, Panel] | None = None, *, lookback: int = 3, anchor: Anchor | None = None) -> View:
    facts = {name: Columns(one, rows_at=as_of_rows(one, bars.event_ns)) for name, one in (others or {}).items()}
    return View(Columns(bars, anchor=anchor), facts, Notebook(), lookback)


def test_the_bar_of_one_instrument_is_read_by_name() -> None:
    view = view_of(panel([[10.0], [11.0]]))

    view.move(1, 20, 4)

    assert (view.open, view.high, view.low, view.close, view.volume) == (10.5, 12.0, 10.0, 11.0, 100.0)
    assert (view.row, view.now_ns, view.session) == (1, 20, 4)
    assert view.price("close") == 11.0


def test_the_bars_of_many_are_rows_and_a_single_price_needs_a_name() -> None:
    view = view_of(panel([[10.0, 20.0], [11.0, 21.0]]))

    view.move(1, 20, 0)

    assert view.closes.tolist() == [11.0, 21.0]
    assert view.highs.tolist() == [12.0, 22.0]
    assert view.price("close", "B.XNAS") == 21.0
    with pytest.raises(Rejected, match=r"view\.close: there are 2 instruments, expected one; use view.price\('close', instrument\)"):
        _ = view.close
    with pytest.raises(Rejected, match="no instrument named, expected one of 2"):
        view.price("close")
    with pytest.raises(Rejected, match=r"instrument 'C\.XNAS', expected one of"):
        view.price("close", "C.XNAS")


def test_history_ends_now_and_cannot_be_written() -> None:
    view = view_of(panel([[1.0], [2.0], [3.0], [4.0]]))

    view.move(2, 30, 0)
    window = view.history("close", 2)

    assert window.tolist() == [2.0, 3.0]
    with pytest.raises(ValueError, match="read-only"):
        window[0] = 9.0


def test_history_of_many_is_a_table_and_of_a_named_one_a_row() -> None:
    view = view_of(panel([[1.0, 5.0], [2.0, 6.0]]))

    view.move(1, 20, 0)

    assert view.history("close", 2).tolist() == [[1.0, 5.0], [2.0, 6.0]]
    assert view.history("close", 2, "B.XNAS").tolist() == [5.0, 6.0]


def test_history_reaches_no_further_than_the_declared_lookback() -> None:
    view = view_of(panel([[1.0], [2.0], [3.0], [4.0]]), lookback=2)

    view.move(3, 40, 0)

    assert view.history("close", 2).tolist() == [3.0, 4.0]
    with pytest.raises(Rejected, match="history of 3 bars of close, expected 1 to the declared lookback of 2"):
        view.history("close", 3)
    with pytest.raises(Rejected, match="history of 0 bars"):
        view.history("close", 0)


def test_a_split_rescales_the_history_that_is_seen_after_it_and_not_before() -> None:
    # given two new shares for one before the third bar
    anchor = Anchor(np.array([[1.0], [1.0], [2.0]]), np.array([[1.0], [1.0], [0.5]]))
    view = view_of(panel([[100.0], [102.0], [51.5]]), anchor=anchor)

    view.move(1, 20, 0)
    before = view.history("close", 2).tolist()
    view.move(2, 30, 0)

    assert before == [100.0, 102.0]
    assert view.history("close", 3).tolist() == [50.0, 51.0, 51.5]
    assert view.history("volume", 3).tolist() == [200.0, 200.0, 100.0]
    assert view.close == 51.5


def test_other_facts_are_the_newest_that_were_known() -> None:
    rates = panel([[3.0], [4.0]], length=20, known=[[20], [55]])
    view = view_of(panel([[1.0]] * 6), {"rates": rates})
    seen = []

    for row in range(6):
        view.move(row, (row + 1) * 10, 0)
        seen.append(view.other("rates", "close"))

    np.testing.assert_array_equal(seen, [np.nan, 3.0, 3.0, 3.0, 3.0, 4.0])
    assert view.other_history("rates", "close", 2).tolist() == [3.0, 4.0]
    with pytest.raises(Rejected, match="3 values of rates close at row 5, expected 1 to the 2 known by then"):
        view.other_history("rates", "close", 3)
    with pytest.raises(Rejected, match=r"other 'funding', expected one of the declared \['rates'\]"):
        view.other("funding", "close")
    with pytest.raises(Rejected, match="field 'yield'"):
        view.other("rates", "yield")


def test_a_fact_that_is_known_late_is_missing_from_history_until_then() -> None:
    rates = panel([[3.0], [4.0], [5.0]], known=[[10], [35], [30]])
    view = view_of(panel([[1.0]] * 4), {"rates": rates})

    view.move(2, 30, 0)
    early = view.other_history("rates", "close", 3)
    view.move(3, 40, 0)

    np.testing.assert_array_equal(early, [3.0, np.nan, 5.0])
    assert view.other_history("rates", "close", 3).tolist() == [3.0, 4.0, 5.0]


def test_a_correction_is_seen_from_the_moment_it_became_known() -> None:
    # given that the first close was corrected twice, known at 25 and at 35
    bars = panel([[10.0], [11.0], [12.0], [13.0]])
    corrections = Corrections(np.array([25, 35]), np.array([0, 0]), np.array([0, 0]), {"close": np.array([9.0, 9.5])})
    view = View(Columns(bars, corrections=corrections), {}, Notebook(), 4)
    seen = []

    for row in range(4):
        view.move(row, (row + 1) * 10, 0)
        seen.append(float(view.history("close", row + 1)[0]))

    assert seen == [10.0, 10.0, 9.0, 9.5]
    assert bars.close[0, 0] == 10.0


def test_a_correction_known_before_the_fact_itself_is_refused() -> None:
    bars = panel([[10.0], [11.0]])

    with pytest.raises(Rejected, match="known before the first version of its cell"):
        Columns(bars, corrections=Corrections(np.array([5]), np.array([0]), np.array([0]), {"close": np.array([9.0])}))
    with pytest.raises(Rejected, match="expected one length, in the order in which they became known"):
        Corrections(np.array([5, 3]), np.array([0, 0]), np.array([0, 0]), {})


def test_corrections_of_packed_history_are_put_on_the_rows_of_the_panel() -> None:
    class Packed:
        def __init__(self, rows: list[int], known: list[int], closes: list[float]) -> None:
            self.rows, self.known_ns, self.values = np.array(rows, dtype=np.int64), np.array(known), {"close": np.array(closes)}

    class Pack:
        def read(self, instrument: str, column: str) -> Any:
            assert column == "start_ns"
            return np.array([0, 10, 20]) if instrument == "A.XNAS" else np.array([10, 20, 30])

        def corrections(self, instrument: str) -> Packed:
            return Packed([2], [90], [5.5]) if instrument == "A.XNAS" else Packed([0, 2], [80, 95], [6.5, 7.5])

    found = corrections_of_pack(Pack(), panel([[1.0, 2.0], [1.0, 2.0], [1.0, 2.0]]), ["close"])

    # B's fact that starts at 30 is not in the panel
    assert found.known_ns.tolist() == [80, 90]
    assert found.rows.tolist() == [1, 2]
    assert found.columns.tolist() == [1, 0]
    assert found.values["close"].tolist() == [6.5, 5.5]


def test_the_account_is_read_from_the_desk() -> None:
    view = view_of(panel([[1.0, 2.0]]))
    view.move(0, 10, 0)

    assert view.quantity("B.XNAS") == 6.0
    assert view.average_price("A.XNAS") == 99.5
    assert view.average_price("B.XNAS") is None
    assert (view.cash, view.cash_in("EUR"), view.equity) == (1000.0, 50.0, 1500.0)
    assert view.open_orders() == ()


def test_acts_reach_the_desk_as_what_they_are() -> None:
    view = view_of(panel([[1.0]]))
    view.move(0, 10, 0)
    desk = view._desk
    assert isinstance(desk, Notebook)

    view.target(0.5, unit="weights")
    view.buy(3)
    view.sell(2, limit=1.5)
    brackets = view.bracket("buy", 4, stop=0.9, take_profit=1.2)
    both = view.one_cancels_other(Intent("sell", 1, limit=2.0), Intent("sell", 1, stop=0.5))

    assert desk.asked == [
        ("target", 0, 0.5, "weights"),
        (0, "buy", "market", 3, 0, 0),
        (0, "sell", "limit", 2, 0, 0),
        (0, "buy", "market", 4, 0, 0),
        (0, "sell", "stop", 4, 4, 7),
        (0, "sell", "take_profit", 4, 4, 7),
        (0, "sell", "limit", 1, 0, 7),
        (0, "sell", "stop", 1, 0, 7),
    ]
    assert brackets == (4, 5, 6)
    assert both == (7, 8)
    assert view.cancel(1)
    assert not view.cancel(2)


def test_an_unknown_word_is_no_attribute_of_the_view() -> None:
    with pytest.raises(AttributeError, match="view has no 'vwap'"):
        _ = view_of(panel([[1.0]])).vwap
