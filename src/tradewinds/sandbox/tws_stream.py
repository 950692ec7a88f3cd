"""Market data of one session: quotes, single ticks, historical bars and bars of five seconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from tradewinds.sandbox.exchange import Quote
from tradewinds.sandbox.tws_bars import NS, Bar, Wanted, bar_time, wanted
from tradewinds.sandbox.tws_contracts import Asked, Listed
from tradewinds.sandbox.tws_wire import frame, moment

if TYPE_CHECKING:
    from tradewinds.sandbox.tws_session import Session

LINES_MAX = 100
LIVE, DELAYED = 1, 3
# Bid, ask and last price, then the sizes of the three; delayed ones have numbers of their own.
LIVE_TICKS, DELAYED_TICKS = (1, 2, 4, 0, 3, 5), (66, 67, 68, 69, 70, 71)
BAR_S = 5


@dataclass(slots=True)
class Line:
    """One subscription. told: what was sent last; bar_ns: the newest bar that was sent."""

    listed: Listed
    kind: str
    told: object = None
    bar_ns: int = 0
    wanted: Wanted | None = None


class Stream:
    """What a session subscribes to."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._data_type = LIVE
        self._lines: dict[int, Line] = {}

    def clear(self) -> None:
        """Subscriptions are gone."""
        self._lines.clear()

    def choose(self, data_type: int) -> None:
        """Live (1), frozen (2), delayed (3) or delayed and frozen (4)."""
        self._data_type = data_type

    def end(self, request: int) -> None:
        """Stop one subscription."""
        self._lines.pop(request, None)

    def tick(self) -> None:
        """Send what moved."""
        for request, line in tuple(self._lines.items()):
            if line.kind == "quotes":
                self._quote(request, line)
            elif line.kind == "bars":
                self._bars(request, line)
            elif line.kind == "history":
                self._update(request, line)
            else:
                self._single(request, line)

    def quotes(self, request: int, listed: Listed, *, is_snapshot: bool) -> None:
        """Begin quotes, or tell them once."""
        session = self._session
        if len(self._lines) >= LINES_MAX:
            session.fail(request, 101, "Max number of tickers has been reached")
            return
        if not session.gateway.is_subscribed(listed.instrument) and self._data_type < DELAYED:
            session.fail(request, 354, "Requested market data is not subscribed.")
            return
        if not session.gateway.is_subscribed(listed.instrument):
            session.fail(request, 10167, "Requested market data is not subscribed. Displaying delayed market data.")
        is_live = session.gateway.is_subscribed(listed.instrument)
        session.send(frame(58, 1, request, self._data_type if is_live else max(self._data_type, DELAYED)))
        session.send(frame(81, request, listed.tick, "9c0001", 3))
        line = Line(listed, "quotes")
        self._quote(request, line)
        if is_snapshot:
            session.send(frame(57, 1, request))
        else:
            self._lines[request] = line

    def single(self, request: int, listed: Listed, kind: str) -> None:
        """Begin tick-by-tick data."""
        self._lines[request] = Line(listed, kind)
        self._single(request, self._lines[request])

    def bars(self, request: int, listed: Listed, what: str) -> None:
        """Begin bars of five seconds."""
        asked = Wanted(self._session.gateway.now_ns(), BAR_S, BAR_S, what, is_epoch=True)
        self._lines[request] = Line(listed, "bars", bar_ns=asked.end_ns // (BAR_S * NS) * BAR_S * NS - BAR_S * NS, wanted=asked)

    def keep_up(self, request: int, listed: Listed, asked: Wanted, last: Bar | None) -> None:
        """Go on with historical bars as they grow."""
        self._lines[request] = Line(listed, "history", told=last, bar_ns=last.start_ns if last else asked.end_ns, wanted=asked)

    def _quote(self, request: int, line: Line) -> None:
        gateway, session = self._session.gateway, self._session
        quote = gateway.exchange.quote(line.listed.instrument)
        if quote == line.told:
            return
        before = line.told if isinstance(line.told, Quote) else None
        line.told = quote
        ticks = LIVE_TICKS if gateway.is_subscribed(line.listed.instrument) else DELAYED_TICKS
        middle = (quote.bid + quote.ask) / 2 // line.listed.tick * line.listed.tick
        prices = ((quote.bid, quote.bid_size), (quote.ask, quote.ask_size), (middle, Decimal(1)))
        was = None if before is None else ((before.bid, before.bid_size), (before.ask, before.ask_size))
        for index, (price, size) in enumerate(prices):
            if was is None or index == 2 or was[index] != (price, size):
                session.send(frame(1, 6, request, ticks[index], price, size, 1))
                session.send(frame(2, 6, request, ticks[index + 3], size))

    def _single(self, request: int, line: Line) -> None:
        gateway, session = self._session.gateway, self._session
        quote = gateway.exchange.quote(line.listed.instrument)
        if quote == line.told:
            return
        line.told = quote
        at, middle = gateway.now_ns() // NS, (quote.bid + quote.ask) / 2
        if line.kind == "BidAsk":
            session.send(frame(99, request, 3, at, quote.bid, quote.ask, quote.bid_size, quote.ask_size, 0))
        elif line.kind == "MidPoint":
            session.send(frame(99, request, 4, at, middle))
        else:
            session.send(
                frame(99, request, 1 if line.kind == "Last" else 2, at, middle // line.listed.tick * line.listed.tick, 1, 0, "", "")
            )

    def _bars(self, request: int, line: Line) -> None:
        gateway = self._session.gateway
        assert line.wanted is not None
        if gateway.feed is None:
            return
        first, end = line.bar_ns + BAR_S * NS, gateway.now_ns() // (BAR_S * NS) * BAR_S * NS
        for bar in gateway.feed(line.listed.instrument, line.wanted.what, BAR_S, first, end):
            line.bar_ns = bar.start_ns
            self._session.send(
                frame(50, 3, request, bar.start_ns // NS, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.average, bar.trades)
            )

    def _update(self, request: int, line: Line) -> None:
        gateway, asked = self._session.gateway, line.wanted
        assert asked is not None
        if gateway.feed is None:
            return
        for bar in gateway.feed(line.listed.instrument, asked.what, asked.size_s, line.bar_ns, gateway.now_ns()):
            if bar == line.told:
                continue
            line.told, line.bar_ns = bar, bar.start_ns
            at = bar_time(bar.start_ns, asked.size_s, is_epoch=asked.is_epoch)
            self._session.send(frame(90, request, bar.trades, at, bar.open, bar.close, bar.high, bar.low, bar.average, bar.volume))


def market_data(session: Session, fields: list[str]) -> None:
    """Message 1."""
    request = int(fields[2])
    listed = _listed(session, request, fields[3:15])
    if listed is not None:
        session.stream.quotes(request, listed, is_snapshot=fields[17] == "1")


def market_data_type(session: Session, fields: list[str]) -> None:
    """Message 59."""
    session.stream.choose(int(fields[2]))


def end_versioned(session: Session, fields: list[str]) -> None:
    """Messages 2, 25 and 51: a subscription ends."""
    session.stream.end(int(fields[2]))


def end_plain(session: Session, fields: list[str]) -> None:
    """Message 98."""
    session.stream.end(int(fields[1]))


def tick_by_tick(session: Session, fields: list[str]) -> None:
    """Message 97."""
    request = int(fields[1])
    listed = _listed(session, request, fields[2:14])
    if listed is not None:
        session.stream.single(request, listed, fields[14])


def real_time_bars(session: Session, fields: list[str]) -> None:
    """Message 50."""
    request = int(fields[2])
    listed = _listed(session, request, fields[3:15])
    if listed is None:
        return
    if fields[15] != "5":
        session.fail(request, 321, "Error validating request.-'bZ' : cause - Real time bars are of 5 seconds")
        return
    session.stream.bars(request, listed, fields[16])


def historical_data(session: Session, fields: list[str]) -> None:
    """Message 20."""
    gateway, request = session.gateway, int(fields[1])
    listed = _listed(session, request, fields[2:14])
    if listed is None or gateway.is_silent_about_history:
        return
    _, end, size, duration, hours, what, date_format, keep = fields[14:22]
    asked = wanted(end, duration, size, what, date_format, gateway.now_ns())
    if isinstance(asked, str):
        session.fail(request, 321, f"Error validating request.-'bZ' : cause - {asked}")
        return
    if keep == "1" and end:
        session.fail(request, 321, "Error validating request.-'bZ' : cause - The end date must be empty if bars are kept up to date")
        return
    problem = gateway.pacing.problem((listed.instrument, what, str(asked.size_s), end, duration, hours), gateway.monotonic())
    if problem:
        session.fail(request, 162, f"Historical Market Data Service error message:Historical data request pacing violation: {problem}")
        return
    found = [] if gateway.feed is None else gateway.feed(listed.instrument, what, asked.size_s, asked.start_ns(), asked.end_ns)
    if not found:
        name = f"{listed.symbol}@{listed.exchange} {what.title()}"
        session.fail(request, 162, f"Historical Market Data Service error message:HMDS query returned no data: {name}")
        return
    session.send(_answer(request, asked, found))
    if keep == "1":
        session.stream.keep_up(request, listed, asked, found[-1])


def head_timestamp(session: Session, fields: list[str]) -> None:
    """Message 87: the earliest bar, which this venue puts at the beginning of 2017."""
    request = int(fields[1])
    if _listed(session, request, fields[2:14]) is not None:
        session.send(frame(88, request, "1483228800" if fields[17] == "2" else "20170101 00:00:00 UTC"))


DATA_REQUESTS: dict[int, Callable[[Session, list[str]], None]] = {
    1: market_data, 2: end_versioned, 20: historical_data, 25: end_versioned, 50: real_time_bars, 51: end_versioned, 59: market_data_type,
    87: head_timestamp, 90: end_plain, 97: tick_by_tick, 98: end_plain,
}  # fmt: skip


def _listed(session: Session, request: int, row: list[str]) -> Listed | None:
    found = session.gateway.catalogue.matching(Asked(*row))
    if len(found) != 1:
        session.fail(request, 200, "No security definition has been found for the request")
        return None
    return found[0]


def _answer(request: int, asked: Wanted, found: list[Bar]) -> bytes:
    """Message 17."""
    rows: list[object] = []
    for bar in found:
        at = bar_time(bar.start_ns, asked.size_s, is_epoch=asked.is_epoch)
        rows += [at, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.average, bar.trades]
    return frame(17, request, moment(asked.start_ns()), moment(asked.end_ns), len(found), *rows)
