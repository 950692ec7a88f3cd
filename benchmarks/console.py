"""First paint of every page of the console in a headless Chromium, over a house with a year of days, minutes, findings, runs and fills.

The process is the one that `tradewinds console` starts, the browser keeps its cache as a person's does. Beside each page stands the least
that can be had: a page of one word made by the same library, in the same browser and run. `cold` is the first visit of a page in the
life of the process.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from statistics import median
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import numpy as np
import polars as pl

from tradewinds.app.console.door import COOKIE
from tradewinds.core.instant import NS_PER_DAY, NS_PER_MINUTE, parse, text
from tradewinds.core.market import bars
from tradewinds.core.observation import Finding, Table
from tradewinds.core.record import Hold, RunResult
from tradewinds.wiring.desk import sign_in
from tradewinds.wiring.house import House
from tradewinds.wiring.settings import load_config

LIMIT_MS = 1_000.0
WAIT_S = 60.0
SEED = 20_261_121
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync")
PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
PAGES = (
    "/", "/alerts", "/approvals", "/logs", "/trading", "/trading/order", "/strategies", "/trading/risk", "/trading/evenings", "/explain",
    "/data", "/data/findings", "/data/bar", "/research", "/research/backtest", "/research/compare", "/research/nights", "/research/models",
    "/research/factors", "/research/risk", "/settings", "/settings/people",
)  # fmt: skip
CONFIG = "accounts:\n  main: {broker: paper, currency: USDT, limits: {gross_max: 100000}}\n"
TREND = """
from tradewinds.trading.strategy import vector

@vector(lookback=2, targets="units", interval="1m", rhythm="every bar")
def trend(panel, params):
    targets = panel.close * 0
    targets[1:][panel.close[1:] > panel.close[:-1]] = 1
    return targets
"""
YAML = "strategy: trend.py\nmode: paper\ninstruments: [BTCUSDT.LOCAL]\naccount: {name: main, capital: 10000}\ncosts: [{bps: 10}]\n"
BARE = """
import sys, uvicorn
from fastapi import FastAPI
from nicegui import ui
app = FastAPI()
ui.page("/")(lambda: ui.label("word"))
ui.run_with(app, tailwind=False, show_welcome_message=False)
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
"""


def run(quick: bool = False) -> dict[str, object]:
    """Figures, peers and reaches. quick: three pages, one warm visit each, a small house."""
    from playwright.sync_api import sync_playwright

    pages, rounds = (PAGES[:4], 1) if quick else (PAGES, 7)
    chromium = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
    if chromium is None:
        raise OSError("no chromium on PATH, expected one; Debian's package has it")
    with tempfile.TemporaryDirectory(prefix="bench-console-") as folder:
        workspace, environment = _filled(Path(folder), is_small=quick)
        with _console(workspace, environment) as url, _bare() as bare, sync_playwright() as player:
            browser = player.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
            context = browser.new_context(viewport={"width": 1280, "height": 900})
            with closing(_house(workspace, environment)) as house:
                secret = sign_in.sign_in(house, "ada", "a long walk by the sea", address="", face="console").secret
            context.add_cookies([{"name": COOKIE, "value": secret, "url": url}])
            page = context.new_page()
            _paint(page, bare)
            cold = {path: _paint(page, url + path) for path in pages}
            floor = [_paint(page, bare) for _ in range(max(rounds, 3))]
            warm: dict[str, list[float]] = {path: [] for path in pages}
            for _ in range(rounds):
                for path in pages:
                    warm[path].append(_paint(page, url + path))
                floor.append(_paint(page, bare))
            context.close()
            browser.close()
    return _figures(cold, {path: median(found) for path, found in warm.items()}, median(floor), rounds)


def _figures(cold: dict[str, float], warm: dict[str, float], floor: float, rounds: int) -> dict[str, object]:
    slowest, slowest_cold = max(warm, key=lambda path: warm[path]), max(cold, key=lambda path: cold[path])
    return {
        "figures": {
            "first_paint_ms": {path: round(value) for path, value in warm.items()},
            "first_paint_cold_ms": {path: round(value) for path, value in cold.items()},
            "slowest_page": slowest,
            "slowest_cold_page": slowest_cold,
            "rounds": rounds,
        },
        "peers": {"page_of_one_word_ms": round(floor)},
        "reach": {
            "every_page": {"value": round(warm[slowest]), "limit": LIMIT_MS, "met": warm[slowest] < LIMIT_MS},
            "every_page_cold": {"value": round(cold[slowest_cold]), "limit": LIMIT_MS, "met": cold[slowest_cold] < LIMIT_MS},
        },
    }  # fmt: skip


def _paint(page: Any, url: str) -> float:
    """Milliseconds from asking for a page to the first of its content on the screen."""
    page.goto(url, wait_until="load")
    page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length > 0")
    return float(page.evaluate(PAINT))


def _filled(root: Path, *, is_small: bool) -> tuple[Path, dict[str, str]]:
    """A workspace and the environment of its processes; its account traded, its house is full."""
    workspace = root / "firm"
    (workspace / "strategies").mkdir(parents=True)
    (workspace / "bars").mkdir()
    (workspace / "tradewinds.yaml").write_text(CONFIG)
    (workspace / "strategies" / "trend.py").write_text(TREND)
    (workspace / "strategies" / "trend.yaml").write_text(YAML)
    minutes = 60 if is_small else 1_440
    closes = np.round(100 + np.cumsum(np.random.default_rng(SEED).normal(0, 0.2, minutes)), 2)
    start_ns = parse("2026-01-01")
    rows = [f"{text(start_ns + at * NS_PER_MINUTE)},{close},{close + 1},{close - 1},{close},1000" for at, close in enumerate(closes)]
    (workspace / "bars" / "BTCUSDT.csv").write_text("\n".join(["time,open,high,low,close,volume", *rows]) + "\n")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TRADEWINDS_")}
    environment["TRADEWINDS_HOME"] = str(root / "home")
    for words in (("trade", "--data", "bars", "--json"), ("trade", "project")):
        subprocess.run([sys.executable, "-m", "tradewinds", *words], cwd=workspace, env=environment, check=True, stdout=subprocess.DEVNULL)
    with closing(_house(workspace, environment)) as house:
        _fill(house, instruments=4 if is_small else 40, days=30 if is_small else 250)
        sign_in.add_person(house, "ada", "admin", "a long walk by the sea")
    return workspace, environment


def _fill(house: House, *, instruments: int, days: int) -> None:
    names = [f"S{number:03d}.XNYS" for number in range(instruments)]
    starts = [parse("2025-01-01") + at * NS_PER_DAY for at in range(days)]
    closes = np.tile(np.linspace(100, 120, days), instruments)
    known = [start + NS_PER_DAY for start in starts] * instruments
    rows = pl.DataFrame({
        "instrument": [name for name in names for _ in starts], "start_ns": starts * instruments,
        "event_ns": [start + NS_PER_DAY - NS_PER_MINUTE for start in starts] * instruments, "known_ns": known, "captured_ns": known,
        "source": ["bench"] * len(known), "open": closes, "high": closes + 1, "low": closes - 1, "close": closes,
        "volume": np.full(len(known), 1000.0),
    })  # fmt: skip
    table = Table(bars("1d"))
    house.lake.publish(table, "2025", rows)
    house.ledger.record(
        [Finding("vendor", name, "bars-1d", start, "spike", "close 1, expected near 100") for name in names for start in starts[:20]]
    )
    house.ledger.open_holds([Hold(name, "bars-1d", starts[0], "conflict: vendors differ", starts[1]) for name in names])
    for job in range(20):
        row = house.ledger.start_run(f"job.{job}", "2025-12-31", started_ns=starts[-1])
        house.ledger.finish_run(row, RunResult("done", starts[-1]))


def _house(workspace: Path, environment: dict[str, str]) -> House:
    return House(load_config(workspace / "tradewinds.yaml", environment))


@contextmanager
def _console(workspace: Path, environment: dict[str, str]) -> Iterator[str]:
    command = [sys.executable, "-m", "tradewinds", "console", "--port", "0", "--json"]
    with subprocess.Popen(command, cwd=workspace, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = str(json.loads(process.stdout.readline())["url"])
        try:
            _until_it_answers(f"{url}/sign-in")
            yield url
        finally:
            process.terminate()


@contextmanager
def _bare() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with subprocess.Popen([sys.executable, "-c", BARE, str(port)]) as process:
        try:
            _until_it_answers(f"http://127.0.0.1:{port}/")
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.terminate()


def _until_it_answers(url: str) -> None:
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        with suppress(URLError, ConnectionError), urlopen(url):
            return
        time.sleep(0.05)
    raise TimeoutError(f"{url}: no answer, expected one within {WAIT_S:g} s")
