"""Names over time: what an instrument was called, what a name meant, who was listed, at an instant.

A `Ticker` says what an instrument was called at a venue in [start_ns, end_ns). A name may pass from one instrument to another
(GOOG meant the class A shares until 2014-04-02), but never means two at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.core.instant import text
from tradewinds.core.instrument import Ticker, instrument_id, is_instrument_name
from tradewinds.history.universe import Pair


@dataclass(frozen=True, slots=True)
class Listings:
    """What a venue's list of pairs changed: tickers as they now stand, who appeared, who vanished, who is listed without trading."""

    tickers: tuple[Ticker, ...]
    listed: tuple[str, ...]
    delisted: tuple[str, ...]
    halted: tuple[str, ...]


def is_valid_at(ticker: Ticker, instant_ns: int) -> bool:
    """Whether the name was in use at the instant."""
    return ticker.start_ns <= instant_ns and (ticker.end_ns is None or instant_ns < ticker.end_ns)


def symbol_at(tickers: Iterable[Ticker], instrument: str, instant_ns: int, *, venue: str | None = None) -> str | None:
    """What the instrument was called at the instant; None while it was not listed."""
    found = {t.symbol for t in tickers if t.instrument == instrument and venue in (None, t.venue) and is_valid_at(t, instant_ns)}
    if len(found) > 1:
        raise DataFault(f"symbol of {instrument} at {text(instant_ns)}: {sorted(found)}, expected one; name the venue")
    return next(iter(found), None)


def instrument_at(tickers: Iterable[Ticker], symbol: str, venue: str, instant_ns: int) -> str | None:
    """Which instrument the name meant at the venue at the instant; None when it meant none."""
    found = {t.instrument for t in tickers if t.symbol == symbol and t.venue == venue and is_valid_at(t, instant_ns)}
    if len(found) > 1:
        raise DataFault(f"instrument called {symbol} at {venue} at {text(instant_ns)}: {sorted(found)}, expected one")
    return next(iter(found), None)


def listed_at(tickers: Iterable[Ticker], venue: str, instant_ns: int) -> tuple[str, ...]:
    """The instruments that had a name at the venue at the instant, sorted; delisted ones of today among them."""
    return tuple(sorted({t.instrument for t in tickers if t.venue == venue and is_valid_at(t, instant_ns)}))


def check_tickers(tickers: Iterable[Ticker]) -> None:
    """Raise DataFault when a name means two instruments at once, Rejected when a ticker ends before it starts."""
    by_name: dict[tuple[str, str], list[Ticker]] = {}
    for ticker in tickers:
        if ticker.end_ns is not None and ticker.end_ns <= ticker.start_ns:
            raise Rejected(
                f"ticker {ticker.symbol} of {ticker.instrument}: ends {text(ticker.end_ns)}, expected after {text(ticker.start_ns)}"
            )
        by_name.setdefault((ticker.venue, ticker.symbol), []).append(ticker)
    for (venue, symbol), found in sorted(by_name.items()):
        open_until: Ticker | None = None
        for ticker in sorted(found, key=lambda one: (one.start_ns, one.instrument)):
            if open_until is not None and is_valid_at(open_until, ticker.start_ns) and open_until.instrument != ticker.instrument:
                raise DataFault(
                    f"ticker {symbol} at {venue} from {text(ticker.start_ns)}: means "
                    f"{open_until.instrument} and {ticker.instrument}, expected one"
                )
            if open_until is None or _end(ticker) >= _end(open_until):
                open_until = ticker


def renamed(tickers: Iterable[Ticker], instrument: str, symbol: str, at_ns: int) -> tuple[Ticker, ...]:
    """The tickers after the instrument took a new name at the instant; its id stays."""
    every = tuple(tickers)
    current = [t for t in every if t.instrument == instrument and is_valid_at(t, at_ns)]
    if len(current) != 1:
        raise DataFault(f"renaming {instrument} to {symbol} at {text(at_ns)}: {len(current)} names in use, expected one")
    kept = tuple(replace(t, end_ns=at_ns) if t is current[0] else t for t in every)
    after = (*kept, Ticker(instrument, symbol, current[0].venue, at_ns, current[0].end_ns))
    check_tickers(after)
    return after


def listings(tickers: Iterable[Ticker], pairs: Iterable[Pair], venue: str, at_ns: int) -> Listings:
    """What the venue's list of pairs, seen at the instant, says: newly trading pairs begin a ticker, vanished ones end theirs.

    Pairs whose name no instrument id can hold (letters outside ASCII) are passed over.
    A pair that is listed but does not trade keeps its ticker and begins none: a halt and a delisting look alike until it vanishes.
    """
    every = tuple(tickers)
    seen = {pair.symbol: pair for pair in pairs if is_instrument_name(pair.symbol, venue)}
    current = {t.symbol: t for t in every if t.venue == venue and is_valid_at(t, at_ns)}
    gone = [symbol for symbol in sorted(current) if symbol not in seen]
    fresh = [symbol for symbol in sorted(seen) if symbol not in current and seen[symbol].is_trading]
    kept = tuple(replace(t, end_ns=at_ns) if t.symbol in gone and t is current[t.symbol] else t for t in every)
    begun = tuple(Ticker(instrument_id(symbol, venue), symbol, venue, at_ns) for symbol in fresh)
    idle = tuple(current[symbol].instrument for symbol in sorted(current) if symbol in seen and not seen[symbol].is_trading)
    return Listings(kept + begun, tuple(t.instrument for t in begun), tuple(current[symbol].instrument for symbol in gone), idle)


def _end(ticker: Ticker) -> float:
    return float("inf") if ticker.end_ns is None else ticker.end_ns
