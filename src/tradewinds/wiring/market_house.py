"""What `wiring.market` asks a house beside bars: rules, universes, corporate actions, funding, rates, other tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import Missing, Rejected, TradewindsError
from tradewinds.core.instant import NS_PER_DAY, text
from tradewinds.core.instrument import CorporateAction, Instrument
from tradewinds.core.market import bars, quotes
from tradewinds.core.observation import Table
from tradewinds.core.record import Universe
from tradewinds.history.panel import Panel
from tradewinds.wiring.bars import FOREVER_NS, Reading, Span, dataset_panel
from tradewinds.wiring.market_facts import instrument_of, rate_series, rates_against, some

if TYPE_CHECKING:
    from tradewinds.wiring.house import House
    from tradewinds.wiring.market import Wanted

Floats = NDArray[np.float64]
RATES_BEFORE_NS = 30 * NS_PER_DAY  # how far back the first rate may lie


def registered(house: House, names: Sequence[str]) -> tuple[list[Instrument], list[str]]:
    """The instruments in order, and the names of those that nobody registered, whose rules are assumed."""
    known = {one.id: one for one in house.ledger.instruments(ids=list(names))}
    return [known.get(name) or instrument_of(name) for name in names], [name for name in names if name not in known]


def snapshots_of(house: House, wanted: Wanted) -> list[Universe]:
    """The snapshots of the universe that were in force within the span; empty when instruments are named."""
    if wanted.instruments:
        return []
    if wanted.universe is None:
        raise Rejected("backtest: no instruments, expected --instruments, a universe, or a strategy that declares them")
    every = house.ledger.universes(wanted.universe)
    if not every:
        names = sorted({one.name for one in house.ledger.universes()})
        raise Rejected(
            f"universe {wanted.universe!r}, expected one of: {', '.join(names) or 'none yet; `tradewinds job run universe` makes one'}"
        )
    until = min(one for one in (wanted.end_ns, wanted.reading.as_of_ns, FOREVER_NS) if one is not None)
    known = sorted((one for one in every if one.known_ns <= until), key=lambda one: (one.known_ns, one.day))
    if not known:
        raise Missing(f"universe {wanted.universe}: first known {text(min(one.known_ns for one in every))}, expected one by {text(until)}")
    if wanted.start_ns is None:
        return known
    after = [one for one in known if one.known_ns > wanted.start_ns]
    return known[len(known) - len(after) - 1 :] if len(after) < len(known) else known


def actions_of(house: House, names: Sequence[str], span: Span, reading: Reading) -> list[CorporateAction]:
    """Corporate actions within the span in the version known last, or as of the reading's instant."""
    as_of_ns = FOREVER_NS if reading.as_of_ns is None else reading.as_of_ns
    return house.ledger.actions(as_of_ns=as_of_ns, instruments=list(names), start_ns=span.start_ns, end_ns=span.end_ns)


def fundings_of(house: House, instruments: Sequence[Instrument], span: Span, reading: Reading) -> list[tuple[str, int, float, float]]:
    """(instrument, instant, rate, mark price) of every funding payment of the perpetuals among them."""
    names = [one.id for one in instruments if one.kind == "perpetual"]
    if not names:
        return []
    from tradewinds.vendors.binance_funding import FUNDING

    as_of_ns = FOREVER_NS if reading.as_of_ns is None else reading.as_of_ns
    rows = house.lake.read(Table(FUNDING), as_of_ns=as_of_ns, instruments=names, start_ns=span.start_ns, end_ns=span.end_ns)
    columns = (rows[name].to_list() for name in ("instrument", "start_ns", "rate", "mark_price"))
    return [
        (name, at_ns, rate, np.nan if price is None else price)
        for name, at_ns, rate, price in zip(*columns, strict=True)
        if rate is not None
    ]


def rates_of(
    house: House,
    account: str,
    instruments: Sequence[Instrument],
    end_ns: NDArray[np.int64],
    wanted: Wanted,
    currencies: Iterable[str] = (),
) -> tuple[dict[str, Floats], list[str]]:
    """Account currency per unit of every other currency traded, as of each bar's end, and where the rates come from.

    currencies: others that are wanted besides those of the instruments.

    Constant rates that were given win; then the ECB's reference rates; then daily currency bars or quotes.
    """
    needed = sorted({*currencies, *(one.currency for one in instruments)} - {account})
    found = {name: np.full(len(end_ns), wanted.rates[name]) for name in needed if name in wanted.rates}
    notes = [f"{name} at a constant {wanted.rates[name]:g} {account}" for name in found]
    rest = [name for name in needed if name not in found]
    if not rest:
        return found, notes
    span = Span(int(end_ns[0]) - RATES_BEFORE_NS, int(end_ns[-1]))
    per_euro = _per_euro(house, sorted({*rest, account} - {"EUR"}), end_ns, span, wanted.reading)
    from_ecb = rates_against(account, rest, per_euro)
    notes += [f"{some(sorted(from_ecb))} at the ECB's reference rates, as of each bar's end"] if from_ecb else []
    for name in (name for name in rest if name not in from_ecb):
        pair = _pair(house, name, account, end_ns, span, wanted.reading)
        if pair is None:
            raise Missing(
                f"rate of {name} in {account}: neither reference rates nor bars of {name}_{account} are there, expected one of them, "
                f"--rate {name}=RATE, or --currency {name}"
            )
        from_ecb[name], told = pair
        notes.append(told)
    return found | from_ecb, notes


def others_of(house: House, panel: Panel, wanted: Wanted) -> tuple[dict[str, Panel], list[str]]:
    """The panels of other intervals (of the same instruments) and datasets, from their first fact on; and notes on them."""
    from tradewinds.wiring.bars_finer import bars_or_finer

    others: dict[str, Panel] = {}
    notes: list[str] = []
    until = int(panel.event_ns[-1])
    fields = tuple(name for name in panel.fields if name != "member")
    for interval in wanted.other_intervals:
        others[interval], told = bars_or_finer(house, panel.instruments, interval, fields, Span(None, until), wanted.reading)
        notes += told
    for name in wanted.datasets:
        from tradewinds.jobs.tables import table_named

        found = table_named(house.context("backtest", ""), name)
        others[name] = dataset_panel(house, found, None, Span(None, until), wanted.reading)
    return others, notes


def _per_euro(house: House, currencies: Sequence[str], end_ns: NDArray[np.int64], span: Span, reading: Reading) -> dict[str, Floats]:
    from tradewinds.vendors.ecb import RATES, VENUE

    names = {f"EUR{currency}.{VENUE}": currency for currency in currencies}
    rows = _versions(house, Table(RATES), list(names), span, reading)
    found = {}
    for name, currency in names.items():
        mine = rows["instrument"] == name
        if mine.any():
            found[currency] = rate_series({key: rows[key][mine] for key in ("event_ns", "known_ns", "rate")}, end_ns, name)
    return found


def _pair(house: House, currency: str, account: str, end_ns: NDArray[np.int64], span: Span, reading: Reading) -> tuple[Floats, str] | None:
    """The rate from daily bars (close) or quotes (middle of the closes) of the pair at any venue, either way round."""
    ids = {one.id for one in house.ledger.instruments(kind="fx")}
    for name in sorted(ids):
        symbol = name.rpartition(".")[0].replace("_", "").replace("/", "")
        if symbol not in (currency + account, account + currency):
            continue
        for table in (Table(bars("1d")), Table(quotes("1d"))):
            rows = _versions(house, table, [name], span, reading)
            if not len(rows["event_ns"]):
                continue
            close = rows["close"] if "close" in rows else (rows["bid_close"] + rows["ask_close"]) / 2
            rate = rate_series({"event_ns": rows["event_ns"], "known_ns": rows["known_ns"], "rate": close}, end_ns, name)
            return (rate if symbol.startswith(currency) else 1.0 / rate), f"{currency} at the closes of {name}, as of each bar's end"
    return None


def _versions(house: House, table: Table, names: Sequence[str], span: Span, reading: Reading) -> Mapping[str, Any]:
    """Columns of every version known by the reading's instant, as numpy arrays; what is not there is empty."""
    import polars as pl

    try:
        rows = house.lake.versions(table, instruments=list(names), start_ns=span.start_ns, end_ns=span.end_ns)
    except TradewindsError as error:
        raise Missing(f"rates of {some(names)}: {error}") from error
    if reading.as_of_ns is not None:
        rows = rows.filter(pl.col("known_ns") <= reading.as_of_ns)
    return {name: rows[name].to_numpy() for name in rows.columns if name == "instrument" or rows.schema[name].is_numeric()}
