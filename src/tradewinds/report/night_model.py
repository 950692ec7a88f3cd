"""Models and signals: how good predictions were out of sample, who challenges whom, what drifts, what is liked and disliked tonight."""

from __future__ import annotations

import numpy as np

from tradewinds.report import page
from tradewinds.report.chart import Figure
from tradewinds.report.chart_line import Series, time_figure
from tradewinds.report.chart_mark import row_figure
from tradewinds.report.night_data import Absent, Floats, ModelNight, Night, Scored, SignalNight
from tradewinds.report.night_health import Part, absent
from tradewinds.report.number import ABSENT, count, decimal, moment, percent

WINDOW = 21  # sessions of a moving average
DRIFTS = 12
ENDS = 10  # instruments from each end of the scores


def models_part(night: Night) -> Part:
    """Each model: correlation of its predictions with what came, its versions, drift."""
    models = night.models
    if isinstance(models, Absent):
        return absent("models", "Models", models.why)
    if not models:
        return absent("models", "Models", "no model is configured")
    parts = [_model(number, model) for number, model in enumerate(models)]
    return page.section("models", "Models", *(text for text, _ in parts)), [one for _, each in parts for one in each]


def signals_part(night: Night) -> Part:
    """The highest and lowest scores of each strategy."""
    signals = night.signals
    if isinstance(signals, Absent):
        return absent("signals", "Signals", signals.why)
    if not signals:
        return absent("signals", "Signals", "no strategy asks for any")
    parts = [_signal(number, one) for number, one in enumerate(signals)]
    return page.section("signals", "Signals", *(text for text, _ in parts)), [one for _, each in parts for one in each]


def ic_figure(number: int, model: ModelNight) -> Figure:
    """Moving average of each session's rank correlation, champion and challenger."""
    scored = [one for one in (model.champion, model.challenger) if isinstance(one, Scored) and len(one.times_ns)]
    times = np.unique(np.concatenate([one.times_ns for one in scored])) if scored else np.empty(0, np.int64)
    window = min(WINDOW, max(1, len(times) // 3))
    series = []
    for one, style in zip(scored, ("s1", "s5"), strict=False):
        values = np.full(len(times), np.nan)
        values[np.searchsorted(times, one.times_ns)] = moving_mean(one.ic, window)
        series.append(Series(f"{one.alias} v{one.version}", values, style))
    unit = f"rank correlation of prediction and outcome, mean of {window} sessions"
    return time_figure(f"ic-{number}", f"{model.name}: out of sample", times, series, includes=(0.0,), unit=unit)


def moving_mean(values: Floats, window: int) -> Floats:
    """(T,) mean of the last `window` values that are known; NaN before there are that many rows."""
    known = np.isfinite(values)
    sums, counts = (np.concatenate([[0.0], np.cumsum(one)]) for one in (np.where(known, values, 0.0), known))
    out = np.full(len(values), np.nan)
    if len(values) >= window:
        number = counts[window:] - counts[:-window]
        out[window - 1 :] = np.where(number > 0, (sums[window:] - sums[:-window]) / np.maximum(number, 1), np.nan)
    return out


def _model(number: int, model: ModelNight) -> tuple[str, list[Figure]]:
    figures = [ic_figure(number, model), _drift_figure(number, model)]
    versions = [_version(one) for one in (model.champion, model.challenger) if isinstance(one, Scored)]
    missing = [f"Not available: {one.why}" for one in (model.champion, model.challenger) if isinstance(one, Absent)]
    heads = ("Version", "SHA-256", "Trained", "Mean IC", "Last session", "Scores")
    said = [model.verdict] if model.verdict else []
    return page.pair(*figures) + page.table(heads, versions, texts=2) + page.notes([*missing, *said]), figures


def _version(one: Scored) -> tuple[str, ...]:
    known = one.ic[np.isfinite(one.ic)]
    scores = ", ".join(f"{name} {decimal(value, 3)}" for name, value in one.scores)
    return (
        f"{one.alias} v{one.version}",
        one.sha256[:12],
        ABSENT if one.trained_ns is None else moment(one.trained_ns),
        decimal(float(known.mean()), 3, is_signed=True) if len(known) else ABSENT,
        decimal(float(one.ic[-1]), 3, is_signed=True) if len(one.ic) else ABSENT,
        scores or ABSENT,
    )


def _drift_figure(number: int, model: ModelNight) -> Figure:
    order = sorted((one for one in model.drift if np.isfinite(one.value)), key=lambda one: -one.value / one.limit if one.limit > 0 else 0.0)
    shown = order[:DRIFTS]
    beyond = sum(one.is_beyond for one in model.drift)
    texts = [f"{decimal(one.value, 3)}{', beyond' if one.is_beyond else ' of'} {decimal(one.limit, 2)}" for one in shown]
    values = np.array([-one.value if one.is_beyond else one.value for one in shown], np.float64)
    unit = f"{count(beyond)} of {count(len(model.drift))} beyond their limit" if model.drift else ""
    return row_figure(f"drift-{number}", "Drift since training", [f"{one.name} ({one.measure})" for one in shown], values, texts, unit=unit)


def _signal(number: int, one: SignalNight) -> tuple[str, list[Figure]]:
    known = np.flatnonzero(np.isfinite(one.scores))
    order = known[np.argsort(-one.scores[known], kind="stable")]
    ends = order if len(order) <= 2 * ENDS else np.concatenate([order[:ENDS], order[-ENDS:]])
    texts = [decimal(float(one.scores[k]), 3, is_signed=True) for k in ends]
    title = f"{one.strategy}: highest and lowest" if len(order) > 2 * ENDS else f"{one.strategy}: scores"
    unit = f"{count(len(known))} of {count(len(one.scores))} instruments are scored"
    sources = ", ".join(f"{name} {percent(weight, 0)}" for name, weight in one.sources)
    figure = row_figure(
        f"signal-{number}",
        title,
        [one.instruments[k] for k in ends],
        one.scores[ends],
        texts,
        unit=unit,
        note=f"From {sources}." if sources else "",
    )
    return figure.html, [figure]
