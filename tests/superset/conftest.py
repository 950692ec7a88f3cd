"""A firm that has backtested and traded on paper into an embedded PostgreSQL, and a real Superset that looks at it.

Both want `make superset`: Superset's environment, a minute and 700 MB. Without it the tests that need them skip.
"""

from __future__ import annotations

import csv
import os
import random
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from tradewinds.stores.embedded_postgres import EmbeddedPostgres

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy" / "superset"
PYTHON = ROOT / ".superset" / "venv" / "bin" / "python"
STOCKS = ("AAPL", "IBM", "MSFT")
READER = "tradewinds_reader"
NOW = "2013-03-02T00:00:00Z"  # the day after the last bar
MINUTES = 1440
UP_WITHIN_S = 90.0
COMMAND_WITHIN_S = 240.0

CONFIG = "accounts: {paper: {broker: paper, currency: USDT}}\nschedules: {}\n"
SWING = """
from tradewinds.trading.strategy import Int, vector

@vector(parameters={"length": Int(60, 5, 200)}, lookback=lambda p: p.length + 1, targets="units", interval="1m", rhythm="every bar")
def swing(panel, params):
    "One unit while the close stands above that of `length` bars ago."
    targets = panel.close * 0.0
    targets[params.length :] = panel.close[params.length :] > panel.close[: -params.length]
    return targets
"""
HOLD = """
from tradewinds.trading.strategy import vector

@vector(lookback=1, targets="units", interval="1m", rhythm="every bar")
def hold(panel, params):
    "Two units of each, from the first bar to the last."
    return panel.close * 0.0 + 2.0
"""
TREND = """
from tradewinds.factors.indicator import sma
from tradewinds.trading.strategy import vector

@vector(lookback=100, targets="weights")
def trend(panel, params):
    "A third of the account in each: long above the average of a hundred days, short below."
    above = sma(panel.close, 20) > sma(panel.close, 100)
    return (above * 2.0 - 1.0) / 3.0
"""
PAPER = """
strategy: {0}.py
mode: paper
instruments: [BTCUSDT.LOCAL, ETHUSDT.LOCAL]
account: {{name: paper, capital: 5000, currency: USDT}}
costs: [{{bps: 10}}]
"""


@dataclass(slots=True)
class Firm:
    """A workspace whose ledger is in PostgreSQL. marts: the folder of its star schema."""

    folder: Path
    server: EmbeddedPostgres
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def marts(self) -> Path:
        return self.folder / "home" / "marts" / "current"

    def run(self, *words: str | Path) -> None:
        """One command of ours; it has to end with 0."""
        done = subprocess.run(
            [sys.executable, "-m", "tradewinds", *map(str, words)], cwd=self.folder, env=self.environment, text=True,
            capture_output=True, timeout=COMMAND_WITHIN_S, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"

    def ask(self, query: str, *, role: str = "tradewinds") -> list[tuple[Any, ...]]:
        """Rows of the ledger's database."""
        engine = sa.create_engine(self.address("ledger", role), poolclass=sa.NullPool)
        with engine.begin() as connection:
            done = connection.exec_driver_sql(query)
            return [tuple(row) for row in done] if done.returns_rows else []

    def address(self, database: str, role: str = "tradewinds") -> str:
        return self.server.url(database).replace("tradewinds@", f"{role}@", 1)


@pytest.fixture(scope="session")
def firm() -> Iterator[Firm]:
    """Two backtests over real prices of three stocks, a day on paper over seeded minutes, the marts, the views and a reader."""
    if os.environ.get("TRADEWINDS_SUPERSET") != "full":
        pytest.skip("wants Superset beside it: make superset")
    with tempfile.TemporaryDirectory(prefix="tw-superset-", dir="/tmp") as name:
        folder = Path(name).resolve()
        folder.chmod(0o711)
        server = EmbeddedPostgres(folder / "server", durable=False)
        obstacle = server.obstacle()
        if obstacle is not None:
            pytest.skip(obstacle)
        try:
            for database in ("ledger", "superset"):
                server.create_database(database)
            made = Firm(folder, server, _environment(folder, server))
            _write(folder)
            _fill(made)
            made.ask((DEPLOY / "views.sql").read_text(encoding="utf-8").replace("%", "%%"))
            _let_in_reader(made)
            yield made
        finally:
            server.remove()


def _environment(folder: Path, server: EmbeddedPostgres) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("TRADEWINDS_")}
    return {
        **kept, "TRADEWINDS_HOME": str(folder / "home"), "TRADEWINDS_CONFIG": str(folder / "tradewinds.yaml"), "TRADEWINDS_CLOCK": NOW,
        "TRADEWINDS_STORAGE__LEDGER": server.url("ledger"),
    }  # fmt: skip


def _write(folder: Path) -> None:
    from bokeh_sampledata import stocks

    (folder / "tradewinds.yaml").write_text(CONFIG)
    for name in ("strategies", "stocks", "minutes"):
        (folder / name).mkdir()
    (folder / "trend.py").write_text(TREND)
    for name, code in (("swing", SWING), ("hold", HOLD)):
        (folder / "strategies" / f"{name}.py").write_text(code)
        (folder / "strategies" / f"{name}.yaml").write_text(PAPER.format(name))
    names = ("date", "open", "high", "low", "close", "volume")
    for symbol in STOCKS:
        columns = getattr(stocks, symbol)
        with (folder / "stocks" / f"{symbol}.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(names)
            rows.writerows(zip(*(columns[one] for one in names), strict=True))
    for symbol, first in (("BTCUSDT", 40.0), ("ETHUSDT", 20.0)):
        with (folder / "minutes" / f"{symbol}.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(("time", "open", "high", "low", "close", "volume"))
            rows.writerows(_minutes(symbol, first))


def _minutes(symbol: str, price: float) -> Iterator[tuple[str, float, float, float, float, int]]:
    """A day of minutes, drawn from the symbol's own seed."""
    chance = random.Random(symbol)
    for minute in range(MINUTES):
        close = round(price * (1 + chance.gauss(0.0, 0.001)), 2)
        low, high = round(min(price, close) * 0.9995, 2), round(max(price, close) * 1.0005, 2)
        yield f"2013-03-01T{minute // 60:02d}:{minute % 60:02d}:00Z", price, high, low, close, 1000
        price = close


def _fill(firm: Firm) -> None:
    for symbol in STOCKS:
        firm.run("data", "import", firm.folder / "stocks" / f"{symbol}.csv", "--instrument", f"{symbol}.XNAS")
    examples = ROOT / "examples" / "strategies"
    all_of_them = ",".join(f"{symbol}.XNAS" for symbol in STOCKS)
    shared = ("--from", "2005-01-01", "--interval", "1d", "--no-tear-sheet", "--cost", "bps=5", "--capital", "100000")
    firm.run("backtest", examples / "pairs.py", "--instruments", "AAPL.XNAS,MSFT.XNAS", "--account", "margin", *shared)
    firm.run("backtest", firm.folder / "trend.py", "--instruments", all_of_them, *shared)
    firm.run("trade", "--data", firm.folder / "minutes")
    firm.run("trade", "project")
    firm.run("job", "run", "marts")


def _let_in_reader(firm: Firm) -> None:
    """The embedded server lets in its owner alone; the reader is let in here as a login of its own, as a server of yours would."""
    home = firm.server.place.home
    with (home / "pg_hba.conf").open("a") as file:
        file.write(f"local all {READER} peer map=reader\n")
    with (home / "pg_ident.conf").open("a") as file:
        file.write(f'reader "{firm.server.place.client}" {READER}\n')
    firm.ask("SELECT pg_reload_conf()")
    deadline = time.monotonic() + UP_WITHIN_S
    while True:
        try:
            firm.ask("SELECT 1", role=READER)
            return
        except sa.exc.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


@dataclass(slots=True)
class Superset:
    """A running Superset. api: signed in as its administrator."""

    url: str
    password: str
    api: httpx.Client

    def charts(self) -> dict[str, int]:
        """Numbers of the charts by name."""
        return {one["slice_name"]: one["id"] for one in self._all("chart")}

    def dashboards(self) -> dict[str, int]:
        return {one["slug"]: one["id"] for one in self._all("dashboard")}

    def _all(self, kind: str) -> list[dict[str, Any]]:
        told = self.api.get(f"/api/v1/{kind}/", params={"q": "(page_size:100)"}).raise_for_status().json()
        rows: list[dict[str, Any]] = told["result"]
        return rows


@pytest.fixture(scope="session")
def superset(firm: Firm) -> Iterator[Superset]:
    """Superset over the firm's ledger and lake, with our files imported, on a free port of the loopback."""
    assert PYTHON.exists(), f"{PYTHON} is not there; tools/superset.sh makes it"
    password, port = secrets.token_urlsafe(12), _free_port()
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith(("TRADEWINDS_", "PYTHONWARNINGS"))},
        "SUPERSET_CONFIG_PATH": str(DEPLOY / "superset_config.py"), "SUPERSET_SECRET_KEY": secrets.token_urlsafe(32),
        "SUPERSET_DATABASE": firm.server.url("superset"), "SUPERSET_PLAIN_HTTP": "1", "SUPERSET_ADMIN_PASSWORD": password,
        "SUPERSET_HOME": str(firm.folder / "superset"), "FLASK_APP": "superset.app:create_app()",
    }  # fmt: skip
    archive, lake = firm.folder / "dashboards.zip", firm.folder / "lake.duckdb"
    _done([sys.executable, DEPLOY / "lake.py", firm.marts, lake], environment)
    packed = [sys.executable, DEPLOY / "pack.py", "--out", archive, "--ledger", firm.address("ledger", READER), "--lake", lake]
    _done(packed, environment)
    _done([PYTHON, DEPLOY / "prepare.py", archive], environment)
    log = firm.folder / "superset.log"
    with log.open("wb") as said:
        server = subprocess.Popen(
            [PYTHON, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--workers", "1", "--threads", "8", "superset.app:create_app()"],
            env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said,
        )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        with httpx.Client(base_url=url, trust_env=False, timeout=60.0) as api:
            _until_up(api, server, log)
            who = {"username": "admin", "password": password, "provider": "db", "refresh": False}
            told = api.post("/api/v1/security/login", json=who).raise_for_status().json()
            api.headers["Authorization"] = f"Bearer {told['access_token']}"
            yield Superset(url, password, api)
    finally:
        server.terminate()
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(10)


def _done(words: list[str | Path], environment: dict[str, str]) -> None:
    done = subprocess.run(list(map(str, words)), env=environment, text=True, capture_output=True, timeout=COMMAND_WITHIN_S, check=False)
    assert done.returncode == 0, f"{words[1:3]}: {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"


def _until_up(api: httpx.Client, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + UP_WITHIN_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if api.get("/health").text == "OK":
                return
        except httpx.TransportError:
            time.sleep(0.3)
    raise AssertionError(f"superset does not answer; it said: {log.read_text(errors='replace')[-4000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
