"""The tear sheet of a run: one page with everything that somebody who gives money to a strategy wants to see.

    sheet = tear_sheet(result)
    sheet.html        # the page, one text
    sheet             # in a notebook: shows itself

1. Measure once (`measured`), 2. draw section by section, 3. put the page together. Same result, same bytes.
"""

from __future__ import annotations

from tradewinds.report import declared, page
from tradewinds.report.benchmark import Benchmark
from tradewinds.report.books import books_section
from tradewinds.report.candles import trip_figures
from tradewinds.report.chart import Figure, empty
from tradewinds.report.costs import attribution_section, capacity_section
from tradewinds.report.headline import rows_of, tiles_of
from tradewinds.report.held import exposure_figure, turnover_figure
from tradewinds.report.measured import Measured, measured
from tradewinds.report.number import money
from tradewinds.report.pictures import (
    distribution_figure,
    drawdown_rows,
    equity_figure,
    months_figure,
    rolling_figures,
    underwater_figure,
    years_figure,
)
from tradewinds.report.sheet import TearSheet
from tradewinds.report.trips import TRIP_HEADS, excursion_figures, trip_rows
from tradewinds.simulation.result import Result


def tear_sheet(result: Result, *, benchmark: Benchmark | str | None = None, title: str | None = None) -> TearSheet:
    """The page of a result.

    benchmark: what to compare with, values of one's own or the id of an instrument of the market; None: holding all of them.
    Raises Rejected for a benchmark that the market does not hold, DataFault for equity that is no number.
    """
    given = measured(result, benchmark)
    parts = [
        _head(given),
        _growth(given),
        books_section(given),
        _returns(given),
        _rolling(given),
        _falls(given),
        _trades(given),
        _held(given),
    ]
    parts.append(attribution_section(given))
    figures = tuple(one for _, each in parts for one in each)
    content = "".join(text for text, _ in parts) + capacity_section(given) + _account(given)
    heading = title or result.strategy
    mark = result.fingerprint
    footer = f"Data vintage {mark.vintage}. Kernel {mark.kernel}. Fingerprint {mark.whole}. Past results say little about the future."
    return TearSheet(heading, page.document(heading, _subtitle(result), content, footer), figures)


Part = tuple[str, list[Figure]]


def _subtitle(result: Result) -> str:
    account = result.setup.account
    books = f" \u00b7 strategies {declared.names(result.books)}" if result.books else ""
    return (
        f"{declared.names(result.market.ids)} \u00b7 {declared.period(result)} \u00b7 {declared.bar_length(result)} bars \u00b7 "
        f"{money(account.capital, account.currency)}{books}"
    )


def _head(given: Measured) -> Part:
    warnings = declared.warnings_of(given.result, given.summary.trades.count, given.summary.periods)
    return page.tiles(tiles_of(given.summary)) + page.warnings(warnings), []


def _growth(given: Measured) -> Part:
    figures = [equity_figure(given), underwater_figure(given)]
    return page.section("growth", "Growth", *(one.html for one in figures)), figures


def _returns(given: Measured) -> Part:
    months, years, spread = months_figure(given), years_figure(given), distribution_figure(given)
    text = page.section("returns", "Returns", months.html, page.pair(years, spread), page.facts(rows_of(given.summary)))
    return text, [months, years, spread]


def _rolling(given: Measured) -> Part:
    figures = rolling_figures(given) or [empty("rolling", "Rolling figures", "Too few sessions for a moving window.")]
    head, rest = figures[:1], figures[1:]
    return page.section("rolling", "How steady it was", *(one.html for one in head), page.pair(*rest) if rest else ""), figures


def _falls(given: Measured) -> Part:
    heads = ("Depth", "From", "Lowest", "Regained", "Took")
    return page.section(
        "drawdowns", "Worst drawdowns", page.table(heads, drawdown_rows(given), texts=0, empty="None at a session's end.")
    ), []


def _trades(given: Measured) -> Part:
    pictures = trip_figures(given.result.market, given.record, given.trips)
    dots = excursion_figures(given.record, given.trips)
    text = page.section(
        "trades",
        "Trades",
        page.chosen("candles", "Show", pictures),
        page.pair(*dots),
        page.table(TRIP_HEADS, trip_rows(given.record, given.trips), texts=2, empty="No round trips."),
        page.table(("Orders that are", "Because of", "Number"), declared.order_rows(given.result), texts=2, empty="No orders."),
    )
    return text, [*pictures, *dots]


def _held(given: Measured) -> Part:
    figures = [exposure_figure(given), turnover_figure(given)]
    return page.section("exposure", "Exposure and turnover", *(one.html for one in figures)), figures


def _account(given: Measured) -> str:
    result = given.result
    rows = declared.parameter_rows(result.parameters) or [("Parameters", "none")]
    heads = ("Instrument", "Kind", "Currency", "Lot", "Tick", "Multiplier")
    return (
        page.section("parameters", "Parameters", page.facts(rows))
        + page.section("setup", "Setup", page.facts(declared.setup_rows(result.setup)))
        + page.section("instruments", "Instruments", page.table(heads, declared.instrument_rows(result), texts=3))
        + page.section("sources", "Where the numbers come from", page.facts(declared.source_rows(result)), page.notes(result.notes))
    )
