"""From history, or from plain files, to what a backtest reads: a market, the panel of its bars, other panels, decisions.

1. Instruments are those named, or everybody who belonged to the universe within the span.
2. Bars are read from far enough before the start that the first decision has its lookback; where they are absent, the run is refused
   with the missing range and the command that would bring it.
3. The market holds every bar as traded, for fills. The strategy's panel holds the same values, but nothing in cells that became known
   only after the next bar had begun; it has a field `member` (1 or 0) where a universe is traded.
4. Splits, dividends, delistings, renames and funding become events; rates of other currencies are read as of each bar's end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import DataFault, Missing, Rejected
from tradewinds.core.instant import NS_PER_DAY, text
from tradewinds.core.instrument import Instrument, split_id
from tradewinds.core.market import BAR_COLUMNS, Interval
from tradewinds.history.panel import UNKNOWN_NS, Panel
from tradewinds.simulation.market import Market, market_of_panel
from tradewinds.trading.rhythm import decision_rows, rhythm
from tradewinds.wiring.bars import FOREVER_NS, Reading, Span, bars_of_files
from tradewinds.wiring.market_facts import (
    calendar_of,
    events_of,
    instrument_of,
    late_cells,
    members_of,
    session_numbers,
    some,
    with_lots,
)

if TYPE_CHECKING:
    from tradewinds.wiring.house import House

Floats = NDArray[np.float64]
FIELDS = tuple(column.name for column in BAR_COLUMNS)
MARGIN_NS = 10 * NS_PER_DAY  # holidays in a row; read besides the lookback's own length
STRETCH = 6.0  # of 168 hours in a week at least 28 are traded, where a market is open at all


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be simulated. start_ns: the first decision falls on the first bar that ends after it; None: as soon as possible.

    end_ns: the last bar ends by then. fields: besides open, high, low, close, volume. currency: the account's; None: the instruments'.
    rates: constant rates, account currency per unit, instead of the history's. lot: for all instruments, instead of their own.
    """

    instruments: tuple[str, ...] = ()
    universe: str | None = None
    interval: str | None = None
    start_ns: int | None = None
    end_ns: int | None = None
    lookback: int = 1
    fields: tuple[str, ...] = ()
    other_intervals: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    currency: str | None = None
    rates: Mapping[str, float] = field(default_factory=dict)
    lot: Decimal | None = None
    reading: Reading = field(default_factory=Reading)


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A market, the panel on its rows as strategies may see it, and what was assumed or left out, in words."""

    market: Market
    panel: Panel
    interval: str
    others: Mapping[str, Panel] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def decisions(self, words: str) -> NDArray[np.int64] | None:
        """The rows on which a strategy of this rhythm decides; None: on every one."""
        when = rhythm(words)
        if when.is_every_bar:
            return None
        rows = decision_rows(when, self.market.start_ns, self.market.end_ns, calendar_of(self.market.instruments))
        if not len(rows):
            begin, end = text(int(self.market.start_ns[0])), text(int(self.market.end_ns[-1]))
            raise Rejected(f"rhythm {words!r}: no bar of {self.interval} from {begin} to {end} is meant, expected at least one")
        return rows


def market_of_house(house: House, wanted: Wanted) -> Prepared:
    """Prepare from the history of a house. Raises Missing naming what is absent and the command that brings it."""
    from tradewinds.wiring.market_house import actions_of, fundings_of, others_of, rates_of, registered, snapshots_of

    if wanted.interval is None:
        raise Rejected("backtest: no interval, expected one such as 1d")
    snapshots = snapshots_of(house, wanted)
    names = wanted.instruments or tuple(sorted({member.instrument for one in snapshots for member in one.members}))
    panel, notes = _read(house, replace(wanted, instruments=names))
    if snapshots:
        panel, absent = _with_bars_only(panel)
        notes += [f"no bars of {some(absent)} of {wanted.universe}, left out"] if absent else []
    panel = _cut(panel, wanted, panel.instruments)
    registry, unknown = registered(house, panel.instruments)
    instruments, assumed = with_lots(registry, wanted.lot)
    notes += assumed + ([f"{some(unknown)} not registered, rules assumed"] if unknown else [])
    if snapshots:
        members = members_of(snapshots, panel.instruments, panel.event_ns)
        panel = replace(panel, fields={**panel.fields, "member": members.astype(np.float64)})
    span = Span(int(panel.times[0]), int(panel.event_ns[-1]))
    currency = wanted.currency or _currency_of(instruments)
    rates, told = rates_of(house, currency, instruments, panel.event_ns, wanted)
    actions = actions_of(house, panel.instruments, span, wanted.reading)
    events = events_of(panel.instruments, panel.times, actions, fundings_of(house, instruments, span, wanted.reading))
    prepared = _prepared(panel, instruments, currency, wanted.interval, rates=rates, events=events, notes=[*notes, *told])
    others, made = others_of(house, panel, wanted)
    return replace(prepared, others=others, notes=(*prepared.notes, *made))


def market_of_files(place: Path, wanted: Wanted) -> Prepared:
    """Prepare from a file of bars or a folder of them; no house is needed. Quantities are whole unless a lot is given."""
    if wanted.universe or wanted.datasets:
        raise Rejected(
            f"backtest over files: {wanted.universe or wanted.datasets}, expected no universe and no datasets, which need a house"
        )
    panel, interval = bars_of_files(place, wanted.interval, wanted.instruments)
    if "volume" not in panel.fields:
        panel = replace(panel, fields={**panel.fields, "volume": np.full(panel.shape, np.nan)})
    panel = _cut(panel, replace(wanted, interval=interval), panel.instruments, place=place)
    instruments, notes = with_lots([instrument_of(name, wanted.currency) for name in panel.instruments], wanted.lot)
    notes = [] if wanted.interval else [f"bars of {interval}, read off the times", *notes]
    prepared = _prepared(panel, instruments, wanted.currency or "USD", interval, rates={}, events=None, notes=notes)
    others = {}
    for other in wanted.other_intervals:
        if not (place / other).is_dir():
            raise Missing(f"bars-{other} of {some(panel.instruments)}: no folder {place / other}, expected one with files of them")
        others[other] = bars_of_files(place, other, panel.instruments)[0]
    return replace(prepared, others=others)


def fetch_command(instrument: str, interval: str, start_ns: int, end_ns: int) -> str:
    """The command that would bring bars of the instrument into the history."""
    venue = split_id(instrument)[1]
    if venue.startswith("BINANCE"):
        return f"tradewinds data fetch {instrument} --interval {interval} --from {text(start_ns)} --to {text(end_ns)}"
    return f"tradewinds data import FILE --instrument {instrument} --interval {interval}"


def _prepared(
    panel: Panel,
    instruments: Sequence[Instrument],
    currency: str,
    interval: str,
    *,
    rates: Mapping[str, Floats],
    events: NDArray[np.void] | None,
    notes: Sequence[str],
) -> Prepared:
    session = session_numbers(calendar_of(instruments), panel.times)
    market = market_of_panel(panel, instruments, currency=currency, rates=rates, events=events, session=session)
    seen, told = _in_time(panel)
    return Prepared(replace(market, vintage=vintage_of(market)), seen, interval, {}, (*notes, *told))


def vintage_of(market: Market) -> str:
    """A name that says exactly which data these are: SHA-256 over instruments, times, prices, volumes, rates and events."""
    digest = hashlib.sha256(repr([(one.id, one.currency, str(one.lot), str(one.tick)) for one in market.instruments]).encode())
    for values in (market.start_ns, market.end_ns, market.open, market.high, market.low, market.close, market.volume, market.rates):
        digest.update(np.ascontiguousarray(values).data)
    for name in market.events.dtype.names or ():
        digest.update(np.ascontiguousarray(market.events[name]).tobytes())
    return digest.hexdigest()[:32]


def _read(house: House, wanted: Wanted) -> tuple[Panel, list[str]]:
    """Bars from a guessed time before the start on; from the first one where the guess was not early enough. And notes on them."""
    from tradewinds.wiring.bars_finer import bars_or_finer

    assert wanted.interval is not None
    fields = tuple(dict.fromkeys((*FIELDS, *wanted.fields)))
    span = Span(_guess(wanted), wanted.end_ns)
    panel, notes = bars_or_finer(house, wanted.instruments, wanted.interval, fields, span, wanted.reading)
    if span.start_ns is not None and _first_row(panel, wanted) < wanted.lookback - 1:
        whole = Span(None, wanted.end_ns)
        panel, notes = bars_or_finer(house, wanted.instruments, wanted.interval, fields, whole, wanted.reading)
    return panel, notes


def _guess(wanted: Wanted) -> int | None:
    if wanted.start_ns is None or wanted.interval is None:
        return None
    length = Interval(wanted.interval)
    bar_ns = length.ns or 31 * NS_PER_DAY * int(length.name.removesuffix("mo"))
    stretch = 2.0 if length.is_daily_or_longer else STRETCH
    return wanted.start_ns - int(wanted.lookback * bar_ns * stretch) - MARGIN_NS


def _first_row(panel: Panel, wanted: Wanted) -> int:
    """The row of the first decision: the first bar that ends after the start."""
    return wanted.lookback - 1 if wanted.start_ns is None else int(np.searchsorted(panel.event_ns, wanted.start_ns, "right"))


def _cut(panel: Panel, wanted: Wanted, names: Sequence[str], place: Path | None = None) -> Panel:
    """The bars from the lookback before the start to the end. Raises Missing where there are none, or too few before the start."""
    assert wanted.interval is not None
    start = wanted.start_ns if wanted.start_ns is not None else 0
    end = wanted.end_ns
    absent = _without_bars(panel)
    if absent or not len(panel.times):
        name = (absent or list(names))[0]
        bring = f"; {fetch_command(name, wanted.interval, start, end or FOREVER_NS // 2)} brings them" if place is None and end else ""
        raise Missing(f"bars-{wanted.interval} of {name}: none{_between(wanted)}{f' in {place}' if place else ''}, expected some{bring}")
    stop = len(panel.times) if end is None else int(np.searchsorted(panel.event_ns, end, "right"))
    first = _first_row(panel, wanted)
    if first >= stop:
        raise Missing(
            f"bars-{wanted.interval} of {some(names)}: {text(int(panel.times[0]))} to {text(int(panel.event_ns[-1]))} are there, "
            f"expected some{_between(wanted)} and {wanted.lookback} bars of lookback"
        )
    low = first - (wanted.lookback - 1)
    if low < 0:
        raise _no_warm_up(panel, wanted, -low, place)
    stopped = int(panel.times[stop]) if stop < len(panel.times) else UNKNOWN_NS
    return panel.window(int(panel.times[low]), stopped)


def _no_warm_up(panel: Panel, wanted: Wanted, missing: int, place: Path | None) -> DataFault:
    """The refusal of a start without lookback: which bars are missing, from when to when, and what brings them."""
    assert wanted.interval is not None
    have_ns = int(panel.times[0])
    length = Interval(wanted.interval).ns or 31 * NS_PER_DAY
    sessions = calendar_of([instrument_of(name) for name in panel.instruments])
    try:
        expected = sessions.expected_starts(have_ns - int(missing * length * STRETCH) - MARGIN_NS, have_ns, wanted.interval)
        need_ns = int(expected[-missing])
    except (DataFault, IndexError):  # before what the calendar knows
        need_ns = have_ns - missing * length
    way = f"or start later than {text(int(panel.event_ns[min(wanted.lookback - 1, len(panel.event_ns) - 1)] - 1))}"
    bring = "" if place is not None else f"; {fetch_command(panel.instruments[0], wanted.interval, need_ns, have_ns)} brings them"
    return Missing(
        f"warm-up before {text(wanted.start_ns or have_ns)}: {missing} of {wanted.lookback} bars of {wanted.interval} are missing, "
        f"expected those from {text(need_ns)} to {text(have_ns)}{bring}, {way}"
    )


def _between(wanted: Wanted) -> str:
    begin = "" if wanted.start_ns is None else f" from {text(wanted.start_ns)}"
    return begin + ("" if wanted.end_ns is None else f" to {text(wanted.end_ns)}")


def _with_bars_only(panel: Panel) -> tuple[Panel, list[str]]:
    absent = _without_bars(panel)
    kept = [name for name in panel.instruments if name not in absent]
    return (panel.select(kept), absent) if absent and kept else (panel, [])


def _without_bars(panel: Panel) -> list[str]:
    return [panel.instruments[column] for column in np.flatnonzero((panel.known_ns == UNKNOWN_NS).all(axis=0)).tolist()]


def _in_time(panel: Panel) -> tuple[Panel, list[str]]:
    """The panel without what was known too late to act on, and a note that counts it."""
    if not panel.is_point_in_time:
        return panel, ["latest values, not point-in-time: corrections made later are seen at once"]
    late = late_cells(panel)
    if not late.any():
        return panel, []
    whose = [panel.instruments[column] for column in np.flatnonzero(late.any(axis=0)).tolist()]
    note = f"{int(late.sum())} bars of {some(whose)} became known only after the next bar had begun: the strategy does not see them"
    seen = {name: np.where(late, np.nan, values) if name != "member" else values for name, values in panel.fields.items()}
    return replace(panel, fields=seen), [note]


def _currency_of(instruments: Sequence[Instrument]) -> str:
    found = sorted({one.currency for one in instruments})
    if len(found) > 1:
        raise Rejected(f"backtest: instruments in {', '.join(found)}, expected --currency to name the account's")
    return found[0]
