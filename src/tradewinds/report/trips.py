"""Round trips as dots and as a table."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tradewinds.performance.track_record import TrackRecord
from tradewinds.report.chart import Figure, Floats, Ints, empty, figure, number_axis
from tradewinds.report.chart_mark import scatter
from tradewinds.report.number import count, moment, money, percent, significant

DOTS_MAX = 400
SHOWN = 6  # best and worst in the table, each


def excursion_figures(record: TrackRecord, trips: NDArray[np.void]) -> list[Figure]:
    """What a round trip went through against how it ended: worst move (MAE) and best move (MFE)."""
    titles = (
        (
            "mae",
            "Worst move while held (MAE)",
            "A gain far to the left first went deep against us: a closer stop would have made it a loss.",
        ),
        ("mfe", "Best move while held (MFE)", "A dot far to the right that ended low gave back what it had."),
    )
    usable = np.flatnonzero(np.isfinite(trips["fraction"]) & (trips["is_open"] == 0))
    if not len(usable):
        return [empty(name, title, "No closed round trips.") for name, title, _ in titles]
    shown = trips[usable[_spread(trips["fraction"][usable])]]
    fractions = shown["fraction"]
    styles = ["up" if value > 0 else "down" for value in fractions.tolist()]
    tips = [_tip(record, trip) for trip in shown]
    y = number_axis(fractions, is_percent=True, includes=(0.0,))
    fewer = f" {count(len(shown))} of {count(len(usable))} are drawn, evenly from worst to best." if len(shown) < len(usable) else ""
    figures = []
    for name, title, words in titles:
        x = number_axis(shown[name], is_percent=True, includes=(0.0,), marks=6)
        layer = scatter(x, y, shown[name], fractions, styles, tips)
        figures.append(figure(name, title, x, y, [layer], unit="across; result after commission upward", note=words + fewer))
    return figures


TRIP_HEADS = ("Instrument", "Side", "From", "To", "Bars", "Quantity", "Entry", "Exit", "Net", "Of cost")


def trip_rows(record: TrackRecord, trips: NDArray[np.void]) -> list[tuple[str, ...]]:
    """The best and the worst, best first."""
    usable = np.flatnonzero(np.isfinite(trips["net"]))
    order = usable[np.argsort(-trips["net"][usable], kind="stable")]
    picked = order if len(order) <= 2 * SHOWN else np.concatenate([order[:SHOWN], order[-SHOWN:]])
    return [_row(record, trips[at]) for at in picked.tolist()]


def _row(record: TrackRecord, trip: np.void) -> tuple[str, ...]:
    return (
        record.instruments[int(trip["instrument"])],
        ("long" if trip["side"] > 0 else "short") + (", open" if trip["is_open"] else ""),
        moment(int(record.end_ns[int(trip["entry_row"])])),
        moment(int(record.end_ns[int(trip["exit_row"])])),
        count(int(trip["bars"])),
        significant(float(trip["quantity"])),
        significant(float(trip["entry_price"])),
        significant(float(trip["exit_price"])),
        money(float(trip["net"]), is_signed=True),
        percent(float(trip["fraction"]), is_signed=True),
    )


def _tip(record: TrackRecord, trip: np.void) -> str:
    side = "long" if trip["side"] > 0 else "short"
    when = moment(int(record.end_ns[int(trip["exit_row"])]))
    moves = f"MFE {percent(float(trip['mfe']))}, MAE {percent(float(trip['mae']))}"
    return f"{record.instruments[int(trip['instrument'])]} {side}\n{when}: {percent(float(trip['fraction']), is_signed=True)}\n{moves}"


def _spread(values: Floats) -> Ints:
    """At most `DOTS_MAX` positions, evenly by rank, the ends among them."""
    order = np.argsort(values, kind="stable")
    if len(order) <= DOTS_MAX:
        return np.sort(order)
    return np.sort(order[np.unique(np.linspace(0, len(order) - 1, DOTS_MAX).astype(np.int64))])
