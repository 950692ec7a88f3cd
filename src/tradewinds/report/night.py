"""The page of a night: what people read in the morning before they let anything trade.

    sheet = night_page(night)
    sheet.html        # the page, one text that needs no network

1. What could not be done, in words, first. 2. The figures that matter most. 3. Data, universe, factors, risk, attribution, models,
signals, trades. 4. Where the numbers come from. Same night, same bytes.
"""

from __future__ import annotations

from html import escape

from tradewinds.report import page
from tradewinds.report.chart import Figure
from tradewinds.report.night_attribution import attribution_part
from tradewinds.report.night_data import Absent, Night
from tradewinds.report.night_factor import factor_part
from tradewinds.report.night_health import health_part, universe_part
from tradewinds.report.night_model import models_part, signals_part
from tradewinds.report.night_risk import risk_part
from tradewinds.report.night_tiles import tiles_of
from tradewinds.report.night_trade import trades_part
from tradewinds.report.number import moment
from tradewinds.report.sheet import TearSheet

HASH = 12  # characters of a hash in the footer; the whole of it stands above


def night_page(night: Night) -> TearSheet:
    """The page of that night; parts that are absent say why."""
    parts = [
        trades_part(night),
        risk_part(night),
        attribution_part(night),
        factor_part(night),
        models_part(night),
        signals_part(night),
        universe_part(night),
        health_part(night),
    ]
    figures: tuple[Figure, ...] = tuple(one for _, each in parts for one in each)
    content = gaps_of(night) + page.tiles(tiles_of(night)) + "".join(text for text, _ in parts) + _sources(night)
    return TearSheet(night.title, page.document(night.title, _subtitle(night), content, _footer(night)), figures)


def gaps_of(night: Night) -> str:
    """What could not be done tonight: gaps that were named, and every part of the page that is absent."""
    named = [f"{one.part}: {one.why}" for one in night.gaps]
    parts = {
        "Data health": night.health,
        "Universe": night.universe,
        "Factor returns": night.factor_returns,
        "Risk of the portfolio": night.risk,
        "Attribution": night.attribution,
        "Models": night.models,
        "Signals": night.signals,
        "Trades": night.trades,
    }
    told = {one.why for one in night.gaps}
    every = [*named, *(f"{name}: {part.why}" for name, part in parts.items() if isinstance(part, Absent) and part.why not in told)]
    if not every:
        return '<p class="note" id="gaps">Everything that was asked of this night was done.</p>'
    points = "".join(f"<li>{escape(text)}.</li>" for text in (one.rstrip(".") for one in every))
    return f'<div class="warnings" role="note" id="gaps"><b>What could not be done tonight</b><ul>{points}</ul></div>'


def _subtitle(night: Night) -> str:
    return f"Session {night.session} \u00b7 data known by {moment(night.as_of_ns)} UTC \u00b7 {night.currency}"


def _sources(night: Night) -> str:
    rows = [("Session", night.session), ("Made for", moment(night.at_ns) + " UTC"), ("Data known by", moment(night.as_of_ns) + " UTC")]
    rows += [("Code", night.code_version)] if night.code_version else []
    return page.section("sources", "Where the numbers come from", page.facts([*rows, *night.hashes]))


def _footer(night: Night) -> str:
    marks = ", ".join(f"{name} {digest[:HASH]}" for name, digest in night.hashes)
    return f"Vintage {moment(night.as_of_ns)} UTC. {marks + '. ' if marks else ''}Past results say little about the future."
