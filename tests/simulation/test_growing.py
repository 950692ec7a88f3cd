"""A simulation whose bars come one by one is the simulation of all of them at once, however often it begins again at the front."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.core.instrument import Instrument
from tradewinds.simulation.growing import PRICES, GrowingSimulator, Row
from tradewinds.simulation.market import Market
from tradewinds.simulation.rules import Account, BasisPoints, Borrow, Fills, HalfSpread, Setup, Tiers
from tradewinds.simulation.simulator import Simulator

HOUR_NS = 3_600_000_000_000
COUNT, WIDTH = 130, 3  # the last bar ends no session: of all bars at once, nothing shows that it would
KINDS = ("market", "limit", "stop", "stop_limit", "trailing_stop", "take_profit")


def instruments() -> list[Instrument]:
    return [
        Instrument(f"I{at}.XNAS", "equity", "EUR" if at == 2 else "USD", "24/7", tick=Decimal("0.01"), lot=Decimal("0.1"))
        for at in range(WIDTH)
    ]


def rows(seed: int) -> list[Row]:
    """Hours with gaps; every twenty-fourth ends a session."""
    drawn = np.random.default_rng(seed)
    close = np.round(50.0 + np.cumsum(drawn.normal(0, 0.3, (COUNT, WIDTH)), axis=0), 2)
    opened = np.round(close + drawn.normal(0, 0.2, close.shape), 2)
    values = {
        "open": opened, "high": np.maximum(opened, close) + 0.1, "low": np.minimum(opened, close) - 0.1, "close": close,
        "volume": np.floor(drawn.uniform(1, 60, close.shape)),
    }  # fmt: skip
    absent = drawn.random(close.shape) < 0.2
    for one in values.values():
        one[absent] = np.nan
    rates = 1.1 + 0.01 * np.sin(np.arange(COUNT))
    return [
        Row(at * HOUR_NS, (at + 1) * HOUR_NS, {name: one[at] for name, one in values.items()}, [float(rates[at])], at % 24 == 23)
        for at in range(COUNT)
    ]


def whole(seed: int) -> Market:
    given_rows = rows(seed)
    prices = {name: np.ascontiguousarray([one.values[name] for one in given_rows]) for name in PRICES}
    starts = np.array([one.start_ns for one in given_rows])
    rates = np.column_stack([np.ones(COUNT), [one.rates[0] for one in given_rows]])
    return Market(
        tuple(instruments()), starts, starts + HOUR_NS, np.arange(COUNT) // 24, prices["open"], prices["high"], prices["low"],
        prices["close"], prices["volume"], currencies=("USD", "EUR"),
        rates=np.ascontiguousarray(rates),
    )  # fmt: skip


def setup(seed: int) -> Setup:
    costs = (BasisPoints(2.0), HalfSpread(bps=1.0), Borrow(0.02)) if seed % 2 else (Tiers(((0.0, 1.0, 2.0), (500.0, 0.0, 1.0)), days=2),)
    return Setup(Account(20_000.0, "USD", leverage=2.0, interest=0.01), costs, Fills(participation=0.5))


def asked(seed: int, at: int, close: Any) -> list[dict[str, Any]]:
    """Orders that are placed at the close of a row, a few at some of them."""
    drawn = np.random.default_rng((seed, at))
    found = []
    for _ in range(int(drawn.integers(0, 3)) if drawn.random() < 0.5 else 0):
        column, side = int(drawn.integers(0, WIDTH)), int(drawn.choice([-1, 1]))
        price = 50.0 if np.isnan(close[column]) else float(close[column])
        found.append(
            {
                "instrument": column, "side": side, "quantity": float(drawn.integers(1, 200)) / 10,
                "kind": KINDS[int(drawn.integers(0, 6))],
                "limit": price - side * 0.2, "stop": price + side * 0.3, "trail": 0.4, "tif": "day" if drawn.random() < 0.3 else "gtc",
            }
        )  # fmt: skip
    return found


def place(simulator: Simulator, order: dict[str, Any]) -> int:
    kind = order["kind"]
    wanted = dict(order)
    if kind not in ("limit", "stop_limit", "take_profit"):
        del wanted["limit"]
    if kind not in ("stop", "stop_limit"):
        del wanted["stop"]
    if kind != "trailing_stop":
        del wanted["trail"]
    return simulator.submit(**wanted)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), room=st.sampled_from([4, 7, 40, 500]), restart=st.integers(0, COUNT - 1))
def test_bars_one_by_one_give_the_fills_of_all_bars_at_once(seed: int, room: int, restart: int) -> None:
    market, given_rows = whole(seed), rows(seed)
    plain = Simulator(market, setup(seed))
    growing = GrowingSimulator(instruments(), setup(seed), rows=room)

    found = []
    for at, row in enumerate(given_rows):
        if at == restart:
            snapshot = growing.snapshot()
            growing = GrowingSimulator(instruments(), setup(seed), rows=room)
            growing.restore(snapshot)
            assert growing.snapshot() == snapshot
        plain.advance(at + 1)
        found += [(at, *one.tolist()[2:8], one["order"]) for one in growing.take(row)]
        for order in asked(seed, at, market.close[at]):
            assert place(plain, order) == place(growing.simulator, order)

    assert found == [(int(one["row"]), *one.tolist()[2:8], one["order"]) for one in plain.fills]
    assert growing.simulator.equity_now == plain.equity_now
    assert growing.simulator.cash("EUR") == plain.cash("EUR")
    assert growing.simulator.open_orders() == plain.open_orders()


def test_an_order_of_a_target_is_trimmed_to_the_cash_instead_of_refused() -> None:
    growing = GrowingSimulator(instruments()[:1], Setup(Account(1_000.0, "USD", kind="cash")))
    prices = {
        "open": np.array([50.0]),
        "high": np.array([51.0]),
        "low": np.array([49.0]),
        "close": np.array([50.0]),
        "volume": np.array([1e6]),
    }
    growing.take(Row(0, HOUR_NS, prices))
    growing.restore(growing.snapshot())

    growing.mark_as_target(growing.simulator.submit(0, 1, 30.0))
    fills = growing.take(Row(HOUR_NS, 2 * HOUR_NS, prices))

    assert [int(one["quantity"]) for one in fills] == [200]


def test_a_snapshot_goes_on_with_other_instruments_as_long_as_what_is_held_is_there() -> None:
    one, two, three = instruments()
    prices = {name: np.array([50.0, 50.0]) for name in PRICES}
    growing = GrowingSimulator([one, two], Setup())
    growing.take(Row(0, HOUR_NS, prices))
    growing.simulator.submit(1, 1, 30.0)
    growing.take(Row(HOUR_NS, 2 * HOUR_NS, prices))
    growing.simulator.submit(1, -1, 10.0, "limit", limit=60.0)
    snapshot = growing.snapshot()

    other = GrowingSimulator([three, two], Setup())
    other.restore(snapshot)
    fills = other.take(Row(2 * HOUR_NS, 3 * HOUR_NS, {name: np.array([70.0, 70.0]) for name in PRICES}, [1.1]))

    assert other.simulator.quantity(1) == 20.0
    assert [(int(fill["instrument"]), float(fill["price"])) for fill in fills] == [(1, 70.0)]
    assert other.simulator.equity_now == 100_000.0 - 30 * 50 + 10 * 70 + 20 * 70
    with pytest.raises(Rejected, match=r"I1\.XNAS is held or ordered"):
        GrowingSimulator([one], Setup()).restore(snapshot)


def test_a_bar_that_is_not_later_and_a_snapshot_that_is_none_are_refused() -> None:
    growing = GrowingSimulator(instruments()[:2], Setup())
    growing.take(Row(0, HOUR_NS, {name: np.array([50.0, 50.0]) for name in PRICES}, [1.1]))

    with pytest.raises(Rejected, match="expected one after"):
        growing.take(Row(0, HOUR_NS, {name: np.array([50.0, 50.0]) for name in PRICES}, [1.1]))
    with pytest.raises(DataFault, match="cannot be read"):
        growing.restore("{}")
