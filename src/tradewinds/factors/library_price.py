"""Factors of prices alone: momentum, reversal, highs, seasonality, and what returns look like."""

from __future__ import annotations

from tradewinds.factors import steps
from tradewinds.factors.steps import field
from tradewinds.factors.term import Term

YEAR = 252
MONTH = 21


def momentum(rows: int = YEAR, skipped: int = MONTH) -> Term:
    """Growth over a year without its last month.

    Formula: P(t - skipped) / P(t - rows) - 1
    Source: Jegadeesh & Titman, Returns to Buying Winners and Selling Losers, Journal of Finance 48 (1993); the last month is left out
    as in Fama & French, Multifactor Explanations of Asset Pricing Anomalies, Journal of Finance 51 (1996).
    """
    return steps.returns(field("close"), rows, skipped)


def reversal(rows: int = MONTH) -> Term:
    """The return of the last sessions with its sign turned: last month's losers stand high.

    Formula: 1 - P(t) / P(t - rows)
    Source: Jegadeesh, Evidence of Predictable Behavior of Security Returns, Journal of Finance 45 (1990).
    """
    return steps.negate(steps.returns(field("close"), rows))


def high_52w(rows: int = YEAR) -> Term:
    """How near the close is to its highest of a year; 1 at the high.

    Formula: P(t) / max P(t - rows + 1 .. t)
    Source: George & Hwang, The 52-Week High and Momentum Investing, Journal of Finance 59 (2004).
    """
    close = field("close")
    return steps.divide(close, steps.highest(close, rows))


def low_52w(rows: int = YEAR) -> Term:
    """How far the close is above its lowest of a year; 1 at the low.

    Formula: P(t) / min P(t - rows + 1 .. t)
    Source: the mirror of George & Hwang (2004).
    """
    close = field("close")
    return steps.divide(close, steps.lowest(close, rows))


def seasonality(years: int = 5, year: int = YEAR) -> Term:
    """Mean daily return of the same calendar month in the years before; `year` is 365 where every day is a session.

    Formula: mean of r over sessions of the month of t within the last years * year sessions and a month, the present month left out
    Source: Heston & Sadka, Seasonality in the Cross-Section of Stock Returns, Journal of Financial Economics 87 (2008).
    """
    sessions = steps.length("seasonality", years) * steps.length("seasonality", year, 12)
    return steps.same_month(steps.returns(field("close")), sessions + year // 12 + 3)


def volatility(rows: int = YEAR) -> Term:
    """Standard deviation of daily returns, not annualised.

    Formula: sd r(t - rows + 1 .. t)
    Source: Ang, Hodrick, Xing & Zhang, The Cross-Section of Volatility and Expected Returns, Journal of Finance 61 (2006).
    """
    return steps.deviation(steps.returns(field("close")), rows)


def skew(rows: int = YEAR) -> Term:
    """Skewness of daily returns.

    Formula: mean (r - mean r)^3 / (mean (r - mean r)^2)^1.5 over the last rows sessions
    Source: Harvey & Siddique, Conditional Skewness in Asset Pricing Tests, Journal of Finance 55 (2000).
    """
    return steps.skewness(steps.returns(field("close")), rows)


def max_return(rows: int = MONTH) -> Term:
    """The greatest daily return of a month: what lottery tickets look like.

    Formula: max r(t - rows + 1 .. t)
    Source: Bali, Cakici & Whitelaw, Maxing Out: Stocks as Lotteries and the Cross-Section of Expected Returns, Journal of Financial
    Economics 99 (2011).
    """
    return steps.highest(steps.returns(field("close")), rows)
