"""What the demo does, step by step, and what it found to be so afterwards."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any

from tradewinds.app import demo_data, demo_night
from tradewinds.app.airflow_process import Airflow
from tradewinds.app.demo_coins import SEED, SEEDED_NOW, Coins, coins_for
from tradewinds.app.demo_data import LATE_NIGHT, QUIET_NIGHT, DemoData
from tradewinds.app.demo_facts import facts
from tradewinds.app.demo_screen import Screen
from tradewinds.app.demo_strategy import backtested
from tradewinds.app.demo_trade import ALONE, TradingDemo
from tradewinds.calendars.sessions import calendar
from tradewinds.core.errors import Rejected, Transient
from tradewinds.core.instant import parse
from tradewinds.wiring import sandbox
from tradewinds.wiring.house import House
from tradewinds.wiring.settings import default_home, load_config

MARK = "made by tradewinds demo; removed when it runs again\n"
RUN_S_MAX = 300.0
Stay = Callable[[dict[str, Any], TradingDemo], None]
NIGHTS = 3  # the history, a quiet night and a late one; the correction of its morning counts from the next night on
STRATEGY = "moving_average.py"
EQUITIES = """\
equities:
  XNYS:
    calendar: XNYS
    instruments: [AAPL.XNAS, FB.XNAS, GOOG.XNAS, IBM.XNYS, MSFT.XNAS]
    vendors: [wiki, planted]
    second_opinions: [skfolio]
    since: 2003-01-02
vendors:
  wiki: {use: drops, options: {path: drops/wiki, venues: "IBM=XNYS"}}
  planted: {use: drops, options: {path: drops/planted, venues: "IBM=XNYS"}}
  skfolio: {use: drops, options: {path: drops/skfolio}}
schedules: {}
"""
# When the equity nights are played, and what the clock shows before and after a wait.
HISTORY_READ = "2013-02-27T12:00:00Z"
QUIET_EVENING = "2013-02-28T00:00:00Z"
LATE_EVENING = "2013-02-28T22:40:00Z"
AFTER_THE_LIMIT = "2013-03-01T09:30:00Z"
NEXT_MORNING = "2013-03-01T11:00:00Z"
BEFORE_RESTATEMENT = "2013-03-01T09:45:00Z"


@dataclass(slots=True)
class Ran:
    """One DAG run of the demo."""

    dag: str
    run_id: str
    partition: str
    state: str
    seconds: float


class Demo:
    """One demo. `run` does everything and returns what can be said of it."""

    def __init__(self, home: Path | None, archive: Path | None, *, is_online: bool, screen: Screen) -> None:
        import os

        self._folder = (home or default_home(os.environ) / "demo").absolute()
        self._archive = archive
        self._is_online = is_online
        self._screen = screen
        self._seconds: dict[str, float] = {}
        self._runs: list[Ran] = []

    def run(self, stay: Stay | None = None) -> dict[str, Any]:
        """Do it all. Whatever happens, what was started is stopped.

        stay: gets the report and the trading step while its venues still run; the step is stopped when it returns.
        """
        begun = time.monotonic()
        coins = coins_for(self._archive, is_online=self._is_online)
        workspace = self._made_folder()
        box = None if self._is_online else self._timed("local venues", lambda: sandbox.start(coins.sandbox()))
        environment = {**coins.environment(), **(box.environment if box is not None else {})}
        config_file = workspace / "tradewinds.yaml"
        config_file.write_text(self._yaml(coins), encoding="utf-8")
        demo_night.write_models(workspace)
        ours = {"TRADEWINDS_CONFIG": str(config_file), "TRADEWINDS_HOME": str(self._folder / "home"), **environment}
        airflow = Airflow(self._folder / "airflow", environment=ours, is_durable=False)
        try:
            self._screen.say("Airflow", "starting scheduler, api-server, dag-processor, triggerer")
            airflow.start()
            data = self._timed("equity drops", lambda: self._drops(workspace))
            house = House(load_config(config_file, ours))
            house.ledger  # noqa: B018 - made before several tasks want it at once
            self._play(airflow, workspace, data, coins, house)
            self._screen.say("Airflow", "stopping")
        finally:
            airflow.stop()
            if box is not None:
                box.stop()
        self._screen.say("Airflow", f"stopped; metadata in {self._metadata(airflow)}", is_over=True)
        left = airflow.processes_left()
        tested = self._timed("backtest", lambda: backtested(workspace / "strategies" / STRATEGY, house, self._folder / "backtests"))
        found = facts(house, data, BEFORE_RESTATEMENT, NEXT_MORNING)
        night = demo_night.facts_of_night(house, str(LATE_NIGHT))
        with self._traded(workspace, coins) as trading:
            traded = self._timed("trading", trading.run)
            report = self._report(begun, airflow, left, found, night, tested, traded)
            if stay is not None:
                stay(report, trading)
        return report

    def _report(
        self, begun: float, airflow: Airflow, left: list[Any], found: dict[str, Any], night: dict[str, Any], tested: dict[str, Any],
        traded: dict[str, Any],
    ) -> dict[str, Any]:  # fmt: skip
        self._seconds |= {f"Airflow {name}": seconds for name, seconds in airflow.phases.items()}
        self._seconds |= {f"{ran.dag} {ran.partition}": ran.seconds for ran in self._runs}
        self._seconds["total"] = round(time.monotonic() - begun, 2)
        airflow_facts = {
            "metadata": self._metadata(airflow),
            "runs": [{"dag": r.dag, "run_id": r.run_id, "partition": r.partition, "state": r.state} for r in self._runs],
        }
        is_good = (
            not left and all(r.state == "success" for r in self._runs) and found["is_complete"] and night["is_good"] and traded["is_good"]
        )
        return {
            "is_good": is_good,
            "airflow": airflow_facts,
            **found,
            "night": night,
            "backtest": tested,
            "trading": traded,
            "seconds": self._seconds,
            "processes_left": len(left) + traded["processes_left"],
            "folder": str(self._folder),
        }

    def _metadata(self, airflow: Airflow) -> str:
        kind = airflow.metadata
        return "unknown" if kind is None else f"{kind.kind}: {kind.why}"

    def _yaml(self, coins: Coins) -> str:
        return coins.yaml() + EQUITIES + demo_night.RESEARCH

    def _traded(self, workspace: Path, coins: Coins) -> TradingDemo:
        """Trading goes on where the history of the seeded market ends; with other coins it is a house by itself."""

        def say(state: str) -> None:
            self._screen.say("trading", state)

        if coins.now == SEEDED_NOW:
            return TradingDemo(workspace, self._folder / "home", self._yaml(coins), at_ns=parse(SEEDED_NOW), seed=SEED, say=say)
        alone = self._folder / "trading"
        (alone / "workspace").mkdir(parents=True)
        return TradingDemo(alone / "workspace", alone / "home", ALONE, at_ns=parse(SEEDED_NOW), seed=SEED, say=say)

    def _play(self, airflow: Airflow, workspace: Path, data: DemoData, coins: Coins, house: House) -> None:
        with ThreadPoolExecutor(2) as pool:
            chains = [pool.submit(self._equities, airflow, workspace, data, house), pool.submit(self._coins, airflow, coins)]
            for chain in chains:
                chain.result()

    def _coins(self, airflow: Airflow, coins: Coins) -> None:
        for dag in ("universe", "crypto_backfill", "crypto_incremental"):
            self._dag(airflow, dag, coins.partition, {})

    def _equities(self, airflow: Airflow, workspace: Path, data: DemoData, house: House) -> None:
        clock = workspace / "equities.clock"
        params = {"clock": f"@{clock}"}
        dag = "equities_nightly_xnys"
        clock.write_text(HISTORY_READ)
        self._dag(airflow, dag, f"{demo_data.FIRST}..{demo_data.LAST_OF_HISTORY}", params)
        self._trained(airflow, house)
        clock.write_text(QUIET_EVENING)
        self._dag(airflow, dag, str(QUIET_NIGHT), params)
        clock.write_text(LATE_EVENING)
        self._dag(airflow, dag, str(LATE_NIGHT), params, when_waiting=lambda: clock.write_text(AFTER_THE_LIMIT))
        for vendor, bars in data.late.items():
            demo_data.write_drop(workspace / "drops" / vendor / f"{LATE_NIGHT}-late.csv", bars)
        clock.write_text(NEXT_MORNING)
        self._dag(airflow, dag, str(LATE_NIGHT), params, note=" (the morning after)")
        self._followed(airflow, "report_us", NIGHTS)

    def _trained(self, airflow: Airflow, house: House) -> None:
        """The features of the history that was published start by themselves; a model is trained on them and put in charge."""
        self._followed(airflow, "features_us", 1)
        self._dag(airflow, "train_trend", str(demo_data.LAST_OF_HISTORY), {"ask": False})
        self._timed("model put in charge", lambda: demo_night.promote(house))

    def _followed(self, airflow: Airflow, dag: str, count: int) -> None:
        """Runs that the publication before them starts."""
        begun = time.monotonic()
        demo_night.wait_for(airflow, dag, count, lambda state: self._screen.say(dag, state))
        self._screen.say(dag, f"{count} done", is_over=True)
        self._runs += [
            Ran(run.dag_id, run.run_id, "after what was published", run.state, round(time.monotonic() - begun, 2))
            for run in airflow.runs(dag)
        ]

    def _dag(
        self,
        airflow: Airflow,
        dag: str,
        partition: str,
        params: dict[str, Any],
        *,
        note: str = "",
        when_waiting: Callable[[], object] | None = None,
    ) -> None:
        step = f"{dag} {partition}{note}"
        self._screen.say(step, "asked for")
        run_id = airflow.trigger(dag, {"partition": partition, "params": params})
        self._screen.say("Airflow", f"runs the plans at {airflow.url}")
        begun = time.monotonic()
        if when_waiting is not None:
            self._until_waiting(airflow, dag, run_id, step)
            when_waiting()
        run = airflow.wait(dag, run_id, RUN_S_MAX, progress=lambda _, tasks: self._screen.tasks(step, tasks))
        self._runs.append(Ran(dag, run_id, partition + note, run.state, round(time.monotonic() - begun, 2)))
        self._screen.say(step, run.state, is_over=True)

    def _until_waiting(self, airflow: Airflow, dag: str, run_id: str, step: str) -> None:
        """Until a task waits for its vendor in the triggerer."""
        deadline = time.monotonic() + RUN_S_MAX
        while time.monotonic() < deadline:
            tasks = airflow.tasks(dag, run_id)
            self._screen.tasks(step, tasks)
            if any(task.state == "deferred" for task in tasks):
                return
            if airflow.run(dag, run_id).has_ended:
                raise Rejected(f"demo: {dag} {run_id} ended, expected it to wait for a late vendor")
            time.sleep(0.2)
        raise Transient(f"demo: {dag} {run_id} waits for no vendor after {RUN_S_MAX:g} s, expected it to")

    def _drops(self, workspace: Path) -> DemoData:
        sessions = calendar("XNYS")
        closes = {day: sessions.close_ns(day) for day in sessions.sessions(demo_data.FIRST, date(2013, 3, 1))}
        return demo_data.write(workspace / "drops", closes)

    def _made_folder(self) -> Path:
        """An empty workspace; a folder that the demo did not make is never removed."""
        mark = self._folder / ".tradewinds-demo"
        if self._folder.exists() and any(self._folder.iterdir()):
            if not mark.is_file():
                raise Rejected(f"demo: {self._folder} holds something else, expected an empty folder or one of an earlier demo")
            for name in ("workspace", "home", "backtests", "trading"):
                shutil.rmtree(self._folder / name, ignore_errors=True)
        workspace = self._folder / "workspace"
        (workspace / "strategies").mkdir(parents=True)
        example = files("tradewinds.app") / "template" / "strategies" / STRATEGY
        (workspace / "strategies" / STRATEGY).write_bytes(example.read_bytes())
        mark.write_text(MARK)
        return workspace

    def _timed(self, step: str, work: Callable[[], Any]) -> Any:
        begun = time.monotonic()
        self._screen.say(step, "starting")
        result = work()
        self._seconds[step] = round(time.monotonic() - begun, 2)
        self._screen.say(step, "ready", is_over=True)
        return result
