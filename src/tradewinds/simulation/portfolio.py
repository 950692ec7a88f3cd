"""Several strategies on one account: each has a book of its own, all share the cash.

1. The market is widened: every book has its own columns, so that two books may hold the same instrument, one long and one short.
2. Weights are of the book's allocation times the account's whole equity; units and notional stay as they are.
3. Vector strategies with one kind of target are simulated in one compiled loop. Where an event strategy takes part, or kinds of target
   differ, the account moves bar by bar and every book decides in turn, in the order in which the books are named.
4. Orders and fills carry the number of their book; `book_profit` follows each book's money, and the books add up to the account.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from tradewinds.core.errors import Rejected
from tradewinds.core.instant import text
from tradewinds.history.panel import Panel
from tradewinds.simulation import kernel
from tradewinds.simulation.backtest import first_decision, seen_panel, targets_of
from tradewinds.simulation.book import BookSimulator
from tradewinds.simulation.books import INTEREST
from tradewinds.simulation.desk import follow
from tradewinds.simulation.event import EventRun
from tradewinds.simulation.market import Market
from tradewinds.simulation.result import Fingerprint, Result, orders_hash, parameters_text, setup_hash
from tradewinds.simulation.rules import Setup
from tradewinds.simulation.simulator import Simulator
from tradewinds.trading.columns import Corrections
from tradewinds.trading.panel import StrategyPanel
from tradewinds.trading.strategy import Strategy

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Book:
    """One strategy of a portfolio. allocation: its share of the equity; instruments: those of the market that it trades.

    decisions: rows at which it may decide, None: every bar. corrections: as in `backtest`, of the panel that all books share.
    """

    name: str
    strategy: Strategy
    parameters: Mapping[str, Any] = field(default_factory=dict)
    allocation: float = 1.0
    instruments: tuple[str, ...] = ()
    decisions: Ints | None = None
    corrections: Mapping[str, Corrections] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 < self.allocation <= 1:
            raise Rejected(f"book {self.name}: allocation {self.allocation}, expected a fraction above 0 and up to 1")


def backtest_portfolio(
    name: str,
    books: Sequence[Book],
    market: Market,
    panel: Panel,
    setup: Setup | None = None,
    *,
    start_ns: int | None = None,
    others: Mapping[str, Panel] | None = None,
) -> Result:
    """Run all books over one account, from the first bar on which each of them has its lookback.

    The result's market has a column for every instrument of every book, in the order of the books; its `books` name them.
    """
    _check(name, books, market)
    chosen = setup or Setup()
    columns = [[market.ids.index(one) for one in (book.instruments or market.ids)] for book in books]
    parts = [_part(market, own) for own in columns]
    panels = [_seen(book, part, panel, others) for book, part in zip(books, parts, strict=True)]
    params = [book.strategy.params(book.parameters) for book in books]
    first = max(first_decision(book.strategy, one, market, start_ns) for book, one in zip(books, params, strict=True))
    wide = widened(market, columns)
    units = {book.strategy.targets for book in books}
    simulator = Simulator(wide, chosen, targets=units.pop() if len(units) == 1 else "units")
    runs: list[_Vector | _Event] = []
    at = 0
    for number, (book, part, seen, one) in enumerate(zip(books, parts, panels, params, strict=True)):
        if book.strategy.kind == "vector":
            scale = book.allocation if book.strategy.targets == "weights" else 1.0
            runs.append(_Vector(at, number, book.strategy, targets_of(book.strategy, seen, one) * scale))
        else:
            shared = cast(Simulator, BookSimulator(simulator, part, at, number, book.allocation))
            later = _later(book, part, panel, others)
            run = EventRun(book.strategy, one, part, seen, chosen, first, corrections=later, is_stepped=True, simulator=shared)
            runs.append(_Event(run))
        at += part.shape[1]
    last = market.shape[0]
    vectors = [one for one in runs if isinstance(one, _Vector)]
    if len(vectors) == len(runs) and not units:
        simulator.run(np.ascontiguousarray(np.concatenate([one.targets for one in vectors], axis=1)), first, last)
    else:
        _step_by_step(simulator, runs, first, last)
    return _result(name, books, columns, simulator, first, last, [one.is_point_in_time for one in panels])


def widened(market: Market, columns: Sequence[Sequence[int]]) -> Market:
    """The market with the named columns of every book side by side; not copied where one book has them all in order."""
    flat = [column for own in columns for column in own]
    return _part(market, flat)


def book_profit(result: Result) -> Floats:
    """(times, books) the profit of each book since the start, realised and open, after costs, in account currency at each close.

    With the capital and the interest that the account itself received or paid, the books add up to the account's equity.
    """
    market = result.market
    times = market.shape[0]
    profit = np.zeros((times, max(1, len(result.books))))
    owner = np.array(result.column_books or [0] * market.shape[1])
    currency = np.array([market.currencies.index(one.currency) for one in market.instruments])
    flows = np.zeros((times, profit.shape[1], len(market.currencies)))
    fills, postings = result.fills, result.postings
    np.add.at(flows, (fills["row"], owner[fills["instrument"]], currency[fills["instrument"]]), -fills["amount"] - fills["commission"])
    own = postings[postings["kind"] != INTEREST]
    np.add.at(flows, (own["row"], owner[own["instrument"]], currency[own["instrument"]]), own["amount"])
    cash = np.cumsum(flows, axis=0)
    rates = np.broadcast_to(market.rates, (times, len(market.currencies)))
    profit += np.einsum("tbc,tc->tb", cash, rates)
    for column, one in enumerate(market.instruments):
        units = units_held(result, column)
        held = np.flatnonzero(units)
        if len(held):
            value = units * float(one.multiplier) * _last(market.close[:, column]) * rates[:, currency[column]]
            profit[held, owner[column]] += value[held]
    return profit


def units_held(result: Result, column: int) -> Floats:
    """(times,) units of one column held at each close, by its fills and splits; a fraction of a lot lost in a split is paid in cash."""
    market = result.market
    one = market.instruments[column]
    lot = float(one.lot) if one.lot is not None else 1.0
    fills = result.fills[result.fills["instrument"] == column]
    events = market.events
    splits = events[(events["instrument"] == column) & (events["kind"] == 0) & (events["row"] > result.first_row)]
    lots = np.zeros(market.shape[0])
    np.add.at(lots, fills["row"], fills["quantity"])
    if not len(splits):
        return np.cumsum(lots) * lot
    held, at = np.zeros(market.shape[0]), 0.0
    ratio = {int(row): float(value) for row, value in zip(splits["row"], splits["value"], strict=True)}
    for row in range(market.shape[0]):
        if row in ratio:
            at = float(np.trunc(at * ratio[row] + np.copysign(1e-9, at)))
        at += lots[row]
        held[row] = at
    return held * lot


def _check(name: str, books: Sequence[Book], market: Market) -> None:
    if not books:
        raise Rejected(f"portfolio {name}: no books, expected at least one")
    total = sum(book.allocation for book in books)
    if total > 1 + 1e-9:
        raise Rejected(f"portfolio {name}: allocations add up to {total:g}, expected at most 1")
    names = [book.name for book in books]
    if len(set(names)) < len(names):
        raise Rejected(f"portfolio {name}: books {names}, expected each name once")
    for book in books:
        absent = [one for one in book.instruments if one not in market.ids]
        if absent:
            raise Rejected(f"portfolio {name}: {absent[0]} of book {book.name}, expected one of {', '.join(market.ids[:5])}")


class _Vector:
    """Decides from targets made beforehand, (times, instruments of the book), scaled by its allocation."""

    def __init__(self, at: int, number: int, strategy: Strategy, targets: Floats) -> None:
        self.at = at
        self.number = number
        self.unit = strategy.targets
        self.targets = targets

    def decide(self, simulator: Simulator, row: int) -> None:
        market = simulator.market
        for column in np.flatnonzero(np.isinf(self.targets[row])).tolist():
            raise Rejected(
                f"simulation: target {self.targets[row, column]} of {market.ids[self.at + column]} at {text(int(market.end_ns[row]))} "
                f"(bar {row}), expected a finite number, or NaN to leave it"
            )
        wide = np.full(market.shape[1], np.nan)
        wide[self.at : self.at + self.targets.shape[1]] = self.targets[row]
        follow(simulator, wide, self.unit)


class _Event:
    """Decides by its own code, which sees the bar and the account through its book."""

    def __init__(self, run: EventRun) -> None:
        self.run = run

    def decide(self, simulator: Simulator, row: int) -> None:
        self.run.run(row + 1)


def _step_by_step(simulator: Simulator, runs: Sequence[_Vector | _Event], first: int, last: int) -> None:
    nothing = np.full((1, 1), np.nan)
    simulator.run(np.broadcast_to(nothing, simulator.market.shape).copy(), first, first + 1)
    for row in range(first, last):
        simulator.advance(row + 1)
        for one in runs:
            one.decide(simulator, row)


def _part(market: Market, columns: Sequence[int]) -> Market:
    """The market with those columns in that order; a column may stand there several times."""
    if list(columns) == list(range(market.shape[1])):
        return market
    events = [market.events[market.events["instrument"] == column] for column in columns]
    for at, own in enumerate(events):
        own["instrument"] = at
    chosen = np.concatenate(events) if events else market.events
    return replace(
        market,
        instruments=tuple(market.instruments[column] for column in columns),
        open=_columns(market.open, columns),
        high=_columns(market.high, columns),
        low=_columns(market.low, columns),
        close=_columns(market.close, columns),
        volume=_columns(market.volume, columns),
        events=chosen[np.lexsort((chosen["kind"], chosen["instrument"], chosen["row"]))],
    )


def _columns(values: Floats, columns: Sequence[int]) -> Floats:
    taken = np.ascontiguousarray(values[:, list(columns)])
    taken.setflags(write=False)
    return taken


def _seen(book: Book, market: Market, panel: Panel, others: Mapping[str, Panel] | None) -> StrategyPanel:
    own = panel if panel.instruments == market.ids else panel.select(market.ids)
    theirs = {}
    for name, other in (others or {}).items():
        theirs[name] = other.select(market.ids) if _is_narrowed(book, name, panel, other) else other
    return seen_panel(book.strategy, market, own, others=theirs, decisions=book.decisions)


def _later(book: Book, market: Market, panel: Panel, others: Mapping[str, Panel] | None) -> dict[str, Corrections]:
    """The book's corrections, of the columns that it sees."""
    own = [panel.instruments.index(one) for one in market.ids]
    driving, given = book.strategy.interval, others or {}
    return {
        name: later.select(own) if name == driving or _is_narrowed(book, name, panel, given[name]) else later
        for name, later in book.corrections.items()
        if name == driving or name in given
    }


def _is_narrowed(book: Book, name: str, panel: Panel, other: Panel) -> bool:
    """Whether a book sees only its own instruments of another panel: of the same instruments at another interval."""
    return other.instruments == panel.instruments and name in book.strategy.other_intervals


def _result(
    name: str,
    books: Sequence[Book],
    columns: Sequence[Sequence[int]],
    simulator: Simulator,
    first: int,
    last: int,
    are_point_in_time: Sequence[bool],
) -> Result:
    market, setup = simulator.market, simulator.setup
    owner = tuple(number for number, own in enumerate(columns) for _ in own)
    orders, fills, postings = (_copied(log) for log in (simulator.orders, simulator.fills, simulator.postings))
    for log in (orders, fills, postings):
        has_owner = log["instrument"] >= 0  # interest on cash is the account's
        log["book"][has_owner] = np.array(owner)[log["instrument"][has_owner]]
    parameters = {book.name: book.strategy.params(book.parameters).as_dict() for book in books}
    source = hashlib.sha256(
        repr([(book.name, book.strategy.source, book.allocation, list(own)) for book, own in zip(books, columns, strict=True)]).encode()
    ).hexdigest()
    mark = Fingerprint(
        market.vintage, source, parameters_text(parameters), setup_hash(setup), kernel.VERSION, orders_hash(orders, fills)
    )  # fmt: skip
    return Result(
        name, parameters, market, setup, first, last, simulator.equity, fills, orders, postings,
        simulator.books.positions["quantity"].copy(), mark, all(are_point_in_time), books=tuple(book.name for book in books),
        column_books=owner,
    )  # fmt: skip


def _copied(log: NDArray[np.void]) -> NDArray[np.void]:
    """A copy whose padding is zero, as the fingerprint expects; numpy's own leaves there what was in memory."""
    copied = np.zeros(len(log), log.dtype)
    copied[:] = log
    return copied


def _last(close: Floats) -> Floats:
    """The last close that was traded, at each row; 0 before the first."""
    rows = np.maximum.accumulate(np.where(np.isnan(close), -1, np.arange(len(close))))
    return np.where(rows >= 0, close[np.maximum(rows, 0)], 0.0)
