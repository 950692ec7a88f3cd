"""A strategy that asks a model: long what it likes best, short what it likes least.

    tradewinds backtest weekly_trend_strategy.py --universe us_large --from 2024-01-01

The name `models:/weekly_trend@champion` is resolved when a run starts; version and hash of its files stand in the run's fingerprint.
"""

import numpy as np

from tradewinds.trading.strategy import Float, Model, vector


@vector(
    parameters={"model": Model("models:/weekly_trend@champion"), "gross": Float(1.0, 0.0, 4.0)},
    lookback=lambda p: p.model.lookback,
    targets="weights",
    rhythm="close - 15m",
)
def weekly_trend(panel, params):
    """Weights (times, instruments) in proportion to how far a score is from the row's mean."""
    scores = params.model.scores(panel)
    known = np.isfinite(scores)
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    off = np.where(known, scores - np.where(known, scores, 0.0).sum(axis=1, keepdims=True) / count, 0.0)
    size = np.abs(off).sum(axis=1, keepdims=True)
    return params.gross * np.divide(off, size, out=np.zeros_like(off), where=size > 0)
