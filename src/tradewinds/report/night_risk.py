"""Risk of the portfolio: how much, from where, what would hurt, how fast it could be sold."""

from __future__ import annotations

import math

import numpy as np

from tradewinds.report import page
from tradewinds.report.chart import Figure
from tradewinds.report.chart_mark import row_figure
from tradewinds.report.night_data import Absent, Night, RiskNight
from tradewinds.report.night_health import Part, absent
from tradewinds.report.number import ABSENT, count, decimal, percent

BARS = 15
HOLDINGS = 15


def risk_part(night: Night) -> Part:
    """Volatility and its parts, value at risk, stress, concentration, liquidity."""
    risk = night.risk
    if isinstance(risk, Absent):
        return absent("risk", "Risk of the portfolio", risk.why)
    figures = [component_figure(risk), stress_figure(risk)]
    heads = ("Instrument", "Weight", "Of the risk", "Days to exit")
    return page.section(
        "risk",
        "Risk of the portfolio",
        page.pair(*figures),
        page.facts(_rows(risk, math.sqrt(night.periods_a_year))),
        page.table(heads, _holdings(risk), empty="Nothing is held."),
        _exposures(risk),
    ), figures


def component_figure(risk: RiskNight) -> Figure:
    """Parts of volatility by factor, the largest first, and what is specific."""
    order = [
        k for k in np.argsort(-np.abs(np.nan_to_num(risk.contributions)), kind="stable").tolist() if np.isfinite(risk.contributions[k])
    ]
    names = [risk.factors[k] for k in order[:BARS]]
    values = [float(risk.contributions[k]) for k in order[:BARS]]
    if len(order) > BARS:
        names.append(f"{len(order) - BARS} other factors")
        values.append(float(risk.contributions[order[BARS:]].sum()))
    if math.isfinite(risk.specific_contribution):
        names.append("Specific to instruments")
        values.append(risk.specific_contribution)
    whole = risk.volatility if risk.volatility > 0 else math.nan
    texts = [percent(value / whole, 1) for value in values]
    note = "Together 100%. A negative part lowers the risk." if values else ""
    return row_figure("risk-components", "Where the risk comes from", names, np.array(values), texts, unit="parts of volatility", note=note)


def stress_figure(risk: RiskNight) -> Figure:
    """What the portfolio would gain or lose in each scenario."""
    shown = [one for one in risk.stresses if math.isfinite(one.change)]
    labels = [f"{one.scenario} ({one.words})" if one.words else one.scenario for one in shown]
    texts = [percent(one.change, is_signed=True) for one in shown]
    changes = np.array([one.change for one in shown], np.float64)
    return row_figure("risk-stress", "Stress", labels, changes, texts, unit="of capital, in each scenario")


def _rows(risk: RiskNight, year: float) -> list[tuple[str, str]]:
    over = "a session" if risk.horizon == 1 else f"{risk.horizon} sessions"
    method = f", {risk.method}" if risk.method else ""
    rows = [
        ("Volatility a year", percent(risk.volatility * year)),
        ("of it by factors alone", percent(risk.factor_volatility * year)),
        ("of it specific alone", percent(risk.specific_volatility * year)),
        (f"Value at risk {percent(risk.level, 0)}, {over}{method}", _percent(risk.value_at_risk)),
        ("Expected shortfall beyond it", _percent(risk.expected_shortfall)),
        ("Sum of sizes (gross)", _percent(risk.gross, 1)),
        ("Sum of weights (net)", _percent(risk.net, 1)),
        ("Positions that count (1 / sum of squares)", ABSENT if risk.effective_positions is None else decimal(risk.effective_positions, 1)),
    ]
    if risk.tracking_error is not None:
        rows.append(("Tracking error a year", percent(risk.tracking_error * year)))
    of = f" at {percent(risk.participation, 0)} of volume" if risk.participation is not None else ""
    return rows + [(f"Could be sold in {_days(days)}{of}", percent(share, 1)) for days, share in risk.liquid_share]


def _holdings(risk: RiskNight) -> list[tuple[str, ...]]:
    largest = sorted(risk.holdings, key=lambda one: -abs(one.weight))[:HOLDINGS]
    return [
        (
            one.instrument,
            percent(one.weight),
            _percent(one.risk_share, 1),
            ABSENT if one.days_to_exit is None else decimal(one.days_to_exit, 1),
        )
        for one in largest
    ]


def _exposures(risk: RiskNight) -> str:
    rows = [
        (name, decimal(float(exposure), 2, is_signed=True), percent(float(part) / risk.volatility if risk.volatility > 0 else math.nan, 1))
        for name, exposure, part in zip(risk.factors, risk.exposures, risk.contributions, strict=True)
    ]
    return page.table(("Factor", "Exposure", "Of the risk"), rows, empty="The risk model has no factors.")


def _days(days: float) -> str:
    return "a day" if days == 1 else f"{count(days)} days" if float(days).is_integer() else f"{decimal(days, 1)} days"


def _percent(value: float | None, decimals: int = 2) -> str:
    return ABSENT if value is None else percent(value, decimals)
