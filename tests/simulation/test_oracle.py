"""The kernel against two independent Decimal accountants, over random markets, orders, events and costs."""

from __future__ import annotations

import importlib.util
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewinds.core.errors import Rejected
from tradewinds.core.instrument import Instrument
from tradewinds.history.panel import Panel
from tradewinds.simulation.books import DIVIDEND, EVENT, EXCHANGE, FUNDING, SPLIT
from tradewinds.simulation.market import Market, market_of_panel
from tradewinds.simulation.rules import Account, BasisPoints, Borrow, Financing, HalfSpread, PerUnit, Setup, VolumeShare
from tradewinds.simulation.simulator import Simulator


def _oracle() -> Any:
    spec = importlib.util.spec_from_file_location("simulation_oracle", Path(__file__).with_name("oracle.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


oracle = _oracle()
DAY = 86_400_000_000_000
ROWS = 12
LOTS = ("1", "0.5")
CENT = Decimal("0.005")

cents = st.integers(-300, 300)
orders = st.lists(
    st.tuples(
        st.integers(0, ROWS - 2),  # the bar at whose close it is decided
        st.integers(0, 1),
        st.sampled_from([1, -1]),
        st.integers(1, 40),
        st.sampled_from(["market", "limit", "stop"]),
        cents,
    ),
    max_size=25,
)


@st.composite
def bars(draw: Any) -> Any:
    """(ROWS, 2, 4) prices in cents around 100.00; an instrument now and then does not trade."""
    out = np.zeros((ROWS, 2, 4))
    for column in range(2):
        close = 10_000
        for row in range(ROWS):
            opened = close + draw(cents)
            close = opened + draw(cents)
            high, low = max(opened, close) + draw(st.integers(0, 200)), min(opened, close) - draw(st.integers(0, 200))
            out[row, column] = (opened, high, low, close) if row == 0 or draw(st.integers(0, 9)) else (np.nan,) * 4
    return out / 100


def market(prices: Any, events: list[tuple[int, int, int, float]], rates: Any = None) -> Market:
    times = np.arange(ROWS, dtype=np.int64) * DAY
    fields = {name: prices[:, :, at].copy() for at, name in enumerate(("open", "high", "low", "close"))}
    fields["volume"] = np.where(np.isnan(prices[:, :, 0]), np.nan, 500.0)
    known = np.repeat((times + DAY)[:, None], 2, axis=1)
    panel = Panel(("AAPL.XNAS", "SAP.XETR"), times, times + DAY, known, fields)
    instruments = [
        Instrument("AAPL.XNAS", "equity", "USD", "XNYS", lot=Decimal(LOTS[0])),
        Instrument("SAP.XETR", "equity", "EUR", "XETR", lot=Decimal(LOTS[1])),
    ]
    euros = np.full(ROWS, 1.25) if rates is None else rates
    happened = np.array([(row, at, kind, value, np.nan) for row, at, kind, value in events], EVENT)
    return market_of_panel(panel, instruments, rates={"EUR": euros}, events=happened)


def last_close(prices: Any, row: int, instrument: int) -> float:
    seen = prices[: row + 1, instrument, 3]
    return float(seen[~np.isnan(seen)][-1])


def decimals(row: Any) -> list[Any]:
    return [None if np.isnan(bar[0]) else tuple(oracle.exact(price) for price in bar) for bar in row]


@settings(max_examples=150, deadline=None)
@given(
    prices=bars(),
    asked=orders,
    splits=st.lists(st.tuples(st.integers(1, ROWS - 1), st.integers(0, 1), st.sampled_from([2.0, 4.0, 0.5])), max_size=2),
    dividends=st.lists(st.tuples(st.integers(1, ROWS - 1), st.integers(0, 1), st.integers(1, 300)), max_size=3),
)
def test_matching_and_cash_agree_with_an_exchange_that_knows_nothing_of_the_kernel(
    prices: Any, asked: Any, splits: Any, dividends: Any
) -> None:
    events = sorted(
        [(row, at, DIVIDEND, paid / 100) for row, at, paid in dividends] + [(row, at, SPLIT, ratio) for row, at, ratio in splits],
        key=lambda one: (one[0], one[1], one[2] == SPLIT),
    )
    setup = Setup(Account(10_000_000.0, leverage=100.0), (BasisPoints(7), PerUnit(0.25, minimum=1.5)))
    run = Simulator(market(prices, events), setup)
    cash = [Decimal(10_000_000), Decimal(0)]
    lots = [Decimal(lot) for lot in LOTS]
    peer = oracle.Exchange(lots, [0, 1], cash, Decimal("0.0007"), Decimal("0.25"), Decimal("1.5"))
    peer_fee = [Decimal("0.25") * lot for lot in lots]

    for row in range(ROWS):
        for when, at, kind, value in events:
            if when == row:
                (peer.split if kind == SPLIT else peer.dividend)(at, oracle.exact(value))
        _per_lot_bar(peer, peer_fee, row, decimals(prices[row]))
        run.advance(row + 1)
        for decided, at, side, count, kind, offset in asked:
            if decided != row:
                continue
            price = peer.last[at] + Decimal(offset) / 100
            if kind != "market" and price <= 0:
                continue
            limit, stop = (float(price) if kind == name else np.nan for name in ("limit", "stop"))
            identity = run.submit(at, side, count * float(lots[at]), kind, limit=limit, stop=stop)
            peer.open_orders.append(oracle.Order(identity, at, side, Decimal(count), kind, price))

    assert [(int(f["row"]), int(f["order"]), int(f["quantity"])) for f in run.fills] == [fill[:3] for fill in peer.fills]
    for ours, theirs in zip(run.fills, peer.fills, strict=True):
        assert abs(oracle.exact(ours["price"]) - theirs[3]) < Decimal("1e-9")
    for ours, theirs in zip(run.books.cash, peer.cash, strict=True):
        assert abs(oracle.exact(ours) - theirs) < CENT
    assert [int(q) for q in run.books.positions["quantity"]] == [int(q) for q in peer.lots]


def _per_lot_bar(peer: Any, fees: list[Decimal], row: int, bar: list[Any]) -> None:
    """The exchange charges per unit; its lots differ in size, so each instrument trades with its own fee."""
    booked = peer._book

    def book(at_row: int, order: Any, price: Decimal) -> None:
        peer.per_lot = fees[order.instrument]
        booked(at_row, order, price)

    peer._book = book
    peer.bar(row, bar)
    peer._book = booked


@settings(max_examples=150, deadline=None)
@given(
    prices=bars(),
    asked=orders,
    events=st.lists(
        st.one_of(
            st.tuples(st.integers(0, ROWS - 1), st.integers(0, 1), st.just(SPLIT), st.sampled_from([3.0, 0.3333333333, 1.5, 0.1])),
            st.tuples(st.integers(0, ROWS - 1), st.integers(0, 1), st.just(DIVIDEND), st.sampled_from([0.0, 0.37, 2.5])),
            st.tuples(st.integers(0, ROWS - 1), st.integers(0, 1), st.just(FUNDING), st.sampled_from([-0.01, 0.0003])),
        ),
        max_size=5,
    ),
    kind=st.sampled_from(["margin", "cash"]),
    leverage=st.sampled_from([1.0, 3.0]),
    rates=st.lists(st.integers(80, 140), min_size=ROWS, max_size=ROWS),
    weights=st.lists(st.sampled_from([-0.8, 0.0, 0.3, 0.9, float("nan")]), min_size=2 * ROWS, max_size=2 * ROWS),
)
def test_cash_lots_cost_and_equity_are_the_sum_of_fills_and_postings(
    prices: Any, asked: Any, events: Any, kind: Any, leverage: float, rates: Any, weights: Any
) -> None:
    costs = (BasisPoints(10, maker=-2), PerUnit(0.01, 1.0, 0.02), HalfSpread(bps=3), VolumeShare(), Borrow(0.05), Financing(0.06, 0.01))
    account = Account(20_000.0, kind=kind, leverage=leverage, interest=0.02, debit=0.08, maintenance=0.0)
    euros = np.array(rates) / 100
    run = Simulator(market(prices, events, euros), Setup(account, costs))

    last = ROWS - 1
    for row in range(ROWS):
        try:
            run.advance(row + 1)
        except Rejected:  # a split that no price follows can ruin a short seller: the books have to be right then, too
            last = row
            break
        for at in range(2):
            run.target(at, weights[2 * row + at], "weights")
        for decided, at, side, count, what, offset in asked:
            if decided == row:
                price = last_close(prices, row, at) + offset / 100
                if price > 0:
                    limit, stop = (price if what == name else np.nan for name in ("limit", "stop"))
                    run.submit(at, side, count * float(LOTS[at]), what, limit=limit, stop=stop)

    peer = oracle.Ledger([Decimal(lot) for lot in LOTS], [0, 1], [Decimal(20_000), Decimal(0)])
    trail = sorted(
        [(int(one["row"]), 0, n, one) for n, one in enumerate(run.postings)]
        + [(int(one["row"]), 1, n, one) for n, one in enumerate(run.fills)],
        key=lambda one: one[:3],
    )
    for _, is_fill, _, one in trail:
        if is_fill:
            profit = peer.fill(int(one["instrument"]), int(one["quantity"]), float(one["price"]), float(one["commission"]))
            if not events:
                assert abs(profit - oracle.exact(one["realised"])) < CENT
        else:
            peer.post(int(one["currency"]), float(one["amount"]), int(one["instrument"]), int(one["quantity"]))

    for ours, theirs in zip(run.books.cash, peer.cash, strict=True):
        assert abs(oracle.exact(ours) - theirs) < CENT
        charged = -float(np.minimum(run.postings["amount"][run.postings["kind"] != EXCHANGE], 0.0).sum())
        assert kind == "margin" or ours > -1.4 * charged - 1e-6  # trades alone never owe; what days and events charge may
    assert [int(q) for q in run.books.positions["quantity"]] == peer.lots
    if not events:
        for ours, theirs in zip(run.books.positions["cost"], peer.cost, strict=True):
            assert abs(oracle.exact(ours) - theirs) < CENT
    equity = peer.equity([float(x) for x in run.books.positions["last"]], [1.0, float(euros[last])])
    assert abs(oracle.exact(run.equity_now) - equity) < CENT
    assert run.books.equity[last] == run.equity_now
