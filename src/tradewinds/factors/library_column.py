"""Factors of columns that are joined point in time: fundamentals, rates and positions by the time of their publication."""

from __future__ import annotations

from tradewinds.factors import steps
from tradewinds.factors.steps import field
from tradewinds.factors.term import Term

THREE_YEARS = 756


def size() -> Term:
    """Logarithm of the market capitalisation.

    Formula: ln market_cap(t)
    Source: Banz, The Relationship between Return and Market Value of Common Stocks, Journal of Financial Economics 9 (1981).
    """
    return steps.log(field("market_cap"))


def value() -> Term:
    """Book value to market capitalisation; the book value is the one published by t.

    Formula: book_value(t) / market_cap(t)
    Source: Fama & French, The Cross-Section of Expected Stock Returns, Journal of Finance 47 (1992).
    """
    return steps.divide(field("book_value"), field("market_cap"))


def earnings_yield() -> Term:
    """Earnings of the last year to market capitalisation, as published by t.

    Formula: earnings(t) / market_cap(t)
    Source: Basu, Investment Performance of Common Stocks in Relation to Their Price-Earnings Ratios, Journal of Finance 32 (1977).
    """
    return steps.divide(field("earnings"), field("market_cap"))


def carry(rows: int = 21) -> Term:
    """What a long position in a perpetual future is paid: its funding rate with the sign turned.

    Formula: -mean funding(t - rows + 1 .. t)
    Source: Koijen, Moskowitz, Pedersen & Vrugt, Carry, Journal of Financial Economics 127 (2018).
    """
    return steps.negate(steps.mean(field("funding"), rows))


def rate_carry() -> Term:
    """Interest earned less interest paid by holding a currency pair, as yearly fractions.

    Formula: rate_base(t) - rate_quote(t)
    Source: Lustig, Roussanov & Verdelhan, Common Risk Factors in Currency Markets, Review of Financial Studies 24 (2011).
    """
    return steps.subtract(field("rate_base"), field("rate_quote"))


def positioning(rows: int = THREE_YEARS) -> Term:
    """Where speculators' net position stands in its range of three years, 0 to 1, by what the CFTC had published.

    Formula: (cot_net(t) - min) / (max - min), min and max of cot_net over the last rows sessions
    Source: Briese, The Commitments of Traders Bible (2008), the COT index.
    """
    net = field("cot_net")
    low = steps.lowest(net, rows)
    return steps.divide(steps.subtract(net, low), steps.subtract(steps.highest(net, rows), low))


def hedging_pressure() -> Term:
    """Speculators' net position as a share of open interest, by what the CFTC had published.

    Formula: cot_net(t) / cot_open_interest(t)
    Source: de Roon, Nijman & Veld, Hedging Pressure Effects in Futures Markets, Journal of Finance 55 (2000).
    """
    return steps.divide(field("cot_net"), field("cot_open_interest"))
