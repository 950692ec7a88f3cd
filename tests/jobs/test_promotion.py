"""From a trained model to the champion: what the rule proposes, and that a person decides."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tradewinds.core.errors import Missing, Rejected
from tradewinds.core.instant import NS_PER_DAY, parse
from tradewinds.core.market import bars
from tradewinds.core.observation import Table
from tradewinds.jobs.research_book import publish
from tradewinds.wiring.house import House, run_job

MakeHouse = Callable[..., House]

START = "2023-06-01T00:00:00Z"
NAMES = tuple(f"C{number:02d}.BINANCE" for number in range(12))
BOOK = f"""
research:
  coins:
    calendar: 24/7
    since: 2023-06-01
    instruments: [{", ".join(NAMES)}]
    features: {{growth: "zscore(returns(close, 20))"}}
"""
MODEL = "{research: coins, train_sessions: 60, test_sessions: 40, label: {horizon: 2}, promotion: {sessions_min: %d}}"
FIRST, SECOND = "2023-12-27", "2024-01-06"


def _bars(days: int, drift: float) -> pl.DataFrame:
    """Coins that each go their way: the first falls, the last rises by `drift` a day, with noise of one percent."""
    draw = np.random.default_rng(11)
    trends = np.linspace(-drift, drift, len(NAMES))
    closes = 100.0 * np.exp(np.cumsum(draw.normal(0.0, 0.01, (300, len(NAMES)))[:days] + trends, axis=0))
    starts = parse(START) + np.arange(days) * NS_PER_DAY
    nothing = {"quote_volume": None, "trades": None, "taker_base": None, "taker_quote": None}
    frames = [
        pl.DataFrame({"start_ns": starts, "close": closes[:, at]}).with_columns(
            pl.lit(name).alias("instrument"),
            (pl.col("start_ns") + NS_PER_DAY).alias("event_ns"),
            (pl.col("start_ns") + NS_PER_DAY + 1_000_000).alias("known_ns"),
            *(pl.col("close").alias(one) for one in ("open", "high", "low")),
            pl.lit(1e3).alias("volume"),
            *(pl.lit(None, pl.Int64 if one == "trades" else pl.Float64).alias(one) for one in nothing),
        )
        for at, name in enumerate(NAMES)
    ]
    return pl.concat(frames)


@pytest.fixture
def house_of(make_house: MakeHouse, tmp_path: Path) -> Callable[..., House]:
    """A house in the morning after a day, with bars of coins that trend by so much until then, and a model over them."""

    def make(day: str = FIRST, *, drift: float = 0.004, sessions_min: int = 60) -> House:
        (tmp_path / "models").mkdir(exist_ok=True)
        (tmp_path / "models" / "trend.yaml").write_text(MODEL % sessions_min)
        made = make_house(BOOK, now=f"{day}T00:30:00Z")
        days = (parse(f"{day}T00:00:00Z") - parse(START)) // NS_PER_DAY
        publish(made.context("test", ""), Table(bars("1d")), _bars(days, drift))
        run_job("research.features", day, house=made)
        return made

    return make


def _trained(house: House, day: str = FIRST) -> dict[str, Any]:
    for shard in run_job("train.plan", day, house=house)["detail"]["shards"]:
        run_job("train.fold", day, shard["params"], house=house)
    detail: dict[str, Any] = run_job("train.run", day, house=house)["detail"]
    return detail


def test_the_first_version_that_passes_the_rule_waits_for_a_person_too(house_of: Callable[..., House]) -> None:
    house = house_of()

    told = _trained(house)

    said = told["promotion"]
    assert said["is_proposed"]
    assert said["champion"] is None
    assert said["challenger"] > 0.2
    assert said["p"] <= 0.05
    (question,) = told["questions"]
    assert question["params"] == {"model": "trend", "version": "1"}
    assert question["subject"] == "model trend: version 1 as the champion? [trend/1]"
    assert "and no champion" in question["body"]
    assert house.models.aliases("trend") == {"challenger": "1"}  # a proposal changes nothing


def test_a_model_of_noise_is_not_proposed_and_the_reason_is_told(house_of: Callable[..., House]) -> None:
    told = _trained(house_of(drift=0.0))

    assert told["questions"] == []
    assert not told["promotion"]["is_proposed"]
    assert "which chance explains" in told["promotion"]["why"]


def test_too_few_sessions_propose_nothing(house_of: Callable[..., House]) -> None:
    told = _trained(house_of(sessions_min=500))

    assert told["questions"] == []
    assert "expected at least 500" in told["promotion"]["why"]


def test_a_yes_makes_the_champion_and_a_no_leaves_everything_as_it_is(house_of: Callable[..., House]) -> None:
    house = house_of()
    params = _trained(house)["questions"][0]["params"]

    denied = run_job("train.promote", FIRST, {**params, "answer": "deny", "by": "bob"}, house=house)
    after_no = house.models.aliases("trend")
    approved = run_job("train.promote", FIRST, {**params, "answer": "approve", "by": "ada"}, house=house)
    again = run_job("train.promote", FIRST, {**params, "answer": "approve", "by": "ada"}, house=house)

    assert (denied["state"], denied["detail"]["by"], after_no) == ("nothing", "bob", {"challenger": "1"})
    assert (approved["state"], approved["detail"]["before"]) == ("done", None)
    assert again["state"] == "nothing"
    assert house.models.aliases("trend") == {"champion": "1"}


def test_a_challenger_stands_against_the_rows_of_the_champions_own_training(house_of: Callable[..., House]) -> None:
    first = house_of()
    run_job("train.promote", FIRST, {**_trained(first)["questions"][0]["params"], "by": "ada"}, house=first)

    told = _trained(house_of(SECOND), SECOND)

    said = told["promotion"]
    assert told["version"] == "2"
    assert said["champion"] == pytest.approx(said["challenger"], abs=0.02)  # the same learner over nearly the same days
    assert not said["is_proposed"]
    assert "against the champion's" in said["why"]


def test_a_promotion_names_a_version_that_is_there_and_a_person(house_of: Callable[..., House]) -> None:
    house = house_of()
    _trained(house)
    wrong: list[tuple[dict[str, str], type[Exception], str]] = [
        ({"model": "trend"}, Rejected, "expected both"),
        ({"model": "trend", "version": "1", "by": " "}, Rejected, "expected the name of the person"),
        ({"model": "trend", "version": "9", "by": "ada"}, Missing, "trend/9"),
        ({"model": "trend", "version": "1", "by": "ada", "answer": "maybe"}, Rejected, "expected approve or deny"),
    ]

    for params, kind, why in wrong:
        with pytest.raises(kind, match=why):
            run_job("train.promote", FIRST, params, house=house)

    assert house.models.aliases("trend") == {"challenger": "1"}
