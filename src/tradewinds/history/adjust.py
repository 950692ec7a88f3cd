"""Splits and dividends as they were known: factors that turn prices as traded into comparable ones.

At `as_of_ns` only those actions count that were known and effective by then. A split known after t never rescales what t sees,
and one that is announced but not yet effective does not either, because prices at t are still in old shares.

1. Of each action (kind, effective_ns, detail) the version known last by the as-of counts.
2. A split of `value` new shares per old divides every price before its ex-session by `value` and multiplies the volume.
3. A dividend multiplies every price before its ex-session by 1 - cash / close of the session before, both as traded.

Source of 3: Yahoo's help page "What is the adjusted close?", which says that it follows the standards of CRSP. Quandl's WIKI reinvests
at the close of the ex-session instead, which differs by the yield times that session's move. `total` gives the same returns but
anchors the level at the first row, so that a new dividend appends to the series and never changes its past.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.core.instant import text
from tradewinds.core.instrument import CorporateAction
from tradewinds.history.panel import Panel

if TYPE_CHECKING:
    import polars as pl

Mode = Literal["splits", "splits+dividends", "total"]
MODES: tuple[Mode, ...] = ("splits", "splits+dividends", "total")
PRICE_COLUMNS = ("open", "high", "low", "close")
SHARE_COLUMNS = ("volume", "taker_base")

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Factors:
    """What to multiply rows by: `price` for prices, `volume` for share counts; both (rows,)."""

    price: Floats
    volume: Floats


def applicable(actions: Iterable[CorporateAction], instrument: str, as_of_ns: int) -> list[CorporateAction]:
    """The splits and dividends of the instrument known and effective at `as_of_ns`, by effective time; restated ones once."""
    newest: dict[tuple[str, int, str], CorporateAction] = {}
    for action in sorted(actions, key=lambda one: one.known_ns):
        is_due = action.known_ns <= as_of_ns and action.effective_ns <= as_of_ns
        if action.instrument == instrument and action.kind in ("split", "dividend") and is_due:
            newest[(action.kind, action.effective_ns, action.detail or "")] = action
    return sorted(newest.values(), key=lambda one: (one.effective_ns, one.kind, one.detail or ""))


def factors(
    actions: Iterable[CorporateAction],
    instrument: str,
    start_ns: Ints,
    as_of_ns: int,
    mode: Mode = "splits",
    *,
    closes: Floats | None = None,
    currency: str | None = None,
) -> Factors:
    """The factors of rows that start at `start_ns` (rising), as known at `as_of_ns`.

    closes: (rows,) as traded, needed for dividends; NaN where not traded. currency: of the closes; a dividend in another is refused.
    """
    if mode not in MODES:
        raise Rejected(f"adjusting {instrument}: mode {mode!r}, expected one of {', '.join(MODES)}")
    if len(start_ns) > 1 and not bool((np.diff(start_ns) > 0).all()):
        raise Rejected(f"adjusting {instrument}: start_ns does not rise, expected rows in order and once each")
    price, volume = np.ones(len(start_ns)), np.ones(len(start_ns))
    for action in applicable(actions, instrument, as_of_ns):
        before = int(np.searchsorted(start_ns, action.effective_ns))
        assert action.value is not None
        if action.kind == "split":
            price[:before] /= float(action.value)
            volume[:before] *= float(action.value)
        elif mode != "splits" and before:
            price[:before] *= 1.0 - _yield(action, closes, before, currency)
    if mode == "total" and len(price):
        price = price / price[0]
    return Factors(price, volume)


def adjust(
    frame: pl.DataFrame,
    actions: Sequence[CorporateAction],
    as_of_ns: int,
    mode: Mode = "splits",
    *,
    currency: str | None = None,
) -> pl.DataFrame:
    """Bars as traded, made comparable: sorted by (instrument, start_ns), prices and share counts multiplied by their factors.

    The frame is what was known at the same `as_of_ns`, one row per instrument and start.
    """
    import polars as pl

    absent = sorted({"instrument", "start_ns", "close"} - set(frame.columns))
    if absent:
        raise Rejected(f"adjusting bars: columns {absent} are absent, expected instrument, start_ns and close")
    ordered = frame.sort("instrument", "start_ns")
    prices, shares = [], []
    for (instrument,), rows in ordered.group_by(["instrument"], maintain_order=True):
        starts, closes = rows["start_ns"].to_numpy(), rows["close"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        found = factors(actions, str(instrument), starts, as_of_ns, mode, closes=closes, currency=currency)
        prices.append(found.price)
        shares.append(found.volume)
    if not prices:
        return ordered
    price, share = pl.Series(np.concatenate(prices)), pl.Series(np.concatenate(shares))
    scaled = [ordered[name].cast(pl.Float64) * price for name in PRICE_COLUMNS if name in frame.columns]
    scaled += [ordered[name].cast(pl.Float64) * share for name in SHARE_COLUMNS if name in frame.columns]
    return ordered.with_columns(scaled)


def adjust_panel(
    panel: Panel, actions: Sequence[CorporateAction], as_of_ns: int, mode: Mode = "splits", *, currency: str | None = None
) -> Panel:
    """What was known of the panel at `as_of_ns`, with prices and share counts made comparable by the actions known by then."""
    seen = panel.as_of(as_of_ns)
    price, share = np.ones(seen.shape), np.ones(seen.shape)
    for column, instrument in enumerate(seen.instruments):
        closes = seen.fields["close"][:, column] if "close" in seen.fields else None
        found = factors(actions, instrument, seen.times, as_of_ns, mode, closes=closes, currency=currency)
        price[:, column], share[:, column] = found.price, found.volume
    by_name = dict.fromkeys(PRICE_COLUMNS, price) | dict.fromkeys(SHARE_COLUMNS, share)
    return replace(seen, fields={name: values * by_name[name] if name in by_name else values for name, values in seen.fields.items()})


def actions_of_frame(versions: pl.DataFrame) -> list[CorporateAction]:
    """Actions of dataset rows: instrument, kind, start_ns (effective), known_ns, value, and currency and detail where they stand there.

    The frame may hold several versions of an action; which one counts is decided by the as-of.
    """
    absent = sorted({"instrument", "kind", "start_ns", "known_ns", "value"} - set(versions.columns))
    if absent:
        raise Rejected(
            f"corporate actions of a frame: columns {absent} are absent, expected instrument, kind, start_ns, known_ns and value"
        )
    return [
        CorporateAction(
            row["instrument"],
            row["kind"],
            row["start_ns"],
            row["known_ns"],
            None if row["value"] is None else Decimal(repr(float(row["value"]))),
            row.get("currency"),
            row.get("detail"),
        )
        for row in versions.sort("instrument", "start_ns", "kind", "known_ns").iter_rows(named=True)
    ]


def _yield(action: CorporateAction, closes: Floats | None, before: int, currency: str | None) -> float:
    """The dividend as a fraction of the last close before its ex-session."""
    what = f"dividend of {action.instrument} on {text(action.effective_ns)}"
    assert action.value is not None
    if closes is None:
        raise Rejected(f"{what}: no closes given, expected the closes as traded")
    if currency is not None and action.currency is not None and action.currency != currency:
        raise Rejected(f"{what}: {action.value} {action.currency} against closes in {currency}, expected one currency")
    traded = closes[:before][~np.isnan(closes[:before])]
    if len(traded) == 0:
        return 0.0  # nothing that was traded stands before it, so nothing is scaled
    last = float(traded[-1])
    if not float(action.value) < last:
        raise DataFault(f"{what}: {action.value} against a close of {last}, expected less than the close")
    return float(action.value) / last
