"""From a venue's bars to a backtest's page: fetched, published, packed, simulated, kept; and real prices through a real split."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tradewinds.app.cli import run
from tradewinds.core.instant import NS_PER_HOUR, parse
from tradewinds.core.instrument import CorporateAction, Instrument
from tradewinds.wiring import house as wiring_house
from tradewinds.wiring import sandbox
from tradewinds.wiring.house import House, open_house

NOW = "2025-01-03T06:30:00Z"
BOUGHT_ONCE = """from tradewinds.trading.strategy import event

@event(interval="1d")
class BoughtOnce:
    def __init__(self, params):
        self.is_bought = False

    def on_bar(self, view):
        if not self.is_bought:
            self.is_bought = True
            view.buy(100)
"""
CROSS = """import numpy as np
from tradewinds.factors.indicator import sma
from tradewinds.trading.strategy import Int, vector

@vector(parameters={"fast": Int(10, 2, 200), "slow": Int(30, 5, 400)}, lookback=lambda p: p.slow, targets="weights", interval="1h")
def sma_cross(panel, params):
    return np.where(sma(panel.close, params.fast) > sma(panel.close, params.slow), 0.9 / panel.shape[1], 0.0)
"""

Called = Callable[..., Any]


@pytest.fixture
def called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Called]:
    """Runs a command with --json in a workspace of its own, whose clock stands at NOW, and returns its object."""
    for name in list(os.environ):
        if name.startswith("TRADEWINDS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("TRADEWINDS_CONFIG", str(tmp_path / "tradewinds.yaml"))
    monkeypatch.setenv("TRADEWINDS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TRADEWINDS_CLOCK", NOW)
    (tmp_path / "tradewinds.yaml").write_text("{}\n")
    (tmp_path / "sma_cross.py").write_text(CROSS)
    (tmp_path / "bought_once.py").write_text(BOUGHT_ONCE)
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str | Path) -> Any:
        capsys.readouterr()
        code = run([*(str(one) for one in arguments), "--json"])
        printed = capsys.readouterr()
        assert code == 0, printed.err
        return json.loads(printed.out)

    yield call
    for house in wiring_house._houses.values():
        house.close()
    wiring_house._houses.clear()


def test_bars_of_a_venue_are_fetched_backtested_and_kept(called: Called, monkeypatch: pytest.MonkeyPatch) -> None:
    venues = sandbox.start({"seed": 3, "now_ns": parse(NOW), "symbols": ["BTCUSDT", "ETHUSDT"]}, in_process=True)
    try:
        for name, value in venues.environment.items():
            monkeypatch.setenv(name, value)
        for symbol in ("BTCUSDT", "ETHUSDT"):
            called("data", "fetch", symbol, "--interval", "1h", "--from", "2024-12-01", "--to", "2025-01-01")
    finally:
        venues.stop()
    options = ("--instruments", "BTCUSDT.BINANCE,ETHUSDT.BINANCE", "--from", "2024-12-05", "--to", "2025-01-01", "--cost", "bps=10")
    asked = ("backtest", "sma_cross.py", *options)

    from_lake = called(*asked)
    called("job", "run", "pack")
    from_pack = called(*asked)

    assert from_lake["bars"] == 27 * 24
    assert from_lake["currency"] == "USDT"
    assert from_lake["fills"] > 10
    assert from_pack["fingerprint"] == from_lake["fingerprint"]
    assert Path(from_lake["tear_sheet"]).read_text().count("BTCUSDT") > 0
    kept = open_house().ledger.backtests()
    assert {one.run.fingerprint for one in kept} == {from_lake["fingerprint"]["whole"]}
    assert from_lake["run"] == from_pack["run"]  # the clock of this workspace stands still, so that it is one run


def test_real_prices_through_a_real_split(called: Called, tmp_path: Path) -> None:
    stocks = pytest.importorskip("bokeh_sampledata.stocks")
    table = stocks.AAPL
    lines = ["date,open,high,low,close,volume"]
    for row in zip(*(table[name] for name in ("date", "open", "high", "low", "close", "volume")), strict=True):
        if "2005-02-01" <= row[0] < "2005-04-01":
            lines.append(",".join(str(cell) for cell in row))
    (tmp_path / "aapl.csv").write_text("\n".join(lines) + "\n")
    called("data", "import", "aapl.csv", "--instrument", "AAPL.XNAS")
    at = parse("2005-02-28T14:30")
    house: House = open_house()
    house.ledger.upsert_instruments([Instrument("AAPL.XNAS", "equity", "USD", "XNAS", lot=Decimal(1))])
    house.ledger.add_actions([CorporateAction("AAPL.XNAS", "split", at, at - NS_PER_HOUR, Decimal(2))])

    found = called("backtest", "bought_once.py", "--instruments", "AAPL.XNAS", "--no-tear-sheet")

    # Bought on 2 February at the open, 77.95; two for one on the 28th; 41.67 at the close of 31 March.
    opened, closed = table["open"][list(table["date"]).index("2005-02-02")], table["close"][list(table["date"]).index("2005-03-31")]
    assert found["held"] == {"AAPL.XNAS": 200.0}
    assert found["equity"] == pytest.approx(100_000 - 100 * opened + 200 * closed)


@pytest.mark.shared
def test_the_documented_file_of_goog_needs_no_house(called: Called, shared: Path) -> None:
    place = shared / "equities" / "backtesting_py" / "GOOG.csv"
    found = called("backtest", "sma_cross.py", "--data", place, "--capital", "10000", "--cost", "bps=20", "--account", "cash")
    assert (found["instruments"], found["interval"], found["bars"]) == (["GOOG.FILE"], "1d", 2148 - 29)
    assert found["trades"]["count"] > 20
    assert found["costs"]["commission"] > 0
    assert Path(found["tear_sheet"]).is_file()
