"""The figures at the head of a tear sheet, each with what it means in plain words."""

from __future__ import annotations

from tradewinds.performance.summary import Summary
from tradewinds.report.declared import FEW_SESSIONS
from tradewinds.report.number import ABSENT, count, decimal, money, percent, span
from tradewinds.report.page import Tile


def tiles_of(summary: Summary) -> list[Tile]:
    """Twelve figures; what the data does not define is a dash."""
    trades, year = summary.trades, f"{summary.annualisation.periods_per_year:g} sessions a year"
    return [
        Tile("Total return", _percent(summary.total_return, is_signed=True), _from_to(summary), _tone(summary.total_return)),
        _yearly(summary),
        Tile("Volatility", _percent(summary.volatility), f"how widely a year's return swings; {year}"),
        Tile("Sharpe ratio", _decimal(summary.sharpe), _sharpe_words(summary)),
        Tile("Sortino ratio", _decimal(summary.sortino), "as Sharpe, but only falls count as risk"),
        Tile("Max drawdown", _percent(summary.max_drawdown), _fall_words(summary), "down" if summary.max_drawdown < 0 else ""),
        Tile("Calmar ratio", _decimal(summary.calmar), "yearly return for each unit of the deepest fall"),
        Tile("Round trips", count(trades.count), _trip_words(summary)),
        Tile("Strike rate", _percent(trades.strike_rate, decimals=1), "of closed round trips ended with a gain"),
        Tile("Profit factor", _decimal(trades.profit_factor), "gained for each unit lost"),
        Tile("System quality", _decimal(trades.sqn), "SQN: evenness of the round trips; above 2 is good"),
        Tile("Commission", money(trades.commission + 0.0, ""), _commission_words(summary)),
    ]


def rows_of(summary: Summary) -> list[tuple[str, str]]:
    """Further figures, for the table below."""
    trades = summary.trades
    rows = [
        ("Final equity", money(summary.final, summary.currency)),
        ("Highest equity", money(summary.peak, summary.currency)),
        ("Sessions", count(summary.periods)),
        ("Annualised with", f"{summary.annualisation.periods_per_year:g} ({summary.annualisation.source})"),
        ("Best session", _percent(summary.best_period, is_signed=True)),
        ("Worst session", _percent(summary.worst_period, is_signed=True)),
        ("Sessions with a gain", _percent(summary.positive_periods, decimals=1)),
        ("Value at risk, 5% of sessions", _percent(summary.value_at_risk)),
        ("Average of those", _percent(summary.conditional_value_at_risk)),
        ("Skewness", _decimal(summary.skewness)),
        ("Kurtosis", _decimal(summary.kurtosis)),
        ("Tail ratio", _decimal(summary.tail_ratio)),
        ("Omega", _decimal(summary.omega)),
        ("Ulcer index", _percent(summary.ulcer)),
        ("Longest drawdown", ABSENT if summary.longest_drawdown_ns is None else span(summary.longest_drawdown_ns)),
        ("Stability (R squared of log equity)", _decimal(summary.stability)),
    ]
    trips = [
        ("Average result", money(trades.expectancy, summary.currency, is_signed=True) if trades.expectancy is not None else ABSENT),
        ("Average result of cost", _percent(trades.expectancy_fraction, is_signed=True)),
        ("Average gain / average loss", _decimal(trades.payoff)),
        ("Longest streak", f"{count(trades.streak_won)} gains, {count(trades.streak_lost)} losses"),
        ("Bars held, average", _decimal(trades.bars_average, decimals=1)),
        ("Bars held, longest", ABSENT if trades.bars_longest is None else count(trades.bars_longest)),
        ("Kelly fraction", _percent(trades.kelly, decimals=1)),
        ("Average best move while held (MFE)", _percent(trades.mfe_average, is_signed=True)),
        ("Average worst move while held (MAE)", _percent(trades.mae_average, is_signed=True)),
    ]
    return rows + (trips if trades.count else [])


def _yearly(summary: Summary) -> Tile:
    if summary.periods < FEW_SESSIONS:
        return Tile("A year", ABSENT, f"not told from so short a run; sessions: {count(summary.periods)}")
    words = "the even yearly growth that leads to the same end (CAGR)"
    return Tile("A year", _percent(summary.cagr, is_signed=True), words, _tone(summary.cagr))


def _percent(value: float | None, *, decimals: int = 2, is_signed: bool = False) -> str:
    return ABSENT if value is None else percent(value, decimals, is_signed=is_signed)


def _decimal(value: float | None, *, decimals: int = 2) -> str:
    return ABSENT if value is None else decimal(value, decimals)


def _tone(value: float | None) -> str:
    return "" if not value else "up" if value > 0 else "down"


def _from_to(summary: Summary) -> str:
    return f"{money(summary.capital)} became {money(summary.final, summary.currency)}"


def _sharpe_words(summary: Summary) -> str:
    if summary.sharpe is None:
        return "return for each unit of risk; not defined here"
    if summary.sharpe_probability is None:
        return "return for each unit of risk"
    return f"return for each unit of risk; above 0 with {percent(summary.sharpe_probability, 0)} confidence"


def _fall_words(summary: Summary) -> str:
    if summary.longest_drawdown_ns is None:
        return "never below an earlier peak at a session's end"
    return f"the deepest from a peak; the longest took {span(summary.longest_drawdown_ns)}"


def _trip_words(summary: Summary) -> str:
    trades = summary.trades
    still = f"; {count(trades.open)} still open" if trades.open else ""
    return f"{count(trades.long)} long, {count(trades.count - trades.long)} short{still}"


def _commission_words(summary: Summary) -> str:
    trades = summary.trades
    if 0 < trades.commission <= trades.gross:
        return f"{summary.currency} on closed trips: {percent(trades.commission / trades.gross, 1)} of what they gained before it"
    if trades.commission > trades.gross > 0:
        return f"{summary.currency} on closed trips: more than they gained before it"
    return f"{summary.currency}, on closed round trips"
