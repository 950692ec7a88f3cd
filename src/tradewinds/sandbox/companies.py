"""Companies of the seeded market: prices of their shares day by day, splits and dividends, and the figures they file.

Tickers, CIK numbers, industries and the days of past splits follow the public record; every price and figure is made up from the seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tradewinds.calendars.sessions import calendar
from tradewinds.core.errors import DataFault
from tradewinds.sandbox.bridge import mean_reverting
from tradewinds.sandbox.market import EPOCH_DAY, SeededMarket

FIRST, LAST = date(2010, 1, 4), date(2035, 12, 31)
_EPOCH = date(1970, 1, 1).toordinal()
# Ticker, CIK, name, exchange, SIC, industry, price, shares in millions, dividend yield, splits.
_TABLE = """
AAPL|320193|Apple Inc.|Nasdaq|3571|Electronic Computers|190|15550|0.005|2014-06-09=7 2020-08-31=4
MSFT|789019|MICROSOFT CORP|Nasdaq|7372|Services-Prepackaged Software|400|7430|0.008|
GOOGL|1652044|Alphabet Inc.|Nasdaq|7370|Services-Computer Programming, Data Processing, Etc.|150|12500|0|2014-04-03=2 2022-07-18=20
AMZN|1018724|AMAZON COM INC|Nasdaq|5961|Retail-Catalog & Mail-Order Houses|170|10400|0|2022-06-06=20
NVDA|1045810|NVIDIA CORP|Nasdaq|3674|Semiconductors & Related Devices|110|24600|0.0004|2021-07-20=4 2024-06-10=10
TSLA|1318605|Tesla, Inc.|Nasdaq|3711|Motor Vehicles & Passenger Car Bodies|200|3190|0|2020-08-31=5 2022-08-25=3
JPM|19617|JPMORGAN CHASE & CO|NYSE|6021|National Commercial Banks|190|2880|0.024|
XOM|34088|EXXON MOBIL CORP|NYSE|2911|Petroleum Refining|110|3950|0.034|
KO|21344|COCA COLA CO|NYSE|2080|Beverages|60|4310|0.031|2012-08-13=2
PG|80424|PROCTER & GAMBLE Co|NYSE|2840|Soap, Detergents, Cleaning Preparations|160|2360|0.025|
WMT|104169|Walmart Inc.|NYSE|5331|Retail-Variety Stores|65|8050|0.013|2024-02-26=3
DIS|1744489|Walt Disney Co|NYSE|7990|Services-Miscellaneous Amusement & Recreation|105|1830|0.008|
JNJ|200406|JOHNSON & JOHNSON|NYSE|2834|Pharmaceutical Preparations|155|2410|0.031|
GE|40545|GENERAL ELECTRIC CO|NYSE|3600|Electronic & Other Electrical Equipment|160|1090|0.007|2021-08-02=0.125
SPY|884394|SPDR S&P 500 ETF TRUST|NYSE|6221|Commodity Contracts Brokers & Dealers|510|930|0.013|
"""


@dataclass(frozen=True, slots=True)
class Company:
    """One company. `shares`: outstanding now, in units; `splits`: (ex-session, new shares per old one)."""

    ticker: str
    cik: int
    name: str
    exchange: str
    sic: str
    industry: str
    price: float
    shares: float
    dividend_yield: float
    splits: tuple[tuple[date, float], ...]


@dataclass(frozen=True, slots=True)
class Prices:
    """Daily bars as they were quoted, oldest first; `split` is 1 and `dividend` 0 on days without one."""

    sessions: tuple[date, ...]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.int64]
    split: NDArray[np.float64]
    dividend: NDArray[np.float64]


def companies() -> dict[str, Company]:
    """Every company by ticker."""
    return {found.ticker: found for found in map(_company, _TABLE.strip().splitlines())}


class SeededShares:
    """Prices of the companies' shares."""

    def __init__(self, market: SeededMarket) -> None:
        self._market = market
        self.companies = companies()
        self._prices = lru_cache(len(self.companies))(self._make_prices)

    def prices(self, ticker: str) -> Prices:
        """Every session from 2010 on, also those that the venue's clock has not reached."""
        return self._prices(ticker)

    def _make_prices(self, ticker: str) -> Prices:
        company, sessions = self.companies[ticker], _sessions()
        days = np.array([day.toordinal() - _EPOCH for day in sessions])
        generator = self._market.generator("shares", ticker)
        draws = generator.standard_normal((4, len(sessions)))
        common = mean_reverting(self._market.generator("shares").standard_normal(len(sessions)) * 0.008, keep=0.998)
        drift = (days - (EPOCH_DAY + 2_600)) / 365 * 0.07
        path = np.log(company.price) + drift + common + mean_reverting(draws[0] * 0.012, keep=0.998)
        later = np.ones(len(sessions))
        split = np.ones(len(sessions))
        for day, ratio in company.splits:
            row = int(np.searchsorted(days, day.toordinal() - _EPOCH))
            split[row] *= ratio
            later[:row] *= ratio
        close = np.round(np.exp(path) * later, 2)
        previous = np.concatenate([close[:1], close[:-1]]) / split
        opened = np.round(previous * np.exp(draws[1] * 0.005), 2)
        high = np.round(np.maximum(opened, close) * np.exp(np.abs(draws[2]) * 0.004), 2)
        low = np.round(np.minimum(opened, close) * np.exp(-np.abs(draws[3]) * 0.004), 2)
        volume = (company.shares / later * 0.004 * np.exp(0.3 * draws[2])).astype(np.int64)
        dividend = np.zeros(len(sessions))
        if company.dividend_yield:
            months = np.array([day.month for day in sessions])
            first = np.flatnonzero((months % 3 == 2) & (np.concatenate([months[:1], months[:-1]]) != months)) + 5
            first = first[first < len(sessions)]
            dividend[first] = np.round(close[first] * company.dividend_yield / 4, 4)
        return Prices(sessions, opened, high, low, close, volume, split, dividend)


@lru_cache(1)
def _sessions() -> tuple[date, ...]:
    """The sessions of New York, as far ahead as its calendar speaks."""
    found = calendar("XNYS")
    last = LAST
    while True:
        try:
            return found.sessions(FIRST, last)
        except DataFault:
            last -= timedelta(days=92)


def _company(line: str) -> Company:
    ticker, cik, name, exchange, sic, industry, price, shares, dividend, splits = line.split("|")
    parted = (part.split("=") for part in splits.split())
    return Company(
        ticker,
        int(cik),
        name,
        exchange,
        sic,
        industry,
        float(price),
        float(shares) * 1e6,
        float(dividend),
        tuple((date.fromisoformat(day), float(ratio)) for day, ratio in parted),
    )
