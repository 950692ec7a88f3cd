"""Which vendors agree about which cell, and whose values are taken where they do.

Two vendors agree about a cell where every price and the volume lie within tolerance of each other. A cell is disputed
where two usable vendors do not agree. Disputed cells of one instrument that follow each other make one episode,
because one fault often spoils several sessions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tradewinds.history.reconcile_cells import Bools, Cells, Floats, Ints
from tradewinds.history.reconcile_limits import Limits

EPISODE_LENGTH_MAX = 40


@dataclass(frozen=True, slots=True)
class Agreement:
    """price: (4, vendors, cells) logarithms, NaN where unusable; volume: (vendors, cells) logarithms, -inf where nothing traded.

    scaled: (cells,) disputes in which one factor lies between all four prices of two vendors.
    apart: (vendors, vendors, cells) largest price difference; agrees: the same, True where two usable rows agree.
    """

    usable: Bools
    price: Floats
    volume: Floats
    apart: Floats
    agrees: Bools
    disputed: Bools
    scaled: Bools


def agreement(block: Cells, usable: Bools, limits: Limits) -> Agreement:
    """Compare every pair of vendors in every cell."""
    vendors, n = usable.shape
    with np.errstate(divide="ignore", invalid="ignore"):
        price = np.log(np.where(usable, block.price, np.nan))
        volume = np.log(np.where(usable & ~block.impossible_volume, block.volume, np.nan))
    near = np.log1p(limits.price_tolerance)
    apart = np.zeros((vendors, vendors, n))
    agrees = np.zeros((vendors, vendors, n), dtype=bool)
    disputed, scaled = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    for v in range(vendors):
        agrees[v, v] = usable[v]
        for w in range(v + 1, vendors):
            both = usable[v] & usable[w]
            difference = price[:, v] - price[:, w]
            distance = np.abs(difference).max(axis=0)
            same_price = distance <= near
            same = same_price & is_same_volume(volume[v], volume[w], limits)
            apart[v, w] = apart[w, v] = np.where(both, distance, 0.0)
            agrees[v, w] = agrees[w, v] = both & same
            disputed |= both & ~same
            scaled |= both & ~same_price & (np.ptp(difference, axis=0) <= 2 * near)
    return Agreement(usable, price, volume, apart, agrees, disputed, scaled)


def is_same_volume(one: Floats, other: Floats, limits: Limits) -> Bools:
    """Whether logarithms of volumes lie within tolerance; an unusable volume (NaN) contradicts nobody."""
    with np.errstate(invalid="ignore"):
        apart = np.abs(one - other)
    same: Bools = np.isnan(one) | np.isnan(other) | (one == other) | (apart <= np.log1p(limits.volume_tolerance))
    return same


def episodes(block: Cells, found: Agreement) -> list[Ints]:
    """Runs of disputed cells of one instrument, at most one undisputed cell apart.

    Long runs are cut, because differences of many kinds follow each other where vendors differ often; but one factor through
    all of a run is one fault, such as prices adjusted for a later split.
    """
    at = np.flatnonzero(found.disputed)
    if len(at) == 0:
        return []
    breaks = (np.diff(at) > 2) | (block.instrument[at[1:]] != block.instrument[at[:-1]])
    cut: list[Ints] = []
    for run in np.split(at, np.flatnonzero(breaks) + 1):
        length = len(run) if found.scaled[run].all() else EPISODE_LENGTH_MAX
        cut += [run[k : k + length] for k in range(0, len(run), length)]
    return cut


def chosen(block: Cells, found: Agreement, side: Bools, limits: Limits) -> Ints:
    """The vendor whose row is published for each cell, -1 where `side` (vendors, cells) names none.

    Preferred vendors first; then the row nearest to the others of its side; then the one that saw the most volume, was received
    first, has the higher close. Names decide only between identical rows.
    """
    vendors, n = side.shape
    rank = np.array([limits.preference.index(v) if v in limits.preference else len(limits.preference) for v in block.vendors])
    distance = np.einsum("vwn,wn->vn", found.apart, side.astype(np.float64))
    candidate = side.copy()
    for measure in (
        np.broadcast_to(rank[:, None].astype(np.float64), (vendors, n)),
        np.round(distance, 12),
        -np.nan_to_num(block.volume, nan=-1.0),
        block.first.astype(np.float64),
        -np.nan_to_num(block.price[3], nan=-1.0),
    ):
        lowest = np.where(candidate, measure, np.inf).min(axis=0)
        candidate &= measure <= lowest
    return np.where(candidate.any(axis=0), candidate.argmax(axis=0), -1).astype(np.int64)
