"""Factors of prices alone."""

from __future__ import annotations

from tradewinds.factors import steps
from tradewinds.factors.steps import field
from tradewinds.factors.term import Term


def momentum(rows: int = 252, skipped: int = 21) -> Term:
    """Growth over a year without its last month.

    Formula: P(t - skipped) / P(t - rows) - 1
    Source: Jegadeesh & Titman, Returns to Buying Winners and Selling Losers, Journal of Finance 48 (1993); the month is left out after
    Jegadeesh (1990).
    """
    return steps.returns(field("close"), rows, skipped)


def reversal(rows: int = 21) -> Term:
    """The return of the last sessions with its sign turned: last month's losers stand high.

    Formula: 1 - P(t) / P(t - rows)
    Source: Jegadeesh, Evidence of Predictable Behavior of Security Returns, Journal of Finance 45 (1990).
    """
    return steps.negate(steps.returns(field("close"), rows))


def size() -> Term:
    """Logarithm of the market capitalisation.

    Formula: ln(market_cap(t))
    Source: Banz, The Relationship between Return and Market Value of Common Stocks, Journal of Financial Economics 9 (1981).
    """
    return steps.log(field("market_cap"))


def volatility(rows: int = 252) -> Term:
    """Standard deviation of daily returns, not annualised.

    Formula: sd(r(t - rows + 1 .. t))
    Source: Ang, Hodrick, Xing & Zhang, The Cross-Section of Volatility and Expected Returns, Journal of Finance 61 (2006).
    """
    return steps.deviation(steps.returns(field("close")), rows)
