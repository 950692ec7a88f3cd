"""`python -m benchmarks.soak [--minutes 90]`: whether the memory of every process stays flat under a steady load. `make soak`.

1. A local venue on a clock four times as fast; `up`'s keeper with the trading service, the guard, console and API, alerts: metrics, traces,
   logs, authentication and limits on. A strategy that trades often holds three coins.
2. `benchmarks.soak_load` are the people: reads, 20 live streams, pages, a browser, orders by hand, scrapes.
3. Every ten seconds the resident memory of each process is noted; `benchmarks.soak_slope` judges the hour that comes after the warm-up, a
   third of the time: console and trade have reached what they keep after 25 minutes. An account's books keep the orders of their
   process's life, also ended ones: trade is allowed ORDER_BYTES for each.
   The venue is no part of the platform and keeps every order by design: it is told of and not judged.
4. Samples, a picture and the figures go into build/soak. Exit code 1 where a process is not flat, was started again, or an answer was none.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]  # it ships no types
import yaml

from benchmarks import machine
from benchmarks.api import sink
from benchmarks.api_server import house_of
from benchmarks.soak_slope import FLAT_BYTES_PER_H, Slope, picture, slope_of
from tradewinds.app import up_keeper
from tradewinds.app.demo_trade import in_force
from tradewinds.app.demo_trade_accounts import accounts_at, balances
from tradewinds.app.up_service import Service, alerts_service, console_service, own, unwell
from tradewinds.core.instant import parse, to_date
from tradewinds.wiring import sandbox
from tradewinds.wiring.clock import RunningClock
from tradewinds.wiring.desk import sign_in
from tradewinds.wiring.house import House, run_job
from tradewinds.wiring.settings import load_config

SPEED = 4.0  # a minute of the venue in fifteen seconds
SEED = 7
AT = "2026-03-02T00:00:00Z"
MINUTES = 90.0
WARM_UP_PART = 1 / 3
SAMPLE_EVERY_S = 10.0
STREAMS = 20
ORDER_BYTES = 12 * 2**10
HEALTHY_WITHIN_S = 120.0
LOAD_ENDS_WITHIN_S = 60.0
GUARD = {"KEY": "sandbox-guard-key", "SECRET": "sandbox-guard-secret"}
PASSWORD = "a long walk by the sea"
FOLDER = Path(__file__).resolve().parents[1] / "build" / "soak"
Sample = dict[str, tuple[int, float]]  # process -> resident bytes, seconds of a processor so far


def soak(minutes: float, every_s: float = SAMPLE_EVERY_S) -> dict[str, Any]:
    """Figures and reaches of so many minutes."""
    with tempfile.TemporaryDirectory(prefix="bench-soak-") as folder, ExitStack() as stack:
        firm = stack.enter_context(_firm(Path(folder)))
        hours, samples, restarts, people = _watched(firm, minutes, every_s)
        home_mb = sum(path.stat().st_size for path in firm["home"].rglob("*") if path.is_file()) / 2**20
        with closing(House(load_config())) as house:
            orders = len(house.ledger.trading.rows("order", limit=1_000_000))
    _write(hours, samples, minutes)
    found = _figures(hours, samples, restarts, people, minutes, orders)
    return found | {"beside": {"orders": orders, "bytes_allowed_an_order": ORDER_BYTES, "home_mb": round(home_mb, 1)}}


def _watched(firm: Mapping[str, Any], minutes: float, every_s: float) -> tuple[list[float], list[Sample], dict[str, int], dict[str, Any]]:
    """Hours and samples, how often each process was started, and what the people say."""
    hours: list[float] = []
    samples: list[Sample] = []
    asked = {name: firm[name] for name in ("url", "token", "session", "account")}
    words = json.dumps({**asked, "streams": STREAMS, "metrics": str(firm["home"] / "metrics"), "warm_up_s": minutes * 60 * WARM_UP_PART})
    command = [sys.executable, "-m", "benchmarks.soak_load"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as load:
        assert load.stdin is not None
        load.stdin.write(words + "\n")  # a token stands in no list of processes
        load.stdin.flush()
        begun = time.monotonic()
        while (spent := time.monotonic() - begun) < minutes * 60:
            hours.append(spent / 3600)
            samples.append(_sample(firm["home"], {"keeper": firm["keeper"], "venue": firm["venue"]}))
            _append(samples[-1], spent, is_first=len(samples) == 1)
            if load.poll() is not None:
                raise RuntimeError(f"the load ended with {load.returncode}, expected that it goes on")
            time.sleep(every_s)
        beat = up_keeper.found(firm["home"])
        try:
            said, _ = load.communicate(timeout=LOAD_ENDS_WITHIN_S)
        except subprocess.TimeoutExpired as late:  # it has said what there was before it hung
            load.kill()
            said = late.stdout.decode() if late.stdout else ""  # bytes even of a text stream
    people = json.loads(said.splitlines()[0]) if said else {"done": {}, "failed": {"the load said nothing": 1}}
    return hours, samples, {name: one["starts"] for name, one in (beat.detail if beat else {}).items()}, people


def _sample(home: Path, others: Mapping[str, int]) -> Sample:
    beat = up_keeper.found(home)
    pids = {name: one["pid"] for name, one in (beat.detail if beat else {}).items() if one["pid"] is not None} | dict(others)
    found: Sample = {}
    for name, pid in pids.items():
        try:
            process = psutil.Process(pid)
            found[name] = process.memory_info().rss, sum(process.cpu_times()[:2])
        except psutil.NoSuchProcess:  # its restart is told of at the end
            continue
    return found


def _append(sample: Sample, spent_s: float, *, is_first: bool) -> None:
    """A line for each process: whoever waits for the hour may look on."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "samples.csv").open("w" if is_first else "a", newline="") as file:
        writer = csv.writer(file)
        if is_first:
            writer.writerow(["minutes", "process", "resident_bytes", "processor_s"])
        writer.writerows([round(spent_s / 60, 2), name, resident, round(busy_s, 2)] for name, (resident, busy_s) in sample.items())


def _figures(
    hours: list[float], samples: list[Sample], restarts: dict[str, int], people: dict[str, Any], minutes: float, orders: int
) -> dict[str, Any]:
    warm_up_h = minutes / 60 * WARM_UP_PART
    allowed = {name: FLAT_BYTES_PER_H + (ORDER_BYTES * orders * 60 / minutes if name == "trade" else 0.0) for name in samples[-1]}
    slopes: dict[str, Slope] = {}
    processes: dict[str, Any] = {}
    for name in samples[-1]:
        seen = [(hour, *one[name]) for hour, one in zip(hours, samples, strict=True) if name in one]
        slope = slope_of([one[0] for one in seen], [one[1] for one in seen], warm_up_h)
        slopes[name] = slope
        spent_s = (seen[-1][0] - seen[0][0]) * 3600
        processes[name] = {
            "slope_bytes_per_h": round(slope.bytes_per_h), "error_bytes_per_h": round(slope.error_bytes_per_h),
            "verdict": slope.verdict(allowed[name]),
            "first_mb": round(seen[0][1] / 2**20, 1),
            "warm_mb": round(next(one[1] for one in seen if one[0] >= warm_up_h) / 2**20, 1),
            "last_mb": round(seen[-1][1] / 2**20, 1), "most_mb": round(max(one[1] for one in seen) / 2**20, 1),
            "processor_percent": round(100 * (seen[-1][2] - seen[0][2]) / spent_s, 1),
        }  # fmt: skip
    judged = {name: slope for name, slope in slopes.items() if name != "venue"}
    again = {name: count for name, count in restarts.items() if count != 1}
    reach: dict[str, dict[str, object]] = {
        f"{name}_flat": {
            "value": round(one.range_bytes_per_h[1]),
            "limit": round(allowed[name]),
            "met": one.verdict(allowed[name]) == "flat",
        }
        for name, one in judged.items()
    }
    reach["nothing_started_again"] = {"value": sum(again.values()), "limit": 0, "met": not again}
    failed = sum(people["failed"].values())
    reach["every_answer"] = {"value": failed, "limit": 0, "met": failed == 0}
    return {
        "benchmark": "soak", "figures": {"minutes": minutes, "samples": len(samples), "processes": processes, "people": people},
        "peers": {}, "reach": reach, "met": all(bool(one["met"]) for one in reach.values()),
    }  # fmt: skip


def _write(hours: list[float], samples: list[Sample], minutes: float) -> None:
    """The picture of all samples."""
    names = sorted(set.intersection(*(set(one) for one in samples)))
    drawn = {name: [one[name][0] for one in samples] for name in names}
    (FOLDER / "memory.svg").write_text(picture(hours, drawn, minutes / 60 * WARM_UP_PART), encoding="utf-8")


def table(found: Mapping[str, Any]) -> str:
    """What a person reads."""
    lines = [f"{'process':<10}{'MB an hour':>12}{'error':>8}{'warm MB':>9}{'last MB':>9}{'core %':>8}  verdict"]
    for name, one in found["figures"]["processes"].items():
        word = "not judged" if name == "venue" else one["verdict"]
        lines.append(
            f"{name:<10}{one['slope_bytes_per_h'] / 2**20:>12.2f}{one['error_bytes_per_h'] / 2**20:>8.2f}"
            f"{one['warm_mb']:>9.1f}{one['last_mb']:>9.1f}{one['processor_percent']:>8.1f}  {word}"
        )
    people = found["figures"]["people"]
    told = ", ".join(f"{count} {what}" for what, count in sorted(people["done"].items()))
    return "\n".join([*lines, f"answered: {told}", f"failed: {people['failed'] or 'nothing'}", f"samples and picture: {FOLDER}"])


@contextmanager
def _firm(folder: Path) -> Iterator[dict[str, Any]]:
    """A venue, a workspace, and the platform that runs it; pids of keeper and venue, where the console is, and who may enter."""
    home, workspace = folder / "home", folder / "firm"
    clock = RunningClock(parse(AT), SPEED, time.monotonic_ns())
    with ExitStack() as stack:
        venues: Any = sandbox.start(
            {"seed": SEED, "now_ns": clock.at_ns, "speed": SPEED, "since_ns": clock.since_ns, "checks_time": False, "balances": balances()}
        )
        stack.callback(venues.stop)
        account = accounts_at(venues.urls)[0]
        _write_workspace(workspace, account)
        settings = {
            **venues.environment, **account.environment(),
            **{f"TRADEWINDS_GUARD__{account.name.upper()}__{part}": value for part, value in GUARD.items()},
            "TRADEWINDS_CONFIG": str(workspace / "tradewinds.yaml"), "TRADEWINDS_HOME": str(home), "TRADEWINDS_CLOCK": clock.setting,
            "OTEL_EXPORTER_OTLP_ENDPOINT": stack.enter_context(sink()),
        }  # fmt: skip
        stack.enter_context(in_force(settings))
        house_of(home).close()  # a month of minutes to be read
        with closing(House(load_config())) as house:
            run_job("universe", to_date(house.clock.now_ns()).isoformat(), house=house)
            sign_in.add_person(house, "ada", "trader", PASSWORD)
            session = sign_in.sign_in(house, "ada", PASSWORD, address="", face="console").secret
            token = sign_in.new_token(house, "ada", "soak", scopes=None).secret
        console = console_service(None, {})
        services = [own("trade"), own("guard"), console, alerts_service()]
        keeper = stack.enter_context(_kept(home, services))
        yield {
            "home": home, "url": console.url, "token": token, "session": session, "account": account.name, "keeper": keeper,
            "venue": venues.pid,
        }  # fmt: skip


@contextmanager
def _kept(home: Path, services: list[Service]) -> Iterator[int]:
    keeper = up_keeper.launch(home, services, is_detached=False)
    try:
        trouble = unwell(home, services, HEALTHY_WITHIN_S)
        if trouble:
            raise RuntimeError(f"soak: {'; '.join(trouble)}, expected every process to be well")
        yield keeper.pid
    finally:
        up_keeper.stop(home)
        keeper.communicate()


def _write_workspace(workspace: Path, account: Any) -> None:
    (workspace / "strategies").mkdir(parents=True)
    config = {"crypto": {"binance": {"market": "spot"}}, "schedules": {}, "accounts": {account.name: dict(account.config)}}
    (workspace / "tradewinds.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    code = workspace / "strategies" / account.strategy
    code.write_bytes((files("tradewinds.app") / "template/demo" / account.strategy).read_bytes())
    code.with_suffix(".yaml").write_text(yaml.safe_dump(account.file(), sort_keys=False))


def main() -> int:
    """Exit code: 0 everything flat, 1 not."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description="Whether memory stays flat under a steady load.")
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--every", type=float, default=SAMPLE_EVERY_S, help="seconds from one sample to the next")
    asked = parser.parse_args()
    about = machine.describe()
    found = soak(asked.minutes, asked.every) | {"machine": about}
    (FOLDER / "figures.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    print(table(found), file=sys.stderr, flush=True)
    print(json.dumps(found), flush=True)
    return 0 if found["met"] else 1


if __name__ == "__main__":
    sys.exit(main())
