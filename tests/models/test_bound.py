"""A model in a strategy's hands computes the features that it was trained on, to the bit, wherever the panel begins."""

from __future__ import annotations

import numpy as np
import pytest

from tradewinds.core.instant import NS_PER_DAY
from tradewinds.factors.features import Features, feature_set
from tradewinds.history.panel import Panel
from tradewinds.models.bound import BoundModel, bound, with_features
from tradewinds.models.label import label_of
from tradewinds.models.sample import sample_of
from tradewinds.models.train import train
from tradewinds.trading.hosted import WARM_UP_LOOKBACKS
from tradewinds.trading.panel import StrategyPanel

SESSIONS, WIDTH = 2_600, 4
EDGES = (1_084, 1_814, 2_544)  # of 730 days since 1970, as rows: there a recursion begins afresh
EXPRESSIONS = {
    "fast": "close / ema(close, 3) - 1",
    "rsi": "rank(rsi(5))",
    "smooth": "ema(rsi(4), 4)",
    "plain": "momentum(20, 5)",
    "season": "month",
}


@pytest.fixture(scope="module")
def bars() -> Panel:
    """Days of four instruments since 2015; one does not trade on every seventh."""
    draw = np.random.default_rng(5)
    closes = 50.0 * np.exp(np.cumsum(draw.normal(0.0, 0.02, (SESSIONS, WIDTH)), axis=0))
    closes[::7, 2] = np.nan
    starts = (16_436 + np.arange(SESSIONS, dtype=np.int64)) * NS_PER_DAY
    known = np.broadcast_to(starts[:, None] + NS_PER_DAY, closes.shape).copy()
    fields = {"open": closes, "high": closes * 1.01, "low": closes * 0.99, "close": closes, "volume": np.full(closes.shape, 1e6)}
    return Panel(tuple(f"S{n}.XNAS" for n in range(WIDTH)), starts, starts + NS_PER_DAY, known, fields)


@pytest.fixture(scope="module")
def features(bars: Panel) -> Features:
    """What the features job computes, and training reads."""
    return feature_set("us", EXPRESSIONS).compute(bars)


@pytest.fixture(scope="module", params=["ridge", "lightgbm"])
def model(request: pytest.FixtureRequest, bars: Panel, features: Features) -> BoundModel:
    if request.param == "lightgbm":
        pytest.importorskip("lightgbm")
    label = label_of({"kind": "forward_return", "horizon": 3}, bars.event_ns, bars.close)
    sample = sample_of(tuple(EXPRESSIONS), bars.instruments, bars.event_ns, features.values, label, known_ns=bars.known_ns)
    more = {"rounds": 20, "num_leaves": 7} if request.param == "lightgbm" else {}
    return bound("models:/days/1", with_features(train({"kind": request.param, **more}, sample), EXPRESSIONS))


def _last(panel: Panel, rows: int, end: int) -> StrategyPanel:
    """The bars before row `end` that a running strategy has."""
    part = slice(end - rows, end)
    fields = {name: values[part] for name, values in panel.fields.items()}
    return StrategyPanel(Panel(panel.instruments, panel.times[part], panel.event_ns[part], panel.known_ns[part], fields))


def test_a_backtest_scores_the_features_that_were_trained_on(model: BoundModel, bars: Panel, features: Features) -> None:
    found = model.scores(StrategyPanel(bars))

    for row in (1_000, *EDGES, *(edge + 5 for edge in EDGES)):
        asked = np.ascontiguousarray(features.values[row])
        assert found[row].tobytes() == model.predict(asked).tobytes()
    assert np.isnan(found[1_001, 2])  # 7 x 143: it does not trade
    assert np.isfinite(found[1_002]).all()


def test_what_a_running_strategy_sees_gives_the_same_bits_from_the_warm_up_on(model: BoundModel, bars: Panel) -> None:
    whole = model.scores(StrategyPanel(bars))
    rows = model.lookback + model.warm_up

    assert rows < EDGES[1]
    for end in (rows, EDGES[1], EDGES[1] + 1, EDGES[1] + 6, EDGES[2], EDGES[2] + 1, SESSIONS):
        assert model.scores(_last(bars, rows, end))[-1].tobytes() == whole[end - 1].tobytes()


def test_without_the_warm_up_a_score_differs_by_no_more_than_was_declared(model: BoundModel, bars: Panel) -> None:
    whole = model.scores(StrategyPanel(bars))
    short = model.scores(_last(bars, model.lookback, SESSIONS))[-1]

    assert short == pytest.approx(whole[-1], abs=1e-5 * float(np.nanstd(whole)) + 1e-9, nan_ok=True)


def test_a_hosted_strategy_brings_the_warm_up_of_every_recursive_indicator() -> None:
    short = (
        "ema(close, 2)",
        "rsi(2)",
        "atr(2)",
        "adx(2)",
        "kama(close, 2)",
        "tema(close, 2)",
        "stochrsi(2, 1, 1)",
        "ema(ema(close, 2), 2)",
    )
    for text in (*short, "rsi(14)", "atr(14)", "macd(12, 26, 9)", "mama()"):
        made = BoundModel("models:/x/1#0")
        made.fitted = _Named((text,))  # type: ignore[assignment]  # names are all that is asked
        made.expressions = {}

        assert 0 < made.warm_up <= WARM_UP_LOOKBACKS * made.lookback, text


def test_a_model_without_recursive_features_needs_no_warm_up() -> None:
    made = BoundModel("models:/x/1#0")
    made.fitted = _Named(("momentum(20, 5)", "volatility(10)"))  # type: ignore[assignment]  # as above
    made.expressions = {}

    assert (made.lookback, made.warm_up) == (21, 0)


class _Named:
    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
