"""The tear sheet of a factor: whether it ranks what comes after it, how long that lasts, and what holding it would cost in trades.

    sheet = factor_sheet("momentum", evaluate(values, close), event_ns)
    sheet.html        # the page, one text that needs nothing else

Same evaluation, same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import Rejected
from tradewinds.factors.evaluate import CoefficientSummary, Evaluation
from tradewinds.report import page
from tradewinds.report.chart import Figure, empty
from tradewinds.report.chart_line import Series, time_figure
from tradewinds.report.chart_mark import bar_figure, histogram
from tradewinds.report.number import count, decimal, moment, percent
from tradewinds.report.sheet import TearSheet

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SMOOTHED_SESSIONS = 63
CONVINCING_T = 2.0
SESSIONS_LEAST = 60
GROUPS_SHOWN = 40


@dataclass(frozen=True, slots=True)
class FactorNotes:
    """What the page says of the factor besides its figures. groups: names of the codes of `Evaluation.by_group`."""

    formula: str = ""
    source: str = ""
    lookback: int | None = None
    vintage: str = ""
    groups: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))
    warnings: tuple[str, ...] = ()


def factor_sheet(name: str, found: Evaluation, event_ns: Ints, notes: FactorNotes | None = None) -> TearSheet:
    """The page. event_ns: (times,) the session ends of the evaluation; raises Rejected where their number differs."""
    if len(event_ns) != len(found.coverage) or not len(event_ns):
        raise Rejected(f"factor sheet {name}: {len(event_ns)} times for {len(found.coverage)} sessions, expected as many, at least one")
    said = notes or FactorNotes()
    first = found.horizons[0]
    ranked = [_over_time(found, event_ns, first), _spread_of(found, first)]
    sorted_ones = [_quantiles(found, first), _long_short(found, event_ns, first)]
    lasting = [_decay(found), _autocorrelation(found, event_ns)]
    costs = [_turnover(found, event_ns), _coverage(found, event_ns)]
    content = (
        page.tiles(_tiles(found, first))
        + page.warnings(_warnings(found, first, said))
        + page.section("coefficient", "Does it rank what comes next?", ranked[0].html, ranked[1].html)
        + page.section("quantiles", "What its quantiles return", page.pair(*sorted_ones), _quantile_table(found))
        + page.section("decay", "How long it lasts", page.pair(*lasting), _horizon_table(found))
        + page.section("turnover", "What it takes to hold it", page.pair(*costs))
        + page.section("groups", "Within groups", _group_table(found, said))
        + page.section("about", "The factor", page.facts(_facts(found, event_ns, said)))
    )
    subtitle = f"{count(len(event_ns))} sessions, {moment(int(event_ns[0]))[:10]} to {moment(int(event_ns[-1]))[:10]}"
    footer = f"Data vintage {said.vintage or 'unnamed'}. Past results say little about the future."
    heading = f"Factor {name}"
    return TearSheet(heading, page.document(heading, subtitle, content, footer), (*ranked, *sorted_ones, *lasting, *costs))


def _tiles(found: Evaluation, first: int) -> list[page.Tile]:
    whole = found.summaries[first]
    spread = found.long_short(first)
    return [
        page.Tile("Information coefficient", decimal(whole.mean, 4), f"mean rank correlation, next {_sessions(first)}", _tone(whole.mean)),
        page.Tile("t value", decimal(whole.t_value), "of that mean, overlap taken into account; 2 convinces if it was the only try"),
        page.Tile("Ratio", decimal(whole.ratio, 3), "mean over standard deviation of the sessions' coefficients"),
        page.Tile("Sessions above zero", percent(whole.positive, 1), f"of {count(whole.sessions)}"),
        page.Tile("Highest less lowest", _bps(_mean(spread)), f"mean return over {_sessions(first)}, before costs", _tone(_mean(spread))),
        page.Tile("Turnover", percent(_mean(found.turnover[:, [0, -1]]), 1), "of the outer quantiles each session, share of names"),
    ]  # fmt: skip


def _warnings(found: Evaluation, first: int, said: FactorNotes) -> list[str]:
    whole = found.summaries[first]
    words = list(said.warnings)
    if whole.sessions < SESSIONS_LEAST:
        words.append(f"Only {count(whole.sessions)} sessions have a coefficient, expected at least {SESSIONS_LEAST}.")
    if not abs(whole.t_value) >= CONVINCING_T:
        words.append(f"The mean coefficient is not told from zero: t value {decimal(whole.t_value)}.")
    if found.delay == 0:
        words.append("Returns begin at the very close that the factor was computed of: nobody can trade that.")
    covered = _mean(found.coverage)
    if not covered >= 0.5:
        words.append(f"Only {percent(covered, 0)} of the instruments have a value in the mean.")
    return words


def _over_time(found: Evaluation, times: Ints, first: int) -> Figure:
    values = found.coefficients[first]
    series = [Series("session", values, "s5"), Series(f"mean of {SMOOTHED_SESSIONS} sessions", _smoothed(values), "s1")]
    return time_figure(
        "coefficient", "Information coefficient", times, series, includes=(0.0,), unit=f"rank correlation, next {_sessions(first)}"
    )  # fmt: skip


def _spread_of(found: Evaluation, first: int) -> Figure:
    values = found.coefficients[first]
    return histogram(
        "spread", "How the coefficients spread", values, lines=[(_mean(values), "mean")] if np.isfinite(values).any() else (),
        unit="sessions",
    )  # fmt: skip


def _quantiles(found: Evaluation, first: int) -> Figure:
    values = _means(found.bucket_returns[first])
    labels = [str(number + 1) for number in range(found.quantiles)]
    if not np.isfinite(values).any():
        return empty("quantiles", "Mean return by quantile", "No quantile has a return.")
    note = "Each session's instruments in equal parts by the factor, 1 the lowest; a factor that works climbs or falls step by step."
    return bar_figure("quantiles", "Mean return by quantile", labels, values, is_percent=True, unit=f"over {_sessions(first)}", note=note)


def _long_short(found: Evaluation, times: Ints, first: int) -> Figure:
    """Summed, not compounded, and each session's share of its overlapping returns: what equal stakes would have earned before costs."""
    spread = found.long_short(first) / first
    shown = np.where(np.isfinite(spread), np.nancumsum(spread), np.nan)
    title = "Highest less lowest quantile"
    return time_figure("long_short", title, times, [Series("sum of returns", shown, "s1")], is_percent=True, includes=(0.0,), unit="summed")


def _decay(found: Evaluation) -> Figure:
    values = np.array([found.summaries[one].mean for one in found.horizons])
    labels = [str(one) for one in found.horizons]
    if not np.isfinite(values).any():
        return empty("decay", "Coefficient by horizon", "No horizon has a coefficient.")
    return bar_figure("decay", "Coefficient by horizon", labels, values, unit="mean rank correlation; horizon in sessions")


def _autocorrelation(found: Evaluation, times: Ints) -> Figure:
    return time_figure(
        "autocorrelation", "Autocorrelation of ranks", times, [Series("with the session before", found.autocorrelation, "s1")],
        unit="rank correlation",
    )  # fmt: skip


def _turnover(found: Evaluation, times: Ints) -> Figure:
    series = [
        Series("lowest quantile", _smoothed(found.turnover[:, 0]), "s2"),
        Series("highest quantile", _smoothed(found.turnover[:, -1]), "s1"),
    ]
    return time_figure(
        "turnover", "New names each session", times, series, is_percent=True, includes=(0.0,), unit=f"mean of {SMOOTHED_SESSIONS} sessions"
    )  # fmt: skip


def _coverage(found: Evaluation, times: Ints) -> Figure:
    return time_figure(
        "coverage", "Instruments with a value", times, [Series("share", found.coverage, "s1", is_area=True)], is_percent=True,
        includes=(0.0, 1.0), unit="of those with a close",
    )  # fmt: skip


def _quantile_table(found: Evaluation) -> str:
    means = {one: _means(found.bucket_returns[one]) for one in found.horizons}
    rows = [(str(number + 1), *(_bps(float(means[one][number])) for one in found.horizons)) for number in range(found.quantiles)]
    rows.append(("highest less lowest", *(_bps(_mean(found.long_short(one))) for one in found.horizons)))
    return page.table(("Quantile", *(_sessions(one) for one in found.horizons)), rows)


def _horizon_table(found: Evaluation) -> str:
    heads = ("Horizon", "Rank coefficient", "Pearson's", "Deviation", "Ratio", "t value", "Above zero", "Sessions")
    rows = [(_sessions(one), *_summary_row(found.summaries[one], _mean(found.pearson[one]))) for one in found.horizons]
    return page.table(heads, rows)


def _summary_row(one: CoefficientSummary, pearson: float) -> tuple[str, ...]:
    return (
        decimal(one.mean, 4), decimal(pearson, 4), decimal(one.deviation, 4), decimal(one.ratio, 3), decimal(one.t_value),
        percent(one.positive, 1), count(one.sessions),
    )  # fmt: skip


def _group_table(found: Evaluation, said: FactorNotes) -> str:
    rows = [
        (said.groups.get(code, str(code)), decimal(one.mean, 4), decimal(one.t_value), percent(one.positive, 1), count(one.sessions))
        for code, one in list(found.by_group.items())[:GROUPS_SHOWN]
    ]
    return page.table(("Group", "Rank coefficient", "t value", "Above zero", "Sessions"), rows, empty="No groups were given.")


def _facts(found: Evaluation, times: Ints, said: FactorNotes) -> list[tuple[str, str]]:
    rows = [("Formula", said.formula or "unnamed"), ("Source", said.source or "unnamed")]
    if said.lookback is not None:
        rows.append(("Reads", f"{count(said.lookback)} sessions before its own"))
    began = f"{_sessions(found.delay)} after the session that the factor is of" if found.delay else "at the factor's own close"
    return [*rows, ("Returns begin", began), ("Quantiles", str(found.quantiles)), ("Last session", moment(int(times[-1])))]


def _smoothed(values: Floats) -> Floats:
    """Mean of the last SMOOTHED_SESSIONS, a third of them known."""
    known = np.isfinite(values)
    total = np.r_[0.0, np.cumsum(np.where(known, values, 0.0))]
    counts = np.r_[0, np.cumsum(known)]
    begin = np.maximum(np.arange(len(values)) + 1 - SMOOTHED_SESSIONS, 0)
    end = np.arange(len(values)) + 1
    number = counts[end] - counts[begin]
    shown: Floats = np.where(number * 3 >= SMOOTHED_SESSIONS, (total[end] - total[begin]) / np.maximum(number, 1), np.nan)
    return shown


def _means(values: Floats) -> Floats:
    """(columns,) means of what is known."""
    return np.array([_mean(values[:, column]) for column in range(values.shape[1])])


def _mean(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def _bps(value: float) -> str:
    shown = decimal(value * 1e4, 1, is_signed=True)
    return f"{shown} bp" if np.isfinite(value) else shown


def _tone(value: float) -> str:
    return "up" if value > 0 else "down" if value < 0 else ""


def _sessions(number: int) -> str:
    return "1 session" if number == 1 else f"{count(number)} sessions"


def lines(found: Sequence[tuple[str, Evaluation]]) -> list[tuple[str, str, str, str, str]]:
    """One row a factor for a table of many: name, coefficient, t value, highest less lowest, turnover."""
    rows = []
    for name, one in found:
        first = one.horizons[0]
        whole = one.summaries[first]
        rows.append(
            (name, decimal(whole.mean, 4), decimal(whole.t_value), _bps(_mean(one.long_short(first))), percent(_mean(one.turnover), 1))
        )
    return rows
