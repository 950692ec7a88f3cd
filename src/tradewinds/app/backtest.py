"""`tradewinds backtest`: one strategy, or a portfolio of them, over history or plain files."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tradewinds.app.arguments import JSON, instant, key_and_value, simulation_options

if TYPE_CHECKING:
    from decimal import Decimal

    from tradewinds.simulation.result import Result
    from tradewinds.wiring.house import House
    from tradewinds.wiring.research import Asked

_ACCOUNT = "account"


@click.command("backtest", context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.argument("strategy")
@click.option("--instruments", help="Ids parted by commas, such as BTCUSDT.BINANCE,ETHUSDT.BINANCE.")
@click.option("--universe", help="Trade who belongs to this universe, as it changes over time.")
@click.option("--from", "start", help="The first decision comes after this time (ISO 8601, UTC); the lookback is read from before it.")
@click.option("--to", "end", help="The last bar ends by then.")
@click.option("--interval", help="Bar length such as 1m, 1h, 1d; otherwise the strategy's, or for --data the file's.")
@click.option("--param", "parameters", multiple=True, help="NAME=VALUE of a parameter; may be given several times.")
@simulation_options
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for the tear sheet.  [default: backtests in the home]"
)
@click.option("--no-tear-sheet", is_flag=True, help="Write no page.")
@JSON
def backtest(strategy: str, *, out: Path | None, no_tear_sheet: bool, as_json: bool, **options: Any) -> None:
    """Simulate STRATEGY and show what came of it: a Python file, FILE.py:NAME, or the YAML of a strategy or a portfolio.

    Bars come from the history (`tradewinds data list`), or with --data from files. Each decision sees only what was known at its time;
    orders fill at the next bar's open. The run is kept, and its tear sheet is one HTML file.

    \b
    tradewinds backtest sma_cross.py --instruments BTCUSDT.BINANCE --interval 1h --from 2024-01-01 --to 2024-07-01 --cost bps=10
    tradewinds backtest sma_cross.py --data GOOG.csv --param fast=10 --param slow=30 --account cash --capital 10000
    tradewinds backtest momentum.py --universe crypto_binance --from 2024-01-01 --json
    tradewinds backtest portfolio.yaml --from 2020-01-01 --out reports

    Exit code 2: asked wrongly (an unknown parameter, a strategy that answers nonsense). 65: bars are missing; the message says which
    and the command that brings them.
    """
    from tradewinds.wiring.research import plan, run, store_run

    progress = _progress()
    house = OpenedHouse()
    progress("loading the strategy")
    planned = plan(asked_of(strategy, options))
    is_stored = planned.data is None
    started_ns = house.open().clock.now_ns() if is_stored else 0
    result, prepared = run(planned, house.open, progress=progress)
    progress("measuring")
    summary = result.performance()
    page = None
    if not no_tear_sheet:
        progress("drawing the tear sheet")
        page = write_page(result, out if out is not None else house.home() / "backtests")
    stored = store_run(house.open(), result, summary, prepared.interval, started_ns) if is_stored else None
    progress("")
    from tradewinds.app.backtest_screen import as_object, show

    if as_json:
        from tradewinds.app.output import print_json

        print_json(as_object(result, summary, prepared.interval, page, stored))
    else:
        show(result, summary, prepared.interval, page)


class OpenedHouse:
    """The house, opened when first asked for: plain files need none."""

    def __init__(self) -> None:
        self._house: House | None = None

    def open(self) -> House:
        if self._house is None:
            from tradewinds.wiring.house import open_house

            self._house = open_house()
        return self._house

    def home(self) -> Path:
        """Where state lives, without reading the configuration where no house was needed."""
        if self._house is not None:
            return self._house.home
        import os

        from tradewinds.wiring.settings import default_home

        return default_home(os.environ)


def asked_of(strategy: str, options: dict[str, Any]) -> Asked:
    from tradewinds.trading.declared import Terms
    from tradewinds.wiring.bars import Reading
    from tradewinds.wiring.research import Asked
    from tradewinds.wiring.setup import cost_words

    account = {name: options[name] for name in ("capital", "currency", "leverage") if options[name] is not None}
    if options[_ACCOUNT] is not None:
        account["kind"] = options[_ACCOUNT]
    fills = {"at": options["fill"], "participation": options["participation"]}
    names = [name.strip() for name in (options["instruments"] or "").split(",") if name.strip()]
    return Asked(
        place=strategy,
        terms=Terms(
            instruments=tuple(names),
            universe=options["universe"],
            interval=options["interval"],
            account=account,
            costs=tuple(cost_words(text) for text in options["costs"]),
            fills={key: value for key, value in fills.items() if value is not None},
            start=options["start"],
            end=options["end"],
        ),
        parameters=dict(key_and_value(text, "--param") for text in options["parameters"]),
        data=options["data"],
        rates={name: _number(text, f"--rate {name}") for name, text in (key_and_value(text, "--rate") for text in options["rates"])},
        lot=_lot(options["lot"]),
        reading=Reading(options["view"], None if options["as_of"] is None else instant(options["as_of"], "--as-of")),
    )


def _number(text: str, what: str) -> float:
    from tradewinds.core.errors import Rejected

    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise Rejected(f"{what}={text}, expected a positive number")
    return value


def _lot(text: str | None) -> Decimal | None:
    if text is None:
        return None
    from decimal import Decimal

    _number(text, "--lot")
    return Decimal(text)


def write_page(result: Result, folder: Path) -> Path:
    """Write the tear sheet as FOLDER/NAME-FINGERPRINT.html; the same run writes the same file."""
    from tradewinds.report.tear_sheet import tear_sheet

    folder.mkdir(parents=True, exist_ok=True)
    stem = "".join(sign if sign.isalnum() or sign in "-_" else "_" for sign in result.strategy)
    path = folder / f"{stem}-{result.fingerprint.whole[:12]}.html"
    path.write_text(tear_sheet(result).html, encoding="utf-8")
    return path


def _progress() -> Callable[[str], None]:
    """Says on a terminal what goes on, on one line of standard error; elsewhere nothing."""
    if not sys.stderr.isatty():
        return lambda message: None

    def tell(message: str) -> None:
        sys.stderr.write(f"\r\x1b[2K{message}")
        sys.stderr.flush()

    return tell
