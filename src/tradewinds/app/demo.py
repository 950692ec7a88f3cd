"""`tradewinds demo`: the whole chain on real prices under a real Airflow, in a folder of its own, and nothing left running.

1. Local venues start (or the real ones are used), equity drops are written, Airflow comes up.
2. Two chains run side by side: coins (universe, bulk backfill, increments) and equities (history, a quiet night, a night with a
   late vendor and a wrong one, the morning after).
3. What came of it is read back from the ledger and the lake, not from what was meant to happen.
4. Strategies trade on paper at the local venues; the trading process is killed in the middle of an order, recovers, and is reconciled.
5. Everything is stopped, and counted.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import click

NEEDED = ("airflow", "bokeh_sampledata", "psutil", "skfolio", "uvicorn")


@click.command("demo")
@click.option(
    "--archive", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Play recorded Binance files below this folder."
)
@click.option("--online", is_flag=True, help="Use the real venues for the coins instead of the local ones.")
@click.option("--home", type=click.Path(path_type=Path, file_okay=False), help="Where the demo lives; a folder of its own below the home.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")
def demo(archive: Path | None, home: Path | None, *, online: bool, as_json: bool) -> None:
    """Run the whole chain under a real Airflow and show what came of it."""
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
    with Screen(is_quiet=as_json) as screen:
        report = Demo(home, archive, is_online=online, screen=screen).run()
    if as_json:
        print_json(report)
    else:
        show(report)
    if not report["is_good"]:
        sys.exit(1)
