"""Seeded positions of futures traders, week by week: three kinds of report whose sides add up to the open interest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tradewinds.sandbox.market import SeededMarket

FIRST_YEAR = 2010
Floats = NDArray[np.float64]
_BLOCKS_KEPT = 64
# Code, name and exchange, initials, region, commodity code, commodity, group, contract units, open interest,
# and which report has it beside the legacy one (d: disaggregated, f: financial).
_TABLE = """
001602|WHEAT-SRW - CHICAGO BOARD OF TRADE|CBT|00|001|WHEAT|AGRICULTURE|(CONTRACTS OF 5,000 BUSHELS)|420000|d
002602|CORN - CHICAGO BOARD OF TRADE|CBT|00|002|CORN|AGRICULTURE|(CONTRACTS OF 5,000 BUSHELS)|1500000|d
005602|SOYBEANS - CHICAGO BOARD OF TRADE|CBT|00|005|SOYBEANS|AGRICULTURE|(CONTRACTS OF 5,000 BUSHELS)|760000|d
023651|NAT GAS NYME - NEW YORK MERCANTILE EXCHANGE|NYME|01|023|NATURAL GAS|NATURAL RESOURCES|(CONTRACTS OF 10,000 MMBTU)|1350000|d
067651|WTI-PHYSICAL - NEW YORK MERCANTILE EXCHANGE|NYME|01|067|CRUDE OIL|NATURAL RESOURCES|(CONTRACTS OF 1,000 BARRELS)|1700000|d
084691|SILVER - COMMODITY EXCHANGE INC.|CMX|01|084|SILVER|NATURAL RESOURCES|(CONTRACTS OF 5,000 TROY OUNCES)|145000|d
085692|COPPER- #1 - COMMODITY EXCHANGE INC.|CMX|01|085|COPPER|NATURAL RESOURCES|(CONTRACTS OF 25,000 POUNDS)|230000|d
088691|GOLD - COMMODITY EXCHANGE INC.|CMX|01|088|GOLD|NATURAL RESOURCES|(CONTRACTS OF 100 TROY OUNCES)|470000|d
090741|CANADIAN DOLLAR - CHICAGO MERCANTILE EXCHANGE|CME|00|090|CANADIAN DOLLAR|FINANCIAL|(CONTRACTS OF CAD 100,000)|190000|f
096742|BRITISH POUND - CHICAGO MERCANTILE EXCHANGE|CME|00|096|BRITISH POUND STERLING|FINANCIAL|(CONTRACTS OF GBP 62,500)|210000|f
097741|JAPANESE YEN - CHICAGO MERCANTILE EXCHANGE|CME|00|097|JAPANESE YEN|FINANCIAL|(CONTRACTS OF JPY 12,500,000)|260000|f
099741|EURO FX - CHICAGO MERCANTILE EXCHANGE|CME|00|099|EURO FX|FINANCIAL|(CONTRACTS OF EUR 125,000)|680000|f
13874A|E-MINI S&P 500 - CHICAGO MERCANTILE EXCHANGE|CME|00|138|S&P BROAD STOCK INDICES|FINANCIAL|($50 X S&P 500 INDEX)|2100000|f
133741|BITCOIN - CHICAGO MERCANTILE EXCHANGE|CME|00|133|BITCOIN|FINANCIAL|(5 BITCOINS)|25000|f
"""
# Per kind: (stem, stems of its spread or None), and how the two columns of a side are spelt at Socrata.
CATEGORIES: dict[str, tuple[tuple[str, str, str, str | None], ...]] = {
    "legacy": (
        ("noncomm", "noncomm_positions_long_all", "noncomm_positions_short_all", "noncomm_postions_spread_all"),
        ("comm", "comm_positions_long_all", "comm_positions_short_all", None),
    ),
    "disaggregated": (
        ("prod_merc", "prod_merc_positions_long", "prod_merc_positions_short", None),
        ("swap", "swap_positions_long_all", "swap__positions_short_all", "swap__positions_spread_all"),
        ("m_money", "m_money_positions_long_all", "m_money_positions_short_all", "m_money_positions_spread"),
        ("other_rept", "other_rept_positions_long", "other_rept_positions_short", "other_rept_positions_spread"),
    ),
    "financial": (
        ("dealer", "dealer_positions_long_all", "dealer_positions_short_all", "dealer_positions_spread_all"),
        ("asset_mgr", "asset_mgr_positions_long", "asset_mgr_positions_short", "asset_mgr_positions_spread"),
        ("lev_money", "lev_money_positions_long", "lev_money_positions_short", "lev_money_positions_spread"),
        ("other_rept", "other_rept_positions_long", "other_rept_positions_short", "other_rept_positions_spread"),
    ),
}


@dataclass(frozen=True, slots=True)
class FuturesMarket:
    """One futures market as the CFTC names it."""

    code: str
    name: str
    exchange: str
    region: str
    commodity_code: str
    commodity: str
    group: str
    units: str
    interest: int
    kinds: str


def futures_markets(kind: str) -> list[FuturesMarket]:
    """The markets of a kind of report; the legacy report has all."""
    found = [_market(line) for line in _TABLE.strip().splitlines()]
    return [each for each in found if kind == "legacy" or each.kinds == kind[0]]


def report_days(year: int) -> list[date]:
    """The days that reports of a year are about: Tuesdays."""
    day = date(year, 1, 1)
    day += timedelta(days=(1 - day.weekday()) % 7)
    return [day + timedelta(days=7 * week) for week in range(53) if (day + timedelta(days=7 * week)).year == year]


def positions(market: SeededMarket, each: FuturesMarket, day: date, kind: str, *, combined: bool) -> dict[str, int]:
    """Contracts by column name of Socrata, with what follows from them (totals, traders)."""
    levels = [_level(market, each, day - timedelta(days=7 * back)) for back in (0, 1)]
    scale = 1.25 if combined else 1.0
    interest, before = (int(level * scale) for level in levels)
    draws = _draws(market, each.code, day.year, kind, combined)[(day.timetuple().tm_yday - 1) // 7]
    long, short = (_parts(interest, draws[side], len(CATEGORIES[kind])) for side in (0, 1))
    found = {"open_interest_all": interest}
    long_total = short_total = 0
    for place, (_, one, two, both) in enumerate(CATEGORIES[kind]):
        spread = int(min(long[place], short[place]) * 0.35 * draws[2][place]) if both else 0
        found[one], found[two] = long[place] - spread, short[place] - spread
        if both:
            found[both] = spread
        long_total, short_total = long_total + long[place], short_total + short[place]
    suffix = "" if kind == "disaggregated" else "_all"
    found |= {
        "tot_rept_positions_long_all": long_total,
        f"tot_rept_positions_short{suffix}": short_total,
        "nonrept_positions_long_all": interest - long_total,
        "nonrept_positions_short_all": interest - short_total,
        "change_in_open_interest_all": interest - before,
        "traders_tot_all": 120 + int(240 * draws[3][0]),
    }
    return found


def _parts(interest: int, draws: Floats, count: int) -> list[int]:
    """The categories' shares of one side; what is left over belongs to those who need not report."""
    weights = draws[: count + 1] + 0.15
    weights[count] *= 0.35
    return [int(interest * weight / weights.sum()) for weight in weights[:count]]


def _level(market: SeededMarket, each: FuturesMarket, day: date) -> float:
    week = (day.toordinal() - 719_163) // 7
    block, place = divmod(week, 52)
    noise = _noise(market, each.code, block)
    return float(each.interest * (1 + 0.08 * np.sin(week / 9.0 + len(each.name))) * np.exp(0.03 * noise[place]))


@lru_cache(_BLOCKS_KEPT)
def _draws(market: SeededMarket, code: str, year: int, kind: str, combined: bool) -> Floats:
    return market.generator("cot", code, year, kind, combined).random((53, 4, 8))


@lru_cache(_BLOCKS_KEPT)
def _noise(market: SeededMarket, code: str, block: int) -> Floats:
    return market.generator("cot", code, block).standard_normal(52)


def _market(line: str) -> FuturesMarket:
    code, name, exchange, region, commodity_code, commodity, group, units, interest, kinds = line.split("|")
    return FuturesMarket(code, name, exchange, region, commodity_code, commodity, group, units, int(interest), kinds)
