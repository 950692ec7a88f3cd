"""The look-ahead detector: does a strategy, or a feature, use anything that nobody knew at the time?

1. It decides twice on the same data, once having seen other prices in between, and on a shorter past before and after it saw the whole:
   answers must repeat.
2. At cuts drawn at random, where its decisions change, where bars are missing and before splits and dividends: what it decided up to then
   on the data cut there must be what it decided on all of them.
3. The future after a cut is scaled, shuffled and emptied: decisions before must stay. So with facts about the past not yet known.
4. Decided on windows of the declared lookback, answers must be those of the whole history (vector strategies and features).
5. Filled at the close that it decides by, a strategy trades at a price that it could not yet know.
6. An event strategy written down halfway and taken up by a new object must go on as if nothing had happened.
7. Its code must read no clock, no unseeded chance and no machine.

Numbers count as equal within 1e-9 of the larger, in test 4 within 1e-3 (a recursive average never forgets all of its past).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from tradewinds.core.errors import Rejected
from tradewinds.simulation.lookahead_check import Check
from tradewinds.simulation.lookahead_decider import FeatureDecider, VectorDecider, decider_of
from tradewinds.simulation.lookahead_finding import Verdict
from tradewinds.simulation.lookahead_market import made_scene
from tradewinds.simulation.lookahead_scene import Scene, between, checked, cut
from tradewinds.simulation.rules import Setup
from tradewinds.trading.panel import StrategyPanel
from tradewinds.trading.strategy import Params, Strategy

ROWS_MAX = 3_000  # beyond the lookback; of longer data the first so many are looked at, each cut decides all of them again


def check_strategy(
    strategy: Strategy,
    scene: Scene | None = None,
    parameters: Mapping[str, Any] | None = None,
    setup: Setup | None = None,
    *,
    seed: int = 0,
) -> Verdict:
    """Check a declared strategy, on a made market where no scene is given. The same seed makes the same cuts.

    Raises Rejected where the strategy cannot run at all.
    """
    params = strategy.params(parameters)
    chosen = setup or Setup()
    stage = _shortened(checked(scene), strategy.lookback_bars(params)) if scene is not None else _stage(strategy, params, chosen, seed)
    decider = decider_of(strategy, params, stage, chosen)
    check = Check(strategy.name, decider, stage, seed)
    check.run()
    if isinstance(decider, VectorDecider):
        check.look_back(strategy.lookback_bars(params), lambda bars: VectorDecider(replace(strategy, lookback=bars), params, stage))
    else:
        check.write_down(decider)
    if chosen.fills.at == "same_close":
        check.same_bar()
    check.hidden(strategy.code)
    return check.verdict()


def decisions_digest(
    strategy: Strategy,
    scene: Scene | None = None,
    parameters: Mapping[str, Any] | None = None,
    setup: Setup | None = None,
    *,
    seed: int = 0,
) -> str:
    """SHA-256 of everything that it decides; two processes must come to the same one."""
    params, chosen = strategy.params(parameters), setup or Setup()
    stage = _shortened(checked(scene), strategy.lookback_bars(params)) if scene is not None else _stage(strategy, params, chosen, seed)
    return decider_of(strategy, params, stage, chosen).decide(stage).digest()


def check_feature(
    name: str,
    function: Callable[[StrategyPanel, Any], Any],
    scene: Scene,
    parameters: Mapping[str, Any] | None = None,
    *,
    lookback: int = 1,
    seed: int = 0,
) -> Verdict:
    """Check a function `(panel, params) -> (times, ...)` that feeds a strategy or a model. lookback: bars that a value looks at."""
    params = Params(**(parameters or {}))
    stage = _shortened(checked(scene), lookback)
    decider = FeatureDecider(name, function, params, lookback)
    check = Check(name, decider, stage, seed)
    check.run()
    if lookback > 1:
        check.look_back(lookback, lambda bars: FeatureDecider(name, function, params, bars))
    check.hidden(function)
    return check.verdict()


def _stage(strategy: Strategy, params: Params, setup: Setup, seed: int) -> Scene:
    """The first made market on which the strategy runs: of three instruments, one or two."""
    last: Rejected | None = None
    for width in (3, 1, 2) if strategy.kind == "vector" else (1, 3, 2):
        try:
            scene = made_scene(strategy, params, width, seed)
            decider_of(strategy, params, scene, setup).decide(cut(scene, scene.times - 1))
            return scene
        except Rejected as error:
            last = last or error
    assert last is not None
    raise last


def _shortened(scene: Scene, lookback: int) -> Scene:
    rows = ROWS_MAX + lookback
    return scene if scene.times <= rows else between(scene, 0, rows)
