"""What a person writes about costs, fills and the account is refused where it cannot be, with its value."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tradewinds.core.errors import Rejected
from tradewinds.core.instrument import Instrument
from tradewinds.simulation.kernel_numbers import terms_of
from tradewinds.simulation.market import Market
from tradewinds.simulation.rules import Account, BasisPoints, Borrow, Fills, HalfSpread, PerUnit, Setup, Tiers, VolumeShare


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (lambda: BasisPoints(-101), "-101"),
        (lambda: BasisPoints(True), "True"),
        (lambda: PerUnit(-0.1), "-0.1"),
        (lambda: Tiers(((5.0, 1, 2),)), r"\[5.0\]"),
        (lambda: Tiers(((0.0, 1, 2),), days=0), "0 days"),
        (lambda: Tiers(((0.0, 1, 20_000),)), "20000"),
        (lambda: HalfSpread(bps=float("nan")), "nan"),
        (lambda: VolumeShare(power=9.0), "9.0"),
        (lambda: Borrow(11.0), "11.0"),
        (lambda: Fills(at="tomorrow"), "tomorrow"),  # type: ignore[arg-type]
        (lambda: Fills(participation=0.0), "participation: 0.0"),
        (lambda: Fills(latency_bars=-1), "-1 bars"),
        (lambda: Account(0.0), "capital: 0.0"),
        (lambda: Account(kind="loan"), "loan"),  # type: ignore[arg-type]
        (lambda: Account(maintenance=1.5), "1.5"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_its_value(made: Callable[[], object], told: str) -> None:
    with pytest.raises(Rejected, match=told):
        made()


def market() -> Market:
    prices, times = np.full((2, 2), 10.0), np.arange(2, dtype=np.int64)
    instruments = tuple(Instrument(f"I{at}.SIM", "equity", "USD", "XNYS") for at in range(2))
    return Market(instruments, times, times + 1, times, prices, prices, prices, prices, prices)


def test_costs_add_up_by_instrument() -> None:
    terms = terms_of(market(), Setup(costs=(BasisPoints(2, maker=1), BasisPoints(3, instruments=("I1.SIM",)), PerUnit(0.01, 1.0, 0.05))))

    assert terms["taker"].tolist() == [0.0002, pytest.approx(0.0005)]
    assert terms["maker"].tolist() == [0.0001, pytest.approx(0.0004)]
    assert (terms["minimum"].tolist(), terms["maximum"].tolist()) == ([1.0, 1.0], [0.05, 0.05])


def test_costs_of_unknown_instruments_and_of_two_schedules_are_refused() -> None:
    with pytest.raises(Rejected, match=r"'X\.SIM'"):
        terms_of(market(), Setup(costs=(BasisPoints(2, instruments=("X.SIM",)),)))
    with pytest.raises(Rejected, match="turnover tiers stated twice"):
        terms_of(market(), Setup(costs=(Tiers(((0, 1, 2),)), Tiers(((0, 1, 2),)))))
