"""What `tradewinds check` asks of a person's strategy, asked of the examples."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tradewinds.simulation.lookahead import check_strategy
from tradewinds.trading.strategy import Strategy


@pytest.mark.parametrize("name", ["sma_cross", "rsi_bracket", "momentum", "pairs", "funding_carry"])
def test_no_example_looks_ahead(example: Callable[[str], Strategy], name: str) -> None:
    verdict = check_strategy(example(name))

    assert verdict.findings == ()
    assert verdict.decisions > 0
