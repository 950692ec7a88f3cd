"""A strategy that asks a model decides in the backtest what it decided on paper, and the journal's fingerprint holds the model's hash."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.paper_session import DAY_MS, MS_NS, STARTED_NS, Session, minutes, seeded

from tradewinds.factors.expression import parse
from tradewinds.history.panel import Panel
from tradewinds.models.bound import BoundModel, bound, with_features
from tradewinds.models.label import check_future, label_of
from tradewinds.models.sample import sample_of
from tradewinds.models.train import train
from tradewinds.simulation.backtest import backtest
from tradewinds.simulation.market import market_of_panel
from tradewinds.simulation.rules import Account, BasisPoints, Setup
from tradewinds.trading.entry import Booked
from tradewinds.trading.hosted import Hosted
from tradewinds.trading.parity import replay
from tradewinds.trading.parity_backtest import compare, decisions_of, panel_of_entries
from tradewinds.trading.strategy import Model, Strategy, vector

FIRST_MS = STARTED_NS // MS_NS - DAY_MS
MARKET, INSTRUMENTS = seeded(["BTCUSDT", "ETHUSDT", "BNBUSDT"])
ROWS = minutes(MARKET, INSTRUMENTS, FIRST_MS, 400)
TRAINED = 300
SETUP = Setup(Account(1_000_000.0, "USDT", leverage=3.0), (BasisPoints(1),))
EXPRESSIONS = {"turn": "-reversal(5)", "trend": "momentum(20, 1)", "loud": "rank(volatility(15))", "rsi": "rsi(9)"}


@vector(parameters={"model": Model("models:/minutes@champion")}, lookback=lambda p: p.model.lookback, targets="weights", interval="1m")
def learned(panel: Any, params: Any) -> Any:
    scores = params.model.scores(panel)
    return np.where(np.isfinite(scores), np.sign(scores) * 0.25, 0.0)


def bars_of(rows: list[Any]) -> Panel:
    values = {
        name: np.array([[getattr(bar, name) for bar in row.bars] for row in rows]) for name in ("open", "high", "low", "close", "volume")
    }
    ends = np.array([row.end_ns for row in rows])
    known = np.broadcast_to(ends[:, None], values["close"].shape).copy()
    return Panel(tuple(one.id for one in INSTRUMENTS), ends - 60_000_000_000, ends, known, values)


@pytest.fixture(scope="module", params=["ridge", "lightgbm"])
def model(request: pytest.FixtureRequest) -> BoundModel:
    """Trained on the minutes before those that are traded."""
    if request.param == "lightgbm":
        pytest.importorskip("lightgbm")
    bars = bars_of(ROWS[:TRAINED])
    label = label_of({"kind": "forward_return", "horizon": 3}, bars.event_ns, bars.close)
    check_future(label, bars.close)
    features = np.stack([parse(text).compute({"close": bars.close}) for text in EXPRESSIONS.values()], axis=2)
    sample = sample_of(tuple(EXPRESSIONS), bars.instruments, bars.event_ns, features, label, known_ns=bars.known_ns)
    more = {"rounds": 30, "num_leaves": 7} if request.param == "lightgbm" else {}
    return bound("models:/minutes/1", with_features(train({"kind": request.param, **more}, sample), EXPRESSIONS))


def hosted(model: BoundModel) -> Hosted:
    assert isinstance(learned, Strategy)
    return Hosted("learned", learned, INSTRUMENTS, "USDT", {"model": model})


def test_paper_replay_and_backtest_decide_and_trade_alike(model: BoundModel, tmp_path: Path) -> None:
    one = hosted(model)
    session = Session(tmp_path, (one,), SETUP)
    session.trade(ROWS[TRAINED:], warm_up=ROWS[:TRAINED])
    entries = list(session.entries())
    bars, late = panel_of_entries(entries, "1m", [each.id for each in INSTRUMENTS])

    replayed = replay(session.entries, session.engine, account="paper", fingerprints={"learned": one.fingerprint})
    compared = compare(one, decisions_of(entries, one.name), bars, late)
    market = market_of_panel(bars, INSTRUMENTS, currency="USDT")
    whole = backtest(one.strategy, market, bars, setup=SETUP, parameters=one.parameters)

    assert replayed.is_equal
    assert (replayed.decisions, replayed.decisions_equal) == (100, 100)
    assert (compared.decisions, compared.decisions_equal, compared.differences) == (100, 100, ())
    sides = {target for each in decisions_of(entries, one.name) for target in each.targets.values()}
    assert sides == {"0.25", "-0.25"}
    assert len([record for entry in entries for record in entry.records if isinstance(record, Booked)]) > 50
    assert whole.parameters == {"model": f"models:/minutes/1#{model.sha256}"}


def test_another_model_under_the_same_name_is_another_strategy(model: BoundModel, tmp_path: Path) -> None:
    turned = dict(zip(EXPRESSIONS, reversed(EXPRESSIONS.values()), strict=True))
    other = bound("models:/minutes/1", with_features(model.files, turned))

    assert other.sha256 != model.sha256
    assert hosted(other).fingerprint != hosted(model).fingerprint
    session = Session(tmp_path, (hosted(model),), SETUP)
    session.trade(ROWS[TRAINED : TRAINED + 20], warm_up=ROWS[:TRAINED])
    changed = Session(tmp_path, (hosted(other),), SETUP)
    found = replay(session.entries, changed.engine, account="paper")

    assert not found.is_equal
    assert {each.why for each in found.differences if each.what == "decision"} == {"code or parameters changed"}
