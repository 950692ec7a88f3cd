"""`tradewinds logs`: what the processes of this home said, narrowed down to a process, a run, a symbol or an order."""

from __future__ import annotations

import json
import sys
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from tradewinds.app.output import print_json, visible
from tradewinds.core.errors import ANSWER_IS_NO, Rejected

LOOK_EVERY_S = 0.25
NAMED = ("time", "level", "process", "run", "event", "account", "strategy", "instrument", "order", "job", "partition", "text")
LEVELS = ("debug", "info", "warning", "error", "critical")


@click.command("logs")
@click.argument("process_", required=False, metavar="[PROCESS]")
@click.option("--process", help="Of one process: trade, guard, console, alerts, keeper, job.")
@click.option("--run", help="Of one life of a process, or one run of a job, by the beginning of its name.")
@click.option("--symbol", help="About one instrument, such as BTCUSDT or BTCUSDT.BINANCE.")
@click.option("--order", help="About one order, by its id: decision, gate, venue, fills.")
@click.option("--level", type=click.Choice(LEVELS), help="This bad or worse.")
@click.option("--lines", default=50, show_default=True, type=click.IntRange(1, 100_000), help="The last so many.")
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@click.option("--raw", is_flag=True, help="What the process printed instead, such as why it crashed; of Airflow's, too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object; with --follow one a line.")
def logs(
    process_: str | None, process: str | None, run: str | None, symbol: str | None, order: str | None, level: str | None, lines: int,
    *, follow: bool, raw: bool, as_json: bool,
) -> None:  # fmt: skip
    """What the processes of this home said, the newest last. Nothing yet ends with exit code 1.

    \b
    tradewinds logs                         the last lines of every process
    tradewinds logs -f --symbol BTCUSDT     what happens to one symbol, as it happens
    tradewinds logs --order tw-1a2b3c       one order, from its approval to its fills
    tradewinds logs --raw trade             what `tradewinds trade` printed under `up`
    """
    from tradewinds.wire.log_reader import Follower, LogFilter, last_rows
    from tradewinds.wiring.settings import load_config

    home = Path(load_config().home)
    chosen = process or process_
    if raw:
        _raw(home, chosen, lines, as_json=as_json)
        return
    which = LogFilter(chosen, run, symbol, order, level)
    follower = Follower(home, which)
    if follow:
        follower.start()
    rows = last_rows(home, which, lines)
    if not rows and not follow:
        click.echo("no such lines yet; `tradewinds up` starts what writes them, --raw shows what a process printed", err=True)
        sys.exit(ANSWER_IS_NO)
    if as_json and not follow:
        print_json({"lines": rows})
        return
    for row in rows:
        click.echo(json.dumps(row, ensure_ascii=False) if as_json else line(row))
    while follow:
        for row in follower.news():
            click.echo(json.dumps(row, ensure_ascii=False) if as_json else line(row))
        sys.stdout.flush()
        time.sleep(LOOK_EVERY_S)


def line(row: Mapping[str, Any]) -> str:
    """One line as a person reads it: time, process, how bad, what, about what, in words."""
    level = "" if row.get("level") in (None, "info") else f"{row['level']}: "
    about = " ".join(str(row[name]) for name in ("account", "strategy", "instrument", "job", "partition", "order") if name in row)
    more = " ".join(f"{name}={value}" for name, value in row.items() if name not in NAMED)
    event = "" if row.get("event") == "said" else row.get("event")
    parts = [str(row["time"]), f"{row.get('process', '?'):<7}", f"{level}{event or ''}", about, str(row.get("text", "")), more]
    return visible("  ".join(part for part in parts if part.strip()))


def _raw(home: Path, process: str | None, lines: int, *, as_json: bool) -> None:
    from tradewinds.app.up_keeper import log_path

    if process is None or not process.replace("_", "").replace("-", "").isalnum():
        raise Rejected(
            f"logs --raw {process or ''}: expected one process, such as trade, guard, console, alerts, keeper, superset, jupyter, or"
            " scheduler, triggerer, dag-processor, api-server of Airflow"
        )
    path = log_path(home, process)
    of_airflow = home / "airflow" / "logs" / f"{process.replace('_', '-')}.log"
    path = of_airflow if not path.exists() and of_airflow.exists() else path
    if not path.exists():
        click.echo(f"no log {path} yet; `tradewinds up` starts what writes it", err=True)
        sys.exit(ANSWER_IS_NO)
    with path.open(encoding="utf-8", errors="replace") as file:
        said = deque(file, lines)
    if as_json:
        print_json({"process": process, "lines": [one.rstrip("\n") for one in said]})
    else:
        click.echo("".join(said), nl=False)
