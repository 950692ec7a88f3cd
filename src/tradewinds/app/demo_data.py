"""What the demo's equity vendors drop: real prices that two packages carry, and a third vendor made of the first with planted errors.

    wiki      bokeh_sampledata: raw bars of AAPL, FB, GOOG, IBM, MSFT until 2013-03-01; splits and dividends read off its own
              raw and adjusted closes
    skfolio   adjusted closes of AAPL and MSFT: cannot supply bars, but may disagree (a second opinion)
    planted   wiki's rows with errors planted at stated sessions, and named as such

Arrival times are made, seeded: neither package says when its prices came.
"""

from __future__ import annotations

import csv
import gzip
import importlib.util
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from tradewinds.core.errors import Rejected
from tradewinds.core.instant import NS_PER_HOUR, NS_PER_MINUTE, text

SYMBOLS = ("AAPL", "FB", "GOOG", "IBM", "MSFT")
FIRST = date(2003, 1, 2)
LAST_OF_HISTORY = date(2013, 2, 26)
QUIET_NIGHT = date(2013, 2, 27)
LATE_NIGHT = date(2013, 2, 28)
HEADER = "symbol,session,open,high,low,close,volume,received_at,currency,split_factor,dividend"
SPLIT_FROM = 1.15  # MSFT's special dividend of 2004 moves the ratio by 11 %; no split moves it by less than a half
SEED = 7


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of a drop; prices None where the vendor does not tell them."""

    symbol: str
    session: date
    open: float | None
    high: float | None
    low: float | None
    close: float
    volume: float | None
    received_ns: int
    split_factor: float = 1.0
    dividend: float = 0.0

    def line(self) -> str:
        """The row as CSV."""
        cells = (self.open, self.high, self.low, self.close, self.volume)
        numbers = ",".join("" if cell is None else f"{cell:.10g}" for cell in cells)
        return f"{self.symbol},{self.session},{numbers},{text(self.received_ns)},USD,{self.split_factor:.6g},{self.dividend:.6g}"


@dataclass(frozen=True, slots=True)
class Planted:
    """An error planted in the third vendor."""

    kind: str
    symbol: str
    sessions: tuple[date, ...]


@dataclass(frozen=True, slots=True)
class DemoData:
    """What was written, and what was planted in it. `late`: rows that come after the lateness limit of LATE_NIGHT."""

    rows: Mapping[str, int]
    planted: tuple[Planted, ...]
    late: Mapping[str, tuple[Bar, ...]]


def write(folder: Path, close_ns: Mapping[date, int]) -> DemoData:
    """Write folder/<vendor>/*.csv; `close_ns` gives the close of every session. Rows of LATE_NIGHT that come late are returned instead."""
    chance = random.Random(SEED)  # noqa: S311 - made arrival times, not secrets
    wiki = {symbol: _wiki(symbol, close_ns, chance) for symbol in SYMBOLS}
    opinion = [bar for symbol in ("AAPL", "MSFT") for bar in _skfolio(symbol, wiki[symbol])]
    copies = {symbol: [replace(bar, received_ns=bar.received_ns + 7 * NS_PER_MINUTE) for bar in bars] for symbol, bars in wiki.items()}
    planted, extra = _plant(copies, close_ns)
    by_vendor = {
        "wiki": [bar for bars in wiki.values() for bar in bars],
        "skfolio": opinion,
        "planted": [bar for bars in copies.values() for bar in bars] + extra,
    }
    late_rows = {
        "wiki": tuple(
            replace(bar, received_ns=close_ns[LATE_NIGHT] + 13 * NS_PER_HOUR) for bar in by_vendor["wiki"] if bar.session == LATE_NIGHT
        ),
        "planted": tuple(
            replace(bar, received_ns=close_ns[LATE_NIGHT] + 13 * NS_PER_HOUR + NS_PER_MINUTE)
            for bar in copies["MSFT"]
            if bar.session == LATE_NIGHT
        ),
    }
    by_vendor["wiki"] = [bar for bar in by_vendor["wiki"] if bar.session != LATE_NIGHT]
    by_vendor["planted"] = [
        _first_print(bar) if bar.session == LATE_NIGHT and bar.symbol == "MSFT" else bar for bar in by_vendor["planted"]
    ]
    counts = {}
    for vendor, bars in by_vendor.items():
        history = [bar for bar in bars if bar.session <= LAST_OF_HISTORY]
        write_drop(folder / vendor / "history.csv", history)
        for night in (QUIET_NIGHT, LATE_NIGHT):
            rows = [bar for bar in bars if bar.session == night]
            if rows:
                write_drop(folder / vendor / f"{night}.csv", rows)
        counts[vendor] = len(bars)
    return DemoData(counts, (*planted, Planted("revised", "MSFT", (LATE_NIGHT,))), late_rows)


def write_drop(path: Path, bars: Iterable[Bar]) -> None:
    """A drop appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text("\n".join([HEADER, *(bar.line() for bar in bars)]) + "\n", encoding="utf-8")
    partial.replace(path)


def _first_print(bar: Bar) -> Bar:
    """A first print that its vendor corrects the next morning: 0.8 % too high."""
    close = round(bar.close * 1.008, 2)
    return replace(bar, close=close, high=max(bar.high or close, close))


def _wiki(symbol: str, close_ns: Mapping[date, int], chance: random.Random) -> list[Bar]:
    from bokeh_sampledata import stocks

    table = getattr(stocks, symbol)
    found: list[Bar] = []
    before: tuple[float, float] | None = None
    columns = zip(*(table[name] for name in ("date", "open", "high", "low", "close", "volume", "adj_close")), strict=True)
    for day_text, open_, high, low, close, volume, adjusted in columns:
        day = date.fromisoformat(day_text)
        split, dividend = (1.0, 0.0) if before is None else _action(before, (close, adjusted))
        before = (close, adjusted)
        if day >= FIRST and day in close_ns:
            received_ns = close_ns[day] + chance.randrange(35, 80) * NS_PER_MINUTE
            found.append(Bar(symbol, day, open_, high, low, close, float(volume), received_ns, split, dividend))
    return found


def _action(before: tuple[float, float], now: tuple[float, float]) -> tuple[float, float]:
    """(split factor, dividend) that turn yesterday's ratio of raw to adjusted close into today's."""
    factor = (before[0] / before[1]) / (now[0] / now[1])
    if factor > SPLIT_FROM or factor < 1 / SPLIT_FROM:
        return round(factor * 2) / 2, 0.0
    # Adjusted closes grow by the dividend as a fraction of today's price: adj' / adj = (close' + dividend) / close.
    dividend = now[0] * (factor - 1)
    return 1.0, round(dividend, 4) if abs(factor - 1) > 2e-4 else 0.0


def _skfolio(symbol: str, wiki: list[Bar]) -> list[Bar]:
    """Adjusted closes of the sessions that wiki has; they come with wiki's, a little later."""
    # The package takes seconds to import; only a file of it is wanted.
    found = importlib.util.find_spec("skfolio")
    if found is None or not found.submodule_search_locations:
        raise Rejected("demo: the package skfolio is absent, expected the extra `demo` to be installed")
    path = Path(found.submodule_search_locations[0]) / "datasets" / "data" / "sp500_dataset.csv.gz"
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        closes = {row["Date"]: float(row[symbol]) for row in csv.DictReader(file)}
    return [
        Bar(symbol, bar.session, None, None, None, closes[bar.session.isoformat()], None, bar.received_ns + 11 * NS_PER_MINUTE)
        for bar in wiki
        if bar.session.isoformat() in closes
    ]


def _plant(bars: dict[str, list[Bar]], close_ns: Mapping[date, int]) -> tuple[list[Planted], list[Bar]]:
    """Plant one error of every kind; edits `bars` and returns what was planted, and rows to send besides."""
    planted: list[Planted] = []
    extra: list[Bar] = []

    def at(symbol: str, day: str, count: int = 1) -> list[int]:
        first = next(i for i, bar in enumerate(bars[symbol]) if bar.session >= date.fromisoformat(day))
        return list(range(first, first + count))

    def note(kind: str, symbol: str, places: list[int]) -> None:
        planted.append(Planted(kind, symbol, tuple(bars[symbol][i].session for i in places)))

    places = at("AAPL", "2006-05-17")
    note("spike", "AAPL", places)
    spiked = bars["AAPL"][places[0]]
    bars["AAPL"][places[0]] = replace(
        spiked, close=round(spiked.close * 1.22, 2), high=round(max(spiked.high or 0.0, spiked.close * 1.22), 2)
    )

    places = at("MSFT", "2008-02-12", 2)
    note("unit", "MSFT", places)
    for i in places:
        bars["MSFT"][i] = _scaled(bars["MSFT"][i], 100.0)

    places = at("IBM", "2007-09-11", 3)
    note("stale", "IBM", places)
    old = bars["IBM"][places[0] - 1]
    for i in places:
        bars["IBM"][i] = replace(bars["IBM"][i], open=old.open, high=old.high, low=old.low, close=old.close, volume=old.volume)

    places = at("GOOG", "2010-03-09", 2)
    note("volume_scale", "GOOG", places)
    for i in places:
        bars["GOOG"][i] = replace(bars["GOOG"][i], volume=(bars["GOOG"][i].volume or 0.0) * 1000)

    places = at("IBM", "2011-06-14")
    note("impossible", "IBM", places)
    wrong = bars["IBM"][places[0]]
    bars["IBM"][places[0]] = replace(wrong, high=wrong.low, low=wrong.high)

    places = at("FB", "2012-08-14")
    note("duplicate", "FB", places)
    extra.append(bars["FB"][places[0]])

    places = at("MSFT", "2009-10-06", 5)
    note("shift", "MSFT", places)
    moved = [bars["MSFT"][i + 1] for i in places]
    for i, source in zip(places, moved, strict=True):
        bars["MSFT"][i] = replace(
            bars["MSFT"][i], open=source.open, high=source.high, low=source.low, close=source.close, volume=source.volume
        )

    places, others = at("AAPL", "2011-11-08", 3), at("IBM", "2011-11-08", 3)
    note("swapped", "AAPL", places)
    for i, j in zip(places, others, strict=True):
        one, two = bars["AAPL"][i], bars["IBM"][j]
        bars["AAPL"][i] = replace(one, open=two.open, high=two.high, low=two.low, close=two.close, volume=two.volume)
        bars["IBM"][j] = replace(two, open=one.open, high=one.high, low=one.low, close=one.close, volume=one.volume)

    places = at("AAPL", "2005-02-28")
    note("split", "AAPL", places)
    bars["AAPL"][places[0]] = replace(bars["AAPL"][places[0]], split_factor=1.0)

    places = at("AAPL", "2012-04-17")
    note("late", "AAPL", places)
    late = bars["AAPL"][places[0]]
    bars["AAPL"][places[0]] = replace(late, received_ns=close_ns[late.session] + 30 * NS_PER_HOUR)

    places = at("GOOG", "2012-10-09")
    note("gap", "GOOG", places)
    del bars["GOOG"][places[0]]
    return planted, extra


def _scaled(bar: Bar, factor: float) -> Bar:
    assert bar.open is not None
    assert bar.high is not None
    assert bar.low is not None
    return replace(bar, open=bar.open * factor, high=bar.high * factor, low=bar.low * factor, close=bar.close * factor)
