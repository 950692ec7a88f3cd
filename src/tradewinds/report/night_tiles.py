"""The figures at the head of a night's page, each with what it means."""

from __future__ import annotations

import math

from tradewinds.report.night_data import Absent, Attribution, Night, RiskNight
from tradewinds.report.number import ABSENT, count, decimal, money, percent
from tradewinds.report.page import Tile

CENTS_BELOW = 1000.0


def tiles_of(night: Night) -> list[Tile]:
    """Eight figures; what is absent is a dash, with its reason."""
    return [*_plan(night), *_risk(night), *_profit(night), *_data(night)]


def _plan(night: Night) -> list[Tile]:
    if isinstance(night.trades, Absent):
        return [Tile("Trades tomorrow", ABSENT, night.trades.why)]
    number = sum(len(one.trades) for one in night.trades)
    turnover = sum(one.turnover for one in night.trades)
    asked = all(one.rung == 1 for one in night.trades)
    tone = "" if asked else "down"
    words = "portfolios are built as asked" if asked else "not every portfolio could be built as asked: see below"
    return [
        Tile("Trades tomorrow", count(number), words, tone),
        Tile("Turnover", percent(turnover, 1), "of capital, bought and sold together"),
    ]


def _risk(night: Night) -> list[Tile]:
    risk = night.risk
    if isinstance(risk, Absent):
        return [Tile("Volatility", ABSENT, risk.why)]
    year = math.sqrt(night.periods_a_year)
    share = risk.factor_volatility**2 / risk.volatility**2 if risk.volatility > 0 else math.nan
    return [
        Tile("Volatility", percent(risk.volatility * year, 1), f"a year, forecast; {percent(risk.volatility)} a session"),
        _value_at_risk(risk),
        Tile("From factors", percent(share, 0), "of the variance; the rest is specific to instruments"),
        Tile("Positions", decimal(_or_nan(risk.effective_positions), 1), "that many equal ones would be as concentrated"),
    ]


def _value_at_risk(risk: RiskNight) -> Tile:
    over = "a session" if risk.horizon == 1 else f"{risk.horizon} sessions"
    shortfall = f", {percent(risk.expected_shortfall)} on average then" if risk.expected_shortfall is not None else ""
    words = f"or more is lost over {over} once in {count(1 / (1 - risk.level)) if risk.level < 1 else ABSENT}{shortfall}"
    return Tile("Value at risk", percent(_or_nan(risk.value_at_risk)), words)


def _profit(night: Night) -> list[Tile]:
    given = night.attribution
    if isinstance(given, Absent):
        return [Tile("Profit", ABSENT, given.why)]
    return [Tile("Profit", _amount(given.total), _profit_words(night, given), "up" if given.total >= 0 else "down")]


def _profit_words(night: Night, given: Attribution) -> str:
    factors = _amount(float(given.by_factor.sum()))
    return f"{night.currency}, {given.period}; {factors} from factors"


def _data(night: Night) -> list[Tile]:
    if isinstance(night.health, Absent):
        return [Tile("Data", ABSENT, night.health.why)]
    whole = sum(one.is_whole for one in night.health.tables)
    number = len(night.health.tables)
    return [Tile("Data", f"{whole} of {number}", "tables are whole: nothing missing, held or late", "" if whole == number else "down")]


def _amount(value: float) -> str:
    """To the cent only where cents matter: a tile is narrow."""
    return money(value, is_signed=True) if abs(value) < CENTS_BELOW else decimal(value, 0, is_signed=True)


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value
