"""What tests of adapters share: orders that passed the gate, and what an adapter told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tradewinds.core.account import Fill
from tradewinds.core.broker import Link, OrderReport, Told
from tradewinds.core.instant import parse
from tradewinds.core.order import ApprovedOrder, Intent, OrderTerms
from tradewinds.risk.limits import Gate

NOW_NS = parse("2025-03-14T12:34:56Z")


class Nothing:
    """A situation in which nothing is held."""

    def position(self, instrument: str) -> Decimal:
        return Decimal(0)

    def working(self, instrument: str) -> Decimal:
        return Decimal(0)

    def price(self, instrument: str) -> Decimal | None:
        return None

    def price_ns(self, instrument: str) -> int | None:
        return None

    def rate(self, instrument: str) -> Decimal | None:
        return None


@pytest.fixture
def approve() -> Callable[..., ApprovedOrder]:
    """Makes approved orders: approve("EUR_USD.OANDA", "buy", "100", kind="limit", limit="1.08"). Each has an id of its own."""
    made = 0

    def make(instrument: str, side: Any, quantity: str, **terms: Any) -> ApprovedOrder:
        nonlocal made
        made += 1
        for name in ("limit", "stop"):
            if name in terms:
                terms[name] = Decimal(terms[name])
        intent = Intent("test", "by hand", NOW_NS + made, OrderTerms(instrument, side, Decimal(quantity), **terms))
        order = Gate().judge(intent, Nothing(), NOW_NS)
        assert isinstance(order, ApprovedOrder)
        return order

    return make


class Heard:
    """Everything that an adapter told, in order."""

    def __init__(self) -> None:
        self.all: list[Told] = []
        self._more = asyncio.Event()

    def __call__(self, told: Told) -> None:
        self.all.append(told)
        self._more.set()

    @property
    def links(self) -> list[str]:
        return [one.state for one in self.all if isinstance(one, Link)]

    @property
    def fills(self) -> list[Fill]:
        return [one for one in self.all if isinstance(one, Fill)]

    @property
    def reports(self) -> list[OrderReport]:
        return [one for one in self.all if isinstance(one, OrderReport)]

    async def until(self, is_so: Callable[[Heard], bool], seconds: float = 10.0) -> None:
        """Wait until it is so; a hang fails the test."""
        async with asyncio.timeout(seconds):
            while not is_so(self):
                self._more.clear()
                await self._more.wait()


@pytest.fixture
def heard() -> Heard:
    """A listener for `Broker.open`."""
    return Heard()
