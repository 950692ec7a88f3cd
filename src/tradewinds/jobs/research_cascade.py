"""The cascaded risk model of a book: first the instrument's sector, then the styles on what the sector leaves (`risk.cascade`).

No fund of a sector is asked for: its return is that of the book's members, weighted by the dollars that they trade.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import Rejected
from tradewinds.history.panel import Panel
from tradewinds.jobs.book import Book
from tradewinds.risk.cascade import Cascade, CascadeSettings, cascaded

Floats = NDArray[np.float64]

OBSERVATIONS_SHARE = 4  # an instrument wants a quarter of the window


def cascade_of(book: Book, panel: Panel, styles: Floats, names: tuple[str, ...], members: Floats, sectors: tuple[str, ...]) -> Cascade:
    """styles: (T, N, Q) at each session's end, by name; members: (N, S), 1 where an instrument belongs to the sector.

    Raises Rejected where the book names no sectors.
    """
    if not sectors:
        raise Rejected(f"research {book.name}: risk of kind cascade without sectors, expected `sectors: FILE.csv` beside it")
    returns = panel.returns()[1:]
    own = np.where(members.any(axis=1), members.argmax(axis=1), -1)
    window = book.config.risk.sessions
    return cascaded(
        returns,
        sector_returns(returns, panel.fields["value_traded"][:-1], own, len(sectors)),
        own,
        styles[:-1],
        sector_names=sectors,
        style_names=names,
        instruments=panel.instruments,
        times=panel.times[1:],
        settings=CascadeSettings(window=window, observations_min=max(3, window // OBSERVATIONS_SHARE)),
    )


def sector_returns(returns: Floats, dollars: Floats, own: NDArray[np.int64], count: int) -> Floats:
    """(T, S) of each sector's members, weighted by the dollars they traded the session before; 0 where none of them traded."""
    weights = np.where(np.isfinite(returns) & (dollars > 0), dollars, 0.0)
    moved = np.where(weights > 0, returns, 0.0) * weights
    found = np.zeros((len(returns), count))
    for sector in range(count):
        total = weights[:, own == sector].sum(axis=1)
        found[:, sector] = np.divide(moved[:, own == sector].sum(axis=1), total, out=np.zeros(len(total)), where=total > 0)
    return found
