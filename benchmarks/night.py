"""One night of research under a real Airflow: a session is published, and that starts features, risk model, predictions, signals, report.

500 instruments with ten years of daily bars, 30 features, 4 styles and 11 sectors, a ridge and a LightGBM model of two folds each, trained
beforehand. The floor beside the figure is the same jobs one after the other in one process, without Airflow.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import night_house as made
from benchmarks.market_data import reach
from tradewinds.core.instant import parse
from tradewinds.jobs.book import book_of
from tradewinds.jobs.research_night import ends_of
from tradewinds.wiring.clock import ReplayClock
from tradewinds.wiring.house import House, run_job
from tradewinds.wiring.settings import load_config

if TYPE_CHECKING:
    from tradewinds.app.airflow_process import Airflow

NIGHT_S_MAX = 180.0
STEPS = ("features", "risk_model", "predict", "signals", "report")
FULL = made.Size(instruments=500, years=10, train_sessions=504, test_sessions=126)
QUICK = made.Size(instruments=60, years=2, train_sessions=200, test_sessions=60)
WAIT_S_MAX = 600.0
POLL_S = 0.5


def run(quick: bool = False) -> dict[str, Any]:
    """Figures and the reach; quick: small, and without Airflow."""
    size = QUICK if quick else FULL
    with tempfile.TemporaryDirectory(prefix="bench-night-") as folder:
        place = Path(folder) / "workspace"
        place.mkdir()
        made.make(place, size)
        begun = time.perf_counter()
        before = house_of(place, made.sessions_of(size)[-2])
        rows = made.fill(before.lake, size)
        prepared = prepared_by(before, str(made.sessions_of(size)[-2]))
        figures: dict[str, Any] = {
            "instruments": size.instruments, "bars": rows, "features": len(made.expressions()), "models": len(made.MODELS),
            "preparing_s": round(time.perf_counter() - begun, 1), "preparing_parts_s": prepared,
        }  # fmt: skip
        if quick:
            alone = _alone(house_of(place, made.LAST))
            figures |= {"jobs_alone_s": alone, "floor_s": round(sum(alone.values()), 2)}
            check(house_of(place, made.LAST))
            return {"figures": figures, "reach": {}}
        _copy_for_floor(place)
        alone = _alone(house_of(place / "floor", made.LAST))
        figures |= {"jobs_alone_s": alone, "floor_s": round(sum(alone.values()), 2)}
        figures |= _under_airflow(Path(folder), place)
        check(house_of(place, made.LAST))
        return {"figures": figures, "reach": {"night_s": reach(figures["night_s"], NIGHT_S_MAX)}}


def house_of(place: Path, day: date) -> House:
    """The house of a workspace, in the evening of a day."""
    config = load_config(place / "tradewinds.yaml", {"TRADEWINDS_HOME": str(place / "home")})
    return House(config, clock=ReplayClock(parse(f"{day}T23:00:00Z")))


def _copy_for_floor(place: Path) -> None:
    """The same house again, whose night is run without Airflow."""
    import shutil

    held = place.parent / "floor"
    shutil.copytree(place, held)
    held.rename(place / "floor")


def prepared_by(house: House, partition: str) -> dict[str, float]:
    """Seconds of the features of all sessions, and of training and promoting each model; of the night before."""
    taken: dict[str, float] = {}

    def job(name: str, params: dict[str, Any] | None = None, label: str = "") -> dict[str, Any]:
        begun = time.perf_counter()
        done = run_job(name, partition, params, house=house)
        key = f"{name} {label}".strip()
        taken[key] = round(taken.get(key, 0.0) + time.perf_counter() - begun, 2)
        return done

    job("research.features")
    for model in made.MODELS:
        for shard in job("train.plan", {"model": model}, model)["detail"]["shards"]:
            job("train.fold", shard["params"], model)
        version = job("train.run", {"model": model}, model)["detail"]["version"]
        house.models.promote(model, version, by="the benchmark")
    for step in STEPS[1:]:
        job(f"research.{step}")
    return taken


def _alone(house: House) -> dict[str, float]:
    """Seconds of each job of the night in this process."""
    market, partition = {"market": made.MARKET}, str(made.LAST)
    vendor = market | {"vendor": "made"}
    jobs: list[tuple[str, dict[str, Any]]] = [("equities.plan", market), ("equities.capture", vendor), ("equities.quality", vendor)]
    jobs += [("equities.reconcile", market), ("equities.publish", market)]
    jobs += [(f"research.{step}", {"research": made.BOOK}) for step in STEPS]
    taken = {}
    for name, params in jobs:
        begun = time.perf_counter()
        run_job(name, partition, params, house=house)
        taken[name] = round(time.perf_counter() - begun, 2)
    return taken


def environment_of(place: Path) -> dict[str, str]:
    """What Airflow's tasks are told of the workspace: they stand in the evening of the night."""
    return {
        "TRADEWINDS_CONFIG": str(place / "tradewinds.yaml"), "TRADEWINDS_HOME": str(place / "home"),
        "TRADEWINDS_CLOCK": f"{made.LAST}T23:00:00Z",
    }  # fmt: skip


def _under_airflow(folder: Path, place: Path) -> dict[str, Any]:
    from tradewinds.app.airflow_process import Airflow

    with Airflow(folder / "airflow", environment=environment_of(place), is_durable=False) as airflow:
        airflow.wait_until_healthy()
        ended = followed(airflow)
        phases = dict(airflow.phases)
    return {
        "night_s": max(ended.values()), "ended_after_s": ended, "airflow_start_s": phases, "processes_left": len(airflow.processes_left()),
    }  # fmt: skip


def followed(airflow: Airflow) -> dict[str, float]:
    """Seconds from asking for the publication of the session to the end of each step, which starts by what was published before it."""
    ended: dict[str, float] = {}
    begun = time.perf_counter()
    published = airflow.wait("equities_nightly_xnys", airflow.trigger("equities_nightly_xnys", {"partition": str(made.LAST)}))
    ended["published"] = round(time.perf_counter() - begun, 1)
    if published.state != "success":
        raise RuntimeError(f"the session was not published: {published.state}")
    while len(ended) < len(STEPS) + 1:
        for step in STEPS:
            states = [run.state for run in airflow.runs(f"{step}_{made.BOOK}")]
            if "failed" in states:
                raise RuntimeError(f"{step} failed under Airflow")
            if step not in ended and states and all(state == "success" for state in states):
                ended[step] = round(time.perf_counter() - begun, 1)
        if time.perf_counter() - begun > WAIT_S_MAX:
            raise RuntimeError(f"the night has ended {ended} after {WAIT_S_MAX:g} s, expected all of {STEPS}")
        time.sleep(POLL_S)
    return ended


def check(house: House) -> None:
    """Every step of the night has ended well, both models answered, and the page is there."""
    context = house.context("benchmark", "")
    ends = ends_of(context, book_of(context, {}), str(made.LAST), STEPS)
    failed = {step: ends.get(step, ("absent", [], {}))[1] for step in STEPS if ends.get(step, ("absent",))[0] not in ("done", "partial")}
    answered = sorted(ends["predict"][2]["models"]) if "predict" in ends else []
    if failed or answered != sorted(made.MODELS) or not Path(ends["report"][2]["page"]).is_file():
        raise RuntimeError(f"the night ended with {failed}, answers of {answered}, expected none failed and all models")
    weights = {step: end[2].get("session") for step, end in ends.items()}
    if set(weights.values()) != {str(made.LAST)}:
        raise RuntimeError(f"the steps are of {weights}, expected of {made.LAST}")


if __name__ == "__main__":
    print(json.dumps(run("--quick" in sys.argv), indent=1))
