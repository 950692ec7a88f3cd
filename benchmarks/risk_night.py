"""The nightly job of the risk model: one more session of what the night before kept, beside a walk over every session.

3,000 instruments with ten years of daily bars in the lake, 4 styles, 11 sectors and a market. A night reads the bars that its exposures
reach back to, checks that what is kept still holds, walks one session, makes the model and keeps the walk. The job publishes it besides.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import night_house as made
from benchmarks.market_data import reach
from tradewinds.calendars.sessions import calendar
from tradewinds.core.instant import parse
from tradewinds.core.market import bars
from tradewinds.core.observation import Table
from tradewinds.jobs.book import book_of
from tradewinds.jobs.research_state import NightWalk, night_walk
from tradewinds.wiring.clock import ReplayClock
from tradewinds.wiring.house import House, run_job
from tradewinds.wiring.settings import load_config

NIGHT_S_MAX = 1.0
TOLERANCE = 1e-12
FULL = made.Size(instruments=3_000, years=10, train_sessions=504, test_sessions=126)
QUICK = made.Size(instruments=60, years=3, train_sessions=200, test_sessions=60)


def run(quick: bool = False) -> dict[str, Any]:
    """Figures and the reach; quick: 60 instruments and three years."""
    size, rounds = (QUICK, 2) if quick else (FULL, 5)
    with tempfile.TemporaryDirectory(prefix="bench-risk-night-") as folder:
        place = Path(folder) / "workspace"
        place.mkdir()
        made.make(place, size, features={"reversal": "zscore(-reversal(5))"})
        before, last = made.sessions_of(size)[-2:]
        house = _house(place, str(before))
        rows = made.fill(house.lake, size)
        first_s = _seconds(lambda: run_job("research.risk_model", str(before), house=house))
        _publish_last(house, size)
        return _figures(place, str(last), rounds, {"instruments": size.instruments, "bars": rows, "first_job_s": round(first_s, 2)})


def _figures(place: Path, night: str, rounds: int, about: dict[str, Any]) -> dict[str, Any]:
    taken, worked = [], []
    for _ in range(rounds):
        house = _house(place, night)
        began, processor = time.perf_counter(), time.process_time()
        stepped, said = _walk(house, night)
        taken.append(time.perf_counter() - began)
        worked.append(time.process_time() - processor)
        if said:
            raise RuntimeError(f"the night walked every session: {said}, expected one step")
        _forget(place, night)
    house = _house(place, night)
    job_s = _seconds(lambda: run_job("research.risk_model", night, house=house))
    _forget(place, "*")
    began = time.perf_counter()
    whole, _ = _walk(house, night)
    whole_s = time.perf_counter() - began
    apart = _apart(stepped, whole)
    if not apart <= TOLERANCE:
        raise RuntimeError(f"the step is {apart} from the walk over every session, expected at most {TOLERANCE}")
    figures = {
        **about,
        "one_more_night_s": round(float(np.median(taken)), 3),
        "one_more_night_processor_s": round(float(np.median(worked)), 3),
        "job_s": round(job_s, 3),
        "floor_every_session_s": round(whole_s, 2),
        "apart": apart,
    }
    return {"figures": figures, "reach": {"one_more_night_s": reach(figures["one_more_night_s"], NIGHT_S_MAX)}}


def _walk(house: House, night: str) -> tuple[NightWalk, list[str]]:
    """The night's walk with its model, and what it said: nothing where it was one step."""
    said: list[str] = []
    context = replace(house.context("benchmark", night), progress=said.append)
    book = book_of(context, {})
    found = night_walk(context, book, night)
    found.walk.model(book)
    return found, said


def _apart(one: NightWalk, other: NightWalk) -> float:
    """The largest difference of any number of two walks; infinite where one knows what the other does not."""
    theirs = other.walk.arrays()
    most = 0.0
    for name, values in one.walk.arrays().items():
        mine, expected = np.asarray(values, np.float64), np.asarray(theirs[name], np.float64)
        if mine.shape != expected.shape or not np.array_equal(np.isnan(mine), np.isnan(expected)):
            return float("inf")
        most = max(most, float(np.nanmax(np.abs(mine - expected), initial=0.0)))
    return most


def _publish_last(house: House, size: made.Size) -> None:
    """The night's bars."""
    values, day = made.bars_of(size)[-1:], made.LAST
    market = calendar(made.MARKET)
    starts, ends = np.array([market.open_ns(day)]), np.array([market.close_ns(day)])
    house.lake.publish(Table(bars("1d")), str(day.year), made.frame_of(made.names_of(size), starts, ends, values))


def _house(place: Path, night: str) -> House:
    """The house of the workspace in the evening of a session."""
    config = load_config(place / "tradewinds.yaml", {"TRADEWINDS_HOME": str(place / "home")})
    return House(config, clock=ReplayClock(parse(f"{night}T23:00:00Z")))


def _forget(place: Path, night: str) -> None:
    """Take away what was kept of a session."""
    for file in place.glob(f"home/research-states/*/*/{night}.state"):
        file.unlink()


def _seconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began
