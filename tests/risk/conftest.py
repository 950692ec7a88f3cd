"""What judging an order takes."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tradewinds.core.order import Intent, OrderTerms
from tradewinds.risk.limits import Standing

NOW_NS = 1_800_000_000_000_000_000  # 2027-01-15T08:00:00Z


@pytest.fixture
def now_ns() -> int:
    return NOW_NS


@pytest.fixture
def want() -> Callable[..., Intent]:
    """An intent: `want("buy", 5, limit="70000", strategy="trend")`; each has another id."""
    count = iter(range(10**6))

    def make(side: str, quantity: object, *, strategy: str = "trend", instrument: str = "BTCUSDT.BINANCE", **terms: Any) -> Intent:
        for name in ("limit", "stop", "trail"):
            if name in terms:
                terms[name] = Decimal(str(terms[name]))
        kind = "stop" if "stop" in terms else "limit" if "limit" in terms else "trailing_stop" if "trail" in terms else "market"
        asked = OrderTerms(instrument, side, Decimal(str(quantity)), terms.pop("kind", kind), **terms)  # type: ignore[arg-type]  # tests pass text
        return Intent("main", strategy, NOW_NS, asked, leg=next(count))

    return make


@pytest.fixture
def standing() -> Standing:
    """1,000,000 in cash, nothing held, bitcoin at 70,000."""
    found = Standing()
    found.keep("trend", Decimal(1_000_000))
    found.mark("BTCUSDT.BINANCE", Decimal(70_000), NOW_NS, Decimal(1))
    return found
