"""Parity: a recorded session replayed gives the same decisions and orders to the bit, and every difference has its reason."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.paper_session import DAY_MS, MS_NS, STARTED_NS, Session, minutes, seeded

from tradewinds.core.errors import Rejected
from tradewinds.factors.incremental import Ema
from tradewinds.factors.indicator import ema, sma
from tradewinds.history.panel import Panel
from tradewinds.risk.limits import Limits
from tradewinds.simulation.backtest import backtest
from tradewinds.simulation.market import market_of_panel
from tradewinds.simulation.rules import Account, BasisPoints, HalfSpread, Setup
from tradewinds.trading.entry import Bar, BarsClosed, Booked, Decided, Entry
from tradewinds.trading.hosted import Hosted
from tradewinds.trading.parity import percent, replay
from tradewinds.trading.parity_backtest import compare, decisions_of, panel_of_entries
from tradewinds.trading.strategy import Int, Strategy, event, vector
from tradewinds.trading.view import View

FIRST_MS = STARTED_NS // MS_NS - DAY_MS
MARKET, INSTRUMENTS = seeded(["BTCUSDT", "ETHUSDT"])
ROWS = minutes(MARKET, INSTRUMENTS, FIRST_MS, 130)
SETUP = Setup(Account(1_000_000.0, "USDT", leverage=5.0), (BasisPoints(1), HalfSpread(bps=0.5)))


@vector(parameters={"fast": Int(3, 2, 50), "slow": Int(8, 3, 100)}, lookback=lambda p: p.slow, interval="1m")
def crossing(panel: Any, params: Any) -> Any:
    return np.where(sma(panel.close, params.fast) > sma(panel.close, params.slow), 3.0, 0.0)


@vector(lookback=4, interval="1m", targets="weights")
def shares(panel: Any, params: Any) -> Any:
    change = panel.close / np.vstack([panel.close[:1], panel.close[:-1]]) - 1.0
    return np.clip(change * 200.0, -0.4, 0.4)


@vector(lookback=10, interval="1m")
def smoothed(panel: Any, params: Any) -> Any:
    return np.where(panel.close > ema(panel.close, 10), 1.0, -1.0)


@event(parameters={"length": Int(5, 2, 50)}, lookback=lambda p: 4 * p.length, interval="1m")
class Remembering:
    def __init__(self, params: Any) -> None:
        self.average = Ema(params.length)

    def warm_up(self, view: View) -> None:
        self.average.update(view.close)

    def on_bar(self, view: View) -> float:
        return 2.0 if view.close > self.average.update(view.close) else -1.0


def hosted(strategy: Any, *instruments: Any, **terms: Any) -> Hosted:
    """strategy: Any, because type checkers do not see that a decorator makes a class a Strategy."""
    assert isinstance(strategy, Strategy)
    return Hosted(terms.pop("name", strategy.name), strategy, instruments or INSTRUMENTS, "USDT", **terms)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """Three strategies over a morning of minutes, with a restart in it."""
    strategies = (hosted(crossing, INSTRUMENTS[0]), hosted(shares), hosted(Remembering, INSTRUMENTS[1]))
    session = Session(tmp_path_factory.mktemp("recorded"), strategies, SETUP)
    session.trade(ROWS[40:90], warm_up=ROWS[:40])
    session.trade(ROWS[90:], warm_up=ROWS[:90])
    return session


def test_a_recorded_session_is_replayed_to_the_bit_over_a_restart(recorded: Session) -> None:
    found = replay(recorded.entries, recorded.engine, account="paper")

    assert found.is_equal
    assert (found.decisions, found.decisions_equal) == (270, 270)
    assert found.strategies == {"Remembering": 90, "crossing": 90, "shares": 90}
    assert found.orders == found.orders_equal > 100
    assert found.steps == found.steps_equal
    assert found.as_json()["decisions_percent"] == 100.0


def test_a_part_of_a_session_is_replayed_from_the_start_of_its_run(recorded: Session) -> None:
    found = replay(recorded.entries, recorded.engine, account="paper", start_ns=ROWS[100].end_ns, end_ns=ROWS[110].end_ns)

    assert found.is_equal
    assert found.decisions == 30


def test_other_parameters_are_told_by_strategy_time_and_instrument(recorded: Session) -> None:
    strategies = (hosted(crossing, INSTRUMENTS[0], parameters={"fast": 4}), *recorded.strategies[1:])
    other = Session(recorded.folder, strategies, SETUP)

    found = replay(recorded.entries, other.engine, account="paper")

    assert not found.is_equal
    assert {(one.strategy, one.why) for one in found.differences} == {("crossing", "code or parameters changed")}
    first = next(one for one in found.differences if one.what == "decision")
    assert (first.instrument, {first.recorded, first.replayed}) == ("BTCUSDT.BINANCE", {"0.0", "3.0"})
    assert found.decisions_equal < found.decisions


def test_a_gate_that_judges_otherwise_is_told_as_such(recorded: Session) -> None:
    other = Session(recorded.folder, recorded.strategies, SETUP, limits=Limits(quantity_max=Decimal("2.5")))

    found = replay(recorded.entries, other.engine, account="paper")

    orders = [one for one in found.differences if one.what == "order" and one.why == "gate state" and one.strategy == "crossing"]
    assert orders[0].recorded.startswith("approved: buy 3")
    assert orders[0].replayed.startswith("refused by quantity: buy 3")


def test_a_strategy_that_decides_by_more_than_it_sees_is_found_out(tmp_path: Path) -> None:
    drawn = itertools.count()

    @vector(lookback=1, interval="1m", name="moody")
    def moody(panel: Any, params: Any) -> Any:
        return np.full(panel.shape, float(next(drawn) % 7))

    session = Session(tmp_path, (hosted(moody, INSTRUMENTS[0]),), SETUP)
    session.trade(ROWS[:12])

    found = replay(session.entries, session.engine, account="paper")

    decisions = {one.why for one in found.differences if one.what == "decision"}
    assert decisions == {"non-deterministic strategy"}


@pytest.mark.parametrize("strategy", [crossing, shares, Remembering])
def test_paper_trades_what_the_backtest_trades(strategy: Any, tmp_path: Path) -> None:
    chosen = INSTRUMENTS[:1] if strategy is Remembering else INSTRUMENTS
    session = Session(tmp_path, (hosted(strategy, *chosen),), SETUP)
    session.trade(ROWS[:70])
    bars, _ = panel_of_entries(session.entries(), "1m", [one.id for one in chosen])

    market = market_of_panel(bars, chosen, currency="USDT")
    simulated = backtest(strategy, market, bars, setup=SETUP).fills

    starts = {int(end): row for row, end in enumerate(bars.event_ns)}
    traded = [(starts[one.event_ns], one.instrument, float(one.signed), float(one.price), float(one.commission)) for one in fills(session)]
    lots = [float(one.lot or 1) for one in chosen]
    expected = [
        (int(one["row"]), chosen[one["instrument"]].id, one["quantity"] * lots[one["instrument"]], one["price"], one["commission"])
        for one in simulated
    ]
    assert len(traded) > 10
    assert [one[:2] for one in traded] == [one[:2] for one in expected]
    np.testing.assert_allclose([one[2:] for one in traded], [one[2:] for one in expected], rtol=1e-12)


def fills(session: Session) -> list[Any]:
    return [one.fill for entry in session.entries() for one in entry.records if isinstance(one, Booked)]


@pytest.mark.parametrize("strategy", [crossing, shares, smoothed])
def test_recorded_decisions_are_those_of_the_backtest_over_the_whole_history(strategy: Any, tmp_path: Path) -> None:
    one = hosted(strategy)
    session = Session(tmp_path, (one,), SETUP)
    session.trade(ROWS[100:], warm_up=ROWS[:100])
    entries = list(session.entries())
    bars, late = panel_of_entries(entries, "1m", [each.id for each in INSTRUMENTS])

    found = compare(one, decisions_of(entries, one.name), bars, late)

    assert late == {}
    assert (found.decisions, found.decisions_equal, found.differences) == (30, 30, ())


def entries_of(rows: list[BarsClosed], decided: list[Decided]) -> Iterator[Entry]:
    by_time = {one.decision_ns: one for one in decided}
    for row in rows:
        records = (by_time[row.end_ns],) if row.end_ns in by_time else ()
        yield Entry(row.end_ns, row, records)


def test_a_bar_that_came_late_explains_a_decision_that_differs() -> None:
    one = hosted(crossing, INSTRUMENTS[0])
    end = ROWS[20].end_ns
    late_bar = BarsClosed("1m", ROWS[19].end_ns, ROWS[19].bars[:1])
    rows = [*ROWS[:19], ROWS[20], late_bar]
    bars, late = panel_of_entries(entries_of(rows, []), "1m", [INSTRUMENTS[0].id])
    whole = compare(one, [Decided("crossing", end, {INSTRUMENTS[0].id: "7.0"})], bars, late)

    assert late == {INSTRUMENTS[0].id: {ROWS[19].end_ns}}
    assert [(each.instrument, each.recorded, each.why) for each in whole.differences] == [(INSTRUMENTS[0].id, "7.0", "data arrived late")]


def flat(closes: list[float]) -> Panel:
    ends = np.array([STARTED_NS + at * 60_000_000_000 for at in range(len(closes))])
    values = np.array(closes)[:, None]
    fields = dict.fromkeys(("open", "high", "low", "close"), values) | {"volume": np.ones(values.shape)}
    return Panel(
        (INSTRUMENTS[0].id,), ends - 60_000_000_000, ends, ends[:, None].copy(), {name: one.copy() for name, one in fields.items()}
    )


def test_a_decision_that_hangs_on_equal_numbers_is_a_tie_and_no_disagreement() -> None:
    one = hosted(crossing, INSTRUMENTS[0])
    bars = flat([100.0] * 12)
    end = int(bars.event_ns[-1])

    tie = compare(one, [Decided("crossing", end, {INSTRUMENTS[0].id: "3.0"})], bars)
    wrong = compare(one, [Decided("crossing", end, {INSTRUMENTS[0].id: "5.0"})], bars)

    assert [each.why for each in tie.differences] == ["tie"]
    assert tie.is_equal
    assert [each.why for each in wrong.differences] == ["unknown"]
    assert not wrong.is_equal


def test_an_event_strategy_has_no_vectorised_run() -> None:
    with pytest.raises(Rejected, match="expected a vector strategy"):
        compare(hosted(Remembering, INSTRUMENTS[0]), [], flat([1.0, 2.0]))


def test_a_hundred_percent_is_said_of_all_alone() -> None:
    assert (percent(99_999, 100_000), percent(0, 0), percent(3, 3)) == (99.99, 100.0, 100.0)


def test_bars_of_a_journal_stand_as_they_were_first_told() -> None:
    again = Bar(INSTRUMENTS[0].id, 1.0, 1.0, 1.0, 1.0, 1.0, 5)
    rows = [ROWS[0], ROWS[1], BarsClosed("1m", ROWS[0].end_ns, (again,))]

    bars, _ = panel_of_entries(entries_of(rows, []), "1m", [INSTRUMENTS[0].id])

    assert bars.close[:, 0].tolist() == [row.bars[0].close for row in ROWS[:2]]
