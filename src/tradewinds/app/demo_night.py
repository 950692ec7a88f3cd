"""The demo's nights of research: chained to the equities that were published, with one model that is trained and put in charge."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tradewinds.app.airflow_process import Airflow
from tradewinds.core.errors import Transient
from tradewinds.jobs.model_port import CHALLENGER
from tradewinds.wiring.house import House

BOOK, MODEL = "us", "trend"
RESEARCH = """\
research:
  us:
    market: XNYS
    calendar: XNYS
    since: 2008-01-02
    features:
      momentum: rank(momentum(252, 21))
      reversal: rank(-reversal(5))
      volatility: zscore(volatility(63))
      trend: close / sma(200) - 1
      rsi: rsi(14)
    risk:
      styles:
        momentum: zscore(momentum(252, 21))
        volatility: zscore(volatility(126))
    portfolio: {weight_max: 0.4, capital: 100000}
"""
TREND = """\
research: us
label: {kind: forward_return, horizon: 5}
learner: {kind: ridge}
train_sessions: 504
test_sessions: 126
folds_max: 3
"""
PLANS = ("features_us", "risk_model_us", "predict_us", "signals_us", "report_us")
WAIT_S_MAX = 150.0
POLL_S = 0.5


def write_models(workspace: Path) -> None:
    """The workspace's model."""
    (workspace / "models").mkdir(parents=True, exist_ok=True)
    (workspace / "models" / f"{MODEL}.yaml").write_text(TREND, encoding="utf-8")


def wait_for(airflow: Airflow, dag: str, count: int, say: Callable[[str], None]) -> None:
    """Until so many runs of a plan that nobody asks for by hand have ended well. Raises Transient where that takes too long."""
    deadline = time.monotonic() + WAIT_S_MAX
    while time.monotonic() < deadline:
        states = [run.state for run in airflow.runs(dag)]
        say(f"{states.count('success')} of {count} done")
        if states.count("success") >= count:
            return
        time.sleep(POLL_S)
    raise Transient(f"demo: {dag} has {states.count('success')} good runs of {len(states)} after {WAIT_S_MAX:g} s, expected {count}")


def promote(house: House) -> str:
    """Put the trained model in charge, as a person would after reading its card; returns its version."""
    version = house.models.aliases(MODEL)[CHALLENGER]
    house.models.promote(MODEL, version, by="the demo")
    return version


def facts_of_night(house: House, session: str) -> dict[str, Any]:
    """What the last night says of itself, read back from the lake."""
    from tradewinds.jobs.book import book_of
    from tradewinds.jobs.research_night import ends_of

    context = house.context("demo", session)
    book = book_of(context, {"research": BOOK})
    ends = ends_of(context, book, session, ("features", "risk_model", "predict", "signals", "report"))
    details = {step: {**detail, "state": state, "gaps": gaps} for step, (state, gaps, detail) in ends.items()}
    page = details.get("report", {}).get("page")
    card = house.models.card(house.models.resolve(f"models:/{MODEL}@champion"))
    is_good = len(ends) == 5 and not any(state == "failed" for state, _, _ in ends.values()) and page is not None and Path(page).is_file()
    return {
        "is_good": is_good,
        "session": session,
        "steps": details,
        "page": page,
        "model": {"name": MODEL, "sha256": card.sha256, "scores": dict(card.scores)},
    }
