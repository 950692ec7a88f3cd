"""One small firm for all tests of the console: its history, its trading service, its console, and one headless Chromium.

Everything is real: a paper account that traded twelve minutes, a vendor that lied about one of them, a held value, two backtests; the
processes are those that `tradewinds trade` and `tradewinds console` start.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest

from tradewinds.app.backtest import write_page
from tradewinds.core.instant import NS_PER_DAY, NS_PER_MINUTE, parse
from tradewinds.core.market import bars
from tradewinds.core.observation import Finding, Payload, Pull, Table
from tradewinds.core.record import Hold
from tradewinds.jobs.research_book import publish
from tradewinds.jobs.research_tables import covariance_table, exposures_table, factor_returns_table, signals_table, specific_table
from tradewinds.risk.published import COVARIANCE, EXPOSURES, SPECIFIC, returns_frame, to_frames
from tradewinds.risk.risk_model import RiskModel
from tradewinds.wiring.desk import sign_in
from tradewinds.wiring.house import House
from tradewinds.wiring.research import Asked, plan, run, store_run
from tradewinds.wiring.settings import load_config

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
)  # fmt: skip
WITHIN_MS = 60_000  # waits end as soon as what they wait for is there; a busy machine may take its time
STOPS_WITHIN_S = 30
PASSWORD = "a long walk by the sea"
PEOPLE = {"ada": "admin", "otto": "risk_officer", "tess": "trader", "vera": "viewer"}
BARS = 12
FIRST = "2026-01-01T00:00:00Z"
CLOSES = (100, 101, 102, 103, 102, 101, 100, 101, 102, 103, 104, 103)

CONFIG = """
accounts:
  main: {broker: paper, currency: USDT, limits: {approval_above: 5000, quantity_max: 1000, gross_max: 100000}}
  real: {broker: oanda, environment: live, currency: USDT, options: {account: 101-004-0000001-001}}
alerts:
  routes:
    desk: {escalate_to: phone}
    phone: {severities: []}
"""
RESEARCH = """
research:
  us:
    calendar: XNYS
    since: 2025-01-02
    instruments: [AAA.XNAS, BBB.XNAS, CCC.XNAS]
    risk: {styles: {momentum: "zscore(momentum(252, 21))"}}
"""
FACTORS = ("market", "momentum")
NIGHTS = 30
US = 1_000  # nanoseconds
TREND = """
from tradewinds.trading.strategy import Int, vector

@vector(parameters={"size": Int(1, 1, 9)}, lookback=2, targets="units", interval="1m", rhythm="every bar")
def trend(panel, params):
    rising = panel.close[1:] > panel.close[:-1]
    targets = panel.close * 0
    targets[1:][rising] = params.size
    return targets
"""
YAML = """
name: {name}
strategy: trend.py
mode: {mode}
instruments: [BTCUSDT.LOCAL]
account: {{name: main, capital: 10000}}
costs: [{{bps: 10}}]
"""
ODD = """<script>document.title='owned'</script> innerHTML="<img src=x onerror=document.title='owned'>" """.strip()


class Firm:
    """A workspace and home with processes of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home, self.route_address = folder / "firm", folder / "home", folder / "desk.url"
        self.route_address.write_text("json://127.0.0.1:9/nobody-listens\n")
        self.route_address.chmod(0o600)
        (self.folder / "strategies").mkdir(parents=True)
        (self.folder / "bars").mkdir()
        (self.folder / "tradewinds.yaml").write_text(CONFIG + RESEARCH)
        (self.folder / "strategies" / "trend.py").write_text(TREND)
        (self.folder / "strategies" / "trend.yaml").write_text(YAML.format(name="trend", mode="paper"))
        (self.folder / "strategies" / "odd.yaml").write_text(YAML.format(name=json.dumps(ODD), mode="backtest"))
        rows = ["time,open,high,low,close,volume"]
        rows += [f"2026-01-01T00:{at:02d}:00Z,{close},{close + 1},{close - 1},{close},1000" for at, close in enumerate(CLOSES)]
        (self.folder / "bars" / "BTCUSDT.csv").write_text("\n".join(rows) + "\n")
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("TRADEWINDS_")},
            "TRADEWINDS_HOME": str(self.home),
            "TRADEWINDS_ALERTS__ROUTES__DESK__URL_FILE": str(self.route_address),
        }
        self.url = ""
        self._running: list[subprocess.Popen[str]] = []

    def house(self) -> House:
        """The same house in this process."""
        return House(load_config(self.folder / "tradewinds.yaml", {"TRADEWINDS_HOME": str(self.home)}))

    def tell(self, *words: str) -> Any:
        """What a command prints with --json."""
        done = subprocess.run(
            self._command(*words, "--json"), cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout)

    def trade(self) -> None:
        """Start the trading service and wait until it trades."""
        process = self._start("trade")
        assert process.stderr is not None
        for line in process.stderr:
            if line.rstrip().endswith("trading"):
                return
        raise AssertionError(f"trade ended before it traded: {process.wait()}")

    def open(self) -> None:
        """Start console and trading service, both at once, and wait until they stand."""
        served = self._start("console", "--port", "0", "--json")
        self.trade()
        assert served.stdout is not None
        self.url = json.loads(served.stdout.readline())["url"]

    def stop(self) -> None:
        for process in self._running:
            process.terminate()
        for process in self._running:
            try:
                process.communicate(timeout=STOPS_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()

    def _start(self, *words: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            self._command(*words), cwd=self.folder, env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self._running.append(process)
        return process

    @staticmethod
    def _command(*words: str) -> list[str]:
        return [sys.executable, "-m", "tradewinds", *words]


def fill_house(house: House) -> None:
    """Minutes that two vendors told, one of them a lie in the second; a restatement, a finding, and two held values."""
    starts = [parse(FIRST) + at * NS_PER_MINUTE for at in range(BARS)]
    closes = [float(one) for one in CLOSES]
    lies = [round(close * (1.2 if at == 1 else 1.0), 1) for at, close in enumerate(closes)]
    told = {name: house.raw.put(_payload(name, values)) for name, values in (("honest", closes), ("liar", lies))}
    for name, values in (("honest", closes), ("liar", lies)):
        house.lake.publish(Table(bars("1m"), vendor=name), "2026-01", _rows(starts, values, told[name]))
    first = [close + (5.0 if at == 4 else 0.0) for at, close in enumerate(closes)]
    history = Table(bars("1m"))
    house.lake.publish(history, "2026-01", _published(_rows(starts, first, told["honest"])))
    later = _rows(starts, closes, told["honest"], known_after_ns=60 * NS_PER_MINUTE)
    house.lake.publish(history, "2026-01", _published(later))
    spike = Finding(
        "liar", "BTCUSDT.LOCAL", "bars-1m", starts[1], "spike", "close 121.2, expected near 101", field="close", found_ns=starts[5]
    )
    house.ledger.record([spike])
    house.ledger.open_holds([
        Hold("BTCUSDT.LOCAL", "bars-1m", starts[6], "conflict: vendors differ", starts[7]),
        Hold("BTCUSDT.LOCAL", "bars-1m", starts[8], "conflict: they differ again", starts[9]),
    ])  # fmt: skip


def research_nights(house: House) -> None:
    """Thirty nights of the book `us` and one session after them.

    The market goes up and down by its forecast of 1 %, momentum by half of its forecast of 1 %. AAA and BBB are held half and half, and
    lie on opposite sides of momentum; specific deviations are 1 %, and nothing specific came.
    """
    context, first = house.context("research", "2025-10-01"), parse("2025-10-01")
    starts = [first + at * NS_PER_DAY for at in range(NIGHTS + 1)]
    times = np.array(starts)
    signs = np.where(np.arange(NIGHTS + 1) % 2 == 0, 1.0, -1.0)
    values = np.column_stack([0.01 * signs, 0.005 * signs])
    publish(context, factor_returns_table("us"), returns_frame(FACTORS, times, times + US, times + US, values, 300.0 * values))
    names, exposures = ("AAA.XNAS", "BBB.XNAS", "CCC.XNAS"), np.array([[1.0, 1.0], [1.0, -1.0], [1.0, 0.0]])
    frames: dict[str, list[pl.DataFrame]] = {EXPOSURES: [], COVARIANCE: [], SPECIFIC: [], "signals": []}
    for start_ns in starts[:NIGHTS]:
        own = np.array([1e-4, 1e-4, 9e-4])
        model = RiskModel(start_ns, start_ns + US, "cross_sectional", names, FACTORS, exposures, np.diag([1e-4, 1e-4]), own, 252.0)
        for name, frame in to_frames(model, dict.fromkeys(names, 0.0), event_ns=start_ns + US).items():
            frames[name].append(frame)
        times_of = {"start_ns": start_ns, "event_ns": start_ns + US, "known_ns": start_ns + US}
        decided = {"score": [1.0, 1.0, -1.0], "weight": [0.5, 0.5, 0.0], "weight_before": [0.5, 0.5, 0.0], "rung": "first"}
        frames["signals"].append(pl.DataFrame({"instrument": list(names), **times_of, **decided}))
    tables = {EXPOSURES: exposures_table("us", FACTORS), COVARIANCE: covariance_table("us", FACTORS), SPECIFIC: specific_table("us")}
    for name, parts in frames.items():
        publish(context, tables.get(name) or signals_table("us"), pl.concat(parts))


def backtested(house: House, file: Path, size: str) -> None:
    """A stored run with its tear sheet."""
    found, prepared = run(plan(Asked(place=str(file), parameters={"size": size})), lambda: house)
    write_page(found, house.home / "backtests")
    store_run(house, found, found.performance(), prepared.interval, house.clock.now_ns())


def _payload(name: str, closes: list[float]) -> Payload:
    lines = ["time,symbol,close", *(f"2026-01-01T00:{at:02d}:00Z,BTCUSDT,{close}" for at, close in enumerate(closes))]
    return Payload(Pull(name, "bars-1m", f"file:{name}.csv"), ("\n".join(lines) + "\n").encode(), parse(FIRST) + 20 * NS_PER_MINUTE)


def _rows(starts: list[int], closes: list[float], source: str, *, known_after_ns: int = NS_PER_MINUTE) -> pl.DataFrame:
    known = [start + NS_PER_MINUTE + known_after_ns for start in starts]
    return pl.DataFrame({
        "instrument": ["BTCUSDT.LOCAL"] * len(starts), "start_ns": starts, "event_ns": [start + NS_PER_MINUTE for start in starts],
        "known_ns": known, "captured_ns": known, "source": [source] * len(starts), "open": closes, "high": [one + 1 for one in closes],
        "low": [one - 1 for one in closes], "close": closes, "volume": [1000.0] * len(starts),
    })  # fmt: skip


def _published(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(vendor=pl.lit("honest"), status=pl.lit("ok"), reason=pl.lit(""))


@pytest.fixture(scope="session")
def firm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firm]:
    """The firm with everything in it, trading and served."""
    made = Firm(tmp_path_factory.mktemp("console"))
    try:
        made.tell("trade", "--data", "bars")
        with closing(made.house()) as house:
            fill_house(house)
            for name, role in PEOPLE.items():
                sign_in.add_person(house, name, role, PASSWORD)  # type: ignore[arg-type]  # the roles above
            for size in ("1", "3"):
                backtested(house, made.folder / "strategies" / "trend.yaml", size)
            research_nights(house)
        made.open()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium; the test skips where none is on PATH.

    While it stands its event loop runs in this thread, and no other file's test could run one: so it stands for one file.
    """
    if CHROMIUM is None:
        pytest.skip("no chromium on PATH: the console's pages are not driven")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as player:
        running = player.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield running
        running.close()


@pytest.fixture
def enter(firm: Firm, browser: Browser) -> Iterator[Callable[..., Page]]:
    """Signs a person in: `enter("ada")`, on a phone with width=390, in the dark with theme="dark". What a page asks of others fails it."""
    contexts: list[Any] = []
    outside: list[str] = []

    def call(name: str, *, width: int = 1280, theme: str = "light") -> Page:
        context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme="dark" if theme == "dark" else "light")
        contexts.append(context)
        page: Page = context.new_page()
        page.set_default_timeout(WITHIN_MS)
        page.on("request", lambda one: None if one.url.startswith((firm.url, "data:", "blob:")) else outside.append(one.url))
        page.goto(f"{firm.url}/sign-in")
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").press("Enter")
        page.get_by_role("heading", name="Overview").wait_for()
        return page

    yield call
    for context in contexts:
        context.close()
    assert outside == []


@pytest.fixture
def odd_name() -> str:
    """What one of the firm's strategies is called."""
    return ODD


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where pictures go: the folder that TRADEWINDS_PICTURES names, else one of the test."""
    named = os.environ.get("TRADEWINDS_PICTURES")
    return Path(named).absolute() if named else tmp_path


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A house of its own, filled as the firm's, without any process."""
    (tmp_path / "tradewinds.yaml").write_text("{}\n")
    made = House(load_config(tmp_path / "tradewinds.yaml", {"TRADEWINDS_HOME": str(tmp_path / "home")}))
    fill_house(made)
    yield made
    made.close()


@pytest.fixture
def researched(tmp_path: Path) -> Iterator[House]:
    """A house with a book of research and its nights."""
    (tmp_path / "tradewinds.yaml").write_text(RESEARCH)
    made = House(load_config(tmp_path / "tradewinds.yaml", {"TRADEWINDS_HOME": str(tmp_path / "home")}))
    research_nights(made)
    yield made
    made.close()
