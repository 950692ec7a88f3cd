"""The demo's last step: the workspace's example strategy over the history that the demo has just published."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tradewinds.app.demo_data import FIRST, LATE_NIGHT

INSTRUMENTS = ("AAPL.XNAS", "IBM.XNYS", "MSFT.XNAS")
COSTS = ("bps=1", "half_spread=1")


def backtested(strategy: Path, house: Any, pages: Path) -> dict[str, Any]:
    """Backtest it and write its tear sheet; what came of it."""
    from tradewinds.app.backtest import write_page
    from tradewinds.trading.declared import Terms
    from tradewinds.wiring.research import Asked, plan, run
    from tradewinds.wiring.setup import cost_words

    begun = time.monotonic()
    terms = Terms(instruments=INSTRUMENTS, costs=tuple(cost_words(text) for text in COSTS))
    result, _ = run(plan(Asked(place=str(strategy), terms=terms)), lambda: house)
    summary = result.performance()
    page = write_page(result, pages)
    return {
        "strategy": strategy.name,
        "instruments": list(INSTRUMENTS),
        "from": str(FIRST),
        "to": str(LATE_NIGHT),
        "return": summary.total_return,
        "sharpe": summary.sharpe,
        "max_drawdown": summary.max_drawdown,
        "trades": summary.trades.count,
        "commission": 0.0 - summary.attribution.by_kind.get("commission", 0.0),
        "fingerprint": result.fingerprint.whole,
        "tear_sheet": str(page),
        "seconds": round(time.monotonic() - begun, 2),
    }
