"""The tear sheet of one feature of a book, from the bars as they were known first."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from tradewinds.core.errors import Rejected
from tradewinds.factors.condition import expand
from tradewinds.factors.evaluate import HORIZONS, Evaluation, evaluate
from tradewinds.factors.expression import parse
from tradewinds.factors.features import FeatureSet
from tradewinds.jobs.book import Book, sectors_of
from tradewinds.jobs.research_book import bars_panel
from tradewinds.report.factor_sheet import FactorNotes, factor_sheet
from tradewinds.wiring.house import House

SESSIONS_LEAST = 30


def factor_page(house: House, book: Book, feature: str, session: str) -> dict[str, Any]:
    """Evaluate a feature (or an expression) up to the session, keep its page below the home's `reports`; figures and the page's place.

    Raises Rejected for a text that is no expression, or for fewer than SESSIONS_LEAST sessions.
    """
    context = house.context("research.sheet", session)
    text = book.config.features.get(feature) or expand(feature, book.config.features)
    factor = parse(text, name=feature)
    panel = bars_panel(context, book, session, view="first")
    if len(panel.times) < SESSIONS_LEAST:
        raise Rejected(f"factor sheet {feature}: {len(panel.times)} sessions by {session}, expected at least {SESSIONS_LEAST}")
    values = FeatureSet("sheet", {feature: factor}).compute(panel).values[:, :, 0]
    sectors = sectors_of(book)
    named = sorted(set(sectors.values()))
    codes = np.array([float(named.index(sectors[one])) if one in sectors else np.nan for one in panel.instruments])
    horizons = tuple(one for one in HORIZONS if one < len(panel.times))
    found = evaluate(values, panel.close, horizons=horizons, groups=np.tile(codes, (len(panel.times), 1)) if named else None)
    notes = FactorNotes(factor.formula, factor.source, factor.lookback, session, dict(enumerate(named)))
    assert context.page is not None, "the house keeps pages"
    page = factor_sheet(feature, found, panel.event_ns, notes)
    place = context.page(f"{book.name}/factor-{_file_name(feature)}-{session}.html", page.html)
    return {
        "feature": feature, "expression": text, "session": session, "page": place,
        "horizons": [_figures(found, horizon) for horizon in horizons],
    }  # fmt: skip


def _figures(found: Evaluation, horizon: int) -> dict[str, Any]:
    whole, spread = found.summaries[horizon], found.long_short(horizon)
    known = spread[np.isfinite(spread)]
    mean = float(known.mean()) if len(known) else None
    return {"sessions": horizon, "coefficient": whole.mean, "t_value": whole.t_value, "long_short": mean, "count": whole.sessions}


def _file_name(feature: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", feature).strip("-")[:80] or "factor"
