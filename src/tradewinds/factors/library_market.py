"""Factors of an instrument beside the market, and of how it trades."""

from __future__ import annotations

from tradewinds.factors import steps
from tradewinds.factors.library_price import MONTH, YEAR
from tradewinds.factors.steps import field
from tradewinds.factors.term import Term


def market_return() -> Term:
    """The mean daily return of the universe, the same for every instrument.

    Formula: mean over members i of r_i(t)
    Source: the equally weighted market of Fama & MacBeth, Risk, Return, and Equilibrium, Journal of Political Economy 81 (1973).
    """
    return steps.average(steps.returns(field("close")))


def beta(rows: int = YEAR, market: Term | None = None) -> Term:
    """Slope of daily returns on the market's; `market` is a series of returns, the universe's mean where it is not named.

    Formula: cov(r, m) / var(m) over the last rows sessions
    Source: Sharpe, Capital Asset Prices, Journal of Finance 19 (1964).
    """
    return steps.slope(steps.returns(field("close")), market or market_return(), rows)


def idiosyncratic_volatility(rows: int = MONTH, market: Term | None = None) -> Term:
    """Standard deviation of what the market does not explain of daily returns, not annualised.

    Formula: sd of the residuals of r = a + b m over the last rows sessions
    Source: Ang, Hodrick, Xing & Zhang (2006), with the market alone in place of three factors.
    """
    return steps.residual_deviation(steps.returns(field("close")), market or market_return(), rows)


def dollar_volume(rows: int = MONTH) -> Term:
    """Logarithm of the mean value traded a session, in the price's currency.

    Formula: ln mean(P V) over the last rows sessions
    Source: Brennan, Chordia & Subrahmanyam, Alternative Factor Specifications, Journal of Financial Economics 49 (1998).
    """
    return steps.log(steps.mean(_value_traded(), rows))


def amihud(rows: int = MONTH) -> Term:
    """Illiquidity: how much a million of value traded moves the price. A session without volume is passed over.

    Formula: 10^6 mean(|r| / (P V)) over the last rows sessions
    Source: Amihud, Illiquidity and Stock Returns, Journal of Financial Markets 5 (2002).
    """
    moved = steps.absolute(steps.returns(field("close")))
    return steps.multiply(steps.mean(steps.divide(moved, _value_traded()), rows), 1e6)


def turnover(rows: int = MONTH) -> Term:
    """Mean share of all shares that change hands a session.

    Formula: mean(V / shares) over the last rows sessions
    Source: Datar, Naik & Radcliffe, Liquidity and Stock Returns, Journal of Financial Markets 1 (1998).
    """
    return steps.mean(steps.divide(field("volume"), field("shares")), rows)


def _value_traded() -> Term:
    return steps.multiply(field("close"), field("volume"))
