"""`tradewinds try BTCUSDT`: a symbol of the user's own, from keyless real data: history, tear sheet, then paper trading.

1. A small workspace of its own stands below the home (`try/<SYMBOL>`); nothing else of the user's is touched. Running it again goes on.
2. Each step is a command that a person may run as well, and is shown: `data fetch`, `backtest`, `trade`.
3. Paper orders are filled by our own simulation; nothing is sent to anybody, and no key is wanted.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tradewinds.app.arguments import JSON
from tradewinds.app.output import log, print_json
from tradewinds.core.errors import Rejected

if TYPE_CHECKING:
    from collections.abc import Callable

SYMBOL = re.compile(r"[A-Z0-9]{2,20}(\.BINANCE(_UM)?)?")
NAME = "crossing"
DAYS = 3
BARS_BEFORE = 60  # what the strategy looks back, and a little
CAPITAL = 10_000
CONFIG = "accounts:\n  paper: {{broker: paper, currency: {currency}, instruments: [{instrument}]}}\nschedules: {{}}\n"
YAML = """strategy: {name}.py
mode: paper
instruments: [{instrument}]
account: {{name: paper, capital: {capital}, currency: {currency}}}
costs: [{{bps: 10}}]
"""
QUOTES = ("USDT", "USDC", "FDUSD", "TUSD", "BTC", "ETH", "BNB", "EUR", "TRY")
STOP_WITHIN_S = 60.0


@click.command("try")
@click.argument("symbol")
@click.option("--days", default=DAYS, show_default=True, type=click.IntRange(1, 30), help="So many days of minutes.")
@click.option("--no-paper", is_flag=True, help="Stop after the tear sheet.")
@click.option("--seconds", type=click.FloatRange(min=1), help="Trade on paper for so long; without it until Ctrl-C.")
@JSON
def try_symbol(symbol: str, *, days: int, no_paper: bool, seconds: float | None, as_json: bool) -> None:
    """Fetch SYMBOL's minutes from Binance's public data, draw the tear sheet of a moving-average cross, then trade it on paper, live.

    \b
    tradewinds try BTCUSDT
    tradewinds try SOLUSDT --days 7 --no-paper
    """
    from tradewinds.wiring.house import clock_of
    from tradewinds.wiring.settings import default_home, load_config

    instrument, currency = _named(symbol)
    config = load_config()
    home = (Path(config.home) if config.home else default_home(os.environ)) / "try" / instrument.replace(".", "-")
    firm = _stand(home / "firm", instrument, currency)
    environment = {**os.environ, "TRADEWINDS_HOME": str(home), "TRADEWINDS_CONFIG": str(firm / "tradewinds.yaml")}
    ran = _runner(firm, environment)
    from_ns = clock_of(config.clock).now_ns() - int(timedelta(days=days, minutes=BARS_BEFORE).total_seconds()) * 1_000_000_000
    facts = _history(ran, instrument, from_ns) | _sheet(ran, instrument, from_ns)
    if not as_json:
        _say(facts)
    if not no_paper:
        facts |= _paper(firm, environment, seconds)
    if as_json:
        print_json(facts)
    elif not no_paper:
        click.echo(f"paper: {facts['orders']} orders, {facts['fills']} filled; TRADEWINDS_HOME={home} tradewinds trade orders --all")


def _named(symbol: str) -> tuple[str, str]:
    """(instrument, currency): BTCUSDT is BTCUSDT.BINANCE, in USDT."""
    asked = symbol.upper()
    if SYMBOL.fullmatch(asked) is None:
        raise Rejected(f"try {symbol!r}: expected a symbol of Binance, such as BTCUSDT or BTCUSDT.BINANCE_UM")
    name, _, venue = asked.partition(".")
    currency = next((quote for quote in QUOTES if name.endswith(quote) and name != quote), None)
    if currency is None:
        raise Rejected(f"try {symbol!r}: ends in no currency that is known here, expected one of {', '.join(QUOTES)}")
    return f"{name}.{venue or 'BINANCE'}", currency


def _stand(firm: Path, instrument: str, currency: str) -> Path:
    """The workspace; what the user changed in it stays."""
    template = files("tradewinds.app") / "template" / "strategies" / "moving_average.py"
    code = template.read_text(encoding="utf-8").replace('targets="weights",\n', 'targets="weights",\n    interval="1m",\n')
    words = {"instrument": instrument, "currency": currency, "capital": CAPITAL, "name": NAME}
    texts = {
        "tradewinds.yaml": CONFIG.format(**words),
        f"strategies/{NAME}.py": code.replace("def moving_average", f"def {NAME}"),
        f"strategies/{NAME}.yaml": YAML.format(**words),
    }
    for name, text in texts.items():
        place = firm / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists():
            place.write_text(text, encoding="utf-8")
    return firm


def _runner(firm: Path, environment: Mapping[str, str]) -> Callable[..., dict[str, Any]]:
    """Runs a command of ours, says it, and gives its JSON; its own complaint, and its exit code, end this one where it fails."""

    def run(*words: str, passing: Sequence[int] = ()) -> dict[str, Any]:
        log(f"tradewinds {' '.join(words)}")
        command = [sys.executable, "-m", "tradewinds", *words, "--json"]
        done = subprocess.run(command, cwd=firm, env=dict(environment), stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603 - ours
        if done.returncode not in (0, *passing):
            sys.exit(done.returncode)
        told: dict[str, Any] = json.loads(done.stdout) if done.stdout.strip() else {}
        return told

    return run


def _history(ran: Callable[..., dict[str, Any]], instrument: str, from_ns: int) -> dict[str, Any]:
    from tradewinds.core.errors import NOTHING_TO_DO
    from tradewinds.core.instant import text

    told = ran("data", "fetch", instrument, "--interval", "1m", "--from", text(from_ns), passing=(NOTHING_TO_DO,))
    return {"instrument": instrument, "fetched": told}


def _sheet(ran: Callable[..., dict[str, Any]], instrument: str, from_ns: int) -> dict[str, Any]:
    from tradewinds.core.instant import text

    begins_ns = from_ns + BARS_BEFORE * 60 * 1_000_000_000
    told = ran("backtest", f"strategies/{NAME}.yaml", "--from", text(begins_ns - begins_ns % 60_000_000_000), "--interval", "1m")
    return {"backtest": told}


def _say(facts: Mapping[str, Any]) -> None:
    told = facts["backtest"]
    click.echo(f"{facts['instrument']}: tear sheet {told['tear_sheet']}")


def _paper(firm: Path, environment: Mapping[str, str], seconds: float | None) -> dict[str, Any]:
    """Trade on paper until the time is up or Ctrl-C; how many orders, and how many of them filled."""
    words = [] if seconds is None else ["--run-for", f"{seconds:g}"]
    log("tradewinds trade  (paper; Ctrl-C ends it, orders and positions stay in its journal)")
    process = subprocess.Popen([sys.executable, "-m", "tradewinds", "trade", *words], cwd=firm, env=dict(environment))  # noqa: S603 - ours
    try:
        code = process.wait()
    except KeyboardInterrupt:
        process.send_signal(signal.SIGTERM)
        code = process.wait(STOP_WITHIN_S)
    if code:
        sys.exit(code)
    told = _runner(firm, environment)("trade", "orders", "--all")
    orders = told.get("orders", [])
    return {"orders": len(orders), "fills": sum(one["state"] == "filled" for one in orders)}
