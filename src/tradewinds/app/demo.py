"""`tradewinds demo`: the whole chain on real prices under a real Airflow, in a folder of its own, and nothing left running.

1. Local venues start (or the real ones are used), equity drops are written, Airflow comes up.
2. Two chains run side by side: coins (universe, bulk backfill, increments) and equities (history, a quiet night, a night with a
   late vendor and a wrong one, the morning after).
3. What came of it is read back from the ledger and the lake, not from what was meant to happen.
4. Strategies trade on paper at the local venues; the trading process is killed in the middle of an order, recovers, and is reconciled.
5. On a terminal they go on trading, and a browser shows them: whoever watches may pull the plug.
6. Everything is stopped, and counted.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from tradewinds.app.demo_trade import TradingDemo

NEEDED = ("airflow", "bokeh_sampledata", "fastapi", "nicegui", "psutil", "skfolio", "uvicorn")


@click.command("demo")
@click.option(
    "--archive", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Play recorded Binance files below this folder."
)
@click.option("--online", is_flag=True, help="Use the real venues for the coins instead of the local ones.")
@click.option("--home", type=click.Path(path_type=Path, file_okay=False), help="Where the demo lives; a folder of its own below the home.")
@click.option("--no-browser", is_flag=True, help="End when everything is shown, as where there is no terminal.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables; no browser.")
def demo(archive: Path | None, home: Path | None, *, online: bool, no_browser: bool, as_json: bool) -> None:
    """Run the whole chain under a real Airflow and show what came of it.

    On a terminal it ends in the browser: three strategies go on trading on paper until Ctrl-C, and you may pull the plug.
    """
    from tradewinds.app.demo_report import show
    from tradewinds.app.demo_run import Demo
    from tradewinds.app.demo_screen import Screen
    from tradewinds.app.output import print_json
    from tradewinds.core.errors import Rejected

    absent = [name for name in NEEDED if find_spec(name) is None]
    if absent:
        raise Rejected(f'demo: {", ".join(absent)} not installed, expected pip install "tradewinds[all]"')
    if online and archive is not None:
        raise Rejected("demo: --online and --archive, expected one of them")
    stays = not as_json and not no_browser and sys.stdin.isatty() and sys.stdout.isatty()
    with Screen(is_quiet=as_json) as screen:

        def stay(report: dict[str, Any], trading: TradingDemo) -> None:
            from tradewinds.app.demo_serve import serve

            screen.close()
            show(report)
            if report["is_good"]:
                serve(trading)

        report = Demo(home, archive, is_online=online, screen=screen).run(stay if stays else None)
    if as_json:
        print_json(report)
    elif not stays:
        show(report)
    if not report["is_good"]:
        sys.exit(1)
