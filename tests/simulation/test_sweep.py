"""A sweep's configurations are single backtests; trials, their records, and a sweep from plan to verdict."""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.core.instant import NS_PER_DAY, NS_PER_HOUR, parse
from tradewinds.core.instrument import Instrument
from tradewinds.history.panel import Panel
from tradewinds.performance import ratios
from tradewinds.performance.returns import annualisation, sample_rows
from tradewinds.simulation.backtest import backtest
from tradewinds.simulation.market import Market, market_of_panel
from tradewinds.simulation.rules import BasisPoints, Setup
from tradewinds.simulation.search import Bayesian, Grid, Proposal, Random, Search, space_of
from tradewinds.simulation.sweep import Outcome, Task, TaskFailed, Trial, record_of, run_one, trial_of, trials, worker_lost
from tradewinds.simulation.sweep_run import Validation, plan_of, swept
from tradewinds.simulation.sweep_statistics import RETURN_FIGURES, return_figures, sharpe_of_sets
from tradewinds.simulation.sweep_verdict import Luck, Tally, words
from tradewinds.simulation.sweep_work import Span, SweepWork, market_until
from tradewinds.trading.columns import Corrections
from tradewinds.trading.intent import Intent
from tradewinds.trading.strategy import Float, Int, event, vector

PARAMETERS = {"fast": Int(3, 1, 60), "slow": Int(10, 1, 60)}


def average(values: Any, length: int) -> Any:
    sums = np.cumsum(np.concatenate([np.zeros((1, values.shape[1])), values]), axis=0)
    out = np.full(values.shape, np.nan)
    out[length - 1 :] = (sums[length:] - sums[:-length]) / length
    return out


@vector(parameters=PARAMETERS, lookback=lambda p: max(p.fast, p.slow))
def cross(panel: Any, params: Any) -> Any:
    if params.fast == 13:
        raise ZeroDivisionError("thirteen")
    return np.where(average(panel.close, params.fast) > average(panel.close, params.slow), 1.0, 0.0)


@event(parameters=PARAMETERS, lookback=lambda p: max(p.fast, p.slow))
class Cross:
    def __init__(self, params: Any) -> None:
        self.params = params

    def on_bar(self, view: Any) -> Any:
        closes = view.history("close", max(self.params.fast, self.params.slow))
        view.target(1.0 if closes[-self.params.fast :].mean() > closes[-self.params.slow :].mean() else 0.0)


@event(parameters={"distance": Float(0.02, 0.0, 1.0)}, lookback=1, name="told")
class Told:
    """Buys, and sells when the close is far enough from what its fill has cost."""

    def __init__(self, params: Any) -> None:
        self.distance = params.distance
        self.bought: float | None = None

    def on_bar(self, view: Any) -> Any:
        if view.quantity() == 0 and not view.open_orders():
            view.submit(Intent("buy", 100, tag=1))
        elif self.bought is not None and abs(view.close / self.bought - 1) > self.distance:
            view.submit(Intent("sell", 100, tag=2))

    def on_fill(self, view: Any, fill: Any) -> None:
        self.bought = fill.price if fill.tag == 1 else None


class Inline:
    """An engine without workers."""

    workers = 1

    def __init__(self, work: Any) -> None:
        self._run: Callable[[Any], Any] = work.open()
        self.asked: list[list[int]] = []

    def map(self, tasks: Iterable[Task], *, done: Container[int] = ()) -> Iterator[Outcome]:
        for task in tasks:
            if task.number not in done:
                self.asked.append([number for number, _ in task.payload["proposals"]])
                try:
                    yield Outcome(task.number, json.loads(json.dumps(self._run(task.payload))))
                except TaskFailed as error:
                    yield Outcome(task.number, failure=error.failure)

    def close(self) -> None:
        """Nothing to end."""


def market(bars: int = 400, *, hours: int = 24, seed: int = 7) -> tuple[Market, Panel]:
    """Bars of `hours` of one instrument on a seeded walk."""
    generator = np.random.default_rng(seed)
    close = (100 * np.exp(np.cumsum(generator.normal(0.0005, 0.01, bars))))[:, None]
    length = hours * NS_PER_HOUR
    start = parse("2020-01-01") + np.arange(bars, dtype=np.int64) * length
    opened = np.concatenate([close[:1], close[:-1]])
    high, low = np.maximum(opened, close) * 1.001, np.minimum(opened, close) * 0.999
    fields = {"open": opened, "high": high, "low": low, "close": close, "volume": np.full(close.shape, 1e6)}
    panel = Panel(("ACME.XNAS",), start, start + length, (start + length)[:, None], fields)
    return market_of_panel(panel, [Instrument("ACME.XNAS", "equity", "USD", "XNAS")]), panel


def work_of(strategy: Any, spans: tuple[Span, ...] | None = None, **shape: int) -> SweepWork:
    made, panel = market(**shape)
    return SweepWork(strategy, made, panel, Setup(costs=(BasisPoints(5),)), spans or (Span(0, made.shape[0]),))


def grid(strategy: Any, **values: Any) -> Callable[[], Search]:
    return lambda: Grid(space_of(strategy, values))


@pytest.mark.parametrize("strategy", [cross, Cross], ids=["vector", "event"])
@pytest.mark.parametrize("hours", [24, 4], ids=["days", "hours"])
def test_a_configuration_has_the_equity_that_its_backtest_has_to_the_last_bit(strategy: Any, hours: int) -> None:
    work = work_of(strategy, hours=hours)

    for fast, slow in ((2, 9), (5, 30)):
        alone = backtest(strategy, work.market, work.panel, {"fast": fast, "slow": slow}, work.setup)
        trial = run_one(Inline(work), Proposal(0, {"fast": fast, "slow": slow}), fold=0)

        rows = sample_rows(work.market.session, 0, 400)
        equity = np.where(rows < alone.first_row, 100_000.0, alone.equity[rows])
        assert trial.figures is not None
        assert trial.returns is not None
        assert trial.returns.tolist() == (equity[1:] / equity[:-1] - 1.0).tolist()
        assert trial.figures.equity == alone.equity[-1]
        assert trial.figures.fills == len(alone.fills)
        assert trial.figures.commission == pytest.approx(alone.fills["commission"].sum())


def test_an_event_strategy_is_told_its_fills_in_a_sweep_as_in_its_backtest() -> None:
    work = work_of(Told)
    run = Inline(work)

    for distance in (0.01, 0.03, 0.01):
        alone = backtest(work.strategy, work.market, work.panel, {"distance": distance}, work.setup)
        trial = run_one(run, Proposal(0, {"distance": distance}), fold=0)

        assert trial.figures is not None
        assert trial.returns is not None
        assert len(alone.fills) > 4
        assert (trial.figures.fills, trial.figures.equity) == (len(alone.fills), alone.equity[-1])
        assert trial.returns.tolist() == (alone.equity[1:] / alone.equity[:-1] - 1.0).tolist()


def test_an_event_strategy_learns_corrections_in_a_sweep_as_in_its_backtest() -> None:
    @event(lookback=3, interval="1d")
    class Recalls:
        def __init__(self, params: Any) -> None: ...

        def on_bar(self, view: Any) -> Any:
            return view.history("close", 3)[0]  # units, the close two bars ago as it is known now

    # given that the close of the sixth bar is told to have been 500 a bar later, and the eleventh, which the span ends before, is as well
    work = work_of(Recalls, (Span(0, 10),), bars=20)
    known = work.panel.known_ns[[6, 11], 0]
    later = {"1d": Corrections(known, np.array([5, 10]), np.zeros(2, np.int64), {"close": np.array([500.0, 500.0])})}
    alone = backtest(work.strategy, work.market, work.panel, None, work.setup, corrections=later, end_ns=int(work.market.end_ns[9]))

    found = run_one(Inline(replace(work, corrections=later)), Proposal(0, {}), fold=0)
    plain = run_one(Inline(work), Proposal(0, {}), fold=0)

    assert found.figures is not None
    assert plain.figures is not None
    assert found.figures.equity == alone.equity[9]
    assert max(alone.fills["quantity"]) > 350
    assert found.figures.turnover > plain.figures.turnover


def test_a_vector_and_an_event_strategy_that_say_the_same_have_the_same_figures() -> None:
    proposal = Proposal(0, {"fast": 4, "slow": 15})

    assert run_one(Inline(work_of(cross)), proposal, fold=0).figures == run_one(Inline(work_of(Cross)), proposal, fold=0).figures


def test_one_worker_that_tries_many_remembers_nothing_of_the_ones_before() -> None:
    work = work_of(cross)
    together = list(trials(Grid(space_of(cross, {"fast": range(2, 8), "slow": (20, 30)})), Inline(work), block=100))

    for trial in together:
        assert record_of(trial) == record_of(next(trials(_Only(trial.number, dict(trial.parameters)), Inline(work))))


class _Only:
    """A search of one configuration."""

    is_adaptive = False
    size = 1

    def __init__(self, number: int, parameters: dict[str, Any]) -> None:
        self._one = Proposal(number, parameters)

    def ask(self) -> Iterator[Proposal]:
        yield self._one

    def tell(self, scores: Iterable[tuple[int, float | None]]) -> None:
        """Nothing to learn."""


def test_figures_are_those_of_the_performance_room() -> None:
    returns = np.random.default_rng(3).normal(0.001, 0.02, 500)
    figures = np.empty(RETURN_FIGURES)

    return_figures(returns, 252.0, figures)

    assert figures.tolist() == pytest.approx(
        [
            ratios.total_return(returns),
            ratios.annual_return(returns, 252.0),
            ratios.volatility(returns, 252.0),
            ratios.sharpe(returns, 252.0),
            ratios.sortino(returns, 252.0),
            ratios.deepest(returns),
            ratios.calmar(returns, 252.0),
            ratios.sharpe(returns, 1.0),
            ratios.skewness(returns),
            ratios.kurtosis(returns),
        ],
        rel=1e-9,
    )


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(st.integers(-9, 9), min_size=2, max_size=60))
def test_figures_of_a_sweep_are_those_of_ratios_also_where_nothing_moves(steps: list[int]) -> None:
    returns = np.array(steps) / 100
    figures = np.empty(RETURN_FIGURES)

    return_figures(returns, 252.0, figures)

    expected = [ratios.sharpe(returns, 252.0), ratios.sortino(returns, 252.0), ratios.sharpe(returns, 1.0)]
    assert figures[[3, 4, 7]].tolist() == pytest.approx(expected, nan_ok=True, abs=1e-9)
    shape = [ratios.skewness(returns), ratios.kurtosis(returns)]
    assert figures[8:].tolist() == pytest.approx(shape, nan_ok=True, abs=1e-6, rel=1e-6)


def test_returns_that_differ_by_rounding_alone_have_no_ratio() -> None:
    figures = np.empty(RETURN_FIGURES)

    return_figures(np.array([0.01, 0.01, 0.01 + 4e-15, 0.01]), 252.0, figures)

    assert np.isnan(figures[[3, 7, 8, 9]]).all()
    assert figures[0] == pytest.approx(1.01**4 - 1)


def test_statistics_of_sets_give_the_ratio_of_their_sessions() -> None:
    members = np.zeros((2, 399), np.bool_)
    members[0, :100] = members[1, 100:] = True
    trial = run_one(Inline(work_of(cross, (Span(0, 400, members),))), Proposal(0, {"fast": 3, "slow": 20}), fold=0)

    assert trial.sets is not None
    assert trial.returns is not None
    expected = [part.mean() / part.std(ddof=1) for part in (trial.returns[:100], trial.returns[100:])]
    assert sharpe_of_sets(trial.sets).tolist() == pytest.approx(expected, rel=1e-9)


def test_nothing_at_or_after_the_end_of_a_span_is_seen() -> None:
    seen: list[int] = []

    @vector(lookback=1)
    def peeking(panel: Any, params: Any) -> Any:
        seen.append(len(panel.close))
        return np.where(panel.close > panel.close[-1], 1.0, 0.0)

    short = run_one(Inline(work_of(peeking, (Span(0, 150),))), Proposal(0, {}), fold=0)
    long = run_one(Inline(work_of(peeking, (Span(0, 400),))), Proposal(0, {}), fold=0)

    assert seen == [150, 400]
    assert short.returns is not None
    assert long.returns is not None
    assert short.returns.tolist() != long.returns[:149].tolist()


def test_a_market_that_is_cut_off_is_a_view_of_its_first_rows() -> None:
    made, _ = market()

    cut = market_until(made, 100)

    assert cut.shape == (100, 1)
    assert np.shares_memory(cut.close, made.close)


def test_a_span_that_is_warm_refuses_configurations_whose_lookback_is_not_there() -> None:
    work = work_of(cross, (Span(20, 400, is_warm=True),))
    found = {one.parameters["slow"]: one for one in trials(Grid(space_of(cross, {"fast": (2,), "slow": (21, 22)})), Inline(work))}

    assert found[21].figures is not None
    assert found[22].failure is not None
    assert "expected the 22 of its lookback" in found[22].failure.message


def test_a_configuration_that_looks_back_further_than_was_purged_fails() -> None:
    made, panel = market()
    work = SweepWork(cross, made, panel, Setup(), (Span(0, 400),), lookback_most=20)
    found = next(trials(_Only(0, {"fast": 2, "slow": 30}), Inline(work)))

    assert found.failure is not None
    assert found.failure.message == "sweep: a lookback of 30 bars, expected at most the 20 that were purged"


def test_a_trial_survives_its_record_to_the_bit() -> None:
    members = np.ones((1, 399), np.bool_)
    work = work_of(cross, (Span(0, 400, members),))
    good = run_one(Inline(work), Proposal(4, {"fast": 3, "slow": 20}), fold=0)
    bad = run_one(Inline(work), Proposal(5, {"fast": 13, "slow": 20}), fold=0)

    for trial in (good, bad):
        again = trial_of(json.loads(json.dumps(record_of(trial))))
        assert record_of(again) == record_of(trial)
    assert bad.failure is not None
    assert bad.failure.kind == "Rejected"
    assert "raised ZeroDivisionError: thirteen" in bad.failure.message


def test_a_configuration_that_never_trades_has_no_score_and_is_not_the_best() -> None:
    idle = run_one(Inline(work_of(cross)), Proposal(0, {"fast": 20, "slow": 20}), fold=0)

    assert idle.figures is not None
    assert idle.figures.fills == 0
    assert idle.score("sharpe") is None


def test_a_block_that_is_lost_with_its_worker_is_repeated_one_by_one() -> None:
    class Fragile:
        def open(self) -> Callable[[Any], Any]:
            run = work_of(cross).open()

            def block(payload: Any) -> Any:
                if any(parameters["fast"] == 4 for _, parameters in payload["proposals"]):
                    raise TaskFailed(worker_lost("its process ended with code -9"))
                return run(payload)

            return block

    engine = Inline(Fragile())
    found = {one.number: one for one in trials(Grid(space_of(cross, {"fast": (2, 3, 4, 5), "slow": (20,)})), engine, block=4)}

    assert engine.asked == [[0, 1, 2, 3], [0], [1], [2], [3]]
    assert [one.failure.kind for one in found.values() if one.failure is not None] == ["WorkerLost"]
    assert found[3].figures is not None


@pytest.mark.parametrize("make", [Random, Bayesian])
def test_known_trials_are_given_back_and_not_run_again(make: Any) -> None:
    work, space = work_of(cross), space_of(cross, is_gridded=False)
    whole = {one.number: one for one in trials(make(space, 40, 1), Inline(work))}
    engine = Inline(work)

    known = {number: one for number, one in whole.items() if number % 3}
    again = {one.number: record_of(one) for one in trials(make(space, 40, 1), engine, known=known)}

    assert again == {number: record_of(one) for number, one in whole.items()}
    assert sorted(number for block in engine.asked for number in block) == [number for number in range(40) if number % 3 == 0]


def test_a_known_trial_with_other_parameters_stops_the_sweep() -> None:
    known = {0: Trial(0, {"fast": 9, "slow": 20})}

    with pytest.raises(Rejected, match=r"configuration 0 was .*'fast': 9.* now it is .*'fast': 2"):
        list(trials(Grid(space_of(cross, {"fast": (2,), "slow": (20,)})), Inline(work_of(cross)), known=known))


def test_a_tally_does_not_depend_on_the_order_of_trials() -> None:
    members = np.eye(4, 399, dtype=np.bool_)
    work = work_of(cross, (Span(0, 400, members),))
    found = list(trials(Grid(space_of(cross, {"fast": range(2, 16), "slow": (20, 30)})), Inline(work)))

    def told(order: Iterable[Trial]) -> Any:
        tally = Tally("sharpe")
        for trial in order:
            tally.add(trial)
        return tally.sets.tolist(), [one.number for one in tally.top], [one.number for one in tally.failures], tally.failed, tally.tried

    assert told(found) == told(reversed(found))
    assert told(found)[2:] == ([22, 23], 2, 28)


def test_a_sweep_says_how_much_of_the_best_result_is_luck() -> None:
    made, panel = market(1_000, seed=11)
    plan = plan_of(made, 0, 1_000, Validation())
    work = SweepWork(cross, made, panel, Setup(), plan.spans)

    found = swept(plan, grid(cross, fast=range(2, 12), slow=range(15, 60, 5)), Inline(work))

    assert found.luck is not None
    assert found.best is found.tally.top[0]
    assert found.luck.trials == 90
    assert found.luck.expected is not None
    assert found.luck.expected > 0
    assert found.luck.overfitting is not None
    assert found.luck.low is not None
    assert found.luck.high is not None
    assert found.luck.low < found.luck.best < found.luck.high
    assert any("the luckiest of 90 tries" in sentence for sentence in words(found.luck))


def test_the_best_of_many_tries_on_noise_is_not_convincing_and_on_a_real_edge_it_is() -> None:
    @vector(parameters={"pattern": Int(0, 0, 199)})
    def guess(panel: Any, params: Any) -> Any:
        return np.random.default_rng(params.pattern).choice([0.0, 1_000.0], panel.close.shape)

    @vector(parameters={"pattern": Int(0, 0, 199)})
    def clever(panel: Any, params: Any) -> Any:
        if params.pattern != 77:
            return guess.code(panel, params)
        return np.where(np.append(panel.close[1:], panel.close[-1:], axis=0) > panel.close, 1_000.0, 0.0)  # knows the next day

    def luck(strategy: Any) -> Luck:
        made, panel = market(800, seed=5)
        plan = plan_of(made, 0, 800, Validation())
        found = swept(plan, lambda: Grid(space_of(strategy)), Inline(SweepWork(strategy, made, panel, Setup(), plan.spans)))
        assert found.luck is not None
        return found.luck

    noise, edge = luck(guess), luck(clever)

    assert noise.deflated is not None
    assert noise.deflated < 0.95
    assert edge.deflated is not None
    assert edge.deflated > 0.999
    assert edge.overfitting == 0.0
    assert noise.overfitting is not None
    assert noise.overfitting > 0.1
    assert edge.share is not None
    assert edge.share < 0.4


def test_a_walk_forward_runs_each_choice_on_what_came_next_and_stitches_the_stretches() -> None:
    made, panel = market(500)
    plan = plan_of(made, 0, 500, Validation("walk-forward", folds=3, train_parts=2))
    work = SweepWork(cross, made, panel, Setup(costs=(BasisPoints(5),)), plan.spans)

    found = swept(plan, grid(cross, fast=(2, 4, 8), slow=(15, 30)), Inline(work)).walk_forward

    assert found is not None
    assert [(step.fold.train_last, step.fold.test_first, step.fold.test_last) for step in found.steps] == [
        (201, 201, 301), (301, 301, 401), (401, 401, 500),
    ]  # fmt: skip
    for step in found.steps:
        assert step.chosen is not None
        assert step.outside is not None
        assert step.outside.returns is not None
        cut = market_until(made, step.fold.test_last)
        until = panel.window(int(panel.times[0]), int(cut.end_ns[-1]))
        alone = backtest(
            cross,
            cut,
            until,
            step.chosen.parameters,
            Setup(costs=(BasisPoints(5),)),
            start_ns=int(made.end_ns[step.fold.test_first - 1]) - 1,
        )
        equity = alone.equity[step.fold.test_first - 1 :]
        assert step.outside.returns.tolist() == (equity[1:] / equity[:-1] - 1.0).tolist()
    outside = [step.outside.returns for step in found.steps if step.outside is not None and step.outside.returns is not None]
    assert found.returns.tolist() == np.concatenate(outside).tolist()
    assert found.figures.total_return == pytest.approx(np.prod(1 + found.returns) - 1)
    assert found.figures.sharpe == pytest.approx(
        ratios.sharpe(found.returns, annualisation(made.end_ns[plan.spans[0].first :]).periods_per_year)
    )


def test_purged_cross_validation_needs_no_further_run() -> None:
    made, panel = market(500)
    plan = plan_of(made, 0, 500, Validation("purged", folds=4, tested=2, purge=3, embargo=2), lookback=30)
    engine = Inline(SweepWork(cross, made, panel, Setup(), plan.spans, lookback_most=30))

    found = swept(plan, grid(cross, fast=(2, 4, 8), slow=(15, 30)), engine)

    assert found.purged is not None
    assert len(found.purged.outside) == 6
    assert len(found.purged.paths) == 3
    assert sum(map(len, engine.asked)) == 6 + 1  # each once, and the best again for its returns


def test_a_sweep_in_which_everything_fails_has_no_best_and_says_why() -> None:
    made, panel = market(100)
    plan = plan_of(made, 0, 100, Validation())

    found = swept(plan, grid(cross, fast=(13,), slow=(20, 30)), Inline(SweepWork(cross, made, panel, Setup(), plan.spans)))

    assert found.best is None
    assert found.notes[0].startswith("None of 2 configurations has a score: 2 failed")
    assert "thirteen" in found.notes[0]


def test_a_history_of_one_session_is_refused() -> None:
    made, _ = market(10, hours=1)

    with pytest.raises(DataFault, match="expected at least two sessions"):
        plan_of(made, 9, 10, Validation())


@pytest.mark.parametrize(("first", "last"), [(-1, 10), (5, 5), (0, 401)])
def test_a_span_outside_the_market_is_refused(first: int, last: int) -> None:
    with pytest.raises(Rejected, match=r"rows .* of a market of 400 bars"):
        work_of(cross, (Span(first, last),))


def test_days_are_what_the_market_says() -> None:
    made, _ = market(30, hours=6)

    assert len(sample_rows(made.session, 0, 30)) == 9  # the first row, then the ends of eight days
    assert made.end_ns[3] - made.start_ns[0] == NS_PER_DAY
